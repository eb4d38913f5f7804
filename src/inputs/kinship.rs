//! Whether two checkouts are of one repository.
//!
//! Promises: a worktree or clone is known by what it was built from: a commit that this repository has, too. Nothing is
//! fetched to find out.
//! Does not promise: to tell copies without git, or before their first commit, from anything else.

use std::path::Path;

use super::{repository, worktree};

/// The repository around a workspace.
pub struct Kinship(Option<gix::Repository>);

impl Kinship {
    /// That of the workspace at `root`.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self(worktree::around(root).and_then(|worktree| repository::open(&worktree.top).ok()))
    }

    /// The commit that is checked out, if there is one.
    #[must_use]
    pub fn commit(&self) -> Option<String> {
        repository::head(self.0.as_ref()?).ok()?.commit
    }

    /// True if a checkout of `commit` is one of the same repository.
    #[must_use]
    pub fn has(&self, commit: &str) -> bool {
        let id = gix::ObjectId::from_hex(commit.as_bytes());
        self.0.as_ref().zip(id.ok()).is_some_and(|(repository, id)| repository.has_object(id))
    }
}
