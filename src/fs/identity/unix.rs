//! The answers of Unix about files, and about clocks.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use super::stat_identity::{FileId, StatIdentity};

/// The age, in nanoseconds, at which a stat identity settles. FAT keeps times in steps of two seconds, and no file system in
/// use is coarser. ccache's inode cache waits as long.
///
/// <https://learn.microsoft.com/en-us/windows/win32/sysinfo/file-times>
pub(super) const SETTLES_AFTER_NS: Option<i64> = Some(2_000_000_000);

/// The bits of a mode that tell a directory from a file.
pub(super) const FILE_TYPE: u32 = 0o170_000;

pub(super) fn identity(metadata: &Metadata) -> StatIdentity {
    StatIdentity {
        device: metadata.dev(),
        inode: metadata.ino(),
        mode: metadata.mode(),
        size: metadata.size(),
        modified_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        changed_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
    }
}

pub(super) fn file_id(metadata: &Metadata) -> Option<FileId> {
    Some(FileId(metadata.dev(), metadata.ino()))
}

pub(super) fn bytes_on_disk(metadata: &Metadata) -> u64 {
    // `st_blocks` counts units of 512 bytes on every file system.
    metadata.blocks().saturating_mul(512)
}

impl StatIdentity {
    /// Reads the identity from the result of the system call.
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
}

/// Reads a clock that cannot be set, and that goes on while the machine sleeps.
pub(super) fn steady_ns() -> i64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const STEADY: rustix::time::ClockId = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const STEADY: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(STEADY);
    nanoseconds(time.tv_sec, time.tv_nsec)
}

fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}
