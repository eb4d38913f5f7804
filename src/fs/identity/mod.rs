//! Tells with one `stat` whether a file is the one seen before.
//!
//! Promises: on Unix, replacing, rewriting, renaming over, or changing the mode of a file changes its stat identity, since
//! each of them sets the change time, which programs cannot set back.
//! Does not promise: that equal identities mean equal bytes if the file was written to a moment ago, since two writes can
//! fall into one tick of a coarse clock. Code that relies on an identity checks [`StatIdentity::is_settled`] first. On
//! Windows only size, attributes and modification time are compared, and no identity ever settles.

mod stat_identity;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use stat_identity::FileId;
pub use stat_identity::StatIdentity;
#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

/// The tolerance for comparing two clocks, in nanoseconds, since they cannot be read at once. Setting a clock moves it
/// further than this.
const CLOCKS_DIFFER_BY_NS: u64 = 10_000_000;

/// A moment by two clocks, taken before files are looked at: the clock that stamps files, which can be set, and one that
/// cannot.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    now_ns: i64,
    ahead_ns: i64,
}

impl Stamp {
    /// Returns the current moment.
    #[must_use]
    pub fn now() -> Self {
        let now_ns = nanoseconds_since(UNIX_EPOCH, SystemTime::now());
        Self { now_ns, ahead_ns: now_ns.saturating_sub(system::steady_ns()) }
    }

    /// Returns how far the clock that can be set is ahead of the other one, in nanoseconds.
    #[must_use]
    pub fn ahead_ns(&self) -> i64 {
        self.ahead_ns
    }

    /// True if the clock has not been set since `ahead_ns` was measured, and the machine has not been started again.
    #[must_use]
    pub fn is_by_the_same_clock(&self, ahead_ns: i64) -> bool {
        self.ahead_ns.abs_diff(ahead_ns) < CLOCKS_DIFFER_BY_NS
    }
}

fn nanoseconds_since(start: SystemTime, moment: SystemTime) -> i64 {
    let since = moment.duration_since(start).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

impl StatIdentity {
    /// Reads the identity from metadata.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        system::identity(metadata)
    }

    /// True if any write to the file from `stamp` on is certain to change this identity: its newest time is at least two
    /// seconds before `stamp`. A time in the future never settles, and neither does the default identity, which stands for
    /// none. On Windows no identity settles, since every time that it tells programs can be set.
    #[must_use]
    pub fn is_settled(&self, stamp: &Stamp) -> bool {
        let is_known = *self != Self::default();
        let newest = self.modified_ns.max(self.changed_ns);
        is_known && system::SETTLES_AFTER_NS.is_some_and(|age| newest <= stamp.now_ns.saturating_sub(age))
    }

    /// Returns the parts that say which file it is, whatever is written to it, and whether it is a directory. The type is
    /// included since another file may get the number of one that is gone.
    #[must_use]
    pub(crate) fn file_id(self) -> Self {
        Self { device: self.device, inode: self.inode, mode: self.mode & system::FILE_TYPE, ..Self::default() }
    }

    /// True if the file was written to or changed at `moment` or later, by the clock of its file system.
    #[must_use]
    pub fn is_younger_than(&self, moment: SystemTime) -> bool {
        let since = moment.duration_since(UNIX_EPOCH).ok();
        let since = since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or(0);
        self.modified_ns.max(self.changed_ns) >= since
    }

    /// True if the last write and the last change of the file happened between `began` and `ended`, by the clock of its file
    /// system.
    #[must_use]
    pub fn was_written_within(&self, began: SystemTime, ended: SystemTime) -> bool {
        let (began, ended) = (nanoseconds_since(UNIX_EPOCH, began), nanoseconds_since(UNIX_EPOCH, ended));
        let last = self.modified_ns.max(self.changed_ns);
        *self != Self::default() && self.modified_ns >= began && last <= ended
    }
}

impl FileId {
    /// Reads the number from metadata; none where the system does not tell it (Windows).
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        system::file_id(metadata)
    }
}

/// True if `one` and `other` are of the same file. Where files have no numbers, their lengths decide.
pub(crate) fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    match (FileId::of(one), FileId::of(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one.len() == other.len(),
    }
}

/// Returns the links and directories on the way to `path` that were put in their place at `moment` or later. The times of
/// the file tell nothing of that. A directory that is moved keeps the time of its last write and gets a new change time. On
/// Windows, only links tell.
pub(crate) fn put_in_place_since(path: &Path, moment: SystemTime) -> Vec<PathBuf> {
    let was_put = |path: &&Path| {
        let Ok(found) = std::fs::symlink_metadata(path) else { return false };
        let stat = StatIdentity::of(&found);
        let was_written = StatIdentity { changed_ns: 0, ..stat }.is_younger_than(moment);
        stat.is_younger_than(moment) && (found.is_symlink() || found.is_dir() && !was_written)
    };
    let real = dunce::canonicalize(path).unwrap_or_default();
    path.ancestors().chain(real.ancestors()).filter(was_put).map(Path::to_owned).collect()
}

/// Returns the number of bytes that a file takes on its file system; its length where the system does not tell (Windows).
pub(crate) fn bytes_on_disk(metadata: &Metadata) -> u64 {
    system::bytes_on_disk(metadata)
}
