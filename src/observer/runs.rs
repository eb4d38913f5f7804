//! From processes to the runs of rustc and of build scripts that they belong to.
//!
//! Promises: a run is one process that cargo started with everything that this started, and what all of them read, listed
//! and looked for counts to it. Left out is what the build itself wrote before; what the system tells of itself; and what
//! the compiler brings along. A run is opaque where a program of it did not report, or did what cannot be seen through.
//! Does not promise: to know of a library that the system's loader opens when it starts a program.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::mem::{Discriminant, discriminant};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use gix::bstr::ByteSlice;
use serde::{Deserialize, Serialize};

use super::interpreted::Asked;
use super::machine_code;
use super::places::{Kind, Place, Places, is_of_user, is_rustup_name, is_rustup_proxy, links_on_the_way};
use super::trace::{Event, Process, path_of};
use crate::path_set::normalized;
use crate::request::Environment;
use crate::stat::StatIdentity;
use crate::system_files::{SystemFiles, is_of_system};
use crate::tree::TreePath;

/// What one run was seen to read. Paths are absolute, by the way that led to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reads {
    /// Files whose content was read or may have mattered, and paths that were looked for in vain.
    #[serde(with = "escaped")]
    pub files: BTreeSet<PathBuf>,
    /// Directories whose names were read.
    #[serde(with = "escaped")]
    pub listed: BTreeSet<PathBuf>,
    /// Links whose targets were read, and directories that were looked for.
    #[serde(with = "escaped")]
    pub links: BTreeSet<PathBuf>,
    /// Files of the system that were read or looked for in vain.
    pub system: SystemFiles,
    /// Programs that were found on the caller's `PATH` and started.
    pub programs: BTreeSet<String>,
    /// Variables that it asked for.
    pub variables: BTreeSet<String>,
    /// Whether it asked where it runs.
    pub asked_for_directory: bool,
    /// Why this is not all that it read.
    pub opaque: Option<String>,
}

/// A run that was seen, and what it wrote then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeenRun {
    /// Of the file that tells one run from the next.
    wrote: StatIdentity,
    reads: Reads,
}

/// What is known of a run from having been watched.
#[derive(Clone, Copy, Debug)]
pub struct KnownReads<'r> {
    /// What it read when it was watched last.
    pub reads: &'r Reads,
    /// Whether it has not run again since.
    pub is_current: bool,
}

/// Runs that were seen, by where they write: rustc by its directory and the name of what it makes there, a build script by its
/// `OUT_DIR`.
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

/// Paths in a record, which is text: with what is no UTF-8 escaped.
mod escaped {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use gix::bstr::ByteSlice;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::tree::TreePath;

    pub(super) fn from(path: &Path) -> TreePath {
        TreePath(path.as_os_str().as_encoded_bytes().into())
    }

    pub(super) fn to(path: &TreePath) -> PathBuf {
        gix::path::from_bstr(path.0.as_bstr()).map(|path| path.into_owned()).unwrap_or_default()
    }

