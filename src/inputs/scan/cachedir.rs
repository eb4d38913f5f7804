//! Recognizes tags that mark a directory as one of cargo's target directories, or as a cache of this package.
//!
//! Promises: the first bytes of a tag tell whose it is, whatever follows. Tags of other programs are ignored: a directory
//! that they mark counts as git has it, since cargo reads it, too. A tag that cannot be read counts as none, unless this
//! process has too many files open to read it. That is an error.
//! Does not promise: to recognize a directory that is about to get its tag.

use std::path::Path;

use crate::error::{Error, Result, is_out_of_descriptors};
use crate::fs::files;

/// The name of a tag.
///
/// <https://bford.info/cachedir/>
pub(crate) const TAG: &str = "CACHEDIR.TAG";
/// The first bytes of these tags: the signature that marks any cache, and the program that wrote it.
const BEGINNINGS: [&[u8]; 2] = [
    b"Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by cargo.",
    b"Signature: 8a477f597d28d172789f06886806bc55\n# Binaries built by @openlock/dev-bin.",
];
const LONGEST: usize = 100;

/// True if a tag that begins with `start` marks a directory.
pub(crate) fn marks(start: &[u8]) -> bool {
    BEGINNINGS.iter().any(|beginning| start.starts_with(beginning))
}

/// True if the tag of `directory` says that everything in it can be made again.
pub(crate) fn is_cache(directory: &Path) -> Result<bool> {
    Ok(marks(&start_of_tag(directory)?))
}

/// Returns the first bytes of a directory's tag, as many as [`marks`] needs. Returns nothing if the tag is empty, is gone by
/// now, or is no file that can be read.
pub(crate) fn start_of_tag(directory: &Path) -> Result<Vec<u8>> {
    let path = directory.join(TAG);
    let mut start = match files::read(&path) {
        Ok(start) => start,
        Err(_) => {
            out_of_descriptors(&path)?;
            Vec::new()
        }
    };
    start.truncate(LONGEST);
    Ok(start)
}

/// Fails if `path` cannot be opened because this process has too many files open. After any other failure the file is of no
/// use, and that is no error.
pub(crate) fn out_of_descriptors(path: &Path) -> Result<()> {
    match files::open(path) {
        Err(error) if is_out_of_descriptors(&error) => Err(Error::unreadable(path, error)),
        _ => Ok(()),
    }
}
