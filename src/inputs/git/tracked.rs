//! Lists the paths in git's index, in the order in which a walk reaches them.
//!
//! Promises: a path counts as tracked whatever flags it has in the index: assume-unchanged, skip-worktree, intent-to-add,
//! unmerged.
//! Does not promise: anything about the files on disk.

use std::ops::Range;

use gix::bstr::{BStr, ByteSlice};
use gix::index::entry::Mode;

use super::repository;
use super::worktree;

/// True if git tracks the file at `path` in the worktree around it. cargo lists a package by git's rules if this is true of
/// the package's manifest.
///
/// <https://github.com/rust-lang/cargo/blob/0.90.0/src/cargo/sources/path.rs#L600-L640>
pub(crate) fn is_tracked(path: &std::path::Path) -> bool {
    let Some(worktree) = path.parent().and_then(worktree::around) else { return false };
    let Ok(repository) = repository::open(&worktree.top) else { return false };
    let Ok(below) = path.strip_prefix(&worktree.top) else { return false };
    let below = gix::path::to_unix_separators_on_windows(gix::path::into_bstr(below.to_owned()).unwrap_or_default());
    repository.index_or_empty().is_ok_and(|index| index.entry_by_path(below.as_ref()).is_some())
}

/// Tracked paths, sorted by bytes.
pub(crate) struct Tracked<'a>(Vec<Path<'a>>);

struct Path<'a> {
    path: &'a BStr,
    /// False for a submodule, and for a directory in a sparse index.
    is_file: bool,
}

impl<'a> Tracked<'a> {
    /// Lists the paths of `index` below `lead`, relative to it. `lead` is empty or ends in a slash.
    pub(crate) fn of(index: &'a gix::index::State, lead: &BStr) -> Self {
        let path = |entry: &'a gix::index::Entry| {
            let is_file = !entry.mode.contains(Mode::COMMIT) && !entry.mode.contains(Mode::DIR);
            let path = entry.path(index).strip_prefix(lead.as_bytes())?.as_bstr();
            Some(Path { path, is_file })
        };
        let mut paths: Vec<_> = index.entries().iter().filter_map(path).collect();
        // git writes them sorted; another program may not.
        paths.sort_by_key(|path| path.path);
        // An unmerged path has up to three entries.
        paths.dedup_by(|later, earlier| {
            let is_same = later.path == earlier.path;
            earlier.is_file |= is_same && later.is_file;
            is_same
        });
        Self(paths)
    }

    /// Returns an empty list, as for a workspace without git.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn is_file(&self, path: &BStr) -> bool {
        self.0.binary_search_by_key(&path, |tracked| tracked.path).is_ok_and(|at| self.0[at].is_file)
    }

    /// Returns the files in `range`.
    pub(crate) fn files(&self, range: Range<usize>) -> impl Iterator<Item = &'a BStr> {
        self.0[range].iter().filter(|tracked| tracked.is_file).map(|tracked| tracked.path)
    }

    /// Returns the range of all paths, at the start of a walk.
    pub(crate) fn all(&self) -> Range<usize> {
        0..self.0.len()
    }

    /// Takes the paths before `path` from the start of `rest`.
    pub(crate) fn take_before(&self, rest: &mut Range<usize>, path: &BStr) -> Range<usize> {
        let count = self.0[rest.clone()].iter().take_while(|tracked| tracked.path < path).count();
        take(rest, count)
    }

    /// Takes `path` from the start of `rest`, if it is next and is a file.
    pub(crate) fn take_file(&self, rest: &mut Range<usize>, path: &BStr) -> bool {
        let is_next = rest.clone().next().is_some_and(|next| self.0[next].path == path && self.0[next].is_file);
        is_next && !take(rest, 1).is_empty()
    }

    /// Takes the paths below `directory`, which ends in a slash, from the start of `rest`.
    pub(crate) fn take_below(&self, rest: &mut Range<usize>, directory: &BStr) -> Range<usize> {
        let count = self.0[rest.clone()].partition_point(|tracked| tracked.path.starts_with(directory));
        take(rest, count)
    }

    /// True if `path` is a submodule, or a directory in a sparse index.
    pub(crate) fn is_submodule(&self, path: &BStr) -> bool {
        self.0.binary_search_by_key(&path, |tracked| tracked.path).is_ok_and(|at| !self.0[at].is_file)
    }
}

fn take(rest: &mut Range<usize>, count: usize) -> Range<usize> {
    let taken = rest.start..rest.start + count;
    rest.start = taken.end;
    taken
}