    pub(super) fn serialize<S: Serializer>(paths: &BTreeSet<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(paths.iter().map(|path| from(path)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<PathBuf>, D::Error> {
        Ok(Vec::<TreePath>::deserialize(deserializer)?.iter().map(to).collect())
    }
}

impl SeenRuns {
    /// The runs that `processes` belong to, with the caller's `path`.
    pub(super) fn of(processes: &[Process], path: &SearchPath<'_>) -> Self {
        let family = Family::of(processes, path);
        let places = Places::of(processes);
        let mut runs = BTreeMap::new();
        for (index, key) in family.runs() {
            let reads = family.reads(index, &places);
            if let Some(wrote) = identity(&key) {
                // The last one: a run that was made again has written over the first.
                runs.insert(key, SeenRun { wrote, reads });
            }
        }
        Self(runs)
    }

    /// Takes in what was seen later, and forgets runs of which nothing is left.
    pub fn update(&mut self, later: Self) {
        self.0.extend(later.0);
        self.0.retain(|key, _| identity(key).is_some());
    }

    /// The same without what is known of otherwise: programs that count by themselves.
    #[must_use]
    pub fn but_for(mut self, known: &HashSet<PathBuf>) -> Self {
        for run in self.0.values_mut() {
            run.reads.files.retain(|path| !known.contains(path));
        }
        self
    }

    /// What the run was seen to read that writes one of the files that may be called `names` in `directory`.
    #[must_use]
    pub fn rustc(&self, directory: &Path, names: &[String]) -> Option<KnownReads<'_>> {
        names.iter().filter_map(|name| self.get(&directory.join(name))).max_by_key(|seen| seen.is_current)
    }

    /// The same of the compilation of a build script, which has `directory` for itself.
    #[must_use]
    pub fn rustc_in(&self, directory: &Path) -> Option<KnownReads<'_>> {
        let in_directory = self.0.range(directory.to_owned()..).take_while(|(key, _)| key.starts_with(directory));
        let mut keys = in_directory.map(|(key, _)| key).filter(|key| key.parent() == Some(directory));
        keys.next().and_then(|key| self.get(key))
    }

    /// The same of a build script with this `OUT_DIR`.
    #[must_use]
    pub fn script(&self, out_dir: &Path) -> Option<KnownReads<'_>> {
        self.get(out_dir)
    }

    fn get(&self, key: &Path) -> Option<KnownReads<'_>> {
        let (run, now) = self.0.get(key).zip(identity(key))?;
        Some(KnownReads { reads: &run.reads, is_current: now == run.wrote })
    }
}

/// The identity of what tells a run from the next one: rustc's dep-info, or what a build script printed.
fn identity(key: &Path) -> Option<StatIdentity> {
    let mut dep_info = key.as_os_str().to_owned();
    dep_info.push(".d");
    let files = [PathBuf::from(dep_info), key.with_file_name("run").join("stdout"), key.with_file_name("output")];
    let metadata = files.iter().find_map(|file| file.metadata().ok())?;
    Some(StatIdentity::of(&metadata).but_for_links())
}

/// Where programs are found by their names.
pub(super) struct SearchPath<'e> {
    pub(super) env: &'e Environment,
    pub(super) root: &'e Path,
}

impl SearchPath<'_> {
    fn find(&self, name: &str) -> Option<PathBuf> {
        self.env.find_program(name, self.root)
    }

    /// Whether programs are looked for in `directory`.
    fn has(&self, directory: &Path) -> bool {
        let path = self.env.get("PATH").into_iter().flat_map(std::env::split_paths);
        path.map(|on_path| self.root.join(on_path)).any(|on_path| on_path == directory)
    }
}

/// Who started whom.
struct Family<'p> {
    processes: &'p [Process],
    children: HashMap<&'p str, Vec<usize>>,
    path: &'p SearchPath<'p>,
    programs: RefCell<HashMap<PathBuf, Rc<Program>>>,
}

/// What is known of a program or a library, as soon as that is asked for.
#[derive(Default)]
struct Program {
    image: OnceCell<Image>,
    /// Whether the caller finds it by its name.
    is_on_path: OnceCell<bool>,
    /// Whether it has code of its own that calls the system.
    calls_the_system: OnceCell<bool>,
}

