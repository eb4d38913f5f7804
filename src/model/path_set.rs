//! The names of what an earlier build of the same request read.
//!
//! Promises: a path set names things, never their content. The same set over the same content gives the same fingerprint. A
//! lost or wrong path set may cost a build, and never serves a stale binary: an entry is published under the set that its
//! own build was seen to read, and found only by a set that gives the same fingerprint.
//! Does not promise: that the next build reads the same.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::portable_path::PortablePath;
use crate::model::system_files::SystemFiles;

/// The names of what one build was seen to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PathSet {
    /// The packages that count whole, because a run may have read more than is known; empty if all reads are named. In
    /// scope `tree`, those that the tree does not cover. Every file in them that git does not
    /// ignore counts, so an added or removed file counts, too.
    pub packages: BTreeSet<PortablePath>,
    /// Scope `crate`: manifests that can move a dependency. They count by themselves, even if absent.
    pub manifests: BTreeSet<PortablePath>,
    /// Scope `crate`: patterns for directories whose manifests count, as in the workspace's `members`.
    pub members: BTreeSet<String>,
    /// Files and directories that were read and do not count otherwise: ignored ones, and those outside the checkout. A
    /// directory counts with everything in it, and an absent path counts as absent.
    pub files: BTreeSet<PortablePath>,
    /// Directories whose names were read. A name that is added or removed counts.
    pub names: BTreeSet<PortablePath>,
    /// Links whose targets were read, and directories that were looked for. The target of a link counts besides what the
    /// link leads to.
    pub links: BTreeSet<PortablePath>,
    /// Files of the system that were read.
    pub system: SystemFiles,
    /// Programs that were looked up on the `PATH` and started.
    pub programs: BTreeSet<String>,
    /// Packages that a build script reads without a declaration, with the patterns of their `package.include`. cargo takes
    /// such a script to read every file that belongs to the package.
    pub listed: BTreeMap<PortablePath, Vec<String>>,
    /// Directories that the build writes to. They are skipped in a directory that counts.
    pub output: BTreeSet<PortablePath>,
    /// Environment variables, from `rerun-if-env-changed` of build scripts, from `# env-dep:` of dep-info files, and from
    /// the observer.
    pub variables: BTreeSet<String>,
    /// Scope `tree`: true if the branch that is checked out counts, as a build script or a macro may ask git for it.
    pub branch: bool,
    /// Scope `crate`: true if everything counts that counts in scope `tree`.
    pub whole_tree: bool,
    /// The reason why the reads of the build are not known, if they are not. No binary is served by such a set.
    pub unknown: Option<String>,
    /// The bonds of the binary, in words; empty if any checkout may be served it.
    pub bound_by: BTreeSet<String>,
}
