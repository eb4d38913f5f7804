//! Whose a file beside the entries is: which checkouts or build directories must be there for it to be of use.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The first bytes of a stat cache; after them the length of the checkout's path, four bytes, the lowest first, and the
/// path.
const STAT_CACHE_MAGIC: &[u8; 8] = b"devbinS1";
/// No path is longer on any system.
const LONGEST_PATH: u32 = 64 * 1024;

/// Directories without which a file is of no use.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Owners {
    /// One of these is enough.
    Known(Vec<PathBuf>),
    /// It does not say, as those of earlier versions do not.
    Unknown,
    /// It cannot be understood.
    Unreadable,
}

/// What path sets and build records say in JSON.
#[derive(Deserialize)]
struct Says {
    #[serde(default)]
    owners: Vec<PathBuf>,
}

/// Whose the file at `path` is.
pub(super) fn of(path: &Path) -> Owners {
    if path.extension().is_some_and(|extension| extension == "json") {
        let says = crate::fs::files::read(path).ok().and_then(|bytes| serde_json::from_slice::<Says>(&bytes).ok());
        return match says {
            Some(says) if says.owners.is_empty() => Owners::Unknown,
            Some(says) => Owners::Known(says.owners),
            None => Owners::Unreadable,
        };
    }
    match checkout_of_stat_cache(path) {
        Some(checkout) => Owners::Known(vec![checkout]),
        None => Owners::Unreadable,
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
