//! Finds the files that cargo and rustc leave in the build directory.
//!
//! Promises: finds the dep-info of every run of rustc that cargo names, in the layout that cargo has had for years, in the
//! new one, and in a build directory apart from the target directory. Finds a build script's output, and when it ran.
//! Does not promise: to know a future layout. A trace that is not found is an error: it is not known then what the build
//! read.
//!
//! A part of this layout is internal to cargo. cargo's messages name the files that it hands out; they are hard links to the
//! files that rustc made, and so tell where those are.
//!
//! <https://doc.rust-lang.org/cargo/reference/build-cache.html>

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::dep_info::moved;
use super::observation::Unobservable;
use crate::model::build_units::{BuildDirectories, EXAMPLES, ScriptRun, Unit, Units};

/// The places of the traces that the runs of one build left.
pub(crate) struct Layout<'a> {
    units: &'a Units,
    /// Directories in which rustc may have made files that cargo then put elsewhere.
    made_in: Vec<PathBuf>,
    /// Directories of the profile, in which cargo puts the files that it hands out.
    handed_out: Vec<PathBuf>,
}

impl<'a> Layout<'a> {
    /// Finds the layout of the build of `units`. Calls `elsewhere` if the binary was not made beside its place.
    pub(crate) fn of(units: &'a Units, elsewhere: impl FnOnce() -> Option<BuildDirectories>) -> Self {
        let profile = units.profile_directory();
        let handed_out = vec![profile.to_owned(), profile.join(EXAMPLES)];
        let beside = Self { units, made_in: made_in(profile), handed_out };
        if !beside.sources_of(&units.executable).is_empty() {
            return beside;
        }
        let built_in = elsewhere()
            .filter(|directories| directories.build != directories.target)
            .and_then(|directories| Some(directories.build.join(profile.strip_prefix(&directories.target).ok()?)));
        match built_in {
            Some(other) => Self { made_in: made_in(&other), ..beside },
            None => beside,
        }
    }

    /// Returns the dep-info files of one unit, and the file that only this run writes: builds with other features put their
    /// binary in the same place.
    pub(crate) fn traces_of(&self, unit: &Unit) -> Result<(Vec<PathBuf>, PathBuf), Unobservable> {
        let mut dep_infos = BTreeSet::new();
        let mut wrote = unit.files.first().unwrap_or(&unit.package.directory).clone();
        for file in &unit.files {
            let directory = file.parent().unwrap_or(file);
            if unit.is_build_script {
                dep_infos.extend(dep_infos_in(directory));
            } else if self.handed_out.iter().any(|profile| directory == profile) {
                let sources = self.sources_of(file);
                if let [(_, source)] = sources.as_slice()
                    && unit.files.first() == Some(file)
                {
                    wrote.clone_from(source);
                }
                let unsure = if sources.is_empty() { self.of_that_name(file) } else { Vec::new() };
                dep_infos.extend(sources.into_iter().map(|(dep_info, _)| dep_info).chain(unsure));
            } else {
                let beside = names_of(file).into_iter().map(|name| directory.join(format!("{name}.d")));
                dep_infos.extend(beside.filter(|path| path.is_file()));
            }
        }
        if dep_infos.is_empty() {
            let source = io::Error::new(io::ErrorKind::NotFound, "it has no dep-info");
            return Err(Unobservable { path: wrote, source });
        }
        Ok((dep_infos.into_iter().collect(), wrote))
    }

    /// Returns the dep-info files of the runs that made `artifact`, each with the same artifact under the name that rustc
    /// gave it.
    fn sources_of(&self, artifact: &Path) -> Vec<(PathBuf, PathBuf)> {
        let made = |dep_info: PathBuf| {
            let source = made_by(&dep_info, artifact)?;
            // The dep-info that cargo itself puts beside an artifact is no trace of a run.
            let is_made = source != artifact && same_file::is_same_file(&source, artifact).ok()?;
            is_made.then_some((dep_info, source))
        };
        self.of_that_name(artifact).into_iter().filter_map(made).collect()
    }

    /// Returns the dep-info files of the runs that may have made `artifact`, by their names. On a file system without hard
    /// links there is no other way, and more files may be taken for read than were.
    fn of_that_name(&self, artifact: &Path) -> Vec<PathBuf> {
        let names = names_of(artifact);
        let is_ours = |path: &PathBuf| {
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let is_hash = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_hexdigit());
            let has_name = |name: &String| {
                let rest = stem.strip_prefix(name.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix('-').is_some_and(is_hash))
            };
            names.iter().any(has_name)
        };
        self.made_in.iter().flat_map(|directory| dep_infos_in(directory)).filter(is_ours).collect()
    }

    /// Returns the dep-info files that cargo puts beside the artifacts that were asked for.
    ///
    /// <https://doc.rust-lang.org/cargo/reference/build-cache.html#dep-info-files>
    pub(crate) fn handed_out_dep_infos(&self) -> impl Iterator<Item = PathBuf> {
        self.units.outputs().map(|output| output.with_extension("d"))
    }
}

