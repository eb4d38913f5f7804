//! What files cost, and which of them are one.
//!
//! Promises: blocks are what the file system says it has given to a file, so that a sparse file costs what it fills; a
//! file with several names costs once.
//! Does not promise: to know what file systems share below the files. Entries say in their manifests whether they are
//! clones of each other. Where the system tells no blocks (Windows), a file costs its length.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::fs::identity::{FileId, bytes_on_disk};
use crate::model::fingerprint::Digest;

/// What one name in the cache stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct OnDisk {
    /// Where the system tells.
    pub(super) id: Option<FileId>,
    pub(super) bytes: u64,
    /// The content, for a file that shares its blocks with every other one of that content.
    pub(super) shared: Option<Digest>,
}

impl OnDisk {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { id: FileId::of(metadata), bytes: bytes_on_disk(metadata), shared: None }
    }
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

/// True if a directory is surely not there; one that cannot be looked at may be.
pub(super) fn is_gone(directory: &Path) -> bool {
    fs::metadata(directory)
        .is_err_and(|error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory))
}

/// The file that has this name now.
pub(super) fn current(path: &Path) -> Option<FileId> {
    fs::symlink_metadata(path).ok().and_then(|metadata| FileId::of(&metadata))
}

/// What is in a directory; nothing of what is behind a link, which is not ours.
pub(super) fn children(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let is_directory = fs::symlink_metadata(directory).is_ok_and(|metadata| metadata.is_dir());
    let children = is_directory.then(|| fs::read_dir(directory).ok()).flatten().into_iter().flatten().flatten();
    children.map(|child| child.path())
}
