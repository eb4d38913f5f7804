//! The request for pruning, and its result, as data.
//!
//! Promises: a result names every entry that was removed, and every problem.
//! Does not promise: that the limits hold. What must stay may be more.

use super::contents::Listed;
use crate::request::limits::Limits;

/// The entries to remove.
#[derive(Clone, Copy, Debug)]
pub struct Pruning {
    /// The limits for the entries that stay.
    pub limits: Limits,
    /// True to remove everything but entries that a process runs or a lock protects.
    pub all: bool,
    /// True to report what would be removed, and remove nothing.
    pub dry_run: bool,
}

/// The reason why an entry was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was not used for longer than the limit.
    Age,
    /// The cache was larger than its limit.
    Size,
    /// All entries were to be removed.
    All,
}

/// An entry that was removed.
#[derive(Clone, Debug)]
pub struct Removed {
    /// The entry, as it was.
    pub entry: Listed,
    /// The reason.
    pub reason: Reason,
    /// Bytes on disk that this freed.
    pub freed: u64,
}

/// The result of pruning.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Entries, in the order of their removal.
    pub removed: Vec<Removed>,
    /// Bytes on disk that were freed, by entries and other files.
    pub freed: u64,
    /// The number of other files and directories that were removed: unfinished ones, and those of checkouts that are gone.
    pub leftovers: usize,
    /// The number of entries that are left.
    pub kept: usize,
    /// Bytes on disk of everything that is left.
    pub size: u64,
    /// True if that is more than the limit, because it must stay.
    pub over: bool,
    /// Files that could not be removed, and the reasons.
    pub problems: Vec<String>,
}
