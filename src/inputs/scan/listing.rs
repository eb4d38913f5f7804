//! The result of a walk through a checkout, as data.
//!
//! Promises: it names everything that the answer depends on, so that a later look can tell whether the answer still holds.
//! Does not promise: content, which is read beside the walk.

use crate::fs::identity::StatIdentity;
use crate::inputs::git::index::Index;
use crate::inputs::remember::dependency::SeenPath;
use crate::model::fingerprint::Digest;
use crate::model::tree::{Heads, TreePath};

/// The paths that count, and everything that this answer depends on.
pub(crate) struct Listing {
    pub(crate) heads: Heads,
    /// The branch of the worktree that the checkout lies in; none if HEAD is detached, and without git.
    pub(crate) branch: Option<String>,
    /// The paths in the order of the walk: sorted, and each once. The exception is a repository in a directory in which the
    /// outer repository tracks something.
    pub(crate) paths: Vec<Listed>,
    /// The directories that the walk read.
    pub(crate) directories: Vec<ListedDirectory>,
    /// Files that decide which paths count, and git's own files, as they were before they were read.
    pub(crate) seen: Vec<SeenPath>,
    /// The indices of all repositories.
    pub(crate) indices: Vec<Index>,
    /// Ignore files that cannot be read, since git has not fetched them.
    pub(crate) rules_not_fetched: Vec<TreePath>,
}

/// A directory as it was before the walk read it.
pub(crate) struct ListedDirectory {
    pub(crate) path: TreePath,
    pub(crate) stat: StatIdentity,
    /// The digest of the names and types of all that is in it, whether it counts or not.
    pub(crate) names: Digest,
}

impl ListedDirectory {
    /// Forces this directory to be read again the next time: something in it vanished between listing and reading. Its stat
    /// identity and names would match again if that came back.
    pub(crate) fn invalidate(&mut self) {
        (self.stat, self.names) = (StatIdentity::default(), Digest::default());
    }
}

pub(crate) struct Listed {
    pub(crate) path: TreePath,
    /// The number of the directory that holds it.
    pub(crate) directory: Option<usize>,
    /// Its number among all files that are passed on during the walk.
    pub(crate) slot: Option<usize>,
    /// True if git tracks it. A tracked path without a file counts as absent; any other path without a file does not count.
    pub(crate) tracked: bool,
}
