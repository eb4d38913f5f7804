//! Finds what cargo and rustc leave in the build directory.
//!
//! Promises: the dep-info of every run of rustc that cargo names, in the layout that cargo has had for years, in the new
//! one, and in a build directory apart from the target directory; what a build script printed, and when it ran.
//! Does not promise: to know a layout that is still to come. A trace that is not found is an error, and what the build
//! read is not known.
//!
//! A part of this layout is cargo's own business. The files that cargo hands out are named in its messages; where it made
//! them is told by their being hard links to what it made.
//!
//! <https://doc.rust-lang.org/cargo/reference/build-cache.html>

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::closure::Unobservable;
use super::dep_info::moved;
use crate::units::{BuildDirectories, EXAMPLES, ScriptRun, Unit, Units};

/// Where the runs of one build left their traces.
pub(super) struct Layout<'a> {
    units: &'a Units,
    /// Directories in which rustc may have made what cargo then put elsewhere.
    made_in: Vec<PathBuf>,
    /// Directories of the profile, in which cargo puts what it hands out.
    handed_out: Vec<PathBuf>,
}

impl<'a> Layout<'a> {
    /// The layout of the build of `units`. `elsewhere` is asked when the binary was not made beside where it is.
    pub(super) fn of(units: &'a Units, elsewhere: impl FnOnce() -> Option<BuildDirectories>) -> Self {
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

    /// The dep-info files of one unit, with the file that is this run's alone: builds with other features put their
    /// binary in the same place.
    pub(super) fn traces_of(&self, unit: &Unit) -> Result<(Vec<PathBuf>, PathBuf), Unobservable> {
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

    /// The dep-info files whose run made `artifact`, each with what it made: the same file under another name.
    fn sources_of(&self, artifact: &Path) -> Vec<(PathBuf, PathBuf)> {
        let made = |dep_info: PathBuf| {
            let source = made_by(&dep_info, artifact)?;
            // cargo's own dep-info beside an artifact says nothing of a run.
            let is_made = source != artifact && same_file::is_same_file(&source, artifact).ok()?;
            is_made.then_some((dep_info, source))
        };
        self.of_that_name(artifact).into_iter().filter_map(made).collect()
    }

    /// The dep-info files whose run may have made `artifact`, by their names. More may be taken to be read than was, where
    /// a file system without hard links leaves no other way.
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

    /// The dep-info that cargo puts beside each file that was asked for.
    ///
    /// <https://doc.rust-lang.org/cargo/reference/build-cache.html#dep-info-files>
    pub(super) fn handed_out_dep_infos(&self) -> impl Iterator<Item = PathBuf> {
        self.units.outputs().map(|output| output.with_extension("d"))
    }
}

/// `deps`, `examples`, and in the new layout a directory for each run.
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

/// The names that the dep-info of an artifact may have: `deps/libx-0123.rlib` has its own in `deps/x-0123.d`, and the
/// binary `my-app` in `deps/my_app-0123.d`.
pub(super) fn names_of(artifact: &Path) -> Vec<String> {
    let Some(stem) = artifact.file_stem().and_then(|stem| stem.to_str()) else { return Vec::new() };
    let library = artifact.extension().and_then(|_| stem.strip_prefix("lib"));
    let mut names: Vec<String> = std::iter::once(stem).chain(library).map(str::to_owned).collect();
    names.extend(names.clone().iter().filter(|name| name.contains('-')).map(|name| name.replace('-', "_")));
    names
}

/// The file that `dep_info` is about, if it is of the kind of `artifact`.
fn made_by(dep_info: &Path, artifact: &Path) -> Option<PathBuf> {
    let stem = dep_info.file_stem()?.to_str()?;
    let extension = artifact.extension().and_then(|extension| extension.to_str());
    let suffix = extension.map(|extension| format!(".{extension}")).unwrap_or_default();
    let names = ["", "lib"].map(|prefix| dep_info.with_file_name(format!("{prefix}{stem}{suffix}")));
    names.into_iter().find(|path| path.is_file())
}

/// A build script's standard output, in the old layout and in the new one.
pub(super) fn output_of(script: &ScriptRun) -> PathBuf {
    let new = script.out_dir.with_file_name("run").join("stdout");
    if new.is_file() { new } else { script.out_dir.with_file_name("output") }
}

/// What cargo noted in the target directory about the rustc that it last ran there, wrappers included; none where it noted
/// nothing. Each cargo that runs with another one writes it anew.
#[must_use]
pub fn last_rustc(target: &Path) -> Option<String> {
    let info = crate::files::read(&target.join(".rustc_info.json")).ok()?;
    let info: serde_json::Value = serde_json::from_slice(&info).ok()?;
    Some(info.get("rustc_fingerprint")?.to_string())
}

/// From when to when the run of rustc that wrote `file` went; none when that is not known. cargo leaves a file behind
/// as soon as it starts rustc, in a directory that has the same hash in its name.
pub(super) fn span_of_rustc(file: &Path) -> Option<(SystemTime, SystemTime)> {
    let modified = |path: &Path| path.metadata().ok()?.modified().ok();
    let directory = file.parent()?;
    // In the new layout, beside the directory of what rustc wrote.
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

/// A file that cargo makes when it starts something.
const INVOKED: &str = "invoked.timestamp";

/// The directory of `script`'s `OUT_DIR` when it ran, if that is another one now: cargo keeps the path.
pub(super) fn moved_out_dir(script: &ScriptRun) -> Option<PathBuf> {
    let path = fs::read(script.out_dir.with_file_name("root-output")).ok()?;
    let then = gix::path::from_byte_slice(&path).ok()?;
    moved(&script.out_dir, then)
}

/// From when to when a build script ran last; none when that is not known. cargo sets the time of its output back to when
/// it began, and leaves that of its error output.
pub(super) fn span_of(output: &Path) -> Option<(SystemTime, SystemTime)> {
    let modified = |name| output.with_file_name(name).metadata().ok()?.modified().ok();
    Some((modified(INVOKED)?, modified("stderr")?))
}
