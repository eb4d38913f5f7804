//! Records of what target directories hold.
//!
//! Any doubt about a file reads as no record, which costs a build at most.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Store;
use crate::error::{Error, Result};
use crate::fingerprint::Digest;

#[derive(Default, Serialize, Deserialize)]
struct Kept<T> {
    record: T,
    /// The directory that it is of; when that is gone, so is the record.
    owners: Vec<PathBuf>,
}

impl Store {
    /// The record of the build output in `directory`.
    #[must_use]
    pub fn build_record<T: DeserializeOwned + Default>(&self, directory: &Path) -> T {
        let bytes = crate::files::read(&self.build_record_file(directory)).ok();
        bytes.and_then(|bytes| serde_json::from_slice::<Kept<T>>(&bytes).ok()).unwrap_or_default().record
    }

    /// Keeps `record` for the build output in `directory`.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when it cannot be written.
    pub fn keep_build_record(&self, directory: &Path, record: &impl Serialize) -> Result<()> {
        let bytes = serde_json::to_vec(&Kept { record, owners: vec![real_place(directory)] })
            .map_err(|error| Error::Internal(format!("a build record cannot be written as JSON: {error}")))?;
        self.write(&self.build_record_file(directory), &bytes)
    }

    fn build_record_file(&self, directory: &Path) -> PathBuf {
        let name = Digest::of(real_place(directory).as_os_str().as_encoded_bytes()).to_string();
        self.build_records().join(format!("{}.json", &name[..16]))
    }
}

/// Others may get there another way.
fn real_place(directory: &Path) -> PathBuf {
    dunce::canonicalize(directory).unwrap_or_else(|_| directory.to_owned())
}
