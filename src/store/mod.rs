//! Binaries on disk.
//!
//! ```text
//! <root>/<first 16 hex digits of the fingerprint>/
//!     <bin>[-<target>]               the binary, 0755, never opened for writing again
//!     <library>                      a shared library of the build that the binary needs, as often as there is one
//!     <bin>[-<target>].inputs.json   what its build read, to say later why something else was built
//!     <bin>[-<target>].json          its manifest, written last
//! <root>/CACHEDIR.TAG  README        say that everything here can be made again
//! <root>/pruned                      its time is when the cache was last pruned by itself
//! <root>/path-sets/                  what builds were seen to read besides the tree
//! <root>/build-records/              what was last built in a target directory, and from what
//! <root>/stat-cache/                 what checkouts and compilers looked like, so that little is read anew
//! <root>/observer/                   what is loaded into the programs of a build, to see what they read
//! <root>/locks/                      one file a build in progress
//! <root>/tmp/                        files that are not finished
//! ```
//!
//! Promises: what is served was published whole and is still as it was published; anything else is a miss and never an
//! error. Files come into being under `tmp` and get their names when they are complete and on disk, so that a reader
//! needs no lock and a kill at any instruction leaves whole entries and rubbish under `tmp`.
//! Does not promise: protection from the user who owns the cache. Other users are kept out.

mod contents;
mod copies;
mod disk;
mod earlier;
mod entry;
mod lease;
mod leftovers;
mod library;
mod lock;
mod manifest;
mod owners;
mod path_sets;
mod prune;
mod publish;
mod records;
mod root;
mod running;
mod share;
mod superseded;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

pub use contents::{Broken, Listed, Listing};
pub use earlier::Earlier;
pub use entry::{Claim, Entry, LookUp};
pub use lock::{Lock, LockName};
pub use manifest::{MANIFEST_FORMAT, Manifest, PublishedLibrary};
pub use prune::{Pruned, Pruning, Reason, Removed};
pub use publish::Staged;

use crate::error::{Error, Result};

/// Tells back-up programs, and this package's own look at a checkout, that everything here can be made again.
///
/// <https://bford.info/cachedir/>
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# Binaries built by @openlock/dev-bin.\n";
/// Explains the directory to a person who finds it.
const README: &str = "\
Binaries that @openlock/dev-bin built from Rust checkouts, kept so that they need not be built again. Everything here can be
deleted at any time; what is needed is built again. Whatever was not used for long is removed by itself. `dev-bin list` shows
what is here, and `dev-bin prune` makes room.
";
/// An unfinished file of this age belongs to a process that is gone.
const RUBBISH_AFTER: Duration = Duration::from_secs(60 * 60);

