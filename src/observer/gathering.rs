//! Gathers what the processes of one run read.
//!
//! Promises: everything that they read, listed and looked for counts for the run. Exceptions are files that the build itself
//! wrote before, files by which the kernel describes the system, and files that come with the compiler.
//! Does not promise: to know in which order two processes acted.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::mem::{Discriminant, discriminant};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::interpreted::Asked;
use super::paths::{Kind, Owner, Paths, is_of_user, links_on_the_way};
use super::programs::{is_of_toolchain, is_rustup, toolchain_of};
use super::reads::Reads;
use super::trace::{Event, Process};
use super::variables::{is_of_rustc, says_nothing};

pub(super) struct Gathered<'g> {
    paths: &'g Paths,
    pub(super) reads: Reads,
    system: Vec<Rc<Path>>,
    /// Events that were taken in already: processes of one run read the same headers again and again.
    taken: HashSet<(Discriminant<Event>, &'g OsStr)>,
    /// The installations of the compilers that took part.
    toolchain: BTreeSet<PathBuf>,
    /// Directories that were looked for.
    directories: BTreeSet<PathBuf>,
}

impl<'g> Gathered<'g> {
    pub(super) fn new(paths: &'g Paths) -> Self {
        Self {
            paths,
            reads: Reads::default(),
            system: Vec::new(),
            taken: HashSet::new(),
            toolchain: BTreeSet::new(),
            directories: BTreeSet::new(),
        }
    }

    pub(super) fn take(&mut self, process: &'g Process) {
        if process.program.file_name().is_some_and(|name| name == "rustc" || name == "rustdoc") {
            self.toolchain.extend(toolchain_of(&process.program));
        }
        if is_rustup(&process.program) {
            // The toolchain that rustup chooses counts, and not the files that it chooses by.
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
                    // The process read the file before it wrote it.
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
        let kind = event.path().map(|path| self.paths.known(path).kind);
        match event {
            // A directory that was only opened may have been listed, or become the working directory.
            Event::Read(path) if kind == Some(Kind::Directory) => {
                self.resolved(path);
                self.listed(path);
            }
            Event::Read(path) if kind == Some(Kind::Channel) && self.paths.counts(path) => {
                let why = format!("`{}` reads from `{}`", program.display(), path.display());
                self.reads.opaque.get_or_insert(why);
            }
            Event::LookedAt(path) if kind == Some(Kind::Directory) => {
                self.directories.extend(Some(path).filter(|path| self.paths.is_of_user(path)).cloned());
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
        self.paths.counts(path).then(|| path.to_owned())
    }

    fn listed(&mut self, path: &Path) {
        self.reads.listed.extend(self.counting(path));
    }

    fn resolved(&mut self, path: &Path) {
        let paths = self.paths;
        self.reads.links.extend(links_on_the_way(path).into_iter().filter(|link| paths.counts(link)));
    }

    /// Takes in a question to the system about the process itself: its working directory, its program, its open files.
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

    /// Returns everything that was gathered, as the reads of a build script or of rustc.
    pub(super) fn into_reads(mut self, is_script: bool) -> Reads {
        self.add_directories();
        let Self { mut reads, system, toolchain, paths, .. } = self;
        let is_of_toolchain = |path: &Path| {
            let around = || paths.toolchain_around(path).is_some_and(|around| toolchain.contains(&*around));
            toolchain.iter().any(|directory| path.starts_with(directory)) || around()
        };
        for paths in [&mut reads.files, &mut reads.listed, &mut reads.links] {
            paths.retain(|path| !is_of_toolchain(path));
        }
        reads.system = system.iter().filter(|path| !is_of_toolchain(path)).map(|path| path.to_path_buf()).collect();
        reads.variables.retain(|name| !says_nothing(name) && (is_script || !is_of_rustc(name)));
        reads
    }

    /// Adds the directories that were looked for, except those that hold an input.
    fn add_directories(&mut self) {
        for directory in std::mem::take(&mut self.directories) {
            // A directory is there as long as an input in it is.
            let is_there = |path: &&PathBuf| self.paths.known(path).kind != Kind::Nothing;
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
        match self.paths.known(path).place {
            Owner::OfSystem(path) => self.system.push(path),
            Owner::OfUser => {
                self.reads.files.insert(path.to_owned());
            }
            Owner::Nowhere => {}
        }
    }
}
