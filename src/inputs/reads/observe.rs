//! Tells what a finished build was seen to read.
//!
//! Promises: all that makes cargo itself build again, in workspace and fetched crates alike: every file that rustc names in
//! its dep-info, everything that build scripts declared with `rerun-if-changed`, and every variable that they declared with
//! `rerun-if-env-changed` or that rustc recorded for `env!` and `option_env!`. Where the build was observed, the undeclared
//! reads that the observer recorded join these. Each read is listed under the run that made it. Files that this build itself
//! wrote are left out, and so are the sources of fetched crates, which do not change.
//! Does not promise: undeclared reads that the observer did not record. An opaque build script that declares nothing is
//! taken to read its whole package, as cargo takes it.
//!
//! The sources are files that cargo and rustc write beside what they build, see [`super::layout`], and the observer's
//! records. A trace of cargo or rustc that is not found or cannot be read is an error: it is not known then what the build
//! read.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::dep_info::{Declared, FOR_BUILD_SCRIPTS, FOR_RUSTC, Trace};
use super::include::Included;
use super::layout::{Layout, moved_out_dir, names_of, output_of, span_of, span_of_rustc};
use super::observation::{Observation, PackageReads, Run, Unobservable};
use super::output::OwnOutput;
use super::visibility::{DIRECTORY_VARIABLES, Visibility};
use crate::error::Error;
use crate::inputs::git::tracked::is_tracked;
use crate::inputs::remember::dependency::Recorder;
use crate::inputs::tools::named::named_in;
use crate::inputs::workspace::manifests::{MANIFEST, Neighbours, include_patterns};
use crate::model::build_units::{BuildDirectories, Package, Unit, Units};
use crate::model::portable_path::{PortablePath, normalized};
use crate::model::system_files::SystemFiles;
use crate::observer::{KnownReads, SeenRuns};
use crate::request::Environment;

fn unobservable(path: &Path, error: &Error) -> Unobservable {
    Unobservable { path: path.to_owned(), source: io::Error::other(error.to_string()) }
}

/// True if cargo has put a hash into the file's name, so that no other run writes to it.
fn has_hash(file: &Path) -> bool {
    let is_hash = |part: &str| part.len() == 16 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    stem.rsplit_once('-').is_some_and(|(_, hash)| is_hash(hash))
}

/// The files that cargo takes as part of a package whose manifest git does not track: everything except files and
/// directories whose names begin with a dot.
///
/// <https://doc.rust-lang.org/cargo/reference/manifest.html#the-exclude-and-include-fields>
const WITHOUT_GIT: [&str; 3] = ["*", "!.*", "!**/.*/**"];

/// Returns what the build that left `units` was seen to read, in the workspace at `root` and with the variables of `env`.
/// `seen` holds the observer's records; `elsewhere` returns the directories that cargo writes to, and is called if the
/// binary was not made beside its place.
///
/// # Errors
///
/// [`Unobservable`] with the trace that was expected and cannot be read.
pub fn observe(
    units: &Units,
    root: &Path,
    env: &Environment,
    seen: &SeenRuns,
    elsewhere: impl FnOnce() -> Option<BuildDirectories>,
) -> Result<Observation, Unobservable> {
    let home = env.cargo_home().map(|home| root.join(home));
    let local = units.units.iter().filter(|unit| unit.package.is_local(home.as_deref()));
    let directories = local.map(|unit| unit.package.directory.clone());
    let neighbours = Neighbours::of(directories, root, env).map_err(|error| unobservable(root, &error))?;
    let mut collector = Collector {
        root,
        env,
        home,
        output: OwnOutput::of(units, root),
        neighbours,
        layout: Layout::of(units, elsewhere),
        seen,
        found: Observation::default(),
    };
    for unit in &units.units {
        collector.unit(unit)?;
    }
    collector.scripts(units)?;
    collector.handed_out()?;
    let Collector { mut found, output, .. } = collector;
    found.output = output.roots;
    Ok(found)
}

/// Reads of a run for which there is no declaration.
#[derive(Default)]
struct UndeclaredReads {
    git_state: BTreeSet<PathBuf>,
    listed: BTreeSet<PathBuf>,
    links: BTreeSet<PathBuf>,
    system: SystemFiles,
    programs: BTreeSet<String>,
    /// The undeclared files, listed directories and links that exist in the checkout or beside it and lie in no declared
    /// directory.
    undeclared: BTreeSet<PathBuf>,
    /// True if it asked for a variable that it does not declare.
    asks_undeclared: bool,
}