impl<'p> Family<'p> {
    fn of(processes: &'p [Process], path: &'p SearchPath<'p>) -> Self {
        let mut children: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, process) in processes.iter().enumerate() {
            children.entry(process.parent.as_str()).or_default().push(index);
        }
        Self { processes, children, path, programs: RefCell::default() }
    }

    fn program(&self, path: &Path) -> Rc<Program> {
        if let Some(known) = self.programs.borrow().get(path) {
            return Rc::clone(known);
        }
        Rc::clone(self.programs.borrow_mut().entry(path.to_owned()).or_default())
    }

    /// Whether `process` is what was started as `program`, and not what that has become: a program that does not report may
    /// hand over to one that does.
    fn is_of(&self, process: &Process, program: &Path) -> bool {
        self.program(program).image.get_or_init(|| Image::of(program)).is_in(process, program)
    }

    /// The name of `program`, if the caller would find it by that.
    fn name_on_path(&self, program: &Path) -> Option<String> {
        let name = program.file_name()?.to_str().filter(|name| !is_rustup_name(name))?;
        let is_found = || self.path.find(name).is_some_and(|found| normalized(&found) == normalized(program));
        let is_named = program.is_relative() || *self.program(program).is_on_path.get_or_init(is_found);
        is_named.then(|| name.to_owned())
    }

    fn children_of(&self, index: usize) -> &[usize] {
        self.children.get(self.processes[index].id.as_str()).map_or(&[], Vec::as_slice)
    }

    /// The first process of each run, with what the run is known by; nothing of what a run starts is a run of its own.
    fn runs(&self) -> Vec<(usize, PathBuf)> {
        let known: HashSet<&str> = self.processes.iter().map(|process| process.id.as_str()).collect();
        let is_first = |process: &&Process| !known.contains(process.parent.as_str());
        let first = self.processes.iter().enumerate().filter(|(_, process)| is_first(process));
        let mut left: Vec<usize> = first.map(|(index, _)| index).collect();
        let mut runs = Vec::new();
        while let Some(index) = left.pop() {
            match key(&self.processes[index]) {
                Some(key) => runs.push((index, key)),
                None => left.extend(self.children_of(index)),
            }
        }
        runs
    }

    fn reads<'g>(&'g self, first: usize, places: &'g Places) -> Reads {
        let mut gathered = Gathered::new(places);
        let is_script = self.processes[first].out_dir.is_some() && compilation(&self.processes[first]).is_none();
        gathered.reads.opaque = self.unseen_before(&self.processes[first]);
        let mut left = vec![first];
        while let Some(index) = left.pop() {
            let process = &self.processes[index];
            let children = self.children_of(index);
            if let Some(why) = self.unseen(process, children) {
                gathered.reads.opaque.get_or_insert(why);
            }
            gathered.take(process);
            let started = process.events.iter().filter_map(|event| match event {
                Event::Started(_, program) => self.name_on_path(program),
                _ => None,
            });
            gathered.reads.programs.extend(started);
            left.extend(children);
        }
        gathered.conclude();
        // Where a name is found tells, too, where it is not.
        let Reads { files, programs, .. } = &mut gathered.reads;
        files.retain(|path| {
            let is_sought = path.file_name().and_then(OsStr::to_str).is_some_and(|name| programs.contains(name));
            !(is_sought && path.parent().is_some_and(|directory| self.path.has(directory)) && !path.exists())
        });
        let Gathered { mut reads, system, toolchain, .. } = gathered;
        let is_of_toolchain = |path: &Path| toolchain.iter().any(|directory| path.starts_with(directory));
        for paths in [&mut reads.files, &mut reads.listed, &mut reads.links] {
            paths.retain(|path| !is_of_toolchain(path));
        }
        reads.system = system.iter().filter(|path| !is_of_toolchain(path)).map(|path| path.to_path_buf()).collect();
        if !is_script {
            reads.variables.retain(|name| !is_of_rustc(name));
        }
        reads.variables.retain(|name| !SAYS_NOTHING.contains(&name.as_str()));
        reads
    }

    /// Whether a program or a library has code that is not seen; the compiler's own has none that matters.
    fn calls_the_system(&self, path: &Path) -> bool {
        let calls = || !is_of_toolchain(path) && !is_of_c_library(path) && machine_code::calls_the_system(path);
        *self.program(path).calls_the_system.get_or_init(calls)
    }

    /// Whether `first` was preceded by a program that did not report, and became this one or started it.
    fn unseen_before(&self, first: &Process) -> Option<String> {
        let parent = self.processes.iter().find(|process| process.id == first.parent)?;
        let began = parent.events.iter().find_map(|event| match event {
            Event::Started(number, program) if *number == first.number => Some(program),
            _ => None,
        })?;
        (!self.is_of(first, began)).then(|| format!("`{}` did not report", began.display()))
    }

    /// Why `process` may have done more than it took down.
    fn unseen(&self, process: &Process, children: &[usize]) -> Option<String> {
        let name = process.program.display();
        if process.is_incomplete {
            return Some(format!("not all that `{name}` did could be taken down"));
        }
        let did = |what: fn(&Event) -> bool| process.events.iter().any(what);
        if did(|event| matches!(event, Event::Loading)) && !did(|event| matches!(event, Event::Loaded)) {
            return Some(format!("`{name}` ended before it could tell which libraries it had loaded"));
        }
        let libraries = process.events.iter().filter_map(|event| match event {
            Event::Read(path) if is_library(path) => Some(path.as_path()),
            _ => None,
        });
        let mut code = std::iter::once(process.program.as_path()).chain(libraries.filter(|path| !is_of_system(path)));
        if let Some(path) = code.find(|path| self.calls_the_system(path)) {
            return Some(format!("`{}` calls the system past the C library", path.display()));
        }
        let failed: Vec<u32> = process
            .events
            .iter()
            .filter_map(|event| match event {
                Event::NotStarted(number) => Some(*number),
                _ => None,
            })
            .collect();
        process.events.iter().find_map(|event| match event {
            Event::Opaque(what) => Some(format!("`{name}` uses {what}")),
            Event::Started(number, _) if failed.contains(number) => None,
            Event::Started(number, program) => {
                let child = children.iter().map(|child| &self.processes[*child]).find(|child| child.number == *number);
                let is_seen = child.is_some_and(|child| self.is_of(child, program));
                (!is_seen).then(|| match program.as_os_str().is_empty() {
                    true => format!("a program that `{name}` started did not report"),
                    false => format!("`{}` did not report", program.display()),
                })
            }
            _ => None,
        })
    }
}

