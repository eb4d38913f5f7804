//! Catching cargo where it takes something for fresh that is not.
//!
//! cargo compares times: a changed file whose time of modification is not newer than the last build is "fresh" to it
//! (rust-lang/cargo#8100, #7982, #9312, #5918). It does not follow `[env]` of its own configuration into `option_env!`
//! and build scripts (#10358, #13280). A target directory that two checkouts share can hand out the other's build
//! (#17312, #7740).
//!
//! Promises: a run of rustc or of a build script whose results cargo took as they were is doubted when something that it
//! reads differs from what it read then. After each build that is recorded, with the `stat` of what the run wrote. Where
//! the record does not vouch for that file, since somebody else built it, the change times of the inputs do, which no
//! program can set: what was changed after the file was written is doubted, and so is everything in a target directory
//! outside the checkout.
//! Does not promise: to doubt what no dep-info and no build script names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::fingerprint::Digest;
use crate::inputs::{self, Configured, Observation, PackageReads, Run};
use crate::path_set::Place;
use crate::request::Environment;
use crate::stat::StatIdentity;
use crate::tree::Tree;
use crate::units::Package;

/// What is in a target directory, and what it was built from when this package last built there.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BuildRecord {
    /// By the file that the run wrote.
    runs: BTreeMap<PathBuf, RunRecord>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RunRecord {
    checkout: PathBuf,
    wrote: StatIdentity,
    files: BTreeMap<Place, Option<Digest>>,
    variables: BTreeMap<String, Option<Digest>>,
}

/// What is there now, to compare records with.
pub(crate) struct Present<'a> {
    pub(crate) root: &'a Path,
    pub(crate) tree: &'a Tree,
    pub(crate) env: &'a Environment,
    /// Variables that cargo's configuration sets.
    pub(crate) configured: BTreeMap<String, Configured>,
}

impl Present<'_> {
    /// The places that a run for `package` looks at.
    fn places(&self, run: &Run, package: &Package) -> BTreeSet<Place> {
        let files = run.files.iter().flat_map(|file| [Some(file.clone()), twin(file)]).flatten();
        let mut places: BTreeSet<Place> = files.map(|file| Place::of(&file, self.root)).collect();
        if run.reads_whole_package {
            // Of a package outside the checkout, git lists no files.
            if !package.directory.starts_with(self.root) {
                places.insert(Place::of(&package.directory, self.root));
            }
            let all = self.tree.files().iter().map(|file| Place(file.path.clone()));
            places.extend(all.filter(|place| place.on_disk(self.root).starts_with(&package.directory)));
        }
        places
    }

    /// What `run` would read now.
    fn record(&self, run: &Run, package: &Package) -> Option<RunRecord> {
        let variable = |name: &String| {
            let configured = self.configured.get(name).map(|configured| configured.digest);
            (name.clone(), configured.or_else(|| self.env.get(name).map(|value| Digest::of(value.as_encoded_bytes()))))
        };
        let directory = Place::of(&package.directory, self.root);
        let digest = |place: Place| {
            let digest = if place == directory && !package.directory.starts_with(self.root) {
                inputs::digest_of_package(&place, self.tree, self.root)
            } else {
                inputs::digest_of(&place, self.tree, self.root)
            };
            (place, digest)
        };
        Some(RunRecord {
            checkout: self.root.to_owned(),
            wrote: StatIdentity::of(&run.wrote.metadata().ok()?).but_for_links(),
            files: self.places(run, package).into_iter().map(digest).collect(),
            variables: run.variables.iter().map(variable).collect(),
        })
    }
}

impl BuildRecord {
    /// Packages that cargo called fresh, or a part of them, though they are not, each with the reason; after a build
    /// that `began` then.
    pub(crate) fn doubts(
        &self,
        observation: &Observation,
        present: &Present<'_>,
        began: SystemTime,
    ) -> Vec<(Package, String)> {
        let doubt = |reads: &PackageReads| reads.runs.iter().find_map(|run| self.doubt(run, reads, present, began));
        let packages = observation.packages.values();
        packages.filter_map(|reads| doubt(reads).map(|doubt| (reads.package.clone(), doubt))).collect()
    }

