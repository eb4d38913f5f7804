//! Telling with one `stat` whether a file is the one seen before.
//!
//! Promises: on Unix, replacing, rewriting, renaming over, or changing the mode of a file changes its identity, since
//! each of them sets the change time, which programs cannot set back.
//! Does not promise: that equal identities mean equal bytes where a clock is coarse; whoever relies on that waits until
//! the file is old enough, or reads it. On Windows only size, attributes and modification time are compared.

use std::fs::Metadata;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// What a `stat` says of one file's content, as far as it can.
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
    /// Reads the identity out of metadata at hand.
    #[cfg(unix)]
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let nanoseconds = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            mode: metadata.mode(),
            size: metadata.size(),
            modified_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Reads the identity out of metadata at hand.
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

    /// The same without the change time, which a further hard link to the file alters. cargo links a binary to its place
    /// whenever it is asked for.
    #[must_use]
    pub fn but_for_links(self) -> Self {
        Self { changed_ns: 0, ..self }
    }

    /// Size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether the file was written to or changed at `moment` or later, by the clock of its file system.
    #[must_use]
    pub fn is_younger_than(&self, moment: SystemTime) -> bool {
        let since = moment.duration_since(UNIX_EPOCH).ok();
        let since = since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or(0);
        self.modified_ns.max(self.changed_ns) >= since
    }

    /// The parts that stay the same when the file system is mounted anew, as bytes for a fingerprint.
    pub(crate) fn portable_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.inode.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.size.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.modified_ns.to_le_bytes());
        bytes[24..].copy_from_slice(&self.changed_ns.to_le_bytes());
        bytes
    }
}
