//! Keeps path sets on disk: a few for each weak key, the newest first.
//!
//! Promises: a file that cannot be understood counts as no path sets, which costs a build at most.
//! Does not promise: to keep all of them. The oldest are dropped.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::directory::Store;
use crate::error::{Error, Result};
use crate::fs::identity::StatIdentity;
use crate::model::fingerprint::Fingerprint;
use crate::model::path_set::PathSet;

/// The path sets that this process has read, by file, each with the stat identity that the file had before.
static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
/// The number of files whose path sets are remembered: more than one process asks for.
const MOST_KNOWN: usize = 64;
/// The number that is kept: enough for a developer who goes back and forth between branches.
const KEPT: usize = 8;

type Known = HashMap<PathBuf, (StatIdentity, Arc<[PathSet]>)>;

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    sets: Vec<PathSet>,
    /// The checkouts that were built or served with them. When all of these are gone, the sets are not needed.
    #[serde(rename = "owners")]
    referenced_by: BTreeSet<PathBuf>,
}

impl Store {
    /// Returns the path sets that builds under `weak_key` left, the newest first. A process reads a file once for each state
    /// of it. If two states have one stat identity, the earlier may be returned, which costs a build at most.
    #[must_use]
    pub fn path_sets_of(&self, weak_key: &Fingerprint) -> Arc<[PathSet]> {
        let path = self.path_set_file(weak_key);
        let stat = fs::metadata(&path).map(|metadata| StatIdentity::of(&metadata)).unwrap_or_default();
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, sets)) = known().get(&path).filter(|(then, _)| *then == stat) {
            return Arc::clone(sets);
        }
        let sets: Arc<[PathSet]> = self.kept(weak_key).sets.into();
        let mut known = known();
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(path, (stat, Arc::clone(&sets)));
        sets
    }

    /// Puts `set` before the others, after a build in `checkout`.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when it cannot be written.
    pub fn remember_path_set(&self, weak_key: &Fingerprint, set: &PathSet, checkout: &Path) -> Result<()> {
        let mut kept = self.kept(weak_key);
        let is_new = kept.referenced_by.insert(checkout.to_owned());
        if kept.sets.first() == Some(set) && !is_new {
            return Ok(());
        }
        kept.sets.retain(|known| known != set);
        kept.sets.insert(0, set.clone());
        kept.sets.truncate(KEPT);
        self.keep(weak_key, &kept)
    }

    /// Records that `checkout` was served an entry that another one had built. A failure is only logged, since no call
    /// depends on it.
    pub fn note_reference(&self, weak_key: &Fingerprint, checkout: &Path) {
        let mut kept = self.kept(weak_key);
        if !kept.sets.is_empty()
            && kept.referenced_by.insert(checkout.to_owned())
            && let Err(error) = self.keep(weak_key, &kept)
        {
            tracing::debug!(%error, "path sets do not tell of a checkout");
        }
    }

    fn kept(&self, weak_key: &Fingerprint) -> Kept {
        let bytes = crate::fs::files::read(&self.path_set_file(weak_key)).ok();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    fn keep(&self, weak_key: &Fingerprint, kept: &Kept) -> Result<()> {
        let bytes = serde_json::to_vec(kept)
            .map_err(|error| Error::Internal(format!("a path set cannot be written as JSON: {error}")))?;
        self.write(&self.path_set_file(weak_key), &bytes)
    }

    fn path_set_file(&self, weak_key: &Fingerprint) -> PathBuf {
        self.path_sets().join(format!("{}.json", weak_key.short()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inventory::Inventory;

    fn set(name: &str) -> PathSet {
        PathSet { variables: BTreeSet::from([name.to_owned()]), ..PathSet::default() }
    }

    #[test]
    fn the_newest_come_first_and_each_once() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("cache")).unwrap();
        store.prepare().unwrap();
        let key = Inventory::default().fingerprint();
        let names =
            || -> Vec<String> { store.path_sets_of(&key).iter().flat_map(|set| set.variables.clone()).collect() };
        for (remembered, expected) in [("a", "a"), ("b", "b a"), ("c", "c b a"), ("a", "a c b"), ("a", "a c b")] {
            store.remember_path_set(&key, &set(remembered), directory.path()).unwrap();
            assert_eq!(names().join(" "), expected);
        }
        for number in 0..KEPT {
            store.remember_path_set(&key, &set(&format!("{number}")), directory.path()).unwrap();
        }
        assert_eq!(names(), (0..KEPT).rev().map(|number| number.to_string()).collect::<Vec<_>>());
        std::fs::write(store.path_set_file(&key), b"{\"sets\":[{").unwrap();
        assert_eq!(names(), Vec::<String>::new(), "a damaged file holds no path sets");
    }
}
