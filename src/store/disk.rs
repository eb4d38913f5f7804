//! Computes how much disk space files take, and recognizes names of one file.
//!
//! Promises: a file counts with the blocks that the file system gave it, so that a sparse file counts with its filled part.
//! A file with several names counts once.
//! Does not promise: to see blocks that several files share. Manifests tell which entries are clones. Where the system
//! tells no blocks, which is Windows, a file counts with its length.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::fs::identity::{FileId, bytes_on_disk};
use crate::model::fingerprint::Digest;

/// The file behind one name in the cache.
#[derive(Clone, Copy, Debug)]
pub(super) struct OnDisk {
    /// None where the system does not tell.
    pub(super) id: Option<FileId>,
    pub(super) bytes: u64,
    /// The digest of the content, if files of equal content may share their blocks.
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

/// A sum of disk space in which shared blocks count once.
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
    /// Makes an empty sum. Files with one of the contents `cloned` share their blocks.
    pub(super) fn new(cloned: HashSet<Digest>) -> Self {
        Self { cloned, ..Self::default() }
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Adds a file. Returns by how much the sum grows.
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

    /// Removes a file that was added. Returns by how much the sum shrinks.
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

/// True if a directory does not exist. A directory that cannot be looked at may exist.
pub(super) fn is_gone(directory: &Path) -> bool {
    fs::metadata(directory)
        .is_err_and(|error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory))
}

/// Returns the file that has this name now.
pub(super) fn current(path: &Path) -> Option<FileId> {
    fs::symlink_metadata(path).ok().and_then(|metadata| FileId::of(&metadata))
}

/// Returns the paths in a directory; none for a link, whose target is not the cache's own.
pub(super) fn children(directory: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let is_directory = fs::symlink_metadata(directory).is_ok_and(|metadata| metadata.is_dir());
    let children = is_directory.then(|| fs::read_dir(directory).ok()).flatten().into_iter().flatten().flatten();
    children.map(|child| child.path())
}
