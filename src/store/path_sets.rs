//! Path sets on disk: a few for each request, the newest first.
//!
//! Any doubt about a file reads as no path sets, which costs a build at most.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Store;
use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;
use crate::path_set::PathSet;

/// Enough for the branches that someone goes back and forth between.
const KEPT: usize = 8;

#[derive(Default, Serialize, Deserialize)]
struct Kept {
    sets: Vec<PathSet>,
}

impl Store {
    /// The path sets that builds under `weak_key` left, the newest first.
    #[must_use]
    pub fn path_sets_of(&self, weak_key: &Fingerprint) -> Vec<PathSet> {
        let bytes = crate::files::read(&self.path_set_file(weak_key)).ok();
        bytes.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok()).unwrap_or_default().sets
    }

    /// Puts `set` before the others.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when it cannot be written.
    pub fn remember_path_set(&self, weak_key: &Fingerprint, set: &PathSet) -> Result<()> {
        let mut sets = self.path_sets_of(weak_key);
        if sets.first() == Some(set) {
            return Ok(());
        }
        sets.retain(|known| known != set);
        sets.insert(0, set.clone());
        sets.truncate(KEPT);
        let bytes = serde_json::to_vec(&Kept { sets })
            .map_err(|error| Error::Internal(format!("a path set cannot be written as JSON: {error}")))?;
        self.write(&self.path_set_file(weak_key), &bytes)
    }

    fn path_set_file(&self, weak_key: &Fingerprint) -> PathBuf {
        self.path_sets().join(format!("{}.json", weak_key.short()))
    }
}
