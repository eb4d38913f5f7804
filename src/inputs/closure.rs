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

use super::checkout::is_gone;
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
    path: PathBuf,
    source: io::Error,
}

/// Variables that cargo sets by itself for rustc or for build scripts, so that the caller's value is never read.
///
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-crates>
const SET_BY_CARGO: &[&str] = &[
    "CARGO",
    "CARGO_CRATE_NAME",
    "CARGO_BIN_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "CARGO_MAKEFLAGS",
    "OUT_DIR",
    "TARGET",
    "HOST",
    "NUM_JOBS",
    "OPT_LEVEL",
    "DEBUG",
    "PROFILE",
    "RUSTDOC",
];
const PREFIXES_SET_BY_CARGO: &[&str] =
    &["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_EXE_", "CARGO_CFG_", "CARGO_FEATURE_", "DEP_"];

/// Their value is the path of the package's directory or lies in it.
const DIRECTORY_VARIABLES: &[&str] = &["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"];

/// What the build that left `units` was seen to read; relative paths in it start from the workspace at `root`.
///
/// # Errors
///
/// The file that was expected and cannot be read.
pub fn observe(units: &Units, root: &Path) -> Result<Observation, Unobservable> {
    let target = Target::of(units);
    let mut observation = Observation::default();
    for unit in &units.units {
        let mut trace = Trace::default();
        let dep_infos = dep_infos_of(unit, units)?;
        for dep_info in &dep_infos {
            trace.read_dep_info(dep_info)?;
        }
        let wrote = written_by(unit, units, &dep_infos);
        observation.take(unit, wrote, trace, root, &target);
    }
    for script in &units.scripts {
        let output = script.out_dir.with_file_name("output");
        let bytes = fs::read(&output).map_err(|source| Unobservable { path: output.clone(), source })?;
        let declared = Declared::of(&String::from_utf8_lossy(&bytes));
        observation.variables.extend(declared.variables.iter().cloned());
        if let Some(reads) = observation.packages.get_mut(&script.package_id) {
            let reads_whole_package = declared.files.is_empty() && declared.variables.is_empty();
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
    observation.variables.retain(|name| !is_set_by_cargo(name));
    for run in observation.packages.values_mut().flat_map(|reads| &mut reads.runs) {
        run.variables.retain(|name| !is_set_by_cargo(name));
    }
    Ok(observation)
}

impl Observation {
    fn take(&mut self, unit: &Unit, wrote: PathBuf, trace: Trace, root: &Path, target: &Target) {
        self.variables.extend(trace.variables.iter().cloned());
        if !unit.package.is_local() {
            return;
        }
        self.knows_its_directory |= trace.variables.iter().any(|name| DIRECTORY_VARIABLES.contains(&name.as_str()));
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

fn is_set_by_cargo(name: &str) -> bool {
    SET_BY_CARGO.contains(&name) || PREFIXES_SET_BY_CARGO.iter().any(|prefix| name.starts_with(prefix))
}

/// Where build output goes; what lies there was made by the build and is no input of it.
struct Target {
    directories: Vec<PathBuf>,
}

impl Target {
    fn of(units: &Units) -> Self {
        let marked =
            |path: &Path| path.ancestors().find(|above| above.join("CACHEDIR.TAG").is_file()).map(Path::to_owned);
        let mut directories: Vec<PathBuf> = units.scripts.iter().map(|script| script.out_dir.clone()).collect();
        directories.extend(marked(&units.executable));
        directories.extend(units.scripts.first().and_then(|script| marked(&script.out_dir)));
        Self { directories }
    }

    fn holds(&self, path: &Path) -> bool {
        self.directories.iter().any(|directory| path.starts_with(directory))
    }
}

/// What dep-info files say.
#[derive(Default)]
struct Trace {
    files: BTreeSet<PathBuf>,
    variables: BTreeSet<String>,
}

impl Trace {
    fn read_dep_info(&mut self, path: &Path) -> Result<(), Unobservable> {
        match fs::read(path) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                self.variables.extend(env_deps(&text));
                self.files.extend(prerequisites(&text));
                Ok(())
            }
            Err(error) if is_gone(&error) => Ok(()),
            Err(source) => Err(Unobservable { path: path.to_owned(), source }),
        }
    }
}

/// The dep-info files of one unit; a local unit must have one.
fn dep_infos_of(unit: &Unit, units: &Units) -> Result<Vec<PathBuf>, Unobservable> {
    let mut found = Vec::new();
    for file in &unit.files {
        if unit.is_build_script {
            found.extend(dep_infos(file.parent().unwrap_or(file), |_| true));
        } else if *file == units.executable {
            found.extend(dep_info_of_binary(file));
        } else {
            found.extend(dep_info_of_library(file));
        }
    }
    found.retain(|path| path.is_file());
    if found.is_empty() && unit.package.is_local() {
        let path = unit.files.first().cloned().unwrap_or_else(|| unit.package.directory.clone());
        return Err(Unobservable { path, source: io::Error::new(io::ErrorKind::NotFound, "it has no dep-info") });
    }
    Ok(found)
}

/// The file that is this run's alone: builds with other features put their binary in the same place.
fn written_by(unit: &Unit, units: &Units, dep_infos: &[PathBuf]) -> PathBuf {
    let first = unit.files.first().unwrap_or(&unit.package.directory);
    match dep_infos {
        [dep_info] if *first == units.executable => {
            let own = dep_info.with_extension(first.extension().unwrap_or_default());
            if own.is_file() { own } else { first.clone() }
        }
        _ => first.clone(),
    }
}

/// `deps/libx-0123.rlib` and `deps/libx-0123.rmeta` have their dep-info in `deps/x-0123.d`.
fn dep_info_of_library(artifact: &Path) -> Option<PathBuf> {
    let stem = artifact.file_stem()?.to_str()?;
    let name = match artifact.extension()?.to_str()? {
        "rlib" | "rmeta" | "so" | "dylib" | "a" => stem.strip_prefix("lib").unwrap_or(stem),
        "dll" | "lib" => stem,
        _ => return None,
    };
    Some(artifact.with_file_name(format!("{name}.d")))
}

/// cargo names the uplifted file of a binary. rustc's own is `deps/x-0123`, the same file under another name where the
/// file system has hard links; where it has not, all of that name are taken, and more may be read than was.
fn dep_info_of_binary(executable: &Path) -> Vec<PathBuf> {
    let Some(stem) = executable.file_stem().and_then(|stem| stem.to_str()) else { return Vec::new() };
    let crate_name = stem.replace('-', "_");
    let directory = executable.with_file_name("deps");
    let all = dep_infos(&directory, |stem| {
        let hash = stem.strip_prefix(&crate_name).and_then(|rest| rest.strip_prefix('-'));
        hash.is_some_and(|hash| hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
    });
    let extension = executable.extension().unwrap_or_default();
    let is_ours = |path: &&PathBuf| same_file(&path.with_extension(extension), executable);
    match all.iter().find(is_ours) {
        Some(ours) => vec![ours.clone()],
        None => all,
    }
}

#[cfg(unix)]
fn same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_file(_: &Path, _: &Path) -> bool {
    false
}

/// The dep-info files in a directory whose name without `.d` is wanted.
fn dep_infos(directory: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let is_wanted = |name: &str| name.strip_suffix(".d").is_some_and(&wanted);
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_wanted))
        .map(|entry| entry.path())
        .collect()
}

/// What a build script declared.
///
/// <https://doc.rust-lang.org/cargo/reference/build-scripts.html#change-detection>
#[derive(Default)]
struct Declared {
    files: Vec<String>,
    variables: BTreeSet<String>,
}

impl Declared {
    fn of(output: &str) -> Self {
        let mut declared = Self::default();
        for line in output.lines() {
            let Some(rest) = line.strip_prefix("cargo::").or_else(|| line.strip_prefix("cargo:")) else { continue };
            if let Some(file) = rest.strip_prefix("rerun-if-changed=") {
                declared.files.push(file.trim_end().to_owned());
            } else if let Some(name) = rest.strip_prefix("rerun-if-env-changed=") {
                declared.variables.insert(name.trim_end().to_owned());
            }
        }
        declared
    }
}

/// `# env-dep:NAME` or `# env-dep:NAME=VALUE`.
fn env_deps(dep_info: &str) -> impl Iterator<Item = String> + '_ {
    dep_info.lines().filter_map(|line| {
        let rest = line.strip_prefix("# env-dep:")?;
        Some(rest.split_once('=').map_or(rest, |(name, _)| name).to_owned())
    })
}

