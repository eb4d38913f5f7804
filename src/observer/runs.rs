//! From processes to the runs of rustc and of build scripts that they belong to.
//!
//! Promises: a run is one process that cargo started with everything that this started, and what all of them read, listed
//! and looked for counts to it. Left out is what the build itself wrote before; what the system tells of itself; and what
//! the compiler brings along. A run is opaque where a program of it did not report, or did what cannot be seen through.
//! Does not promise: to know of a library that the system's loader opens when it starts a program.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::mem::{Discriminant, discriminant};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use gix::bstr::ByteSlice;
use serde::{Deserialize, Serialize};

use super::machine_code;
use super::places::{Place, Places, is_of_user, is_rustup_name, is_rustup_proxy, lexical, links_on_the_way};
use super::trace::{Event, Process};
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
    /// Links whose targets were read.
    #[serde(with = "escaped")]
    pub links: BTreeSet<PathBuf>,
    /// Files of the system that were read or looked for in vain.
    pub system: SystemFiles,
    /// Programs that were looked for on the `PATH` and started.
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
    /// The runs that `processes` belong to.
    pub(super) fn of(processes: &[Process]) -> Self {
        let family = Family::of(processes);
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

/// The directories in which `processes` made or removed something.
pub(super) fn made_in(processes: &[Process]) -> BTreeSet<PathBuf> {
    let events = processes.iter().flat_map(|process| &process.events);
    let paths = events.filter_map(|event| match event {
        Event::Wrote(path) | Event::Removed(path) => Some(lexical(path)),
        _ => None,
    });
    paths.filter_map(|path| path.parent().map(Path::to_owned)).collect()
}

/// Who started whom.
struct Family<'p> {
    processes: &'p [Process],
    children: HashMap<&'p str, Vec<usize>>,
    /// Programs that were looked into, and whether they call the system by themselves.
    programs: RefCell<HashMap<PathBuf, bool>>,
}

impl<'p> Family<'p> {
    fn of(processes: &'p [Process]) -> Self {
        let mut children: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, process) in processes.iter().enumerate() {
            children.entry(process.parent.as_str()).or_default().push(index);
        }
        Self { processes, children, programs: RefCell::default() }
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
            // What a compiler or git asks for is not what the script asks for.
            let asks = if is_script { process.program == self.processes[first].program } else { true };
            gathered.take(process, asks);
            left.extend(children);
        }
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
        if is_of_toolchain(path) {
            return false;
        }
        let known = self.programs.borrow().get(path).copied();
        known.unwrap_or_else(|| {
            let calls = machine_code::calls_the_system(path);
            self.programs.borrow_mut().insert(path.to_owned(), calls);
            calls
        })
    }

    /// Whether `first` was preceded by a program that did not report, and became this one or started it.
    fn unseen_before(&self, first: &Process) -> Option<String> {
        let parent = self.processes.iter().find(|process| process.id == first.parent)?;
        let began = parent.events.iter().find_map(|event| match event {
            Event::Started(number, program) if *number == first.number => Some(program),
            _ => None,
        })?;
        (!first.is_of(began)).then(|| format!("`{}` did not report", began.display()))
    }

    /// Why `process` may have done more than it took down.
    fn unseen(&self, process: &Process, children: &[usize]) -> Option<String> {
        let name = process.program.display();
        if process.is_incomplete {
            return Some(format!("not all that `{name}` did could be taken down"));
        }
        let libraries = process.events.iter().filter_map(|event| match event {
            Event::Read(path) if path.extension().is_some_and(|extension| extension == "so") => Some(path.as_path()),
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
                let is_seen = child.is_some_and(|child| child.is_of(program));
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
}

impl<'g> Gathered<'g> {
    fn new(places: &'g Places) -> Self {
        let (reads, system, taken) = (Reads::default(), Vec::new(), HashSet::new());
        Self { places, reads, system, taken, toolchain: BTreeSet::new() }
    }

    fn take(&mut self, process: &'g Process, asks: bool) {
        if process.program.file_name().is_some_and(|name| name == "rustc" || name == "rustdoc") {
            self.toolchain.extend(toolchain_of(&process.program));
        }
        if is_rustup(&process.program) {
            // What it chooses counts, and not what it chooses by.
            return;
        }
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
            self.take_event(event, asks);
        }
    }

    fn take_event(&mut self, event: &Event, asks: bool) {
        let of_user = |path: &PathBuf| Some(path.clone()).filter(|path| self.places.is_of_user(path));
        match event {
            Event::Started(_, program) if program.parent().is_some_and(|parent| parent.as_os_str().is_empty()) => {
                let name = program.to_str().filter(|name| !is_rustup_name(name));
                self.reads.programs.extend(name.map(str::to_owned));
            }
            // A directory that is only looked at is there as long as anything in it is that counts.
            Event::Read(path) | Event::LookedAt(path) | Event::Started(_, path)
                if !self.places.known(path).is_directory =>
            {
                self.file(path);
            }
            Event::FoundAbsent(path) => self.file(path),
            Event::Followed(path) => self.reads.links.extend(of_user(path)),
            Event::Resolved(path) => {
                let links: Vec<_> = links_on_the_way(path).iter().filter_map(of_user).collect();
                self.reads.links.extend(links);
            }
            Event::Listed(path) => self.reads.listed.extend(of_user(path)),
            Event::ReadVariable(name) if asks => {
                self.reads.variables.insert(name.clone());
            }
            Event::AskedForDirectory => self.reads.asked_for_directory = true,
            _ => {}
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

/// Whether a program comes with a Rust compiler: beside rustc, or among what that keeps for a target.
fn is_of_toolchain(program: &Path) -> bool {
    let has_rustlib = |prefix: &Path| prefix.join("lib").join("rustlib").is_dir();
    let is_rustc =
        program.file_name().is_some_and(|name| ["rustc", "rustdoc", "cargo"].iter().any(|known| name == *known));
    is_rustc && program.parent().and_then(Path::parent).is_some_and(has_rustlib)
        || program.components().any(|part| part.as_os_str() == "rustlib")
}

/// What the compiler `rustc` brings along: all of its installation, or, where it comes with the system, its part of that.
fn toolchain_of(rustc: &Path) -> Option<PathBuf> {
    let prefix = rustc.parent().and_then(Path::parent)?;
    Some(if is_of_system(rustc) { prefix.join("lib").join("rustlib") } else { prefix.to_owned() })
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
const SAYS_NOTHING: [&str; 17] = [
    "CARGO_MAKEFLAGS",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLORTERM",
    "COLUMNS",
    "LINES",
    "MAKEFLAGS",
    "NO_COLOR",
    "NUM_JOBS",
    "PATH",
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
    "RUST_MIN_STACK",
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
    BY_ITSELF.contains(&name) || ["RUSTC_", "RUST_"].iter().any(|prefix| name.starts_with(prefix))
}
