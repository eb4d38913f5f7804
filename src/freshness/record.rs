//! Records what each run in a target directory read, when this package last built there.
//!
//! Promises: a record vouches for a run as long as the file that the run wrote is the same. It holds digests and no values.
//! Does not promise: to name the files that no run names. It has one digest of them for each package.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::undeclared::Undeclared;
use crate::fs::identity::StatIdentity;
use crate::inputs::{self, Configured, Observation, PackageReads, Run, SystemContents};
use crate::model::fingerprint::Digest;
use crate::model::inventory::{Inventory, NamedFile, Tool};
use crate::model::maps::map_of;
use crate::model::portable_path::PortablePath;
use crate::model::tree::Tree;
use crate::observer::SeenRuns;
use crate::request::{Environment, Scope};

/// The record of one target directory, kept under its path.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetRecord {
    /// The reads that runs were seen to make. There is one list for the whole target directory, since a build that failed
    /// does not tell its profile.
    pub(crate) seen: SeenRuns,
    /// The reason why nothing in the target directory can be relied on.
    pub(crate) distrusted: Option<String>,
}

impl TargetRecord {
    /// Returns the record of a target directory in which nothing can be relied on, for the reason `why`.
    pub(crate) fn distrusting(why: String) -> Self {
        Self { distrusted: Some(why), ..Self::default() }
    }
}

/// The record of the builds of one profile and target, kept under the path of their output, such as `target/release`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildRecord {
    /// By the file that the run wrote last.
    pub(super) runs: BTreeMap<PathBuf, RunRecord>,
    /// The surroundings of the runs, by their digest.
    pub(super) surroundings: BTreeMap<String, Surroundings>,
    /// Files that build scripts were seen to write in each of several builds, by the output of the script.
    generated: BTreeMap<PathBuf, BTreeSet<PortablePath>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunRecord {
    /// The checkout that the run was for; none for a run that is the same in every checkout.
    pub(super) checkout: Option<PathBuf>,
    /// The identity of the file that the run wrote last.
    #[serde(rename = "wrote")]
    pub(super) last_written: StatIdentity,
    pub(super) files: BTreeMap<PortablePath, Option<Digest>>,
    pub(super) variables: BTreeMap<String, Option<Digest>>,
    /// The files that the linker of the binary reads by name.
    #[serde(default)]
    pub(super) linked: BTreeMap<PortablePath, Digest>,
    /// The digest of the files of its package, and of others that its package may read, that no run names.
    #[serde(default)]
    pub(super) undeclared: Option<Digest>,
    /// The digest of all files that no run names.
    #[serde(default)]
    pub(super) everywhere: Option<Digest>,
    /// The digest of the commits and the branch at HEAD.
    #[serde(default)]
    pub(super) heads: Option<Digest>,
    /// The digests of what it was seen to read in git's directories; none if no build in scope `tree` has looked.
    #[serde(default)]
    pub(super) git_state: Option<BTreeMap<PortablePath, Option<Digest>>>,
    /// The digests of its other reads: names in directories, links, the system's files, the places of programs.
    #[serde(default)]
    pub(super) seen: BTreeMap<PortablePath, Option<Digest>>,
    /// The digest of its surroundings.
    #[serde(default)]
    pub(super) surroundings: String,
}

/// Inputs that steer every run of a build, and that no run declares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Surroundings {
    /// Programs by role.
    pub(super) programs: BTreeMap<String, Option<Digest>>,
    pub(super) variables: BTreeMap<String, Digest>,
    /// Files that configuration and flags name, except those that only a linker reads.
    pub(super) files: BTreeMap<PortablePath, Digest>,
}

impl Surroundings {
    fn of(inventory: &Inventory) -> Self {
        let program = |(role, tool): (&String, &Tool)| (role.clone(), inputs::content_of_tool(tool));
        let variables = inventory.variables.iter().filter(|(name, _)| !cargo_heeds(name));
        Self {
            programs: map_of(inventory.tools.iter().map(program)),
            variables: map_of(variables.map(|(name, digest)| (name.clone(), *digest))),
            files: map_of(named(inventory, false)),
        }
    }

