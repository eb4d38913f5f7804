//! Classifies the paths that processes deal with.
//!
//! Promises: a path is looked at once, however many processes read it. A large build asks for the same headers and programs
//! a million times.
//! Does not promise: anything about a path that changes while the traces are read.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::trace::{Event, Process};
use crate::model::portable_path::normalized;
use crate::model::system_files::{is_of_kernel, is_of_system};

/// The owner of a path, which says how the path counts.
#[derive(Clone)]
pub(super) enum Owner {
    /// The path does not count: the build made it, the kernel describes the system by it, or another input stands for it.
    Nowhere,
    /// A file of a user, by the path that a process used.
    OfUser,
    /// A file that comes with the system, by its name in the real path of its directory.
    OfSystem(Rc<Path>),
}

/// Facts about a path.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) place: Owner,
    pub(super) kind: Kind,
}

/// The kind of file at a path, links followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Nothing,
    File,
    Directory,
    /// A FIFO or a socket. Another process has written what is read from it.
    Channel,
}

impl Kind {
    fn of(path: &Path) -> Self {
        let Ok(metadata) = path.metadata() else { return Self::Nothing };
        let kind = metadata.file_type();
        #[cfg(unix)]
        if std::os::unix::fs::FileTypeExt::is_fifo(&kind) || std::os::unix::fs::FileTypeExt::is_socket(&kind) {
            return Self::Channel;
        }
        if kind.is_dir() { Self::Directory } else { Self::File }
    }
}

/// All paths of a build.
pub(super) struct Paths {
    /// Files that the build made, except those that it would read as they are if they were there; each by its path, and by
    /// that of its real directory.
    written: HashSet<PathBuf>,
    /// The real path of each directory.
    real: RefCell<HashMap<PathBuf, Option<PathBuf>>>,
    known: RefCell<HashMap<OsString, Known>>,
    /// The Rust installation around each directory, if there is one.
    toolchains: RefCell<HashMap<OsString, Option<Rc<Path>>>>,
}

impl Paths {
    /// Collects the paths that `processes` wrote, except those in `made`.
    pub(super) fn of(processes: &[Process], made: &BTreeSet<PathBuf>) -> Self {
        let events = processes.iter().flat_map(|process| &process.events);
        let written = events.filter_map(|event| match event {
            Event::Wrote(path) => Some(lexical(path)).filter(|path| !made.contains(path)),
            _ => None,
        });
        let mut paths = Self {
            written: HashSet::new(),
            real: RefCell::default(),
            known: RefCell::default(),
            toolchains: RefCell::default(),
        };
        for path in written {
            paths.written.extend(paths.in_real_directory(&path));
            paths.written.insert(path);
        }
        paths
    }

    pub(super) fn known(&self, path: &Path) -> Known {
        if let Some(known) = self.known.borrow().get(path.as_os_str()) {
            return known.clone();
        }
        let known = Known { place: self.place(path), kind: Kind::of(path) };
        self.known.borrow_mut().insert(path.as_os_str().to_owned(), known.clone());
        known
    }

    /// Returns the real path of the Rust installation that has `path`. A toolchain may be a link to another one.
    pub(super) fn toolchain_around(&self, path: &Path) -> Option<Rc<Path>> {
        if let Some(known) = self.toolchains.borrow().get(path.as_os_str()) {
            return known.clone();
        }
        let found = match has_rustlib(path) {
            true => dunce::canonicalize(path).ok().map(Rc::from),
            false => path.parent().and_then(|above| self.toolchain_around(above)),
        };
        self.toolchains.borrow_mut().insert(path.as_os_str().to_owned(), found.clone());
        found
    }

    /// True if `path` counts and is no file of the system.
    pub(super) fn is_of_user(&self, path: &Path) -> bool {
        matches!(self.known(path).place, Owner::OfUser)
    }

    /// True if `path` counts.
    pub(super) fn counts(&self, path: &Path) -> bool {
        !matches!(self.known(path).place, Owner::Nowhere)
    }

    fn place(&self, path: &Path) -> Owner {
        if self.was_made(path) {
            return Owner::Nowhere;
        }
        if is_of_system(path) {
            // A link may lead from there to a directory of a user.
            let real = self.in_real_directory(&normalized(path)).unwrap_or_else(|| normalized(path));
            return if is_of_system(&real) { Owner::OfSystem(real.into()) } else { Owner::OfUser };
        }
        if is_of_user(path) && !is_in_object_store(path) { Owner::OfUser } else { Owner::Nowhere }
    }

    /// Returns `path` with the real path of its directory, if that exists. A directory with several names, such as `/lib`
    /// and `/usr/lib`, would cost a look for each.
    fn in_real_directory(&self, path: &Path) -> Option<PathBuf> {
        let (directory, name) = (path.parent()?, path.file_name()?);
        if let Some(known) = self.real.borrow().get(directory) {
            return known.as_ref().map(|real| real.join(name));
        }
        let real = dunce::canonicalize(directory).ok();
        self.real.borrow_mut().insert(directory.to_owned(), real.clone());
        real.map(|real| real.join(name))
    }

    /// True if the build made the file at `path`, or a directory around it that is gone.
    fn was_made(&self, path: &Path) -> bool {
        let path = lexical(path);
        self.written.contains(&path)
            || self.in_real_directory(&path).is_some_and(|real| self.written.contains(&real))
            || path.ancestors().skip(1).take_while(|above| !above.exists()).any(|above| self.written.contains(above))
    }
}

/// True if `path` is a user's: neither installed with the system, nor one by which the kernel describes the system, nor a
/// proxy of rustup.
pub(super) fn is_of_user(path: &Path) -> bool {
    path.is_absolute() && !is_rustup_proxy(path) && !is_of_kernel(path) && !is_of_system(path)
}

/// True if `path` is rustup under one of its names, which are all in one directory. The program that rustup starts counts as
/// a tool.
pub(super) fn is_rustup_proxy(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(is_rustup_name)
        && path.with_file_name("rustup").is_file()
}

/// True if a Rust compiler is installed in `prefix`.
pub(super) fn has_rustlib(prefix: &Path) -> bool {
    prefix.join("lib").join("rustlib").is_dir()
}

pub(super) fn is_rustup_name(name: &str) -> bool {
    ["cargo", "rustc", "rustdoc", "rustup"].contains(&name)
}

/// True if `path` is one of git's objects. An object never changes under its name, and packing changes no object.
fn is_in_object_store(path: &Path) -> bool {
    let is_store = |above: &Path| {
        above.ends_with("objects") && above.with_file_name("HEAD").is_file() && above.with_file_name("refs").is_dir()
    };
    path.ancestors().any(is_store)
}

/// Returns the links that are followed on the way to `path`, including those that links lead to.
pub(super) fn links_on_the_way(path: &Path) -> BTreeSet<PathBuf> {
    let (mut links, mut left) = (BTreeSet::new(), vec![path.to_owned()]);
    while let Some(path) = left.pop() {
        for above in path.ancestors() {
            let Ok(target) = above.read_link() else { continue };
            if links.insert(above.to_owned()) {
                left.extend(above.parent().map(|directory| directory.join(target)));
            }
        }
    }
    links
}

/// Returns `path` without `.` and `..`, which are resolved by its text alone.
pub(super) fn lexical(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}