/// A cache directory.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Looks at the cache directory, and creates nothing.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when another user owns it or may write to it: what they put there would be run. And when it
    /// holds files of another purpose.
    pub fn open(root: &Path) -> Result<Self> {
        match fs::symlink_metadata(root) {
            Ok(metadata) if metadata.is_symlink() => return Err(root::linked(root)),
            Ok(metadata) => {
                root::private(root, &metadata)?;
                root::ours(root)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::cache_io(root, &error)),
        }
        Ok(Self { root: root.to_owned() })
    }

    /// Creates what a build needs, before it takes minutes to find out that it cannot be kept.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when the directories cannot be made, or not by this user alone.
    pub fn prepare(&self) -> Result<()> {
        let create =
            |directory: PathBuf| create_private(&directory).map_err(|error| Error::cache_io(&directory, &error));
        create(self.root.clone())?;
        create(self.temporary())?;
        let metadata = fs::metadata(&self.root).map_err(|error| Error::cache_io(&self.root, &error))?;
        root::private(&self.root, &metadata)?;
        let is_new = !self.root.join("CACHEDIR.TAG").exists() && self.is_empty();
        // Before anything else, or a process that is killed here leaves a directory that is not known for a cache.
        self.tag()?;
        if is_new {
            self.note_pruning();
        }
        for directory in [self.path_sets(), self.records(), self.locks()] {
            create(directory)?;
        }
        self.prepare_stat_caches();
        self.remove_rubbish();
        Ok(())
    }

    /// Has the directory say that it is a cache, and what that is.
    fn tag(&self) -> Result<()> {
        for (name, text) in [("CACHEDIR.TAG", TAG), ("README", README)] {
            let path = self.root.join(name);
            if !path.exists() {
                self.write(&path, text.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Now, by the clock that stamps files: it ticks more coarsely than the system's, and may stand on another machine.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        let stamped = || tempfile::tempfile_in(self.temporary())?.metadata()?.modified();
        stamped().unwrap_or_else(|_| SystemTime::now())
    }

    /// A directory that is gone when the answer is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when it cannot be made.
    pub fn private_directory(&self) -> Result<tempfile::TempDir> {
        tempfile::tempdir_in(self.temporary()).map_err(|error| Error::cache_io(&self.temporary(), &error))
    }

    fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    fn path_sets(&self) -> PathBuf {
        self.root.join("path-sets")
    }

    fn records(&self) -> PathBuf {
        self.root.join("build-records")
    }

    /// Makes room for looks at checkouts, if there is a cache that says it is one: it may lie in a checkout, and must be no
    /// part of what is looked at. Failing to costs the next look some time.
    pub fn prepare_stat_caches(&self) {
        if self.root.join("CACHEDIR.TAG").exists() && !self.stat_caches().exists() {
            let _ = create_private(&self.stat_caches());
        }
    }

    /// Where looks at checkouts are kept.
    #[must_use]
    pub fn stat_caches(&self) -> PathBuf {
        self.root.join("stat-cache")
    }

    fn locks(&self) -> PathBuf {
        self.root.join("locks")
    }

    /// Removes what killed processes left unfinished. It is in nobody's way, so failing to is no error.
    fn remove_rubbish(&self) {
        // The target of a link is not ours.
        let is_directory = |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
        let directories = [self.temporary(), self.stat_caches()].into_iter().filter(is_directory);
        let entries = directories.flat_map(|path| fs::read_dir(path).into_iter().flatten().flatten());
        let now = SystemTime::now();
        for entry in entries.filter(|entry| is_unfinished(&entry.path())) {
            if is_abandoned(&entry.path(), now) {
                tracing::debug!(path = %entry.path().display(), "removing an unfinished file");
                let _ = match entry.file_type() {
                    Ok(file_type) if file_type.is_dir() => fs::remove_dir_all(entry.path()),
                    _ => fs::remove_file(entry.path()),
                };
            }
        }
    }

    /// Gives `path` the content `bytes`, at once and for good, or leaves it as it was.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        self.write_as_of(path, bytes, None)
    }

    /// The same as if it had been done at the time `modified`.
    fn write_as_of(&self, path: &Path, bytes: &[u8], modified: Option<SystemTime>) -> Result<()> {
        let written = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(self.temporary())?;
            file.write_all(bytes)?;
            modified.map(|modified| file.as_file().set_modified(modified)).transpose()?;
            file.as_file().sync_all()?;
            make_way(path)?;
            file.persist(path)?;
            Ok(())
        };
        written().map_err(|error| Error::cache_io(path, &error))
    }
}

/// True if nobody has written to a file, or to anything in a directory, for so long that nobody will: a build in a
/// private directory takes its time, and writes deep down.
fn is_abandoned(path: &Path, now: SystemTime) -> bool {
    let Ok(metadata) = fs::symlink_metadata(path) else { return false };
    let age = metadata.modified().ok().and_then(|modified| now.duration_since(modified).ok());
    let mut below = metadata.is_dir().then(|| fs::read_dir(path).ok()).flatten().into_iter().flatten().flatten();
    age.is_some_and(|age| age > RUBBISH_AFTER) && below.all(|entry| is_abandoned(&entry.path(), now))
}

/// Removes a directory that stands where a file belongs; a file is renamed over anything else.
fn make_way(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// True if a path has the name that files and directories of ours have until they are finished.
fn is_unfinished(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".tmp"))
}
