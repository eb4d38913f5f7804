//! Tells whether two checkouts belong to one repository.
//!
//! Promises: an entry counts as one of this repository if the commit that it was built from exists here. Nothing is fetched
//! to find out.
//! Does not promise: to recognize copies without git, or without a first commit.

use std::path::Path;

use super::repository;
use super::worktree;

/// The repository that a workspace lies in, if there is one.
pub struct Kinship(Option<gix::Repository>);

impl Kinship {
    /// Opens the repository of the workspace at `root`.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self(worktree::around(root).and_then(|worktree| repository::open(&worktree.top).ok()))
    }

    /// Returns the commit that is checked out, if there is one.
    #[must_use]
    pub fn commit(&self) -> Option<String> {
        repository::head(self.0.as_ref()?).ok()?.commit
    }

    /// True if this repository has `commit`, so that a checkout of it belongs to the same repository.
    #[must_use]
    pub fn has(&self, commit: &str) -> bool {
        let id = gix::ObjectId::from_hex(commit.as_bytes());
        self.0.as_ref().zip(id.ok()).is_some_and(|(repository, id)| repository.has_object(id))
    }
}
