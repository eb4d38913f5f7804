//! The directory of a cache: where things lie in it, and how files come into being there.
//!
//! Promises: a file gets its name when it is complete and on disk, so that a reader needs no lock, and a kill at any
//! instruction leaves whole files and rubbish under `tmp`.
//! Does not promise: that the directory is there, or is a cache. `root` finds that out.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::{Error, Result};

/// The age at which an unfinished file belongs to a process that is gone.
pub(super) const RUBBISH_AFTER: Duration = Duration::from_secs(60 * 60);

/// A cache directory.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) root: PathBuf,
}

impl Store {
    /// Returns the present time by the clock of the cache's file system, which may be coarser than the system's clock, and
    /// on another machine.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        let stamped = || tempfile::tempfile_in(self.temporary())?.metadata()?.modified();
        stamped().unwrap_or_else(|_| SystemTime::now())
    }

    /// Makes a directory that is removed when the returned value is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when it cannot be made.
    pub fn private_directory(&self) -> Result<tempfile::TempDir> {
        tempfile::tempdir_in(self.temporary()).map_err(|error| Error::cache_io(&self.temporary(), &error))
    }

    /// Returns the directory of the cache.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(super) fn path_sets(&self) -> PathBuf {
        self.root.join("path-sets")
    }

    pub(super) fn records(&self) -> PathBuf {
        self.root.join("build-records")
    }

    /// Creates the directory of stat caches, if the cache has its tag. Without the tag, a cache in a checkout would count
    /// as a part of that checkout. A failure costs the next sweep some time.
    pub fn prepare_stat_caches(&self) {
        if self.root.join("CACHEDIR.TAG").exists() && !self.stat_caches().exists() {
            let _ = create_private(&self.stat_caches());
        }
    }

    /// Returns the directory of stat caches.
    #[must_use]
    pub fn stat_caches(&self) -> PathBuf {
        self.root.join("stat-cache")
    }

    /// The logs of builds that no process waits for. The command line makes it.
    pub(super) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub(super) fn locks(&self) -> PathBuf {
        self.root.join("locks")
    }

    /// Writes `bytes` to `path`, whole and durably, or leaves it as it was.
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        self.write_as_of(path, bytes, None)
    }

    /// Does the same, and sets the modification time to `modified`.
    pub(super) fn write_as_of(&self, path: &Path, bytes: &[u8], modified: Option<SystemTime>) -> Result<()> {
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

/// True if no file in a directory, or the file itself, was written to for so long that none will be. A build in a private
/// directory writes deep down, so all of it is looked at.
pub(super) fn is_abandoned(path: &Path, now: SystemTime) -> bool {
    let Ok(metadata) = fs::symlink_metadata(path) else { return false };
    let age = metadata.modified().ok().and_then(|modified| now.duration_since(modified).ok());
    let mut below = metadata.is_dir().then(|| fs::read_dir(path).ok()).flatten().into_iter().flatten().flatten();
    age.is_some_and(|age| age > RUBBISH_AFTER) && below.all(|entry| is_abandoned(&entry.path(), now))
}

/// Removes a directory in the place of a file. A file can be renamed over anything else.
pub(super) fn make_way(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        _ => Ok(()),
    }
}

#[cfg(unix)]
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// True if a path has the name of an unfinished file or directory.
pub(super) fn is_unfinished(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".tmp"))
}