/// What stands right of `: ` in the rules, with `\ ` for a space in a name.
fn prerequisites(dep_info: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for line in dep_info.lines().filter(|line| !line.starts_with('#')) {
        let Some((_, names)) = line.split_once(": ") else { continue };
        let mut name = String::new();
        let mut characters = names.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\\' if characters.peek() == Some(&' ') => name.extend(characters.next()),
                ' ' => found.push(std::mem::take(&mut name)),
                other => name.push(other),
            }
        }
        found.push(name);
    }
    found.into_iter().filter(|name| !name.is_empty()).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dep_info_is_read_as_rustc_and_cargo_write_it() {
        let text = "/t/release/deps/a-1.d: src/main.rs src/with\\ space.rs /abs/x.txt\n\n\
                    src/main.rs:\nsrc/with\\ space.rs:\n\n# env-dep:TAG=1\n# env-dep:UNSET\n# checksum:none\n";
        let files: Vec<_> = prerequisites(text).into_iter().map(|path| path.display().to_string()).collect();
        assert_eq!(files, ["src/main.rs", "src/with space.rs", "/abs/x.txt"]);
        assert_eq!(env_deps(text).collect::<Vec<_>>(), ["TAG", "UNSET"]);
    }

    #[test]
    fn build_scripts_declare_in_the_old_and_the_new_way() {
        let declared =
            Declared::of("cargo:rerun-if-changed=a b\ncargo::rerun-if-env-changed=X\nhello\ncargo:warning=w\n");
        assert_eq!(declared.files, ["a b"]);
        assert_eq!(declared.variables.into_iter().collect::<Vec<_>>(), ["X"]);
    }
}
