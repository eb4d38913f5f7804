//! What files cost, and which of them are one.
//!
//! Promises: blocks are what the file system says it has given to a file, so that a sparse file costs what it fills; a
//! file with several names costs once.
//! Does not promise: to know what file systems share below the files. Entries say in their manifests whether they are
//! clones of each other. Where the system tells no blocks (Windows), a file costs its length.

use std::collections::{HashMap, HashSet};
use std::fs::Metadata;

use crate::model::fingerprint::Digest;

/// A file, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileId(u64, u64);

/// What one name in the cache stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct OnDisk {
    /// Where the system tells.
    pub(super) id: Option<FileId>,
    pub(super) bytes: u64,
    /// The content, for a file that shares its blocks with every other one of that content.
    pub(super) shared: Option<Digest>,
}

impl FileId {
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        Some(Self(metadata.dev(), metadata.ino()))
    }

    #[cfg(not(unix))]
    pub(super) fn of(_: &Metadata) -> Option<Self> {
        None
    }
}

impl OnDisk {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { id: FileId::of(metadata), bytes: blocks(metadata), shared: None }
    }
}

#[cfg(unix)]
fn blocks(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    // Of 512 bytes each, whatever the file system's own are.
    metadata.blocks().saturating_mul(512)
}

#[cfg(not(unix))]
fn blocks(metadata: &Metadata) -> u64 {
    metadata.len()
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    File(FileId),
    Content(Digest),
}

/// A sum over files in which what is shared counts once.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Contents of which at least one file is a clone.
    cloned: HashSet<Digest>,
    users: HashMap<Key, usize>,
    total: u64,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(id) => id.fmt(out),
            Self::Content(digest) => digest.fmt(out),
        }
    }
}

impl Ledger {
    /// An empty sum for files of which some are clones of one of the contents `cloned`.
    pub(super) fn new(cloned: HashSet<Digest>) -> Self {
        Self { cloned, ..Self::default() }
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Adds a file, and says what that adds to the sum.
    pub(super) fn add(&mut self, file: &OnDisk) -> u64 {
        let is_first = self.key(file).is_none_or(|key| {
            let users = self.users.entry(key).or_default();
            *users += 1;
            *users == 1
        });
        let added = if is_first { file.bytes } else { 0 };
        self.total += added;
        added
    }

    /// Takes a file away that was added, and says what that takes from the sum.
    pub(super) fn remove(&mut self, file: &OnDisk) -> u64 {
        let was_last = self.key(file).is_none_or(|key| {
            let users = self.users.entry(key).or_default();
            *users = users.saturating_sub(1);
            *users == 0
        });
        let removed = if was_last { file.bytes } else { 0 };
        self.total = self.total.saturating_sub(removed);
        removed
    }

    fn key(&self, file: &OnDisk) -> Option<Key> {
        match file.shared {
            Some(digest) if self.cloned.contains(&digest) => Some(Key::Content(digest)),
            _ => file.id.map(Key::File),
        }
    }
}