struct Collector<'a> {
    root: &'a Path,
    env: &'a Environment,
    /// cargo's home, where it keeps the crates that it fetched.
    home: Option<PathBuf>,
    output: OwnOutput,
    neighbours: Neighbours,
    layout: Layout<'a>,
    seen: &'a SeenRuns,
    found: Observation,
}

impl<'a> Collector<'a> {
    fn unit(&mut self, unit: &Unit) -> Result<(), Unobservable> {
        let mut trace = Trace::default();
        let (dep_infos, last_written) = self.layout.traces_of(unit)?;
        for dep_info in &dep_infos {
            trace.read_dep_info(dep_info)?;
        }
        let is_local = unit.package.is_local(self.home.as_deref());
        let asks_for_directory = trace.variables.iter().any(|name| DIRECTORY_VARIABLES.contains(&name.as_str()));
        self.found.knows_its_directory |= is_local && asks_for_directory;
        trace.variables.retain(|name| !FOR_RUSTC.has(name));
        self.found.variables.extend(trace.variables.iter().cloned());
        if unit.is_proc_macro {
            self.found.macros.insert(unit.package.name().to_owned());
        }
        let directory = &unit.package.directory;
        // rustc starts in the workspace's root for packages below it, and in the package's directory for others.
        let started_in = if directory.starts_with(self.root) { self.root } else { directory };
        let read: Vec<PathBuf> = trace.files.into_iter().map(|file| started_in.join(file)).collect();
        let source = normalized(&unit.source);
        let is_overwritten = !has_hash(&last_written) && !read.iter().any(|file| normalized(file) == source);
        let mut files = self.inputs(read.into_iter(), &unit.package);
        if is_local && started_in != self.root {
            let named = named_in(directory, self.root, self.env).map_err(|error| unobservable(directory, &error))?;
            files.extend(self.inputs(named.into_iter(), &unit.package));
        }
        let span = span_of_rustc(&last_written);
        let seen = self.seen_rustc(unit, &last_written);
        let visibility = Visibility::of(seen);
        let declared_variables = trace.variables.clone();
        let besides = self.undeclared_reads(seen, &unit.package, &mut files, &mut trace.variables);
        let is_final = self.output.asked_for.iter().any(|output| unit.files.contains(output));
        self.add(unit, is_local, |_| Run {
            last_written,
            is_script: false,
            is_final,
            fresh: Some(unit.fresh),
            span,
            is_overwritten,
            moved_from: trace.written_in,
            files,
            git_state: besides.git_state,
            listed: besides.listed,
            links: besides.links,
            system: besides.system,
            programs: besides.programs,
            observed: visibility.observed,
            reads_undeclared: !besides.undeclared.is_empty(),
            opaque: visibility.opaque,
            asked_for_directory: visibility.asking_for_directory,
            reads_whole_package: false,
            variables: trace.variables,
            declared_variables,
        });
        Ok(())
    }

    fn scripts(&mut self, units: &Units) -> Result<(), Unobservable> {
        for script in &units.scripts {
            let output = output_of(script);
            let bytes = fs::read(&output).map_err(|source| Unobservable { path: output.clone(), source })?;
            let mut declared = Declared::of(&bytes);
            let declares_nothing = declared.files.is_empty() && declared.variables.is_empty();
            declared.variables.retain(|name| !FOR_BUILD_SCRIPTS.has(name));
            self.found.variables.extend(declared.variables.iter().cloned());
            let Some(unit) = units.units.iter().find(|unit| unit.package.id == script.package_id) else { continue };
            let is_local = unit.package.is_local(self.home.as_deref());
            let seen = self.seen.script(&script.out_dir);
            let visibility = Visibility::of(seen);
            let reads_whole_package = declares_nothing && is_local && visibility.opaque.is_some();
            // cargo takes these paths relative to the package.
            let named = declared.files.into_iter().map(|file| unit.package.directory.join(file));
            let mut files = self.inputs(named, &unit.package);
            let declared_variables = declared.variables.clone();
            let besides = self.undeclared_reads(seen, &unit.package, &mut files, &mut declared.variables);
            // Declaring nothing means to declare the whole package.
            let directory = normalized(&unit.package.directory);
            let is_declared = |path: &PathBuf| declares_nothing && normalized(path).starts_with(&directory);
            let reads_undeclared = besides.asks_undeclared || besides.undeclared.iter().any(|path| !is_declared(path));
            let mut include = Vec::new();
            if reads_whole_package {
                include = self.include(&unit.package.directory);
                files.extend(self.included(&unit.package.directory, &include)?);
            }
            let (span, moved_from) = (span_of(&output), moved_out_dir(script));
            let variables = declared.variables;
            self.add(unit, is_local, |reads| {
                reads.include.extend(include);
                Run {
                    last_written: output,
                    is_script: true,
                    is_final: false,
                    fresh: None,
                    span,
                    is_overwritten: false,
                    moved_from,
                    files,
                    git_state: besides.git_state,
                    listed: besides.listed,
                    links: besides.links,
                    system: besides.system,
                    programs: besides.programs,
                    observed: visibility.observed,
                    reads_undeclared,
                    opaque: visibility.opaque,
                    asked_for_directory: visibility.asking_for_directory,
                    reads_whole_package,
                    variables,
                    declared_variables,
                }
            });
        }
        Ok(())
    }

