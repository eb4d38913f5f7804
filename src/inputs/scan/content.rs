//! Reads the content at a path.
//!
//! Promises: a regular file is digested whole, by its bytes on disk, and its stat identity was the same before and after
//! they were read. A symbolic link is digested by its target. FIFOs, sockets and devices are never opened. Memory does not
//! grow with the size of a file.
//! Does not promise: the same moment for several paths. A caller that needs that compares two looks.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use gix::bstr::BStr;

use super::directory::{DirEntry, Directory, is_gone};
use super::place::{FileStat, FileType, PathAt, RootDir};
use crate::error::{Error, Result};
use crate::fs::identity::StatIdentity;
use crate::model::fingerprint::Digest;
use crate::model::tree::{FileInput, Kind, TreePath};

/// The kind, digest and stat identity of one file.
pub(crate) struct Content {
    pub(crate) kind: Kind,
    pub(crate) digest: Digest,
    pub(crate) stat: StatIdentity,
}

const BUFFER_BYTES: usize = 128 * 1024;
/// The number of times that a file is read while it is being written to, before its bytes are taken as they come.
const MOST_READS: u32 = 3;

thread_local! {
    /// Scratch space for reading one file after the other.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_BYTES]);
}

/// Returns the content of a path at which nothing is.
pub(crate) fn nothing() -> Content {
    Content { kind: Kind::Absent, digest: Digest::default(), stat: StatIdentity::default() }
}

/// Returns the content of a directory of which only its existence counts.
pub(crate) fn directory() -> Content {
    Content { kind: Kind::Directory, digest: Digest::of(b"directory"), ..nothing() }
}

/// Returns the content at `path`; if that is a link and `follow` is set, at its target. Returns none for a directory, and if
/// nothing is there.
pub(crate) fn content(path: &Path, follow: bool) -> Result<Option<Content>> {
    let read = BUFFER.with_borrow_mut(|buffer| read(&PathAt::at(path), follow, false, buffer));
    unless_gone(read, || path.to_owned())
}

/// Does what [`content`] does, for the path `below` the root. Links are not followed.
pub(crate) fn content_below(root: &RootDir, below: &BStr) -> Result<Option<Content>> {
    let place = root.place(below)?;
    let read = BUFFER.with_borrow_mut(|buffer| read(&place, false, false, buffer));
    unless_gone(read, || root.on_disk(below).unwrap_or_else(|_| root.path().to_owned()))
}

/// Does what [`content`] does, for `entry` of `directory`. Links are not followed.
pub(crate) fn content_in(directory: &Directory, entry: &DirEntry) -> Result<Option<Content>> {
    let is_regular = entry.file_type == FileType::Regular;
    let read = |place: &PathAt<'_>| BUFFER.with_borrow_mut(|buffer| read(place, false, is_regular, buffer));
    unless_gone(directory.place_of(entry).and_then(|place| read(&place)), || directory.path_of(entry))
}

fn unless_gone(read: io::Result<Content>, path: impl FnOnce() -> PathBuf) -> Result<Option<Content>> {
    match read {
        Ok(content) => Ok(Some(content)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(Error::unreadable(path(), error)),
    }
}

/// Returns `content` as an input under the name `name`.
pub(crate) fn file_input(name: TreePath, content: Option<Content>) -> FileInput {
    let Content { kind, digest, stat } = content.unwrap_or_else(nothing);
    FileInput { path: name, kind, digest, stat }
}

fn read(place: &PathAt<'_>, follow: bool, is_regular: bool, buffer: &mut [u8]) -> io::Result<Content> {
    if is_regular
        && let Ok(file) = place.open(follow)
        && let Some(content) = read_at_rest(&file, &FileStat::of(&file)?, buffer)?
    {
        return Ok(content);
    }
    for _ in 0..MOST_READS {
        let before = place.look(follow)?;
        match before.file_type {
            FileType::Directory => return Err(io::ErrorKind::NotFound.into()),
            FileType::Symlink => {
                let digest = Digest::of(place.read_link()?.as_encoded_bytes());
                return Ok(Content { kind: Kind::Symlink, digest, stat: before.identity });
            }
            FileType::Other => {
                return Ok(Content { kind: Kind::Special, digest: Digest::default(), stat: before.identity });
            }
            FileType::Regular => {}
        }
        if let Some(content) = read_at_rest(&place.open(follow)?, &before, buffer)? {
            return Ok(content);
        }
    }
    in_motion(&place.open(follow)?, buffer)
}

/// Returns the content of `file` if it is a regular file, and has the same identity after reading as `before`.
fn read_at_rest(file: &File, before: &FileStat, buffer: &mut [u8]) -> io::Result<Option<Content>> {
    if before.file_type != FileType::Regular {
        return Ok(None);
    }
    // Bytes beyond the size are not read. If there are any, the identity afterwards differs.
    let digest = Digest::of_start(file, before.size, buffer)?;
    let is_same = FileStat::of(file)?.identity == before.identity;
    Ok(is_same.then_some(Content { kind: kind(before), digest, stat: before.identity }))
}

/// Returns the bytes at some moment of a file that is written to all the time. It gets no identity, so that it is read again
/// the next time and counts as touched meanwhile.
fn in_motion(file: &File, buffer: &mut [u8]) -> io::Result<Content> {
    let look = FileStat::of(file)?;
    if look.file_type != FileType::Regular {
        return Ok(Content { kind: Kind::Special, digest: Digest::default(), stat: StatIdentity::default() });
    }
    let (digest, _) = Digest::of_file(file, buffer)?;
    Ok(Content { kind: kind(&look), digest, stat: StatIdentity::default() })
}

/// True if the owner may execute the file at `path`, or at its target if that is a link.
pub(crate) fn is_executable(path: &Path) -> bool {
    PathAt::at(path).look(true).is_ok_and(|look| look.file_type == FileType::Regular && look.is_executable)
}

fn kind(look: &FileStat) -> Kind {
    if look.is_executable { Kind::Executable } else { Kind::File }
}
