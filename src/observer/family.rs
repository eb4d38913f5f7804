//! Groups processes into the runs of rustc and of build scripts that they belong to.
//!
//! Promises: a run is one process that cargo started, with everything that this process started. A run is opaque if one of
//! its programs did not report, or did something that the observer cannot follow.
//! Does not promise: to tell a program that did not report from another one of the same name that did, if the files of both
//! are gone.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use gix::bstr::ByteSlice;

use super::gathering::Gathered;
use super::machine_code;
use super::paths::{Paths, is_of_user, is_rustup_name, lexical};
use super::programs::{Image, is_for_system_calls, is_library, is_of_c_library, is_of_toolchain};
use super::reads::Reads;
use super::trace::{Event, Process};
use crate::model::portable_path::normalized;
use crate::model::system_files::is_of_system;
use crate::request::Environment;

/// The directories in which the caller looks for programs.
pub(super) struct SearchPath<'e> {
    pub(super) env: &'e Environment,
    pub(super) root: &'e Path,
}

impl SearchPath<'_> {
    fn find(&self, name: &str) -> Option<PathBuf> {
        self.env.find_program(name, self.root)
    }
}

/// The processes of a build, each with the processes that it started.
pub(super) struct Family<'p> {
    processes: &'p [Process],
    children: HashMap<&'p str, Vec<usize>>,
    path: &'p SearchPath<'p>,
    programs: RefCell<HashMap<PathBuf, Rc<Program>>>,
}

/// Facts about a program or a library, each found out when it is first asked for.
#[derive(Default)]
struct Program {
    image: OnceCell<Image>,
    /// True if the caller finds it by its name.
    is_on_path: OnceCell<bool>,
    /// True if it has code of its own that calls the system.
    calls_the_system: OnceCell<bool>,
}