struct Gathered<'g> {
    places: &'g Places,
    reads: Reads,
    system: Vec<Rc<Path>>,
    /// What was taken in already: processes of one run read the same headers again and again.
    taken: HashSet<(Discriminant<Event>, &'g OsStr)>,
    /// Where compilers that took part are installed.
    toolchain: BTreeSet<PathBuf>,
    /// Directories that were looked for.
    directories: BTreeSet<PathBuf>,
}

impl<'g> Gathered<'g> {
    fn new(places: &'g Places) -> Self {
        Self {
            places,
            reads: Reads::default(),
            system: Vec::new(),
            taken: HashSet::new(),
            toolchain: BTreeSet::new(),
            directories: BTreeSet::new(),
        }
    }

    fn take(&mut self, process: &'g Process) {
        if process.program.file_name().is_some_and(|name| name == "rustc" || name == "rustdoc") {
            self.toolchain.extend(toolchain_of(&process.program));
        }
        if is_rustup(&process.program) {
            // What it chooses counts, and not what it chooses by.
            return;
        }
        let Asked { variables, for_directory } = Asked::by(process);
        self.reads.variables.extend(variables);
        self.reads.asked_for_directory |= for_directory;
        let mut own_reads = HashSet::new();
        self.file(&process.program);
        for event in &process.events {
            if let Event::Read(path) = event {
                own_reads.insert(path.as_path());
            }
            if let Event::Wrote(path) = event {
                if own_reads.contains(path.as_path()) && is_of_user(path) {
                    // It was read before it was written.
                    self.reads.files.insert(path.clone());
                }
                continue;
            }
            if event.path().is_some_and(|path| !self.taken.insert((discriminant(event), path.as_os_str()))) {
                continue;
            }
            self.take_event(event, &process.program);
        }
    }

    fn take_event(&mut self, event: &'g Event, program: &Path) {
        if let Some(path) = event.path().filter(|path| path.starts_with("/proc")) {
            self.of_kernel(path, program);
        }
        let kind = event.path().map(|path| self.places.known(path).kind);
        match event {
            // One that was only opened may have been listed, or gone to.
            Event::Read(path) if kind == Some(Kind::Directory) => {
                self.resolved(path);
                self.listed(path);
            }
            Event::Read(path) if kind == Some(Kind::Channel) && self.places.counts(path) => {
                let why = format!("`{}` reads from `{}`", program.display(), path.display());
                self.reads.opaque.get_or_insert(why);
            }
            Event::LookedAt(path) if kind == Some(Kind::Directory) => {
                self.directories.extend(Some(path).filter(|path| self.places.is_of_user(path)).cloned());
            }
            Event::Started(_, path) if path.is_relative() => {}
            Event::Read(path) | Event::Linked(path) | Event::LookedAt(path) | Event::Started(_, path) => {
                self.file(path);
            }
            Event::FoundAbsent(path) => self.file(path),
            Event::Followed(path) => self.reads.links.extend(self.counting(path)),
            Event::Resolved(path) => self.resolved(path),
            Event::Listed(path) => self.listed(path),
            Event::ReadVariable(name) => {
                self.reads.variables.insert(name.clone());
            }
            Event::AskedForDirectory => self.reads.asked_for_directory = true,
            _ => {}
        }
    }

