//! What a finished build was seen to read.
//!
//! Promises: every file that rustc names in the dep-info of a local package, everything that build scripts declared
//! with `rerun-if-changed`, every variable that they declared with `rerun-if-env-changed` or that rustc recorded for
//! `env!` and `option_env!`, in workspace and registry crates alike. Those are the things that make cargo itself build
//! again. Each is known by the package that read it.
//! Does not promise: what is read without a declaration. A build script that declares nothing is taken to read its
//! whole package, as cargo takes it.
//!
//! The sources are files that cargo and rustc write beside what they build. A part of that layout is cargo's own
//! business and may move; what is not where it is expected is an error, and the caller falls back to reading more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::dep_info::{Declared, FOR_BUILD_SCRIPTS, FOR_RUSTC, Trace, dep_infos_of, written_by};
use crate::units::{Package, Unit, Units};

/// One run of rustc or of a build script, now or earlier, and what it read.
#[derive(Clone, Debug)]
pub struct Run {
    /// A file that it wrote when it was done, and that no other run writes.
    pub wrote: PathBuf,
    /// Whether cargo took its results as they were; it does not say that of build scripts.
    pub fresh: Option<bool>,
    /// Files and directories that it read, absolute.
    pub files: BTreeSet<PathBuf>,
    /// Whether it is a build script that declares nothing, so that it may have read any file of its package.
    pub reads_whole_package: bool,
    /// Variables that it read.
    pub variables: BTreeSet<String>,
}

/// What one local package was seen to read.
#[derive(Clone, Debug)]
pub struct PackageReads {
    /// Which.
    pub package: Package,
    /// Who read what.
    pub runs: Vec<Run>,
    /// Files and directories that were read, absolute, as they were named.
    pub files: BTreeSet<PathBuf>,
}

/// What a build was seen to read.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// Local packages, by id.
    pub packages: BTreeMap<String, PackageReads>,
    /// Variables that any package read, those of registries included.
    pub variables: BTreeSet<String>,
    /// Whether a local package asked for the path of its own directory.
    pub knows_its_directory: bool,
}

/// A trace that is not where it should be.
#[derive(Debug, thiserror::Error)]
#[error("`{}` does not tell what the build read: {source}", path.display())]
pub struct Unobservable {
    pub(super) path: PathBuf,
    pub(super) source: io::Error,
}

/// Their value is the path of the package's directory or lies in it.
const DIRECTORY_VARIABLES: &[&str] = &["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"];

/// What the build that left `units` was seen to read; relative paths in it start from the workspace at `root`. What lies
/// in `cargo_home` was fetched, and is nobody's to edit.
///
/// # Errors
///
/// The file that was expected and cannot be read.
pub fn observe(units: &Units, root: &Path, cargo_home: Option<&Path>) -> Result<Observation, Unobservable> {
    let target = Target::of(units, root);
    let mut observation = Observation::default();
    for unit in &units.units {
        let mut trace = Trace::default();
        let is_local = unit.package.is_local(root, cargo_home);
        let dep_infos = dep_infos_of(unit, units, is_local)?;
        for dep_info in &dep_infos {
            trace.read_dep_info(dep_info)?;
        }
        let asks_for_directory = trace.variables.iter().any(|name| DIRECTORY_VARIABLES.contains(&name.as_str()));
        trace.variables.retain(|name| !FOR_RUSTC.has(name));
        observation.variables.extend(trace.variables.iter().cloned());
        if is_local {
            observation.knows_its_directory |= asks_for_directory;
            let wrote = written_by(unit, units, &dep_infos);
            observation.take(unit, wrote, trace, root, &target);
        }
    }
    for script in &units.scripts {
        let output = script.out_dir.with_file_name("output");
        let bytes = fs::read(&output).map_err(|source| Unobservable { path: output.clone(), source })?;
        let mut declared = Declared::of(&String::from_utf8_lossy(&bytes));
        let reads_whole_package = declared.files.is_empty() && declared.variables.is_empty();
        declared.variables.retain(|name| !FOR_BUILD_SCRIPTS.has(name));
        observation.variables.extend(declared.variables.iter().cloned());
        if let Some(reads) = observation.packages.get_mut(&script.package_id) {
            // cargo takes these relative to the package.
            let directory = reads.package.directory.clone();
            let files = declared.files.into_iter().map(|file| directory.join(file));
            let files: BTreeSet<PathBuf> = files.filter(|file| !target.holds(file)).collect();
            reads.files.extend(files.iter().cloned());
            let variables = declared.variables;
            reads.runs.push(Run { wrote: output, fresh: None, files, reads_whole_package, variables });
        }
    }
    observation.uplifted(units, root, &target)?;
    Ok(observation)
}