/// Returns `deps`, `examples` and, in the new layout, one directory for each run.
fn made_in(profile: &Path) -> Vec<PathBuf> {
    let runs = children(&profile.join("build")).into_iter().flat_map(|package| children(&package));
    ["deps", EXAMPLES]
        .map(|name| profile.join(name))
        .into_iter()
        .chain(runs.map(|run| run.join("out")))
        .filter(|it| it.is_dir())
        .collect()
}

fn children(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn dep_infos_in(directory: &Path) -> Vec<PathBuf> {
    let mut found = children(directory);
    found.retain(|path| path.extension().is_some_and(|extension| extension == "d") && path.is_file());
    found
}

/// Returns the names that the dep-info of an artifact may have: it is `deps/x-0123.d` for `deps/libx-0123.rlib`, and
/// `deps/my_app-0123.d` for the binary `my-app`.
pub(crate) fn names_of(artifact: &Path) -> Vec<String> {
    let Some(stem) = artifact.file_stem().and_then(|stem| stem.to_str()) else { return Vec::new() };
    let library = artifact.extension().and_then(|_| stem.strip_prefix("lib"));
    let mut names: Vec<String> = std::iter::once(stem).chain(library).map(str::to_owned).collect();
    names.extend(names.clone().iter().filter(|name| name.contains('-')).map(|name| name.replace('-', "_")));
    names
}

/// Returns the artifact that `dep_info` is about, if it is of the same kind as `artifact`.
fn made_by(dep_info: &Path, artifact: &Path) -> Option<PathBuf> {
    let stem = dep_info.file_stem()?.to_str()?;
    let extension = artifact.extension().and_then(|extension| extension.to_str());
    let suffix = extension.map(|extension| format!(".{extension}")).unwrap_or_default();
    let names = ["", "lib"].map(|prefix| dep_info.with_file_name(format!("{prefix}{stem}{suffix}")));
    names.into_iter().find(|path| path.is_file())
}

/// Returns the file with a build script's standard output, in the old or the new layout.
pub(crate) fn output_of(script: &ScriptRun) -> PathBuf {
    let new = script.out_dir.with_file_name("run").join("stdout");
    if new.is_file() { new } else { script.out_dir.with_file_name("output") }
}

/// Returns cargo's note in the target directory about the rustc that it last ran there, wrappers included; none without a
/// note. Each cargo that runs with another rustc writes it anew.
#[must_use]
pub fn last_rustc(target: &Path) -> Option<String> {
    let info = crate::fs::files::read(&target.join(".rustc_info.json")).ok()?;
    let info: serde_json::Value = serde_json::from_slice(&info).ok()?;
    Some(info.get("rustc_fingerprint")?.to_string())
}

/// Returns when the run of rustc that wrote `file` began and ended; none if that is not known. cargo writes a file when it
/// starts rustc, in a directory that has the same hash in its name.
pub(crate) fn span_of_rustc(file: &Path) -> Option<(SystemTime, SystemTime)> {
    let modified = |path: &Path| path.metadata().ok()?.modified().ok();
    let directory = file.parent()?;
    // The new layout has it beside the directory that rustc wrote to.
    let began = modified(&directory.with_file_name("fingerprint").join(INVOKED)).or_else(|| {
        let is_hash = |part: &&str| part.len() == 16 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let hash_in = |path: &Path| path.file_stem()?.to_str()?.rsplit('-').next().filter(is_hash).map(str::to_owned);
        let hash = hash_in(file).or_else(|| hash_in(directory))?;
        let fingerprints = file.ancestors().skip(2).map(|above| above.join(".fingerprint")).find(|it| it.is_dir())?;
        let is_ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(&hash));
        modified(&children(&fingerprints).into_iter().find(is_ours)?.join(INVOKED))
    })?;
    Some((began, modified(file)?))
}

/// A file that cargo writes when it starts rustc or a build script.
const INVOKED: &str = "invoked.timestamp";

/// Returns the directory that held the `OUT_DIR` of `script` when it ran, if another one holds it now. cargo keeps the path
/// in a file.
pub(crate) fn moved_out_dir(script: &ScriptRun) -> Option<PathBuf> {
    let path = fs::read(script.out_dir.with_file_name("root-output")).ok()?;
    let then = gix::path::from_byte_slice(&path).ok()?;
    moved(&script.out_dir, then)
}

/// Returns when a build script last began and ended; none if that is not known. cargo sets the time of its output back to
/// the beginning, and does not change that of its error output.
pub(crate) fn span_of(output: &Path) -> Option<(SystemTime, SystemTime)> {
    let modified = |name| output.with_file_name(name).metadata().ok()?.modified().ok();
    Some((modified(INVOKED)?, modified("stderr")?))
}