    fn counting(&self, path: &Path) -> Option<PathBuf> {
        self.places.counts(path).then(|| path.to_owned())
    }

    fn listed(&mut self, path: &Path) {
        self.reads.listed.extend(self.counting(path));
    }

    fn resolved(&mut self, path: &Path) {
        let places = self.places;
        self.reads.links.extend(links_on_the_way(path).into_iter().filter(|link| places.counts(link)));
    }

    /// What the system tells of a process that asks: where it runs, where its program lies, and what it has open.
    fn of_kernel(&mut self, path: &Path, program: &Path) {
        let mut parts = path.components().skip(3).map(|part| part.as_os_str());
        let (what, more) = (parts.next().and_then(OsStr::to_str), parts.next());
        match what {
            Some("cwd") => self.reads.asked_for_directory = true,
            Some("exe") if is_of_user(program) && !is_of_toolchain(program) => self.reads.asked_for_directory = true,
            _ => {}
        }
        if what == Some("environ") || more.is_some() && matches!(what, Some("cwd" | "root")) {
            self.reads.opaque.get_or_insert(format!("`{}` reads `{}`", program.display(), path.display()));
        }
    }

    /// Which of the directories that were looked for count.
    fn conclude(&mut self) {
        for directory in std::mem::take(&mut self.directories) {
            // It is there as long as anything in it is that counts.
            let is_there = |path: &&PathBuf| self.places.known(path).kind != Kind::Nothing;
            let known = [&self.reads.files, &self.reads.listed].into_iter().any(|paths| {
                let within = paths.range(directory.clone()..).take_while(|path| path.starts_with(&directory));
                within.filter(is_there).count() > 0
            });
            if !known {
                self.reads.links.insert(directory);
            }
        }
    }

    fn file(&mut self, path: &Path) {
        match self.places.known(path).place {
            Place::OfSystem(path) => self.system.push(path),
            Place::OfUser => {
                self.reads.files.insert(path.to_owned());
            }
            Place::Nowhere => {}
        }
    }
}

/// Whether a program or a library comes with a Rust compiler: beside rustc, or among what that keeps for a target.
fn is_of_toolchain(path: &Path) -> bool {
    let directories = || path.ancestors().skip(1);
    let is_rustc =
        path.file_name().is_some_and(|name| ["rustc", "rustdoc", "cargo"].iter().any(|known| name == *known));
    let is_beside = if is_of_system(path) {
        is_rustc && directories().nth(1).is_some_and(has_rustlib)
    } else {
        directories().any(has_rustlib)
    };
    is_beside || path.components().any(|part| part.as_os_str() == "rustlib")
}

/// Whether a Rust compiler is installed in `prefix`.
fn has_rustlib(prefix: &Path) -> bool {
    prefix.join("lib").join("rustlib").is_dir()
}

/// What the compiler `rustc` brings along: all of its installation, or, where it comes with the system, its part of that.
fn toolchain_of(rustc: &Path) -> Option<PathBuf> {
    let prefix = rustc.parent().and_then(Path::parent).filter(|prefix| has_rustlib(prefix))?;
    Some(if is_of_system(rustc) { prefix.join("lib").join("rustlib") } else { prefix.to_owned() })
}

/// Whether a path has the name of a library that programs load.
fn is_library(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.ends_with(b".so") || name.contains_str(".so.")
}