    fn digest(&self) -> String {
        Digest::of(serde_json::to_vec(self).expect("names and digests always become JSON")).to_string()
    }
}

/// Returns the files that configuration and flags name: those that only a linker reads, or all others.
fn named(inventory: &Inventory, links_only: bool) -> impl Iterator<Item = (PortablePath, Digest)> {
    let named = inventory.named.iter().filter(move |named| named.links_only == links_only);
    named.map(|NamedFile { file, .. }| (PortablePath(file.path.clone()), file.digest))
}

/// True if cargo itself builds again when the variable `name` changes, or if the variable names a program.
///
/// <https://doc.rust-lang.org/nightly/nightly-rustc/cargo/core/compiler/fingerprint/index.html#fingerprints-and-unithashs>
fn cargo_heeds(name: &str) -> bool {
    const EXACTLY: [&str; 12] = [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_INCREMENTAL",
        "CARGO_BUILD_INCREMENTAL",
        "RUSTC",
        "CARGO_BUILD_RUSTC",
        "RUSTC_WRAPPER",
        "CARGO_BUILD_RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    ];
    let of_target = name.starts_with("CARGO_TARGET_") && (name.ends_with("_RUSTFLAGS") || name.ends_with("_LINKER"));
    EXACTLY.contains(&name) || name.starts_with("CARGO_PROFILE_") || of_target
}

/// The present state of the inputs, with which records are compared.
pub(crate) struct Present<'a> {
    pub(super) root: &'a Path,
    tree: &'a Tree,
    env: &'a Environment,
    pub(super) scope: Scope,
    /// All inputs but files.
    pub(super) known: &'a Inventory,
    /// The variables that cargo's configuration sets.
    pub(super) configured: BTreeMap<String, Configured>,
    pub(super) undeclared: Undeclared,
    output: BTreeSet<PortablePath>,
    pub(super) surroundings: Surroundings,
    steered_by: String,
    heads: Digest,
    system: &'a SystemContents,
}

impl<'a> Present<'a> {
    /// Reads the state of all inputs of `observation`. `known` and `tree` are of now, and `system` holds the contents of
    /// system files.
    pub(crate) fn of(
        observation: &Observation,
        known: &'a Inventory,
        tree: &'a Tree,
        (root, env, scope): (&'a Path, &'a Environment, Scope),
        system: &'a SystemContents,
    ) -> crate::error::Result<Self> {
        let surroundings = Surroundings::of(known);
        // The branch is included, since a build script may ask git for it, too.
        let heads = serde_json::to_vec(&(tree.heads().iter().collect::<Vec<_>>(), tree.branch()));
        Ok(Self {
            root,
            tree,
            env,
            scope,
            known,
            configured: inputs::configured_variables(root, env)?,
            undeclared: Undeclared::of(observation, tree, root),
            output: observation.output.iter().map(|directory| PortablePath::of(directory, root)).collect(),
            steered_by: surroundings.digest(),
            surroundings,
            heads: Digest::of(heads.expect("paths and commits always become JSON")),
            system,
        })
    }

    /// Returns the files that change when a commit or the branch does.
    pub(super) fn head_files(&self) -> Vec<PathBuf> {
        inputs::head_files(self.tree, self.root)
    }

    /// Returns the places of the files that `run`, which is of `reads`, reads by name.
    pub(super) fn places(&self, run: &Run, reads: &PackageReads) -> BTreeSet<PortablePath> {
        let files = run.files.iter().flat_map(|file| [Some(file.clone()), inputs::twin(file)]).flatten();
        let mut places: BTreeSet<PortablePath> = files.map(|file| PortablePath::of(&file, self.root)).collect();
        if run.reads_whole_package {
            let place = PortablePath::of(&reads.package.directory, self.root);
            if place.is_inside() && inputs::covers(self.tree, &place) {
                let directory = place.on_disk(self.root);
                let all = self.tree.files().iter().map(|file| PortablePath(file.path.clone()));
                places.extend(all.filter(|place| place.on_disk(self.root).starts_with(&directory)));
            } else {
                let all = inputs::files_of_package(&place, self.tree, self.root);
                places.extend(all.into_iter().map(|file| PortablePath(file.path)));
            }
        }
        places
    }

