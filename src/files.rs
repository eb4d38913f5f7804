//! Reading files of our own.
//!
//! Promises: what stands in the place of such a file is neither waited for nor read without end.
//! Does not promise: that it is whole. Whoever reads it finds out.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// No manifest, path set, record or snapshot comes near this.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;

/// What a regular file says; anything else is an error.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a regular file"));
    }
    // One byte more than there is, so that one more read finds the end.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(MOST_BYTES)).unwrap_or(0) + 1);
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
