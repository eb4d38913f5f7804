//! Tells with one `stat` whether a file is the one seen before.
//!
//! Promises: on Unix, replacing, rewriting, renaming over, or changing the mode of a file changes its stat identity, since
//! each of them sets the change time, which programs cannot set back.
//! Does not promise: that equal identities mean equal bytes if the file was written to a moment ago, since two writes can
//! fall into one tick of a coarse clock. Code that relies on an identity checks [`StatIdentity::is_settled`] first. On
//! Windows only size, attributes and modification time are compared, and no identity ever settles.

use std::fs::Metadata;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The age, in nanoseconds, at which a stat identity settles. FAT keeps times in steps of two seconds, and no file system in
/// use is coarser. ccache's inode cache waits as long.
///
/// <https://learn.microsoft.com/en-us/windows/win32/sysinfo/file-times>
#[cfg(unix)]
const SETTLES_AFTER_NS: i64 = 2_000_000_000;

/// The bits of a mode, or of Windows' attributes, that tell a directory from a file.
const FILE_TYPE: u32 = if cfg!(unix) { 0o170_000 } else { 0x10 };

/// The tolerance for comparing two clocks, in nanoseconds, since they cannot be read at once. Setting a clock moves it
/// further than this.
const CLOCKS_DIFFER_BY_NS: u64 = 10_000_000;

/// A moment by two clocks, taken before files are looked at: the clock that stamps files, which can be set, and one that
/// cannot.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    #[cfg_attr(not(unix), expect(dead_code, reason = "no identity settles there"))]
    now_ns: i64,
    ahead_ns: i64,
}

impl Stamp {
    /// Returns the current moment.
    #[must_use]
    pub fn now() -> Self {
        let now_ns = nanoseconds_since(UNIX_EPOCH, SystemTime::now());
        Self { now_ns, ahead_ns: now_ns.saturating_sub(steady_ns()) }
    }

    /// Returns how far the clock that can be set is ahead of the other one, in nanoseconds.
    #[must_use]
    pub fn ahead_ns(&self) -> i64 {
        self.ahead_ns
    }

    /// True if the clock has not been set since it was this far ahead, and the machine has not been started again.
    #[must_use]
    pub fn is_by_the_same_clock(&self, ahead_ns: i64) -> bool {
        self.ahead_ns.abs_diff(ahead_ns) < CLOCKS_DIFFER_BY_NS
    }
}

fn nanoseconds_since(start: SystemTime, moment: SystemTime) -> i64 {
    let since = moment.duration_since(start).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Reads a clock that cannot be set, and that goes on while the machine sleeps.
#[cfg(unix)]
fn steady_ns() -> i64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const STEADY: rustix::time::ClockId = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const STEADY: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(STEADY);
    nanoseconds(time.tv_sec, time.tv_nsec)
}

#[cfg(not(unix))]
fn steady_ns() -> i64 {
    0
}

#[cfg(unix)]
fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// The stat identity of a file: device, number, mode, size and times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatIdentity {
    device: u64,
    inode: u64,
    mode: u32,
    size: u64,
    modified_ns: i64,
    changed_ns: i64,
}

impl StatIdentity {
    /// The number of bytes that [`StatIdentity::to_bytes`] returns.
    pub(crate) const BYTES: usize = 44;

    /// Reads the identity from metadata.
    #[cfg(unix)]
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            mode: metadata.mode(),
            size: metadata.size(),
            modified_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Reads the identity from the result of the system call.
    #[cfg(unix)]
    #[must_use]
    #[allow(clippy::cast_lossless, clippy::unnecessary_cast, reason = "the widths differ between systems")]
    pub(crate) fn of_stat(stat: &rustix::fs::Stat) -> Self {
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            mode: stat.st_mode as u32,
            size: stat.st_size as u64,
            modified_ns: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed_ns: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }

    /// Reads the identity from metadata.
    #[cfg(windows)]
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        use std::os::windows::fs::MetadataExt;
        let hundreds_of_ns = i64::try_from(metadata.last_write_time()).unwrap_or(i64::MAX);
        Self {
            mode: metadata.file_attributes(),
            size: metadata.file_size(),
            modified_ns: hundreds_of_ns.saturating_mul(100),
            ..Self::default()
        }
    }

    /// Returns the identity without the change time, which a further hard link to the file alters. cargo links a binary to
    /// its place whenever the binary is asked for.
    #[must_use]
    pub fn but_for_links(self) -> Self {
        Self { changed_ns: 0, ..self }
    }

    /// Returns the parts that the file shares with copies and hard links that keep its times, as bytes.
    #[must_use]
    pub(crate) fn size_and_time(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.size.to_le_bytes());
        bytes[8..].copy_from_slice(&self.modified_ns.to_le_bytes());
        bytes
    }

    /// Returns the parts that say which file it is, whatever is written to it, and whether it is a directory. The type is
    /// included since another file may get the number of one that is gone.
    #[must_use]
    pub(crate) fn file_id(self) -> Self {
        Self { device: self.device, inode: self.inode, mode: self.mode & FILE_TYPE, ..Self::default() }
    }

    /// Returns the size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
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

    /// True if any write to the file from `stamp` on is certain to change this identity: its newest time is at least two
    /// seconds before `stamp`. A time in the future never settles, and neither does the default identity, which stands for
    /// none.
    #[cfg(unix)]
    #[must_use]
    pub fn is_settled(&self, stamp: &Stamp) -> bool {
        let is_known = *self != Self::default();
        is_known && self.modified_ns.max(self.changed_ns) <= stamp.now_ns.saturating_sub(SETTLES_AFTER_NS)
    }

    /// False: every time that Windows tells programs can be set.
    #[cfg(not(unix))]
    #[must_use]
    pub fn is_settled(&self, _: &Stamp) -> bool {
        false
    }

    /// Returns the device number of the file system that the file lies on.
    #[must_use]
    pub(crate) fn device(&self) -> u64 {
        self.device
    }

    /// Returns all of it as bytes, to be stored.
    #[must_use]
    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.device.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.inode.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.size.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.modified_ns.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.changed_ns.to_le_bytes());
        bytes[40..].copy_from_slice(&self.mode.to_le_bytes());
        bytes
    }

    /// Reads the bytes that [`StatIdentity::to_bytes`] returned.
    #[must_use]
    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let eight = |start: usize| {
            let mut part = [0; 8];
            part.copy_from_slice(&bytes[start..start + 8]);
            u64::from_le_bytes(part)
        };
        let mut mode = [0; 4];
        mode.copy_from_slice(&bytes[40..]);
        Self {
            device: eight(0),
            inode: eight(8),
            mode: u32::from_le_bytes(mode),
            size: eight(16),
            modified_ns: eight(24).cast_signed(),
            changed_ns: eight(32).cast_signed(),
        }
    }

    /// Returns the parts that stay the same when the file system is mounted again, as bytes for a fingerprint.
    pub(crate) fn portable_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.inode.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.size.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.modified_ns.to_le_bytes());
        bytes[24..].copy_from_slice(&self.changed_ns.to_le_bytes());
        bytes
    }
}
