//! What an earlier build of the same request was seen to read.
//!
//! Promises: a path set names things, never their content; the same set over the same content gives the same
//! fingerprint. A lost or wrong path set may cost a build, never a stale binary: an entry is published under the set
//! that its own build was observed to read, and found only by a set that gives the same fingerprint.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gix::bstr::{BString, ByteSlice};
use serde::{Deserialize, Serialize};

use crate::tree::TreePath;

/// Names of what one build was seen to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PathSet {
    /// Scope `crate`: the directories of the local packages that went into the binary. Whatever git does not ignore in
    /// them counts, so that files which are added or removed do.
    pub packages: BTreeSet<Place>,
    /// Scope `crate`: manifests that can move a dependency. They count by themselves, there or not.
    pub manifests: BTreeSet<Place>,
    /// Scope `crate`: patterns for directories whose manifests count, as the workspace's `members` has them.
    pub members: BTreeSet<String>,
    /// Files and directories that were read and do not count otherwise: ignored ones, and those elsewhere. Directories
    /// count with everything in them, and what is absent counts as absent.
    pub files: BTreeSet<Place>,
    /// Environment variables, from `rerun-if-env-changed` of build scripts and `# env-dep:` of dep-info files.
    pub variables: BTreeSet<String>,
    /// Scope `crate`: what was read is not known, so everything that scope `tree` counts counts.
    pub whole_tree: bool,
    /// Whether the binary holds the path of its checkout, so that no other checkout may have it.
    pub located: bool,
}

/// A path that means the same in every worktree and clone: relative to the checkout, or absolute outside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Place(pub TreePath);

impl Place {
    /// The place of the absolute `path`, seen from the checkout at `root`; `.` and `..` in it are resolved by name.
    #[must_use]
    pub fn of(path: &Path, root: &Path) -> Self {
        let path = normalized(path);
        let relative = path.strip_prefix(root).unwrap_or(&path);
        let bytes = relative.as_os_str().as_encoded_bytes();
        let slashed = if cfg!(windows) { bytes.replace(b"\\", b"/") } else { bytes.to_vec() };
        Self(TreePath(BString::new(slashed)))
    }

    /// The path on disk for the checkout at `root`.
    #[must_use]
    pub fn on_disk(&self, root: &Path) -> PathBuf {
        match gix::path::from_bstr(self.0.0.as_bstr()) {
            Ok(path) => root.join(path),
            Err(_) => root.join(self.0.to_string()),
        }
    }
}

fn normalized(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    parts
}
