//! Sees what the processes of a build read.
//!
//! A small library is loaded into each of them (`observer/observer.c`, which has a page of its own on what it sees and what it
//! cannot) and takes down what they open, list, look for and start. From that, each run of rustc and of a build script is
//! known by what it read, declared or not.
//!
//! Promises: a run of which anything may be missing says so, and why. A build is the same with the observer and without it:
//! no process has the observer's variables in its environment, and an `LD_PRELOAD` of the user's own holds.
//! Does not promise: to see a program that asks the system without its C library, beyond those that do not report at all; and
//! nothing on macOS and Windows, where what cargo, rustc and build scripts declare serves alone.

mod machine_code;
mod places;
mod runs;
mod trace;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;

use tempfile::TempDir;

pub use runs::{KnownReads, SeenRun, SeenRuns};

use crate::error::Result;
use crate::request::Environment;
use crate::store::Store;

/// The library, built for this system.
#[cfg(observes)]
const LIBRARY: Option<&[u8]> = Some(include_bytes!(concat!(env!("OUT_DIR"), "/observer.so")));
#[cfg(not(observes))]
const LIBRARY: Option<&[u8]> = None;

/// Has the library take down, and where; see `observer/observer.c`.
const VARIABLE: &str = "DEV_BIN_OBSERVER";
/// Names libraries that are loaded into every program, separated by colons or spaces.
///
/// <https://man7.org/linux/man-pages/man8/ld.so.8.html#ENVIRONMENT>
const PRELOAD: &str = "LD_PRELOAD";

/// What processes were seen to do.
#[derive(Default)]
struct Seen {
    runs: SeenRuns,
    made_in: BTreeSet<PathBuf>,
}

/// What watches over the builds of one call.
pub struct Observer {
    library: PathBuf,
    traces: TempDir,
    /// What the traces came to, and how many there were.
    seen: RefCell<(usize, Rc<Seen>)>,
}

impl Observer {
    /// Puts the library into `store`, unless it is there; none where the system has none, or where it cannot be loaded
    /// from there.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::CacheUnusable`] when the store cannot be written to.
    pub fn prepare(store: &Store) -> Result<Option<Self>> {
        let Some(bytes) = LIBRARY else { return Ok(None) };
        let library = store.library("observer", bytes)?;
        if !can_be_preloaded(&library) {
            tracing::debug!(path = %library.display(), "the observer cannot be loaded from there");
            return Ok(None);
        }
        Ok(Some(Self { library, traces: store.private_directory()?, seen: RefCell::default() }))
    }

    /// What cargo's environment needs besides `env`.
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

    /// The runs that were seen so far.
    #[must_use]
    pub fn runs(&self) -> SeenRuns {
        self.seen().runs.clone()
    }

    /// Directories in which the builds made or removed something.
    #[must_use]
    pub fn made_in(&self) -> BTreeSet<PathBuf> {
        self.seen().made_in.clone()
    }

    /// What was seen so far. A large build has thousands of processes, so they are looked through once, as long as there are no
    /// more of them.
    fn seen(&self) -> Rc<Seen> {
        let count = std::fs::read_dir(self.traces.path()).map_or(0, Iterator::count);
        let mut seen = self.seen.borrow_mut();
        if seen.0 != count {
            let processes = trace::traces_in(self.traces.path());
            *seen = (count, Rc::new(Seen { runs: SeenRuns::of(&processes), made_in: runs::made_in(&processes) }));
        }
        Rc::clone(&seen.1)
    }
}

/// Whether the loader can name the library, and may load it: from a file system that nothing is executed from, it may not.
fn can_be_preloaded(library: &std::path::Path) -> bool {
    let is_nameable = !library.as_os_str().as_encoded_bytes().iter().any(|byte| matches!(byte, b':' | b' '));
    #[cfg(unix)]
    let is_executable =
        rustix::fs::statvfs(library).is_ok_and(|system| !system.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC));
    #[cfg(not(unix))]
    let is_executable = false;
    is_nameable && is_executable
}
