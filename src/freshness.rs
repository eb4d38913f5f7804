//! Catching cargo where it takes something for fresh that is not.
//!
//! cargo compares times: a changed file whose time of modification is not newer than the last build is "fresh" to it
//! (rust-lang/cargo#8100, #7982, #9312, #5918). It does not follow `[env]` of its own configuration into `option_env!`
//! and build scripts (#10358, #13280). A target directory that two checkouts share can hand out the other's build
//! (#17312, #7740).
//!
//! Promises: a package that cargo calls fresh is doubted when something that it reads differs from what it read when
//! its artifacts came to be. After each build that is recorded, with the artifacts' `stat`. Where the record does not
//! vouch for an artifact, since somebody else built it, the change times of its inputs do, which no program can set: an
//! input that was changed after the artifact was written is doubted, and so is everything in a target directory outside
//! the checkout.
//! Does not promise: to doubt what no dep-info and no build script names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::fingerprint::Digest;
use crate::inputs::{self, Configured, Observation, PackageReads};
use crate::inventory::Tree;
use crate::path_set::Place;
use crate::request::Environment;
use crate::stat::StatIdentity;
use crate::units::Package;

/// What the packages in a target directory were built from, when this package last built there.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BuildRecord {
    packages: BTreeMap<PathBuf, PackageRecord>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PackageRecord {
    checkout: PathBuf,
    artifacts: BTreeMap<PathBuf, StatIdentity>,
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
    /// The places that a reader of `files`, or of all of `package`, looks at.
    fn places(&self, files: &BTreeSet<PathBuf>, package: Option<&Package>) -> BTreeSet<Place> {
        let files = files.iter().flat_map(|file| [Some(file.clone()), twin(file)]).flatten();
        let mut places: BTreeSet<Place> = files.map(|file| Place::of(&file, self.root)).collect();
        if let Some(package) = package {
            // Of a package outside the checkout, git lists no files.
            if !package.directory.starts_with(self.root) {
                places.insert(Place::of(&package.directory, self.root));
            }
            let all = self.tree.files.iter().map(|file| Place(file.path.clone()));
            places.extend(all.filter(|place| place.on_disk(self.root).starts_with(&package.directory)));
        }
        places
    }

    fn record(&self, reads: &PackageReads) -> PackageRecord {
        let places = self.places(&reads.files, reads.reads_whole_package.then_some(&reads.package));
        let variable = |name: &String| {
            let digest = self
                .configured
                .get(name)
                .map(|configured| configured.digest)
                .or_else(|| self.env.get(name).map(Digest::of));
            (name.clone(), digest)
        };
        let package = Place::of(&reads.package.directory, self.root);
        let digest = |place: Place| {
            let digest = if place == package && !reads.package.directory.starts_with(self.root) {
                inputs::digest_of_package(&place, self.tree, self.root)
            } else {
                inputs::digest_of(&place, self.tree, self.root)
            };
            (place, digest)
        };
        let files = places.into_iter().map(digest).collect();
        PackageRecord {
            checkout: self.root.to_owned(),
            artifacts: reads.artifacts.iter().filter_map(|path| Some((path.clone(), stat(path)?))).collect(),
            files,
            variables: reads.variables.iter().map(variable).collect(),
        }
    }
}

impl BuildRecord {
    /// Packages that cargo called fresh though they are not, each with the reason.
    pub(crate) fn doubts(&self, observation: &Observation, present: &Present<'_>) -> Vec<(Package, String)> {
        let fresh = observation.packages.values().filter(|reads| reads.fresh);
        fresh
            .filter_map(|reads| {
                let now = present.record(reads);
                let doubt = match self.packages.get(&key(reads)) {
                    Some(then) if then.artifacts == now.artifacts => then.differs_from(&now),
                    _ => unvouched(reads, &now, present),
                };
                doubt.map(|doubt| (reads.package.clone(), doubt))
            })
            .collect()
    }

    /// Takes down what every package in `observation` was built from.
    pub(crate) fn update(&mut self, observation: &Observation, present: &Present<'_>) {
        for reads in observation.packages.values() {
            self.packages.insert(key(reads), present.record(reads));
        }
        self.packages.retain(|artifact, _| artifact.exists());
    }
}

impl PackageRecord {
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

/// A package's artifacts differ with its features, profile and target, and each has its own record.
fn key(reads: &PackageReads) -> PathBuf {
    reads.artifacts.first().cloned().unwrap_or_else(|| reads.package.directory.clone())
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

fn unvouched(reads: &PackageReads, now: &PackageRecord, present: &Present<'_>) -> Option<String> {
    let outside = reads.artifacts.iter().find(|artifact| !artifact.starts_with(present.root));
    if let Some(artifact) = outside {
        let directory = artifact.parent().unwrap_or(artifact);
        return Some(format!("another checkout may have built in `{}`", directory.display()));
    }
    // A directory that was moved here has files that nobody touched.
    let directory = &reads.package.directory;
    let is_ours =
        |above: &Path| above != present.root && (above.starts_with(directory) || above.starts_with(present.root));
    for run in &reads.runs {
        let Some(written) = modified(&run.wrote) else { continue };
        let places = present.places(&run.files, run.reads_whole_package.then_some(&reads.package));
        let suspect = places.iter().find(|place| {
            let path = place.on_disk(present.root);
            let mut above = path.ancestors().skip(1).take_while(|above| is_ours(above));
            above.any(|above| changed_after(above, written)) || changed_within(&path, written)
        });
        if let Some(place) = suspect {
            return Some(format!("{} was changed after the last build", place.0));
        }
    }
    let written = reads.runs.iter().filter_map(|run| modified(&run.wrote)).min()?;
    let configured = now.variables.keys().find(|name| {
        present.configured.get(*name).is_some_and(|configured| changed_after(&configured.file, written))
    })?;
    Some(format!("{configured} may not be what was built with"))
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

fn stat(path: &Path) -> Option<StatIdentity> {
    path.metadata().ok().map(|metadata| StatIdentity::of(&metadata))
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
