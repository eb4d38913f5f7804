//! What an earlier build of the same request was seen to read besides the tree.
//!
//! Promises: a path set names things, never their content; the same set over the same content gives the same
//! fingerprint. A lost or wrong path set may cost a build, never a stale binary: an entry is published under the set
//! that its own build was observed to read, and found only by a set that gives the same fingerprint.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Names of what one build was seen to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathSet {
    /// Environment variables, from `rerun-if-env-changed` of build scripts and `# env-dep:` of dep-info files.
    pub variables: BTreeSet<String>,
}
