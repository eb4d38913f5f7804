//! Reads what stands at each listed path.
//!
//! Promises: every regular file is digested whole, by its bytes on disk, on all cores; a symbolic link by its target;
//! FIFOs, sockets and devices are never opened. Memory does not grow with the size of a file.
//! Does not promise: one moment in time for the whole tree. Whoever needs that compares two sweeps.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rayon::prelude::*;

use super::checkout::{Listed, Listing, is_gone, on_disk};
use crate::cancellation::Cancellation;
use crate::error::{Error, Result};
use crate::fingerprint::Digest;
use crate::inventory::{FileInput, Kind, Tree, TreePath};
use crate::stat::StatIdentity;

const BUFFER_BYTES: usize = 128 * 1024;

pub(super) fn digest(root: &Path, listing: Listing, cancellation: &Cancellation) -> Result<Tree> {
    let files: Vec<Option<FileInput>> = listing
        .paths
        .into_par_iter()
        .map_init(buffer, |buffer, listed| {
            cancellation.check()?;
            read(root, listed, buffer)
        })
        .collect::<Result<_>>()?;
    Ok(Tree { heads: listing.heads, files: files.into_iter().flatten().collect() })
}

fn read(root: &Path, listed: Listed, buffer: &mut [u8]) -> Result<Option<FileInput>> {
    let Listed { path, tracked } = listed;
    let on_disk = on_disk(root, path.0.as_ref())?;
    match content(&on_disk, false, buffer) {
        Ok((kind, digest, stat)) => Ok(Some(FileInput { path, kind, digest, stat })),
        Err(error) if is_gone(&error) => Ok(tracked.then(|| absent(path))),
        Err(error) => Err(Error::unreadable(on_disk, error)),
    }
}

pub(super) fn absent(path: TreePath) -> FileInput {
    FileInput { path, kind: Kind::Absent, digest: Digest::default(), stat: StatIdentity::default() }
}

/// Scratch space for reading.
pub(super) fn buffer() -> Vec<u8> {
    vec![0; BUFFER_BYTES]
}

/// What stands at `path`, or, to `follow` links, at what it leads to.
pub(super) fn content(path: &Path, follow: bool, buffer: &mut [u8]) -> io::Result<(Kind, Digest, StatIdentity)> {
    let metadata = if follow { fs::metadata(path)? } else { fs::symlink_metadata(path)? };
    let file_type = metadata.file_type();
    if file_type.is_symlink() {
        let target = fs::read_link(path)?;
        return Ok((Kind::Symlink, Digest::of(target.as_os_str().as_encoded_bytes()), StatIdentity::of(&metadata)));
    }
    if file_type.is_dir() {
        return Err(io::ErrorKind::NotFound.into());
    }
    if !file_type.is_file() {
        return Ok((Kind::Special, Digest::default(), StatIdentity::of(&metadata)));
    }
    let file = open_regular(path, follow)?;
    let metadata = file.metadata()?;
    let kind = if is_executable(&metadata) { Kind::Executable } else { Kind::File };
    let (digest, _) = Digest::of_file(&file, buffer)?;
    Ok((kind, digest, StatIdentity::of(&metadata)))
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
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}
