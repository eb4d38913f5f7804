//! What is kept about paths outside the cache: what a target directory holds, what was copied to a path, what a compiler calls
//! its machine. Each kind has paths of its own.
//!
//! Any doubt about a file reads as no record, which costs a build or a look at most.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::directory::Store;
use crate::error::{Error, Result};
use crate::model::fingerprint::Digest;

#[derive(Default, Serialize, Deserialize)]
struct Kept<T> {
    record: T,
    /// The path that it is about; when that is gone, so is the record.
    owners: Vec<PathBuf>,
}

impl Store {
    /// The record about `path`.
    #[must_use]
    pub fn record<T: DeserializeOwned + Default>(&self, path: &Path) -> T {
        let bytes = crate::fs::files::read(&self.record_file(path)).ok();
        bytes.and_then(|bytes| serde_json::from_slice::<Kept<T>>(&bytes).ok()).unwrap_or_default().record
    }

    /// Keeps `record` about `path`.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when it cannot be written.
    pub fn keep_record(&self, path: &Path, record: &impl Serialize) -> Result<()> {
        let bytes = serde_json::to_vec(&Kept { record, owners: vec![real_place(path)] })
            .map_err(|error| Error::Internal(format!("a record cannot be written as JSON: {error}")))?;
        self.write(&self.record_file(path), &bytes)
    }

    fn record_file(&self, path: &Path) -> PathBuf {
        let name = Digest::of(real_place(path).as_os_str().as_encoded_bytes()).to_string();
        self.records().join(format!("{}.json", &name[..16]))
    }
}

/// Others may get there another way.
fn real_place(path: &Path) -> PathBuf {
    dunce::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}