/// Whether a path has the name of the C library or of its loader, wherever it is installed. It is what calls the system.
fn is_of_c_library(path: &Path) -> bool {
    const NAMES: [&str; 10] =
        ["ld-", "ld.", "libc.", "libdl.", "libm.", "libmvec.", "libpthread.", "libresolv.", "librt.", "libutil."];
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    is_library(path) && NAMES.iter().any(|start| name.starts_with(start.as_bytes()))
}

/// What a program is that was started.
enum Image {
    /// Itself, by its real path.
    Program(PathBuf),
    /// A script, and the program that is started for it.
    Script(PathBuf),
    /// What was there is gone.
    Gone,
}

impl Image {
    fn of(program: &Path) -> Self {
        let Ok(real) = dunce::canonicalize(program) else { return Self::Gone };
        match interpreter(&real) {
            Some(interpreter) => Self::Script(dunce::canonicalize(&interpreter).unwrap_or(interpreter)),
            None => Self::Program(real),
        }
    }

    /// Whether `process` is this, started as `program`.
    fn is_in(&self, process: &Process, program: &Path) -> bool {
        match self {
            Self::Program(real) => process.program == *real,
            Self::Script(interpreter) => process.program == *interpreter && process.runs(program),
            Self::Gone => process.program.file_name() == program.file_name() || process.runs(program),
        }
    }
}

/// The program that the system starts for a script.
///
/// <https://man7.org/linux/man-pages/man2/execve.2.html>
fn interpreter(script: &Path) -> Option<PathBuf> {
    use std::io::Read;
    let mut start = [0; 256];
    let read = std::fs::File::open(script).ok()?.read(&mut start).ok()?;
    let line = start[..read].strip_prefix(b"#!")?.lines().next()?;
    line.split(|byte| matches!(byte, b' ' | b'\t')).find(|part| !part.is_empty()).map(path_of)
}

/// Whether a program is rustup, under whatever name, and not a compiler that is called the same.
fn is_rustup(program: &Path) -> bool {
    is_rustup_proxy(program) && !is_of_toolchain(program)
}

/// What a run is known by, if `process` is the first of one.
fn key(process: &Process) -> Option<PathBuf> {
    compilation(process).or_else(|| {
        let name = process.program.file_name()?.to_str()?;
        let is_script = name.starts_with("build-script-") || name.starts_with("build_script_");
        process.out_dir.clone().filter(|_| is_script)
    })
}

/// Where rustc writes, and under which name; none for a process that runs no rustc, or one that only asks it something.
fn compilation(process: &Process) -> Option<PathBuf> {
    let arguments = &process.arguments;
    let after = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.to_str().ok()
    };
    let directory = after("--out-dir")?;
    let name = after("--crate-name")?;
    let codegen = arguments.iter().filter_map(|argument| argument.to_str().ok());
    let mut codegen =
        codegen.filter_map(|argument| argument.strip_prefix("-C").unwrap_or(argument).strip_prefix("extra-filename="));
    Some(Path::new(directory).join(format!("{name}{}", codegen.next().unwrap_or_default())))
}

/// What differs from terminal to terminal and says where things are found or how they are shown: where a run finds something
/// by it, that is seen.
const SAYS_NOTHING: [&str; 24] = [
    "CARGO_MAKEFLAGS",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLORTERM",
    "COLUMNS",
    "LINES",
    "GIT_PAGER_IN_USE",
    "MAKEFLAGS",
    "MFLAGS",
    "NO_COLOR",
    "NUM_JOBS",
    "OLDPWD",
    "PAGER",
    "PATH",
    "PWD",
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
    "RUST_LOG",
    "RUST_MIN_STACK",
    "SHLVL",
    "TEMP",
    "TERM",
    "TMP",
    "TMPDIR",
];

/// What rustc asks for by itself, whatever it compiles.
fn is_of_rustc(name: &str) -> bool {
    const BY_ITSELF: [&str; 8] = [
        "CI",
        "MALLOC_CONF",
        "OUT_DIR",
        "QNX_TARGET",
        "RAYON_NUM_THREADS",
        "SSL_CERT_FILE",
        "VCINSTALLDIR",
        "_RJEM_MALLOC_CONF",
    ];
    BY_ITSELF.contains(&name) || name.starts_with("RUSTC_")
}
