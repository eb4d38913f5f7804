//! A library that programs of a build load.

use std::path::PathBuf;

use super::directory::{Store, create_private};
use crate::error::{Error, Result};
use crate::model::fingerprint::Digest;

impl Store {
    /// A file with these bytes, which stays as long as the cache: programs that run may have it open.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when it cannot be written.
    pub fn library(&self, purpose: &str, bytes: &[u8]) -> Result<PathBuf> {
        let directory = self.root.join(purpose);
        let path = directory.join(format!("{}.so", &Digest::of(bytes).to_string()[..16]));
        // Written whole or not at all.
        if path.metadata().is_ok_and(|metadata| metadata.len() == bytes.len() as u64) {
            return Ok(path);
        }
        create_private(&directory).map_err(|error| Error::cache_io(&directory, &error))?;
        self.write(&path, bytes)?;
        Ok(path)
    }
}
