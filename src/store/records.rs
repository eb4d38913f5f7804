//! Keeps records about paths outside the cache: the builds in a target directory, the copy at a path, the triple of a
//! compiler. Each path has one record, and the kinds have different paths.
//!
//! Promises: a file that cannot be understood counts as no record, which costs a build or a look at most.
//! Does not promise: to keep a record whose path is gone.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::directory::Store;
use crate::error::{Error, Result};
use crate::model::fingerprint::Digest;

#[derive(Default, Serialize, Deserialize)]
struct Kept<T> {
    record: T,
    /// The path that the record is about. When that is gone, the record is not needed.
    #[serde(rename = "owners")]
    referenced_by: Vec<PathBuf>,
}

impl Store {
    /// Returns the record about `path`.
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
        let bytes = serde_json::to_vec(&Kept { record, referenced_by: vec![real_place(path)] })
            .map_err(|error| Error::Internal(format!("a record cannot be written as JSON: {error}")))?;
        self.write(&self.record_file(path), &bytes)
    }

    fn record_file(&self, path: &Path) -> PathBuf {
        let name = Digest::of(real_place(path).as_os_str().as_encoded_bytes()).to_string();
        self.records().join(format!("{}.json", &name[..16]))
    }
}

/// Resolves links, since another process may use another path to the same place.
fn real_place(path: &Path) -> PathBuf {
    dunce::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}