    /// Returns the patterns of the files that cargo takes as part of the package in `directory`.
    fn include(&self, directory: &Path) -> Vec<String> {
        let include = include_patterns(directory, self.root);
        let is_without_git = include.is_empty() && !is_tracked(&directory.join(MANIFEST));
        if is_without_git { WITHOUT_GIT.map(str::to_owned).to_vec() } else { include }
    }

    /// Returns the files of the package in `directory` that the patterns `include` match.
    fn included(&self, directory: &Path, include: &[String]) -> Result<BTreeSet<PathBuf>, Unobservable> {
        let directory = self.neighbours.reach(directory.to_owned());
        let is_output = |path: &Path| self.output.roots.contains(&normalized(path));
        let included = Included::of(include).below(&directory, &Recorder::default(), &is_output);
        included.map_err(|error| unobservable(&directory, &error))
    }

    fn seen_rustc(&self, unit: &Unit, wrote: &Path) -> Option<KnownReads<'a>> {
        let directory = wrote.parent()?;
        if unit.is_build_script { self.seen.rustc_in(directory) } else { self.seen.rustc(directory, &names_of(wrote)) }
    }

    /// Adds the files and variables that a run was seen to read to those that it declared. Returns its other reads.
    fn undeclared_reads(
        &mut self,
        seen: Option<KnownReads<'_>>,
        package: &Package,
        files: &mut BTreeSet<PathBuf>,
        variables: &mut BTreeSet<String>,
    ) -> UndeclaredReads {
        let Some(KnownReads { reads: seen, .. }) = seen else { return UndeclaredReads::default() };
        let of_cargo = |name: &String| FOR_RUSTC.has(name) || FOR_BUILD_SCRIPTS.has(name);
        let asked: Vec<_> = seen.variables.iter().filter(|name| !of_cargo(name)).cloned().collect();
        let asks_undeclared = asked.iter().any(|name| !variables.contains(name));
        self.found.variables.extend(asked.iter().cloned());
        variables.extend(asked);
        let is_of_cargo = |path: &PathBuf| self.output.is_managed(&normalized(path));
        let split = |paths: &BTreeSet<PathBuf>| -> (BTreeSet<PathBuf>, BTreeSet<PathBuf>) {
            let inputs = self.inputs(paths.iter().filter(|path| !is_of_cargo(path)).cloned(), package);
            inputs.into_iter().partition(|path| is_git_state(path))
        };
        let undeclared = seen.files.iter().filter(|path| !files.contains(*path)).cloned().collect();
        let (mut git_state, others) = split(&undeclared);
        let (listed_of_git, listed) = split(&seen.listed);
        // Links on the path to the checkout do not count: with other ones, the same checkout has another path.
        let is_on_the_way = |link: &PathBuf| self.root.starts_with(link);
        let links: BTreeSet<PathBuf> = split(&seen.links).1.into_iter().filter(|link| !is_on_the_way(link)).collect();
        // rustc looks for each module at two paths.
        let twins = files.iter().filter_map(|file| twin(file));
        let declared: BTreeSet<PathBuf> = files.iter().cloned().chain(twins).map(|file| normalized(&file)).collect();
        let is_declared = |path: &PathBuf| normalized(path).ancestors().any(|above| declared.contains(above));
        // Absent and absolute paths do not count here: programs and libraries are looked for in many directories.
        let is_near = |path: &PathBuf| !PortablePath::of(path, self.root).is_absolute() && path.exists();
        let undeclared = others.iter().chain(&listed).chain(&links);
        let undeclared = undeclared.filter(|path| is_near(path) && !is_declared(path)).cloned().collect();
        git_state.extend(listed_of_git);
        self.found.undeclared_files.extend(others.iter().chain(&git_state).cloned());
        files.extend(others);
        let (system, programs) = (seen.system.clone(), seen.programs.clone());
        UndeclaredReads { git_state, listed, links, system, programs, undeclared, asks_undeclared }
    }

    /// Returns the `files` that are inputs of the build, by paths that lead to them from the checkout.
    fn inputs(&self, files: impl Iterator<Item = PathBuf>, package: &Package) -> BTreeSet<PathBuf> {
        let is_local = package.is_local(self.home.as_deref());
        let fetched = self.home.iter().flat_map(|home| ["registry", "git"].map(|name| home.join(name)));
        let unchanging: Vec<_> = fetched.chain((!is_local).then(|| package.directory.clone())).collect();
        let is_input = |file: &PathBuf| {
            let resolved = normalized(file);
            !self.output.holds(&resolved) && !unchanging.iter().any(|directory| resolved.starts_with(directory))
        };
        files.filter(is_input).map(|file| self.neighbours.reach(file)).collect()
    }

    fn add(&mut self, unit: &Unit, is_local: bool, run: impl FnOnce(&mut PackageReads) -> Run) {
        let reads = self.found.packages.entry(unit.package.id.clone()).or_insert_with(|| PackageReads {
            package: Package {
                directory: self.neighbours.reach(unit.package.directory.clone()),
                ..unit.package.clone()
            },
            is_local,
            runs: Vec::new(),
            files: BTreeSet::new(),
            include: Vec::new(),
        });
        let run = run(reads);
        reads.files.extend(run.files.iter().cloned());
        reads.runs.push(run);
    }

    /// Reads the dep-info that cargo puts beside the artifacts that were asked for. It names all local files once more, in a
    /// documented form. If it is missing, it is not known what the build read. A file that it alone names belongs to the
    /// package that the file lies in.
    fn handed_out(&mut self) -> Result<(), Unobservable> {
        let mut trace = Trace::default();
        for dep_info in self.layout.handed_out_dep_infos() {
            trace.read_dep_info(&dep_info)?;
        }
        let packages = self.found.packages.values();
        let known: BTreeSet<PathBuf> =
            packages.flat_map(|reads| reads.files.iter().map(|file| normalized(file))).collect();
        for file in trace.files {
            let file = self.root.join(file);
            let resolved = normalized(&file);
            let is_fetched =
                |home: &PathBuf| ["registry", "git"].iter().any(|name| resolved.starts_with(home.join(name)));
            if known.contains(&resolved) || self.output.holds(&resolved) || self.home.as_ref().is_some_and(is_fetched) {
                continue;
            }
            let owners = self.found.packages.values_mut().filter(|reads| reads.is_local);
            // The package whose directory holds the file comes first; without one, any will do.
            let nearness = |reads: &&mut PackageReads| {
                let directory = normalized(&reads.package.directory);
                if resolved.starts_with(&directory) { directory.components().count() } else { 0 }
            };
            if let Some(reads) = owners.max_by_key(nearness) {
                reads.files.insert(self.neighbours.reach(file));
            }
        }
        Ok(())
    }
}

/// Returns the other path at which rustc looks for the module in `file`: `x/mod.rs` for `x.rs`, and the other way round.
/// rustc refuses a module that has both. cargo does not see that the second one appears, since no run has read it yet.
///
/// <https://doc.rust-lang.org/error_codes/E0584.html>
#[must_use]
pub fn twin(file: &Path) -> Option<PathBuf> {
    if file.extension()? != "rs" {
        return None;
    }
    Some(match file.file_stem()? {
        stem if stem == "mod" => file.parent()?.with_extension("rs"),
        _ => file.with_extension("").join("mod.rs"),
    })
}

/// True if `path` lies in one of git's directories, or is the file `.git` that leads a worktree to its own.
fn is_git_state(path: &Path) -> bool {
    let is_git_directory = |above: &Path| {
        above.join("HEAD").is_file() && (above.join("refs").is_dir() || above.join("commondir").is_file())
    };
    path.components().any(|part| part.as_os_str() == ".git") || path.ancestors().any(is_git_directory)
}
