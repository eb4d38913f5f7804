//! The files that go into the cache with an executable, as data between finding them and copying them.
//!
//! Promises: [`can_be_called`] refuses the names of the cache's own files.
//! Does not promise: that a file is still as it was found. The store checks that when it copies the file.

use std::path::PathBuf;

use crate::fs::identity::StatIdentity;

/// Bytes that replace as many others in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Their offset in the file.
    pub offset: u64,
    /// The new bytes.
    pub bytes: Vec<u8>,
}

/// A file of the build that goes with an executable: a shared library that it needs, or another binary of its package.
#[derive(Clone, Debug)]
pub struct Companion {
    /// The file name by which programs look for it.
    pub name: String,
    /// The path where the build left it.
    pub path: PathBuf,
    /// Its stat identity before it was read.
    pub stat: StatIdentity,
    /// The changes to it by which it finds the others beside it.
    pub edits: Vec<Edit>,
}

/// Everything that has to be published beside an executable; empty for nearly all of them.
#[derive(Clone, Debug, Default)]
pub struct Companions {
    /// Shared libraries and other binaries, each under another name.
    pub files: Vec<Companion>,
    /// The changes to the executable by which it finds them beside it.
    pub edits: Vec<Edit>,
}

/// True if a companion of this name can lie beside the binary `bin`. Other names belong to the cache's own files.
#[must_use]
pub fn can_be_called(name: &str, bin: &str) -> bool {
    let is_taken = name == bin || name.ends_with(".json") || name.ends_with(".removed");
    !name.is_empty() && !name.contains('/') && !name.starts_with('.') && !is_taken
}
