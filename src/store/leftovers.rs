//! Removes files beside the entries that are not needed any more.
//!
//! Promises: only files with a name of this package's are removed. These are unfinished files that were not written to for
//! an hour; logs of more than a week ago; path sets, build records and stat caches of checkouts and target directories that
//! are gone; locks that no process holds; and directories of entries that hold no entry. When all entries are removed, path
//! sets, records and stat caches go too, except for the checkouts of entries that stay: an entry is found by its path set.
//! All other files in a cache stay. A file that cannot be removed does no harm, so this is no error.
//! Does not promise: to find files that a process left within the last hour when it was killed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::contents::Other;
use super::directory::{RUBBISH_AFTER, Store, is_abandoned, is_unfinished};
use super::disk::{OnDisk, children, current, is_gone};
use super::layout::{is_log, is_short};
use super::progress::NOTICE;
use super::pruning::Pruning;
use super::referenced_by::{self, ReferencedBy};
use super::running::Processes;

/// The time for which the log of a build is kept.
const LOGS_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A file or directory beside the entries.
pub(super) struct Beside {
    path: PathBuf,
    kind: Kind,
    /// Its files, and itself.
    pub(super) files: Vec<OnDisk>,
    /// True if it is not needed.
    pub(super) is_left_over: bool,
}

#[derive(PartialEq, Eq)]
enum Kind {
    Plain,
    /// A path set, build record or stat cache.
    Learned,
    /// A lock. Only the system knows which process holds it.
    Lock,
}

impl Beside {
    /// True if it is about other checkouts than `checkouts`, or about target directories outside them.
    pub(super) fn is_learned_elsewhere(&self, checkouts: &[PathBuf]) -> bool {
        let is_within = |directory: &PathBuf| checkouts.iter().any(|checkout| directory.starts_with(checkout));
        self.kind == Kind::Learned
            && !matches!(referenced_by::of(&self.path), ReferencedBy::Known(directories) if directories.iter().any(is_within))
    }
}

impl Store {
    /// Lists everything beside the entries that takes disk space.
    pub(super) fn beside(&self, pruning: &Pruning, now: SystemTime) -> Vec<Beside> {
        let is_old = |path: &Path| age(path, now).is_some_and(|age| age > RUBBISH_AFTER);
        let beside = |kind: fn() -> Kind, is_left_over: &dyn Fn(&Path) -> bool, path: PathBuf| Beside {
            kind: kind(),
            files: below(&path),
            is_left_over: is_left_over(&path),
            path,
        };
        let unfinished = |path: PathBuf| beside(|| Kind::Plain, &|path| is_abandoned(path, now), path);
        let learned = |path: PathBuf| beside(|| Kind::Learned, &|path| self.is_of_no_use(path, pruning, now), path);
        let lock = |path: PathBuf| {
            let notice = below(&path.with_extension(NOTICE));
            let mut lock = beside(|| Kind::Lock, &|_| true, path);
            lock.files.extend(notice);
            lock
        };
        let log =
            |path: PathBuf| beside(|| Kind::Plain, &|path| age(path, now).is_some_and(|age| age > LOGS_KEPT), path);
        let is_learned = |path: &PathBuf| path.file_stem().is_some_and(|stem| is_short(stem.as_encoded_bytes()));
        let is_lock = |path: &Path| path.extension().is_some_and(|extension| extension == "lock");
        let learned_in = [self.path_sets(), self.records(), self.stat_caches()];
        let unfinished_in = [self.temporary(), self.stat_caches()];
        let unfinished_files = unfinished_in.iter().flat_map(|directory| children(directory));
        let learned_files = learned_in.iter().flat_map(|directory| children(directory));
        (unfinished_files.filter(|path| is_unfinished(path)).map(unfinished))
            .chain(learned_files.filter(is_learned).map(learned))
            .chain(children(&self.logs()).filter(|path| is_log(path)).map(log))
            .chain(children(&self.locks()).filter(|path| is_lock(path) && is_old(path)).map(lock))
            .collect()
    }

    /// Removes a leftover. Returns whether it is gone, or, in a dry run, whether it would be.
    pub(super) fn remove_beside(&self, beside: &Beside, dry_run: bool) -> bool {
        match fs::symlink_metadata(&beside.path) {
            _ if beside.kind == Kind::Lock => self.remove_lock(beside.path.clone(), dry_run),
            _ if dry_run => true,
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&beside.path).is_ok(),
            _ => fs::remove_file(&beside.path).is_ok(),
        }
    }

    /// Removes the directory of an entry that was not finished within an hour. Returns whether it is gone, or, in a dry
    /// run, whether it would be.
    pub(super) fn remove_unfinished(
        &self,
        other: &Other,
        dry_run: bool,
        now: SystemTime,
        processes: &mut Processes,
    ) -> bool {
        if !other.is_ours() {
            return false;
        }
        let name = other.directory.file_name().and_then(|name| name.to_str());
        let Some(_locks) = name.and_then(|name| self.try_lock_for_removal(name)) else { return false };
        // Another process may have finished it before the lock was free.
        if !is_abandoned(&other.directory, now)
            || other.paths().any(|file| processes.executes(current(&file)) == Some(true))
        {
            return false;
        }
        if !dry_run {
            let removed = other.paths().try_for_each(|file| match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            });
            return removed.and_then(|()| fs::remove_dir(&other.directory)).is_ok();
        }
        true
    }

    /// True if a path set, build record or stat cache belongs to checkouts or build directories that are gone, or is too
    /// old.
    fn is_of_no_use(&self, path: &Path, pruning: &Pruning, now: SystemTime) -> bool {
        let is_older = |limit: Duration| age(path, now).is_some_and(|age| age > limit);
        let is_old = || pruning.limits.max_age.is_some_and(|most| is_older(most.max(RUBBISH_AFTER)));
        match referenced_by::of(path) {
            // The time of a stat cache tells when it was written, and not when it was used. It is soon made again.
            ReferencedBy::Known(directories) => {
                directories.iter().all(|directory| is_gone(directory))
                    || (path.starts_with(self.stat_caches()) && is_old())
            }
            ReferencedBy::Unknown => is_old(),
            ReferencedBy::Unreadable => is_older(RUBBISH_AFTER),
        }
    }
}

fn age(path: &Path, now: SystemTime) -> Option<Duration> {
    now.duration_since(fs::symlink_metadata(path).ok()?.modified().ok()?).ok()
}

/// Returns a file, or a directory with everything in it.
fn below(path: &Path) -> Vec<OnDisk> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Vec::new() };
    let mut files = vec![OnDisk::of(&metadata)];
    if metadata.is_dir() {
        files.extend(children(path).flat_map(|child| below(&child)));
    }
    files
}
