//! Reads what git says of a checkout: the files that it tracks, those that it ignores, and HEAD.
//!
//! Promises: the answers are those of git itself, found without running it. Nothing is written, and git's index is never
//! refreshed. Every file that an answer depends on is named, so that a later look can tell whether the answer still holds.
//! Does not promise: to read content. `scan` does.

pub(crate) mod brackets;
pub(crate) mod config;
pub(crate) mod ignore;
#[cfg_attr(not(unix), expect(dead_code, reason = "only `refresh` uses it"))]
pub(crate) mod index;
pub(crate) mod kinship;
pub(crate) mod repository;
pub(crate) mod tracked;
pub(crate) mod worktree;

use std::path::{Path, PathBuf};

use crate::model::portable_path::{PortablePath, normalized};
use crate::model::tree::Tree;

/// True if the workspace at `root` lies in a git worktree. Otherwise there is no commit, and no file is tracked.
#[must_use]
pub fn is_in_worktree(root: &Path) -> bool {
    worktree::around(root).is_some()
}

/// Returns the files that change when a commit of `tree` or the branch does, for a workspace at `root`, there or not.
#[must_use]
pub fn head_files(tree: &Tree, root: &Path) -> Vec<PathBuf> {
    let around = worktree::around(root).map(|worktree| worktree.top);
    let inside = tree.heads().keys().filter(|path| !path.0.is_empty());
    let tops = around.into_iter().chain(inside.map(|path| PortablePath(path.clone()).on_disk(root)));
    tops.flat_map(|top| repository::head_files(&top)).collect()
}

/// Returns the files that hold nothing but the commit and the branch at HEAD, in the worktree around a workspace at `root`.
pub(crate) fn head_and_branch(root: &Path) -> Vec<PathBuf> {
    let around = worktree::around(root).map(|worktree| worktree.top);
    around.iter().flat_map(|top| repository::head_and_branch(top)).map(|path| normalized(&path)).collect()
}
