//! Tells which checkouts or build directories refer to a file beside the entries.
//!
//! Promises: a file that cannot be read is never taken for one to which no directory refers any more.
//! Does not promise: that the directories exist. `leftovers` looks.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::fingerprint::STAT_CACHE_MAGIC;

/// The longest path that is read. No system has a longer one.
const LONGEST_PATH: u32 = 64 * 1024;

/// The directories without which a file is of no use.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReferencedBy {
    /// One of these is enough.
    Known(Vec<PathBuf>),
    /// The file names none, as those of earlier versions do.
    Unknown,
    /// The file cannot be understood.
    Unreadable,
}

/// The part of a path set or a build record that names the directories.
#[derive(Deserialize)]
struct Says {
    #[serde(default, rename = "owners")]
    referenced_by: Vec<PathBuf>,
}

/// Returns the directories that refer to the file at `path`.
pub(super) fn of(path: &Path) -> ReferencedBy {
    if path.extension().is_some_and(|extension| extension == "json") {
        let says = crate::fs::files::read(path).ok().and_then(|bytes| serde_json::from_slice::<Says>(&bytes).ok());
        return match says {
            Some(says) if says.referenced_by.is_empty() => ReferencedBy::Unknown,
            Some(says) => ReferencedBy::Known(says.referenced_by),
            None => ReferencedBy::Unreadable,
        };
    }
    match checkout_of_stat_cache(path) {
        Some(checkout) => ReferencedBy::Known(vec![checkout]),
        None => ReferencedBy::Unreadable,
    }
}

fn checkout_of_stat_cache(path: &Path) -> Option<PathBuf> {
    let mut file = File::open(path).ok()?;
    let (mut magic, mut length) = ([0; 8], [0; 4]);
    file.read_exact(&mut magic).ok()?;
    file.read_exact(&mut length).ok()?;
    let length = u32::from_le_bytes(length);
    if magic != *STAT_CACHE_MAGIC || length == 0 || length > LONGEST_PATH {
        return None;
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes).ok()?;
    path_from(bytes)
}

#[cfg(unix)]
fn path_from(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn path_from(bytes: Vec<u8>) -> Option<PathBuf> {
    String::from_utf8(bytes).ok().map(PathBuf::from)
}
