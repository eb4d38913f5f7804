//! Tags that say of a directory that it is one of cargo's target directories, or a cache of this package.
//!
//! Promises: whose a tag is, is told by what it begins with, whatever comes behind. Tags of other programs say nothing here:
//! what they mark counts as git has it, since cargo reads it, too. One that cannot be read is none, unless it is this
//! process that has too many files open to read it.
//! Does not promise: to tell a directory that is about to get its tag.

use std::path::Path;

use crate::error::{Error, Result, is_out_of_descriptors};
use crate::files;

/// <https://bford.info/cachedir/>
pub(super) const TAG: &str = "CACHEDIR.TAG";
/// What these begin with: the signature that marks any cache, and who made it.
const BEGINNINGS: [&[u8]; 2] = [
    b"Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by cargo.",
    b"Signature: 8a477f597d28d172789f06886806bc55\n# Binaries built by @openlock/dev-bin.",
];
const LONGEST: usize = 100;

/// True if the `start` of a tag marks a directory.
pub(super) fn marks(start: &[u8]) -> bool {
    BEGINNINGS.iter().any(|beginning| start.starts_with(beginning))
}

/// True if a tag says that everything in `directory` can be made again.
pub(super) fn is_cache(directory: &Path) -> Result<bool> {
    Ok(marks(&start_of_tag(directory)?))
}

/// As much of a directory's tag as tells whether it is one; nothing when it is empty, has gone meanwhile or is no file that
/// can be read.
pub(super) fn start_of_tag(directory: &Path) -> Result<Vec<u8>> {
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

/// Tells a file that is of no use from one that this process may not open, since it has too many others open.
pub(super) fn out_of_descriptors(path: &Path) -> Result<()> {
    match files::open(path) {
        Err(error) if is_out_of_descriptors(&error) => Err(Error::unreadable(path, error)),
        _ => Ok(()),
    }
}
