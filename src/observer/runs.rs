//! The runs of rustc and of build scripts that were seen, with the reads of each.
//!
//! Promises: each run is known by a file that it wrote and that no other run writes. The reads of a run that was made again
//! since, or of which nothing is left, are not taken for current ones.
//! Does not promise: anything about a run that no call has observed.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::family::Family;
use super::paths::Paths;
use super::reads::{Reads, escaped};
use crate::fs::identity::StatIdentity;
use crate::model::tree::TreePath;

/// The reads of a run that was seen, and the identity of the file that it wrote then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeenRun {
    /// The stat identity of the file that tells one run from the next.
    wrote: StatIdentity,
    reads: Reads,
}

/// The reads of a run that was observed.
#[derive(Clone, Copy, Debug)]
pub struct KnownReads<'r> {
    /// The reads of the last run that was observed.
    pub reads: &'r Reads,
    /// True if it was not made again since.
    pub is_current: bool,
}

/// The runs that were seen, by where they write: rustc by its directory and the name of what it makes there, a build script
/// by its `OUT_DIR`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(into = "Vec<(TreePath, SeenRun)>", from = "Vec<(TreePath, SeenRun)>")]
pub struct SeenRuns(BTreeMap<PathBuf, SeenRun>);

impl From<SeenRuns> for Vec<(TreePath, SeenRun)> {
    fn from(runs: SeenRuns) -> Self {
        runs.0.into_iter().map(|(key, run)| (escaped::from(&key), run)).collect()
    }
}

impl From<Vec<(TreePath, SeenRun)>> for SeenRuns {
    fn from(runs: Vec<(TreePath, SeenRun)>) -> Self {
        Self(runs.into_iter().map(|(key, run)| (escaped::to(&key), run)).collect())
    }
}

impl SeenRuns {
    /// Collects the runs of `family`.
    pub(super) fn of(family: &Family<'_>, paths: &Paths) -> Self {
        let mut runs = BTreeMap::new();
        for (index, key) in family.runs() {
            let reads = family.reads(index, paths);
            if let Some(wrote) = identity(&key) {
                // A run that was made again has written over the first, so the last one counts.
                runs.insert(key, SeenRun { wrote, reads });
            }
        }
        Self(runs)
    }

    /// Adds the runs that were seen later, and forgets those of which nothing is left.
    pub fn update(&mut self, later: Self) {
        self.0.extend(later.0);
        self.0.retain(|key, _| identity(key).is_some());
    }

    /// Returns the same runs without the files in `known`, which are programs that count by themselves.
    #[must_use]
    pub fn but_for(mut self, known: &HashSet<PathBuf>) -> Self {
        for run in self.0.values_mut() {
            run.reads.files.retain(|path| !known.contains(path));
        }
        self
    }

    /// Returns the reads of the run of rustc that writes one of the files that may be called `names` in `directory`.
    #[must_use]
    pub fn rustc(&self, directory: &Path, names: &[String]) -> Option<KnownReads<'_>> {
        names.iter().filter_map(|name| self.get(&directory.join(name))).max_by_key(|seen| seen.is_current)
    }

    /// Returns the reads of the compilation of a build script, which has `directory` for itself.
    #[must_use]
    pub fn rustc_in(&self, directory: &Path) -> Option<KnownReads<'_>> {
        let in_directory = self.0.range(directory.to_owned()..).take_while(|(key, _)| key.starts_with(directory));
        let mut keys = in_directory.map(|(key, _)| key).filter(|key| key.parent() == Some(directory));
        keys.next().and_then(|key| self.get(key))
    }

    /// Returns the reads of the build script with this `OUT_DIR`.
    #[must_use]
    pub fn script(&self, out_dir: &Path) -> Option<KnownReads<'_>> {
        self.get(out_dir)
    }

    fn get(&self, key: &Path) -> Option<KnownReads<'_>> {
        let (run, now) = self.0.get(key).zip(identity(key))?;
        Some(KnownReads { reads: &run.reads, is_current: now == run.wrote })
    }
}

/// Returns the stat identity of the file that tells a run from the next one: rustc's dep-info, or the output of a build
/// script.
fn identity(key: &Path) -> Option<StatIdentity> {
    let mut dep_info = key.as_os_str().to_owned();
    dep_info.push(".d");
    let files = [PathBuf::from(dep_info), key.with_file_name("run").join("stdout"), key.with_file_name("output")];
    let metadata = files.iter().find_map(|file| file.metadata().ok())?;
    Some(StatIdentity::of(&metadata).but_for_links())
}
