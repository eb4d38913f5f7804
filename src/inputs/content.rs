//! Reads what stands at a path.
//!
//! Promises: a regular file is digested whole, by its bytes on disk, and the identity that comes with them was the same
//! before and after they were read; a symbolic link by its target; FIFOs, sockets and devices are never opened. Memory
//! does not grow with the size of a file.
//! Does not promise: one moment in time for several paths. Whoever needs that compares two looks.

use std::cell::RefCell;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;

use super::checkout::is_gone;
use super::snapshot::Content;
use crate::error::{Error, Result};
use crate::fingerprint::Digest;
use crate::stat::StatIdentity;
use crate::tree::{FileInput, Kind, TreePath};

const BUFFER_BYTES: usize = 128 * 1024;
/// How often a file that is being written to is read again before it is taken as it comes.
const MOST_READS: u32 = 3;

thread_local! {
    /// Scratch space, for one file after the other.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_BYTES]);
}

/// What a path holds where nothing is.
pub(super) fn nothing() -> Content {
    Content { kind: Kind::Absent, digest: Digest::default(), stat: StatIdentity::default() }
}

/// What stands at `path`, or, to `follow` links, at what it leads to; none when nothing is there, or a directory.
pub(super) fn content(path: &Path, follow: bool) -> Result<Option<Content>> {
    match BUFFER.with_borrow_mut(|buffer| read(path, follow, buffer)) {
        Ok(content) => Ok(Some(content)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(Error::unreadable(path, error)),
    }
}

/// `path` under the name `name`, for an inventory.
pub(super) fn file_input(name: TreePath, content: Option<Content>) -> FileInput {
    let Content { kind, digest, stat } = content.unwrap_or_else(nothing);
    FileInput { path: name, kind, digest, stat }
}

fn read(path: &Path, follow: bool, buffer: &mut [u8]) -> io::Result<Content> {
    for _ in 0..MOST_READS {
        let before = if follow { fs::metadata(path)? } else { fs::symlink_metadata(path)? };
        let stat = StatIdentity::of(&before);
        let file_type = before.file_type();
        if file_type.is_symlink() {
            let target = fs::read_link(path)?;
            let digest = Digest::of(target.as_os_str().as_encoded_bytes());
            return Ok(Content { kind: Kind::Symlink, digest, stat });
        }
        if file_type.is_dir() {
            return Err(io::ErrorKind::NotFound.into());
        }
        if !file_type.is_file() {
            return Ok(Content { kind: Kind::Special, digest: Digest::default(), stat });
        }
        let file = open_regular(path, follow)?;
        // That there is no more than there should be, the identity afterwards tells.
        let digest = Digest::of_start(&file, before.len(), buffer)?;
        if StatIdentity::of(&file.metadata()?) == stat {
            let kind = if is_executable(&before) { Kind::Executable } else { Kind::File };
            return Ok(Content { kind, digest, stat });
        }
    }
    in_motion(path, follow, buffer)
}

/// Of a file that never stands still, its bytes of some moment. It has no identity, so it is read again the next time,
/// and counts as touched meanwhile.
fn in_motion(path: &Path, follow: bool, buffer: &mut [u8]) -> io::Result<Content> {
    let file = open_regular(path, follow)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(Content { kind: Kind::Special, digest: Digest::default(), stat: StatIdentity::default() });
    }
    let (digest, _) = Digest::of_file(&file, buffer)?;
    let kind = if is_executable(&metadata) { Kind::Executable } else { Kind::File };
    Ok(Content { kind, digest, stat: StatIdentity::default() })
}

/// Opens without waiting for the other end of a FIFO, should the file have become one.
#[cfg(unix)]
fn open_regular(path: &Path, follow: bool) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let links = if follow { rustix::fs::OFlags::empty() } else { rustix::fs::OFlags::NOFOLLOW };
    let flags = links | rustix::fs::OFlags::NONBLOCK;
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

#[cfg(not(unix))]
fn open_regular(path: &Path, _: bool) -> io::Result<File> {
    File::open(path)
}

/// git's own rule: a file is executable when its owner may execute it.
#[cfg(unix)]
fn is_executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &Metadata) -> bool {
    false
}
