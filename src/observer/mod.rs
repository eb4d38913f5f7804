//! Observes what the processes of a build read.
//!
//! A small library is loaded into each process, and records what the process opens, lists, looks for and starts. It is
//! `observer/observer.c`, and the README beside it says what it sees and what it cannot see. These records tell what each
//! run of rustc and of a build script read, declared or not.
//!
//! Promises: a run whose trace may lack something says so, and why. A build is the same with and without the observer: no
//! process has the observer's variables in its environment, and an `LD_PRELOAD` of the user's own stays in force.
//! Does not promise: to see what a program asks the system without its C library. Such a program is opaque if it does not
//! report, or if its machine code calls the system. Nor anything on macOS and Windows, where only the declarations of cargo,
//! rustc and build scripts count.

mod family;
mod gathering;
mod interpreted;
mod machine_code;
mod paths;
mod programs;
mod reads;
mod runs;
mod trace;
mod variables;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tempfile::TempDir;

use self::family::{Family, SearchPath};
pub use self::runs::{KnownReads, SeenRun, SeenRuns};

use self::paths::{Paths, is_of_user, lexical};
use self::trace::{Event, Process};
use crate::error::Result;
use crate::request::Environment;
use crate::store::Store;

/// The library, built for this system and compressed, and its length in bytes before that.
#[cfg(observes)]
const LIBRARY: Option<(&[u8], usize)> = Some((
    include_bytes!(concat!(env!("OUT_DIR"), "/observer.z")),
    include!(concat!(env!("OUT_DIR"), "/observer.len")),
));
#[cfg(not(observes))]
const LIBRARY: Option<(&[u8], usize)> = None;

/// The variable that tells the library to record, and where; see `observer/set_up.h`.
const VARIABLE: &str = "DEV_BIN_OBSERVER";
/// The variable that names libraries to load into every program, separated by colons or spaces.
///
/// <https://man7.org/linux/man-pages/man8/ld.so.8.html#ENVIRONMENT>
const PRELOAD: &str = "LD_PRELOAD";

/// The youngest function of the C library that the observer stands before. Programs use it if it exists. With a C library
/// that lacks it, they would take the observer's for it.
#[cfg(unix)]
const REQUIRED_FUNCTION: &std::ffi::CStr = c"posix_spawn_file_actions_addchdir_np";

/// The result of reading all traces.
#[derive(Default)]
struct Seen {
    runs: SeenRuns,
    changes: Changes,
}

/// Changes that builds were seen to make and that alter no content that was there before.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Paths that they wrote, made or removed.
    pub changed: BTreeSet<PathBuf>,
    /// Directories in which they made or removed something.
    pub directories: BTreeSet<PathBuf>,
    /// Files that they gave one more name.
    pub linked: BTreeSet<PathBuf>,
    /// Files that they made because nothing was there. They would have read them as they were otherwise.
    pub made: BTreeSet<PathBuf>,
    /// Files that they read, that are gone, and that none of them removed or wrote.
    pub vanished: BTreeSet<PathBuf>,
}

/// The observer of the builds of one call.
pub struct Observer {
    library: PathBuf,
    traces: TempDir,
    /// The variables by which builds find programs.
    env: Environment,
    root: PathBuf,
    /// The result of reading the traces, and their number at the time.
    seen: RefCell<(usize, Rc<Seen>)>,
}

impl Observer {
    /// Puts the library into `store`, unless it is there, for builds in `root` with the variables of `env`. Returns none if
    /// there is no library for this system, or if it cannot be loaded from there.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::CacheUnusable`] if the store cannot be written to.
    pub fn prepare(store: &Store, root: &Path, env: &Environment) -> Result<Option<Self>> {
        let Some((compressed, length)) = LIBRARY.filter(|_| has_required_function()) else { return Ok(None) };
        let mut bytes = vec![0; length];
        zlib_rs::decompress_slice(&mut bytes, compressed, zlib_rs::InflateConfig::default());
        let library = store.library("observer", &bytes)?;
        if !can_be_preloaded(&library) {
            tracing::debug!(path = %library.display(), "the observer cannot be loaded from there");
            return Ok(None);
        }
        let (root, env) = (root.to_owned(), env.only(&["PATH"]));
        Ok(Some(Self { library, traces: store.private_directory()?, root, env, seen: RefCell::default() }))
    }

