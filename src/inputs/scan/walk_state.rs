//! The state of a walk: the repository, the directory and the entry that it is at.
//!
//! Promises: facts about a directory come from those above it, so that a walk needs nothing but the directory at hand.
//! Does not promise: anything after the walk has gone on.

use std::ops::Range;
use std::path::PathBuf;

use crate::inputs::git::ignore::Rules;
use crate::inputs::git::tracked::Tracked;

/// One entry of a directory, during the walk through it.
pub(crate) struct Visit {
    /// Tracked paths that sort before it and are not on disk.
    pub(crate) gone: Range<usize>,
    pub(crate) entry: usize,
    pub(crate) counts: Counts,
}

/// The part of an entry that counts.
pub(crate) enum Counts {
    Nothing,
    File {
        slot: Option<usize>,
        is_tracked: bool,
    },
    /// Everything in the directory that counts; git tracks these paths in it.
    Below(Range<usize>),
}

/// One repository during the walk. Paths in it are relative to its own worktree.
pub(crate) struct Repository<'a> {
    /// The length of the path from the checkout's root to its worktree, with the slash behind it.
    pub(crate) prefix: usize,
    pub(crate) root: PathBuf,
    pub(crate) rules: Rules<'a>,
    pub(crate) tracked: Tracked<'a>,
}

/// Facts about a directory that follow from the directories above it.
#[derive(Clone, Copy)]
pub(crate) struct ParentState {
    pub(crate) ignored: bool,
    /// True if the directory above it counts.
    pub(crate) belongs: bool,
    /// The number of the directory that holds it; none for the root.
    pub(crate) parent: Option<usize>,
}

/// Facts about the directory that is walked, for the files in it.
#[derive(Clone, Copy)]
pub(crate) struct State {
    /// True if only tracked files of it count.
    pub(crate) only_tracked: bool,
    /// True if its cache tag is not written yet.
    pub(crate) has_unfinished_tag: bool,
    /// True if its untracked files belong to what is selected.
    pub(crate) belongs: bool,
}
