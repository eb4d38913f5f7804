//! What goes into the cache with an executable: the data between finding it and copying it.

use std::path::PathBuf;

use crate::stat::StatIdentity;

/// Bytes that take the place of as many others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Where they begin in the file.
    pub offset: u64,
    /// The new ones.
    pub bytes: Vec<u8>,
}

/// A file of the build that goes with an executable: a shared library that it needs, or another binary of its package.
#[derive(Clone, Debug)]
pub struct Library {
    /// The file name by which it is looked for.
    pub name: String,
    /// Where the build left it.
    pub path: PathBuf,
    /// Its `stat` before it was read.
    pub stat: StatIdentity,
    /// What of it changes, so that it finds the others beside it.
    pub edits: Vec<Edit>,
}

/// Everything that has to be published beside an executable; nothing for nearly all of them.
#[derive(Clone, Debug, Default)]
pub struct Shipment {
    /// Shared libraries and other binaries, each by another name.
    pub libraries: Vec<Library>,
    /// What of the executable changes, so that it finds them beside it.
    pub edits: Vec<Edit>,
}

/// True if a library of this name can stand beside the binary `bin`: the others are names of the cache's own files.
#[must_use]
pub fn can_be_called(name: &str, bin: &str) -> bool {
    let is_taken = name == bin || name.ends_with(".json") || name.ends_with(".removed");
    !name.is_empty() && !name.contains('/') && !name.starts_with('.') && !is_taken
}