    /// Returns the files that configuration and flags name for the linker of `run`.
    pub(super) fn linked(&self, run: &Run) -> impl Iterator<Item = (PortablePath, Digest)> {
        named(self.known, true).filter(|_| run.is_final)
    }

    /// Returns the record that `run` would have if it ran now.
    pub(super) fn record(&self, run: &Run, reads: &PackageReads) -> Option<RunRecord> {
        let id = &reads.package.id;
        // rustc alone cannot tell more of a file than its bytes. A script or a macro can.
        let sees_more_than_bytes = run.is_script || self.undeclared.in_package(id).digest.is_some();
        let variable = |name: &String| {
            let configured = self.configured.get(name).map(|configured| configured.digest);
            (name.clone(), configured.or_else(|| self.env.get(name).map(|value| Digest::of(value.as_encoded_bytes()))))
        };
        let digest = |place| {
            let of = if sees_more_than_bytes { inputs::identity_of } else { inputs::digest_of };
            let digest = of(&place, &self.output, self.tree, self.root);
            (place, digest)
        };
        let is_of_checkout = reads.is_local || !run.files.is_empty();
        Some(RunRecord {
            checkout: is_of_checkout.then(|| self.root.to_owned()),
            last_written: StatIdentity::of(&run.last_written.metadata().ok()?).but_for_links(),
            files: map_of(self.places(run, reads).into_iter().map(digest)),
            variables: map_of(run.variables.iter().map(variable)),
            linked: map_of(self.linked(run)),
            undeclared: self.undeclared.in_package(id).digest,
            everywhere: self.undeclared.everywhere(id).digest,
            heads: self.undeclared.everywhere(id).digest.map(|_| self.heads),
            git_state: Some(map_of(run.git_state.iter().map(|path| digest(PortablePath::of(path, self.root))))),
            seen: inputs::digests_besides(run, &self.output, self.root, self.env, self.system),
            surroundings: self.steered_by.clone(),
        })
    }
}

impl BuildRecord {
    /// Records what every run of `observation`, a build that `began` then, has read.
    pub(crate) fn update(&mut self, observation: &Observation, present: &Present<'_>, began: SystemTime) {
        for reads in observation.packages.values() {
            for run in &reads.runs {
                let Some(mut now) = present.record(run, reads) else { continue };
                // In scope `crate`, the build did not check these for a run that cargo kept. So the earlier record of them
                // stays.
                if present.scope == Scope::Crate && !run.ran_since(began) {
                    let then = self.runs.get(&run.last_written).filter(|then| then.last_written == now.last_written);
                    now.everywhere = then.and_then(|then| then.everywhere);
                    now.heads = then.and_then(|then| then.heads);
                    now.git_state = then.and_then(|then| then.git_state.clone());
                }
                self.runs.insert(run.last_written.clone(), now);
            }
        }
        self.runs.retain(|written, _| written.exists());
        self.generated.retain(|written, _| written.exists());
        self.surroundings.insert(present.steered_by.clone(), present.surroundings.clone());
        let steered_by: BTreeSet<_> = self.runs.values().map(|run| run.surroundings.clone()).collect();
        self.surroundings.retain(|digest, _| steered_by.contains(digest));
    }

    /// Returns the files that a build script is known to write.
    pub(crate) fn generated_by(&self, output: &Path) -> Option<&BTreeSet<PortablePath>> {
        self.generated.get(output)
    }

    /// Records that a build script writes `places`.
    pub(crate) fn note_generated(&mut self, output: PathBuf, places: impl IntoIterator<Item = PortablePath>) {
        self.generated.entry(output).or_default().extend(places);
    }
}