    /// Returns the variables that cargo's environment needs besides `env`.
    #[must_use]
    pub fn variables(&self, env: &Environment) -> [(&'static str, OsString); 2] {
        let mut preload = self.library.clone().into_os_string();
        if let Some(own) = env.get(PRELOAD).filter(|own| !own.is_empty()) {
            preload.push(":");
            preload.push(own);
        }
        let mut variable = OsString::from("cargo/0");
        variable.push(self.traces.path());
        [(PRELOAD, preload), (VARIABLE, variable)]
    }

    /// Returns the runs that were seen so far.
    #[must_use]
    pub fn runs(&self) -> SeenRuns {
        self.seen().runs.clone()
    }

    /// Returns the changes that the builds were seen to make so far.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.seen().changes.clone()
    }

    /// Reads the traces. A large build has thousands, so they are read again only if their number has changed.
    fn seen(&self) -> Rc<Seen> {
        let count = std::fs::read_dir(self.traces.path()).map_or(0, Iterator::count);
        let mut seen = self.seen.borrow_mut();
        if seen.0 != count {
            let processes = trace::traces_in(self.traces.path());
            let path = SearchPath { env: &self.env, root: &self.root };
            let family = Family::of(&processes, &path);
            let changes = Changes::of(&processes, family.made_in_absence());
            let runs = SeenRuns::of(&family, &Paths::of(&processes, &changes.made));
            *seen = (count, Rc::new(Seen { runs, changes }));
        }
        Rc::clone(&seen.1)
    }
}

impl Changes {
    fn of(processes: &[Process], made: BTreeSet<PathBuf>) -> Self {
        let mut changes = Self { made, ..Self::default() };
        let mut read = BTreeSet::new();
        for event in processes.iter().flat_map(|process| &process.events) {
            match event {
                Event::Wrote(path) | Event::Removed(path) => {
                    let path = lexical(path);
                    changes.directories.extend(path.parent().map(Path::to_owned));
                    changes.changed.insert(path);
                }
                Event::Read(path) if is_of_user(path) => {
                    read.insert(lexical(path));
                }
                Event::Linked(path) => {
                    changes.linked.insert(lexical(path));
                }
                _ => {}
            }
        }
        let is_gone = |path: &PathBuf| !path.ancestors().any(|above| changes.changed.contains(above)) && !path.exists();
        changes.vanished = read.into_iter().filter(is_gone).collect();
        changes
    }
}

/// True if the C library is one that the observer is made for: glibc 2.29, musl 1.1.24, or later.
fn has_required_function() -> bool {
    #[cfg(unix)]
    // SAFETY: the name ends with a zero byte, and the address that is found is not called.
    return !unsafe { libc::dlsym(libc::RTLD_DEFAULT, REQUIRED_FUNCTION.as_ptr()) }.is_null();
    #[cfg(not(unix))]
    false
}

/// True if the loader can name the library and may load it. `LD_PRELOAD` cannot name a path with a colon or a space, and
/// nothing can be loaded from a file system that is mounted `noexec`.
fn can_be_preloaded(library: &Path) -> bool {
    let is_nameable = !library.as_os_str().as_encoded_bytes().iter().any(|byte| matches!(byte, b':' | b' '));
    #[cfg(unix)]
    let is_executable =
        rustix::fs::statvfs(library).is_ok_and(|system| !system.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC));
    #[cfg(not(unix))]
    let is_executable = false;
    is_nameable && is_executable
}
