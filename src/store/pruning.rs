//! What is to be pruned, and what pruning came to, as data.

use super::contents::Listed;
use crate::request::limits::Limits;

/// What to remove.
#[derive(Clone, Copy, Debug)]
pub struct Pruning {
    /// What may be left.
    pub limits: Limits,
    /// Remove everything but what a process runs or a lock protects.
    pub all: bool,
    /// Say what would be removed, and remove nothing.
    pub dry_run: bool,
}

/// Why an entry was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was not used for longer than the limit.
    Age,
    /// The cache was larger than the cap.
    Size,
    /// Everything was to be removed.
    All,
}

/// An entry that was removed.
#[derive(Clone, Debug)]
pub struct Removed {
    /// As it was.
    pub entry: Listed,
    /// Why.
    pub reason: Reason,
    /// Bytes on disk that this freed.
    pub freed: u64,
}

/// What pruning came to.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Entries, in the order of their removal.
    pub removed: Vec<Removed>,
    /// Bytes on disk that are free now, those of other files included.
    pub freed: u64,
    /// Files and directories that were removed besides: unfinished ones, and what belonged to checkouts that are gone.
    pub leftovers: usize,
    /// Entries that are left.
    pub kept: usize,
    /// Bytes on disk of what is left.
    pub size: u64,
    /// True if that is more than the cap, since it must stay.
    pub over: bool,
    /// What could not be removed, and why.
    pub problems: Vec<String>,
}