impl Observation {
    fn take(&mut self, unit: &Unit, wrote: PathBuf, trace: Trace, root: &Path, target: &Target) {
        let reads = self.packages.entry(unit.package.id.clone()).or_insert_with(|| PackageReads {
            package: unit.package.clone(),
            runs: Vec::new(),
            files: BTreeSet::new(),
        });
        let directory = &unit.package.directory;
        // rustc starts in the workspace's root for the workspace's packages and in the package's for others.
        let started_in = if directory.starts_with(root) { root } else { directory };
        let files = trace.files.into_iter().map(|file| started_in.join(file));
        let files: BTreeSet<PathBuf> = files.filter(|file| !target.holds(file)).collect();
        reads.files.extend(files.iter().cloned());
        let (fresh, variables) = (Some(unit.fresh), trace.variables);
        reads.runs.push(Run { wrote, fresh, files, reads_whole_package: false, variables });
    }

    /// The dep-info that cargo puts beside the binary names everything local once more, in a form that is documented.
    /// Without it, nothing can be said; a file that only it names belongs to the package it lies in.
    ///
    /// <https://doc.rust-lang.org/cargo/reference/build-cache.html#dep-info-files>
    fn uplifted(&mut self, units: &Units, root: &Path, target: &Target) -> Result<(), Unobservable> {
        let mut trace = Trace::default();
        let path = units.executable.with_extension("d");
        if !path.is_file() {
            return Err(Unobservable { path, source: io::ErrorKind::NotFound.into() });
        }
        trace.read_dep_info(&path)?;
        let known: BTreeSet<PathBuf> = self.packages.values().flat_map(|reads| reads.files.iter().cloned()).collect();
        for file in trace.files {
            let file = root.join(file);
            if known.contains(&file) || target.holds(&file) {
                continue;
            }
            let owners = self.packages.values_mut().filter(|reads| file.starts_with(&reads.package.directory));
            let owner = owners.max_by_key(|reads| reads.package.directory.components().count());
            if let Some(reads) = owner {
                reads.files.insert(file);
            } else if let Some(reads) = self.packages.values_mut().next_back() {
                reads.files.insert(file);
            }
        }
        Ok(())
    }
}

/// Where build output goes; what lies there was made by the build and is no input of it.
struct Target {
    directories: Vec<PathBuf>,
}

impl Target {
    fn of(units: &Units, root: &Path) -> Self {
        // Not the checkout itself, which may be in a cache: a directory made by hand has no tag of its own.
        let marked = |path: &Path| {
            let mut above = path.ancestors().take_while(|above| !root.starts_with(above));
            above.find(|above| above.join("CACHEDIR.TAG").is_file()).map(Path::to_owned)
        };
        let mut directories: Vec<PathBuf> = units.scripts.iter().map(|script| script.out_dir.clone()).collect();
        let profile = units.executable.parent().map(Path::to_owned);
        directories.extend(marked(&units.executable).or(profile));
        directories.extend(units.scripts.first().and_then(|script| marked(&script.out_dir)));
        Self { directories }
    }

    fn holds(&self, path: &Path) -> bool {
        self.directories.iter().any(|directory| path.starts_with(directory))
    }
}
