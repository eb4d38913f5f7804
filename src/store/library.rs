//! Writes a library that the programs of a build load.
//!
//! Promises: the library is written whole or not at all.
//! Does not promise: to remove an old one, since a running program may have it open.

use std::path::PathBuf;

use super::directory::{Store, create_private};
use crate::error::{Error, Result};
use crate::model::fingerprint::Digest;

impl Store {
    /// Returns a file with `bytes`, in the directory `purpose` of the cache.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when it cannot be written.
    pub fn library(&self, purpose: &str, bytes: &[u8]) -> Result<PathBuf> {
        let directory = self.root.join(purpose);
        let path = directory.join(format!("{}.so", &Digest::of(bytes).to_string()[..16]));
        // The file is written whole or not at all, and its name is its digest. So its size is enough.
        if path.metadata().is_ok_and(|metadata| metadata.len() == bytes.len() as u64) {
            return Ok(path);
        }
        create_private(&directory).map_err(|error| Error::cache_io(&directory, &error))?;
        self.write(&path, bytes)?;
        Ok(path)
    }
}
