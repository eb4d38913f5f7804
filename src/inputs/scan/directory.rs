//! Reads a directory: its identity, and the names in it.
//!
//! Promises: the directory's identity is taken before the names are read, so that a name that comes or goes meanwhile
//! changes the identity that a later look finds. Where the system can, files are looked at from the open directory, without
//! walking the path to it again.
//! Does not promise: that the file behind a name stays the same.

use std::cmp::Ordering;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::bstr::{BStr, BString, ByteSlice};
#[cfg(unix)]
use rustix::{
    fd::{AsFd, OwnedFd},
    io::Errno,
};

#[cfg(unix)]
use super::place::system_path;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use super::place::too_long;
use super::place::{FileType, PathAt, RootDir};
use crate::error::{Error, Result};
use crate::fs::identity::StatIdentity;
use crate::model::fingerprint::Digest;

/// A directory that was read.
pub(crate) struct Directory {
    path: PathBuf,
    #[cfg(unix)]
    open: OwnedFd,
    /// Its identity before it was read.
    pub(crate) stat: StatIdentity,
    /// Its entries in git's order, which is that of the paths of everything below it.
    pub(crate) entries: Arc<Vec<DirEntry>>,
}

/// A name in a directory, and the type of the file there.
pub(crate) struct DirEntry {
    pub(crate) name: BString,
    pub(crate) file_type: FileType,
}

impl DirEntry {
    pub(crate) fn is_directory(&self) -> bool {
        self.file_type == FileType::Directory
    }
}

impl Directory {
    /// Reads the directory at the path `below` the root; none if it is gone, or is no directory any more.
    pub(crate) fn read(root: &RootDir, below: &BStr) -> Result<Option<Self>> {
        let path = root.on_disk(below)?;
        match read(&root.place(below)?, &path) {
            Ok(read) => Ok(Some(read.into_directory(path))),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(Error::unreadable(path, error)),
        }
    }

    /// Returns the digest of the names and types of its entries.
    pub(crate) fn names(&self) -> Digest {
        let kind = |entry: &DirEntry| match entry.file_type {
            FileType::Directory => b'd',
            FileType::Symlink => b'l',
            FileType::Regular => b'f',
            FileType::Other => b's',
        };
        let mut bytes = Vec::with_capacity(self.entries.iter().map(|entry| entry.name.len() + 2).sum());
        for entry in self.entries.iter() {
            bytes.extend_from_slice(&entry.name);
            // No name holds a NUL.
            bytes.extend_from_slice(&[0, kind(entry)]);
        }
        Digest::of(bytes)
    }

    pub(crate) fn entry(&self, name: &str) -> Option<&DirEntry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn path_of(&self, entry: &DirEntry) -> PathBuf {
        self.path.join(gix::path::from_bstr(entry.name.as_bstr()).unwrap_or_default())
    }

    #[cfg(unix)]
    pub(crate) fn place_of<'a>(&'a self, entry: &'a DirEntry) -> io::Result<PathAt<'a>> {
        Ok(PathAt::in_directory(self.open.as_fd(), system_path(entry.name.as_bstr())))
    }

    #[cfg(not(unix))]
    pub(crate) fn place_of(&self, entry: &DirEntry) -> io::Result<PathAt<'_>> {
        let name = gix::path::from_bstr(entry.name.as_bstr()).map_err(io::Error::other)?;
        Ok(PathAt::at(self.path.join(name)))
    }
}

/// True if `error` says that nothing can be at a path: nothing is there; a part of the path is no directory, or is a link
/// that leads nowhere or to itself; or no file can have such a name.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    #[cfg(unix)]
    let is_nowhere = matches!(Errno::from_io_error(error), Some(Errno::LOOP | Errno::NAMETOOLONG));
    #[cfg(not(unix))]
    let is_nowhere = error.kind() == io::ErrorKind::InvalidFilename;
    is_nowhere || matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The result of reading a directory.
struct Read {
    #[cfg(unix)]
    open: OwnedFd,
    stat: StatIdentity,
    entries: Vec<DirEntry>,
}

impl Read {
    fn into_directory(self, path: PathBuf) -> Directory {
        let Self { stat, mut entries, .. } = self;
        entries.sort_unstable_by(in_git_order);
        Directory {
            path,
            #[cfg(unix)]
            open: self.open,
            stat,
            entries: Arc::new(entries),
        }
    }
}

/// Compares in git's order: a directory sorts as if its name ended in a slash, as in the paths of everything below it.
fn in_git_order(a: &DirEntry, b: &DirEntry) -> Ordering {
    let common = a.name.len().min(b.name.len());
    let next = |entry: &DirEntry| entry.name.get(common).copied().or_else(|| entry.is_directory().then_some(b'/'));
    a.name[..common].cmp(&b.name[..common]).then_with(|| next(a).cmp(&next(b)))
}

#[cfg(unix)]
fn read(place: &PathAt<'_>, path: &Path) -> io::Result<Read> {
    let open = place.open_directory()?;
    let stat = super::place::FileStat::of(&open)?.identity;
    let entries = names(&open, path)?;
    Ok(Read { open, stat, entries })
}

/// Reads the names from `open`. std would open the directory by its path, and so look it up once more.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn names(open: &OwnedFd, _: &Path) -> io::Result<Vec<DirEntry>> {
    use rustix::fs::RawDir;
    let mut buffer = Vec::with_capacity(NAMES_BYTES);
    let mut listing = RawDir::new(open, buffer.spare_capacity_mut());
    let mut entries = Vec::new();
    while let Some(entry) = listing.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let file_type = match entry.file_type() {
            // Some file systems do not keep the type with the name.
            rustix::fs::FileType::Unknown => {
                match PathAt::in_directory(open.as_fd(), system_path(name.as_bstr())).look(false) {
                    Ok(look) => look.file_type,
                    Err(error) if is_gone(&error) => continue,
                    Err(error) => return Err(error),
                }
            }
            known => known.into(),
        };
        entries.push(DirEntry { name: name.into(), file_type });
    }
    Ok(entries)
}

/// The bytes of names that are read at once, as many as the C library takes.
#[cfg(any(target_os = "linux", target_os = "android"))]
const NAMES_BYTES: usize = 32 * 1024;

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn names(_: &OwnedFd, path: &Path) -> io::Result<Vec<DirEntry>> {
    names_by_path(path)
}

#[cfg(not(unix))]
fn read(place: &PathAt<'_>, path: &Path) -> io::Result<Read> {
    let stat = place.look(false)?.identity;
    Ok(Read { stat, entries: names_by_path(path)? })
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn names_by_path(path: &Path) -> io::Result<Vec<DirEntry>> {
    if let Some(error) = too_long(path.as_os_str().as_encoded_bytes()) {
        return Err(error);
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let name = gix::path::os_string_into_bstring(entry.file_name()).map_err(io::Error::other)?;
        match entry.file_type() {
            Ok(file_type) => entries.push(DirEntry { name, file_type: file_type.into() }),
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(entries)
}
