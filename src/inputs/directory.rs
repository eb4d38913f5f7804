//! One directory: what it is, and the names in it.
//!
//! Promises: what it was, by `stat`, was taken before the names were read, so a name that came or went meanwhile changes
//! what it will be. Files in it are looked at from it, without walking the path to it again, where the system can.
//! Does not promise: that what a name stands for stays what it was.

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
use super::place::{FileType, Place, Root};
use crate::error::{Error, Result};
use crate::fingerprint::Digest;
use crate::stat::StatIdentity;

/// A directory that was looked into.
pub(super) struct Directory {
    path: PathBuf,
    #[cfg(unix)]
    open: OwnedFd,
    /// As it was before.
    pub(super) stat: StatIdentity,
    /// In git's order: that of the paths of everything below it.
    pub(super) entries: Arc<Vec<Entry>>,
}

/// A name in a directory, and what it stands for.
pub(super) struct Entry {
    pub(super) name: BString,
    pub(super) file_type: FileType,
}

impl Entry {
    pub(super) fn is_directory(&self) -> bool {
        self.file_type == FileType::Directory
    }
}

impl Directory {
    /// Looks into the directory that is `below` the root; none when it is gone, or no directory any more.
    pub(super) fn read(root: &Root, below: &BStr) -> Result<Option<Self>> {
        let path = root.on_disk(below)?;
        match read(&root.place(below)?, &path) {
            Ok(read) => Ok(Some(read.into_directory(path))),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(Error::unreadable(path, error)),
        }
    }

    /// Of the names in it and what each is.
    pub(super) fn names(&self) -> Digest {
        let kind = |entry: &Entry| match entry.file_type {
            FileType::Directory => b'd',
            FileType::Symlink => b'l',
            FileType::Regular => b'f',
            FileType::Other => b's',
        };
        let mut bytes = Vec::with_capacity(self.entries.iter().map(|entry| entry.name.len() + 2).sum());
        for entry in self.entries.iter() {
            bytes.extend_from_slice(&entry.name);
            // No name holds it.
            bytes.extend_from_slice(&[0, kind(entry)]);
        }
        Digest::of(bytes)
    }

    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn path_of(&self, entry: &Entry) -> PathBuf {
        self.path.join(gix::path::from_bstr(entry.name.as_bstr()).unwrap_or_default())
    }

    #[cfg(unix)]
    pub(super) fn place_of<'a>(&'a self, entry: &'a Entry) -> io::Result<Place<'a>> {
        Ok(Place::in_directory(self.open.as_fd(), system_path(entry.name.as_bstr())))
    }

    #[cfg(not(unix))]
    pub(super) fn place_of(&self, entry: &Entry) -> io::Result<Place<'_>> {
        let name = gix::path::from_bstr(entry.name.as_bstr()).map_err(io::Error::other)?;
        Ok(Place::at(self.path.join(name)))
    }
}

/// True if nothing can be at a path: it has gone, or lies below what is no directory, below a link that leads nowhere or
/// to itself, or has a name that no file can have.
pub(super) fn is_gone(error: &io::Error) -> bool {
    #[cfg(unix)]
    let is_nowhere = matches!(Errno::from_io_error(error), Some(Errno::LOOP | Errno::NAMETOOLONG));
    #[cfg(not(unix))]
    let is_nowhere = error.kind() == io::ErrorKind::InvalidFilename;
    is_nowhere || matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What reading a directory comes to.
struct Read {
    #[cfg(unix)]
    open: OwnedFd,
    stat: StatIdentity,
    entries: Vec<Entry>,
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

/// git sorts a directory as if its name ended in a slash, as in the paths of everything below it.
fn in_git_order(a: &Entry, b: &Entry) -> Ordering {
    let common = a.name.len().min(b.name.len());
    let next = |entry: &Entry| entry.name.get(common).copied().or_else(|| entry.is_directory().then_some(b'/'));
    a.name[..common].cmp(&b.name[..common]).then_with(|| next(a).cmp(&next(b)))
}

#[cfg(unix)]
fn read(place: &Place<'_>, path: &Path) -> io::Result<Read> {
    let open = place.open_directory()?;
    let stat = super::place::Look::of(&open)?.identity;
    let entries = names(&open, path)?;
    Ok(Read { open, stat, entries })
}

/// std opens a directory to read it, and so looks at it once more.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn names(open: &OwnedFd, _: &Path) -> io::Result<Vec<Entry>> {
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
            // Some file systems do not keep it with the name.
            rustix::fs::FileType::Unknown => {
                match Place::in_directory(open.as_fd(), system_path(name.as_bstr())).look(false) {
                    Ok(look) => look.file_type,
                    Err(error) if is_gone(&error) => continue,
                    Err(error) => return Err(error),
                }
            }
            known => known.into(),
        };
        entries.push(Entry { name: name.into(), file_type });
    }
    Ok(entries)
}

/// As much as the C library takes at once.
#[cfg(any(target_os = "linux", target_os = "android"))]
const NAMES_BYTES: usize = 32 * 1024;

#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn names(_: &OwnedFd, path: &Path) -> io::Result<Vec<Entry>> {
    names_by_path(path)
}

#[cfg(not(unix))]
fn read(place: &Place<'_>, path: &Path) -> io::Result<Read> {
    let stat = place.look(false)?.identity;
    Ok(Read { stat, entries: names_by_path(path)? })
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn names_by_path(path: &Path) -> io::Result<Vec<Entry>> {
    if let Some(error) = too_long(path.as_os_str().as_encoded_bytes()) {
        return Err(error);
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let name = gix::path::os_string_into_bstring(entry.file_name()).map_err(io::Error::other)?;
        match entry.file_type() {
            Ok(file_type) => entries.push(Entry { name, file_type: file_type.into() }),
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(entries)
}
