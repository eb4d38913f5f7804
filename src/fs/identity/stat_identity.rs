//! The stat identity of a file, which the file system tells without reading it, and the forms in which it is kept.
//!
//! Promises: nothing is lost between [`StatIdentity::to_bytes`] and [`StatIdentity::from_bytes`].
//! Does not promise: to ask the system. `unix` and `windows` do.

use serde::{Deserialize, Serialize};

/// The stat identity of a file: device, number, mode, size and times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatIdentity {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) mode: u32,
    pub(super) size: u64,
    pub(super) modified_ns: i64,
    pub(super) changed_ns: i64,
}

impl StatIdentity {
    /// The number of bytes that [`StatIdentity::to_bytes`] returns.
    pub(crate) const BYTES: usize = 44;

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

    /// Returns the size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
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

/// The number of a file on its file system, whatever its names. Files with equal numbers are one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileId(pub(super) u64, pub(super) u64);