    fn doubt(&self, run: &Run, reads: &PackageReads, present: &Present<'_>, began: SystemTime) -> Option<String> {
        if run.fresh == Some(false) {
            return None;
        }
        let now = present.record(run, &reads.package)?;
        match self.runs.get(&run.wrote) {
            Some(then) if then.wrote == now.wrote => then.differs_from(&now),
            _ if run.fresh.is_none() && modified(&run.wrote).is_some_and(|written| written >= began) => None,
            _ => unvouched(run, &reads.package, present),
        }
    }

    /// Takes down what everything in `observation` was built from.
    pub(crate) fn update(&mut self, observation: &Observation, present: &Present<'_>) {
        for reads in observation.packages.values() {
            let record = |run: &Run| Some((run.wrote.clone(), present.record(run, &reads.package)?));
            self.runs.extend(reads.runs.iter().filter_map(record));
        }
        self.runs.retain(|wrote, _| wrote.exists());
    }
}

impl RunRecord {
    fn differs_from(&self, now: &Self) -> Option<String> {
        if self.checkout != now.checkout {
            return Some(format!("`{}` was built there last", self.checkout.display()));
        }
        let names = self.files.keys().chain(now.files.keys());
        if let Some(place) = names.into_iter().find(|place| self.files.get(place) != now.files.get(place)) {
            return Some(format!("{} is not what was built", place.0));
        }
        let names = self.variables.keys().chain(now.variables.keys());
        let variable = names.into_iter().find(|name| self.variables.get(*name) != now.variables.get(*name))?;
        Some(format!("{variable} is not what was built with"))
    }
}

/// Where rustc would look for the module in `file` as well: `x/mod.rs` for `x.rs`, and the other way round. It refuses
/// a module that has both, which cargo does not see since nobody has read the other file yet.
///
/// <https://doc.rust-lang.org/error_codes/E0584.html>
fn twin(file: &Path) -> Option<PathBuf> {
    if file.extension()? != "rs" {
        return None;
    }
    Some(match file.file_stem()? {
        stem if stem == "mod" => file.parent()?.with_extension("rs"),
        _ => file.with_extension("").join("mod.rs"),
    })
}

fn unvouched(run: &Run, package: &Package, present: &Present<'_>) -> Option<String> {
    // By its real place: `target` may be a link to a directory that others build in.
    let wrote = dunce::canonicalize(&run.wrote).unwrap_or_else(|_| run.wrote.clone());
    if !wrote.starts_with(present.root) {
        let directory = wrote.parent().unwrap_or(&wrote);
        return Some(format!("another checkout may have built in `{}`", directory.display()));
    }
    let written = modified(&run.wrote)?;
    // A directory that was moved here has files that nobody touched.
    let (root, directory) = (present.root, &package.directory);
    let is_ours = |above: &Path| above != root && (above.starts_with(directory) || above.starts_with(root));
    let suspect = present.places(run, package).into_iter().find(|place| {
        let path = place.on_disk(root);
        let mut above = path.ancestors().skip(1).take_while(|above| is_ours(above));
        above.any(|above| changed_after(above, written)) || changed_within(&path, written)
    });
    if let Some(place) = suspect {
        return Some(format!("{} was changed after the last build", place.0));
    }
    let configured = |name: &&String| {
        present.configured.get(*name).is_some_and(|configured| changed_after(&configured.file, written))
    };
    run.variables.iter().find(configured).map(|name| format!("{name} may not be what was built with"))
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

/// Whether a file or, in a directory, anything was changed later than `moment`.
fn changed_within(path: &Path, moment: SystemTime) -> bool {
    let below = || std::fs::read_dir(path).into_iter().flatten().flatten();
    changed_after(path, moment) || (path.is_dir() && below().any(|entry| changed_within(&entry.path(), moment)))
}

/// Whether a file or directory was changed later than `moment`, by the one time that cannot be set.
#[cfg(unix)]
fn changed_after(path: &Path, moment: SystemTime) -> bool {
    use std::os::unix::fs::MetadataExt;
    use std::time::{Duration, UNIX_EPOCH};
    path.metadata().is_ok_and(|metadata| {
        let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
        let rest = u32::try_from(metadata.ctime_nsec()).unwrap_or(0);
        UNIX_EPOCH + Duration::new(seconds, rest) >= moment
    })
}

/// Windows tells programs no such time; there, the record alone vouches.
#[cfg(not(unix))]
fn changed_after(_: &Path, _: SystemTime) -> bool {
    false
}