impl<'p> Family<'p> {
    pub(super) fn of(processes: &'p [Process], path: &'p SearchPath<'p>) -> Self {
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

    /// True if `process` is the program that was started as `program`. False if that program did not report, and became one
    /// that does.
    fn is_of(&self, process: &Process, program: &Path) -> bool {
        self.program(program).image.get_or_init(|| Image::of(program)).is_in(process, program)
    }

    /// Returns the name of `program`, if the caller would find it by that name.
    fn name_on_path(&self, program: &Path) -> Option<String> {
        let name = program.file_name()?.to_str().filter(|name| !is_rustup_name(name))?;
        let is_found = || self.path.find(name).is_some_and(|found| normalized(&found) == normalized(program));
        let is_named = program.is_relative() || *self.program(program).is_on_path.get_or_init(is_found);
        is_named.then(|| name.to_owned())
    }

    fn children_of(&self, index: usize) -> &[usize] {
        self.children.get(self.processes[index].id.as_str()).map_or(&[], Vec::as_slice)
    }

    /// Returns the first process of each run, with the path that the run is known by. A process that a run starts belongs to
    /// that run, and begins none of its own.
    pub(super) fn runs(&self) -> Vec<(usize, PathBuf)> {
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

    /// Returns the files and directories that a run made after it had found none, and that still exist: defaults that it
    /// makes once, and reads as they are later. A file is one, too, if a directory around it was made so, as a tree that is
    /// unpacked once.
    pub(super) fn made_in_absence(&self) -> BTreeSet<PathBuf> {
        let runs = self.runs();
        // Files in the build's own directories are no defaults, since a linker looks for what it writes, too. rustc writes
        // to `target/release/deps`.
        let (scripts, compilations): (Vec<_>, Vec<_>) = runs.iter().partition(|(first, _)| self.is_script(*first));
        let output = compilations.iter().filter_map(|(_, key)| key.parent()?.parent());
        let output: BTreeSet<_> = output
            .flat_map(|directory| [Some(directory.to_owned()), dunce::canonicalize(directory).ok()])
            .flatten()
            .collect();
        let is_output = |path: &Path| output.iter().any(|directory| path.starts_with(directory));
        let mut made = BTreeSet::new();
        for (first, _) in scripts.iter().chain(&compilations) {
            let events = || self.with_descendants(*first).flat_map(|index| &self.processes[index].events);
            // A run that removes what it then makes anew makes it each time.
            let removed: HashSet<PathBuf> = paths_of(events(), |event| matches!(event, Event::Removed(_))).collect();
            let is_removed = |path: &Path| path.ancestors().any(|path| removed.contains(path));
            let absent: HashSet<PathBuf> = paths_of(events(), |event| matches!(event, Event::FoundAbsent(_)))
                .filter(|path| !is_removed(path))
                .collect();
            let is_made = |path: &PathBuf| {
                path.ancestors().any(|path| absent.contains(path)) || (path.is_dir() && !is_removed(path))
            };
            let written = paths_of(events(), |event| matches!(event, Event::Wrote(_)));
            let counts = |path: &PathBuf| !is_output(path) && is_of_user(path);
            made.extend(written.filter(|path| counts(path) && is_made(path) && path.exists()));
        }
        made
    }

    fn is_script(&self, first: usize) -> bool {
        self.processes[first].out_dir.is_some() && compilation(&self.processes[first]).is_none()
    }

    /// Returns the process at `first`, and all processes that it or one of these started.
    fn with_descendants(&self, first: usize) -> impl Iterator<Item = usize> {
        let mut left = vec![first];
        std::iter::from_fn(move || {
            let index = left.pop()?;
            left.extend(self.children_of(index));
            Some(index)
        })
    }

    pub(super) fn reads<'g>(&'g self, first: usize, paths: &'g Paths) -> Reads {
        let mut gathered = Gathered::new(paths);
        gathered.reads.opaque = self.unseen_before(&self.processes[first]);
        for index in self.with_descendants(first) {
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
        }
        self.take_for_look_ups(&mut gathered.reads);
        gathered.into_reads(self.is_script(first))
    }

    /// Counts a name by where it is found on the caller's `PATH`, if a run has looked into all directories before that one.
    /// The absent paths in these directories do not count then.
    fn take_for_look_ups(&self, reads: &mut Reads) {
        let directories: Vec<PathBuf> = self.path.env.search_path(self.path.root).collect();
        let is_absent = |path: &PathBuf| !path.exists();
        let in_path = |path: &&PathBuf| path.parent().is_some_and(|above| directories.iter().any(|on| on == above));
        let absent = reads.files.iter().filter(in_path).filter(|path| is_absent(path));
        let names: BTreeSet<String> = absent.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
        for name in names {
            let found = self.path.find(&name);
            let is_before = |directory: &&PathBuf| found.as_deref().and_then(Path::parent) != Some(directory.as_path());
            let before = directories.iter().take_while(is_before).map(|directory| directory.join(&name));
            // In directories of the system, names are known by their directory.
            let before: Vec<PathBuf> = before.filter(|path| is_of_user(path)).collect();
            if reads.programs.contains(&name) || before.iter().all(|path| reads.files.contains(path)) {
                reads.files.retain(|path| !before.contains(path));
                reads.programs.insert(name);
            }
        }
    }

    /// True if a program or a library calls the system past the C library. The compiler's own programs never count.
    fn calls_the_system(&self, path: &Path) -> bool {
        let calls = || !is_of_toolchain(path) && !is_of_c_library(path) && machine_code::calls_the_system(path);
        *self.program(path).calls_the_system.get_or_init(calls)
    }

    /// Returns why `first` is opaque from its beginning: a program before it did not report, and became it or started it.
    fn unseen_before(&self, first: &Process) -> Option<String> {
        let parent = self.processes.iter().find(|process| process.id == first.parent)?;
        let began = parent.events.iter().find_map(|event| match event {
            Event::Started(number, program) if *number == first.number => Some(program),
            _ => None,
        })?;
        (!self.is_of(first, began)).then(|| format!("`{}` did not report", began.display()))
    }

    /// Returns the reason why `process` may have done more than it recorded, if it may.
    fn unseen(&self, process: &Process, children: &[usize]) -> Option<String> {
        let name = process.program.display();
        if process.is_incomplete {
            return Some(format!("not everything that `{name}` did could be recorded"));
        }
        let did = |what: fn(&Event) -> bool| process.events.iter().any(what);
        if did(|event| matches!(event, Event::Loading)) && !did(|event| matches!(event, Event::Loaded)) {
            return Some(format!("`{name}` ended before it could tell which libraries it had loaded"));
        }
        let libraries = process.events.iter().filter_map(|event| match event {
            Event::Read(path) if is_library(path) => Some(path.as_path()),
            _ => None,
        });
        let libraries = libraries.filter(|path| !is_of_system(path) || is_for_system_calls(path));
        let mut code = std::iter::once(process.program.as_path()).chain(libraries);
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

/// Returns the paths of the `events` that are wanted.
fn paths_of<'e>(
    events: impl Iterator<Item = &'e Event>,
    is_wanted: impl Fn(&Event) -> bool,
) -> impl Iterator<Item = PathBuf> {
    events.filter(move |event| is_wanted(event)).filter_map(Event::path).map(lexical)
}

/// Returns the path that a run is known by, if `process` is the first of one.
fn key(process: &Process) -> Option<PathBuf> {
    compilation(process).or_else(|| {
        let name = process.program.file_name()?.to_str()?;
        let is_script = name.starts_with("build-script-") || name.starts_with("build_script_");
        process.out_dir.clone().filter(|_| is_script)
    })
}

/// Returns the path of what rustc makes, without its extension; none for a process that is no rustc, or compiles nothing.
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
