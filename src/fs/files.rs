//! Reads regular files, at paths that may be of a FIFO or a device.
//!
//! Promises: a FIFO, a device or anything else that is no regular file is an error. It is neither waited for nor read
//! without end.
//! Does not promise: that a file is whole. Its reader finds that out.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The size limit in bytes. No manifest, path set, record, tag or configuration comes near it.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;

/// Returns the content of a regular file; anything else is an error.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let (file, size) = open(path)?;
    rest(file, size, Vec::new())
}

/// Returns the content of a regular file as text.
pub(crate) fn read_to_string(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Returns the content of a regular file, if `is_wanted` accepts its first `count` bytes and its size.
pub(crate) fn read_if(
    path: &Path,
    count: usize,
    is_wanted: impl FnOnce(&[u8], u64) -> bool,
) -> io::Result<Option<Vec<u8>>> {
    let (mut file, size) = open(path)?;
    let mut start = vec![0; count];
    file.read_exact(&mut start)?;
    if is_wanted(&start, size) { rest(file, size, start).map(Some) } else { Ok(None) }
}

fn rest(file: File, size: u64, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    // One byte more than the size, so that the read that finds the end needs no more room. `File::read_to_end` would ask
    // for the size and the position once more.
    bytes.reserve_exact(usize::try_from(size).unwrap_or(0).saturating_sub(bytes.len()) + 1);
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a regular file, and returns it with its size in bytes; anything else is an error.
pub(crate) fn open(path: &Path) -> io::Result<(File, u64)> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    let refused = |problem| Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    match metadata.len() {
        _ if !metadata.is_file() => refused("it is not a regular file"),
        size if size > MOST_BYTES => refused("it is larger than anything of the kind can be"),
        size => Ok((file, size)),
    }
}
