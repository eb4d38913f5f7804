//! Opens a cache, and decides which directory may be one.
//!
//! Promises: an existing directory is taken for a cache only if its `CACHEDIR.TAG` says so, if it holds an entry, or if it
//! holds nothing but the beginnings of a cache. Pruning removes files, so a directory that is named by mistake is refused.
//! Other users are kept out, and links are not followed.
//! Does not promise: to notice a change while the directory is used.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use gix::bstr::ByteSlice;

use super::directory::{Store, create_private, is_abandoned, is_unfinished};
use super::layout::{directories_of_entries, holds_manifest, is_log};
use crate::error::{Error, Result};

/// The part of a tag that tells that it is this package's.
const PACKAGE: &str = "@openlock/dev-bin";

/// Tells back-up programs, and this package's sweeps, that everything here can be made again.
///
/// <https://bford.info/cachedir/>
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# Binaries built by @openlock/dev-bin.\n";
/// Explains the directory to a person who finds it.
const README: &str = "\
Binaries that @openlock/dev-bin built from Rust checkouts, kept so that they need not be built again. Everything here can be
deleted at any time; what is needed is built again. Whatever was not used for long is removed by itself. `dev-bin list` shows
what is here, and `dev-bin prune` makes room.
";

impl Store {
    /// Checks the cache directory, and creates nothing.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when another user owns it or may write to it, since programs from there would be run. The
    /// same when it is a link, or holds files of another purpose.
    pub fn open(root: &Path) -> Result<Self> {
        match fs::symlink_metadata(root) {
            Ok(metadata) if metadata.is_symlink() => return Err(linked(root)),
            Ok(metadata) => {
                private(root, &metadata)?;
                ours(root)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::cache_io(root, &error)),
        }
        Ok(Self { root: root.to_owned() })
    }

    /// Creates the directories that a build needs. A build takes minutes, so that a cache that cannot be written to is
    /// found before it.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when the directories cannot be made, or not for this user alone.
    pub fn prepare(&self) -> Result<()> {
        let create =
            |directory: PathBuf| create_private(&directory).map_err(|error| Error::cache_io(&directory, &error));
        create(self.root.clone())?;
        create(self.temporary())?;
        let metadata = fs::metadata(&self.root).map_err(|error| Error::cache_io(&self.root, &error))?;
        private(&self.root, &metadata)?;
        let is_new = !self.root.join("CACHEDIR.TAG").exists() && directories_of_entries(&self.root).next().is_none();
        // The tag comes first: otherwise, a process that is killed here leaves a directory that is not recognized as a
        // cache.
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

    /// Writes the files that say that the directory is a cache, and of which program.
    pub(super) fn tag(&self) -> Result<()> {
        for (name, text) in [("CACHEDIR.TAG", TAG), ("README", README)] {
            let path = self.root.join(name);
            if !path.exists() {
                self.write(&path, text.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Removes unfinished files of processes that were killed. A failure is ignored, since they do no harm.
    pub(super) fn remove_rubbish(&self) {
        // The target of a link is not the cache's own.
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
}

/// Returns the error for a link. It may lead to another place tomorrow, and files there would be removed.
fn linked(root: &Path) -> Error {
    let hint = match dunce::canonicalize(root) {
        Ok(real) => format!("name the directory that it leads to, `{}`, in `cacheDir`", real.display()),
        Err(_) => "name a directory in `cacheDir`".to_owned(),
    };
    Error::CacheUnusable { path: root.to_owned(), problem: "it is a symbolic link".to_owned(), hint }
}

/// Refuses a directory that is used for another purpose.
fn ours(root: &Path) -> Result<()> {
    if is_tagged(root) {
        return Ok(());
    }
    let mut foreign = None;
    for entry in fs::read_dir(root).map_err(|error| Error::cache_io(root, &error))?.flatten() {
        // The cache may have lost its tag, or be of a version that wrote none.
        if holds_manifest(&entry.path()) {
            return Ok(());
        }
        if !is_beginning(&entry.path()) {
            foreign.get_or_insert(entry.file_name());
        }
    }
    // Another process may have written the tag just now.
    match foreign {
        Some(name) if !is_tagged(root) => Err(Error::CacheUnusable {
            path: root.to_owned(),
            problem: format!("it is no cache of {PACKAGE}, and not empty: it holds `{}`", name.display()),
            hint: "name an empty directory in `cacheDir`, or one that does not exist yet".to_owned(),
        }),
        _ => Ok(()),
    }
}

pub(super) fn is_tagged(root: &Path) -> bool {
    crate::fs::files::read(&root.join("CACHEDIR.TAG")).is_ok_and(|tag| tag.contains_str(PACKAGE))
}

/// True for the directory in which the tag is written, and for that of the logs of builds that begin. A cache without a tag
/// holds only these at first.
fn is_beginning(path: &Path) -> bool {
    let is_directory = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let is_own = match path.file_name().and_then(|name| name.to_str()) {
        Some("tmp") => is_unfinished,
        Some("logs") => is_log,
        _ => return false,
    };
    is_directory && fs::read_dir(path).is_ok_and(|files| files.flatten().all(|file| is_own(&file.path())))
}

/// Refuses a directory in which another user could put a program for this user to run.
#[cfg(unix)]
fn private(path: &Path, metadata: &fs::Metadata) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let refused = |problem: String, hint: String| Err(Error::CacheUnusable { path: path.to_owned(), problem, hint });
    let shown = path.display();
    if !metadata.is_dir() {
        return refused("it is not a directory".into(), "name a directory in `cacheDir`".into());
    }
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        return refused(
            format!("it belongs to user {}, and this is user {user}", metadata.uid()),
            format!("take it over with `chown -R {user} '{shown}'`, or name a directory of yours in `cacheDir`"),
        );
    }
    if metadata.mode() & 0o022 != 0 {
        return refused(
            format!("other users may write to it (mode {:03o})", metadata.mode() & 0o777),
            format!("keep them out with `chmod go-w '{shown}'`, after a look at what is in it"),
        );
    }
    Ok(())
}

/// Checks only that it is a directory. On Windows, the profile's access list keeps other users out of the default
/// directory, and another directory is the caller's choice.
#[cfg(not(unix))]
fn private(path: &Path, metadata: &fs::Metadata) -> Result<()> {
    if metadata.is_dir() {
        return Ok(());
    }
    let (problem, hint) = ("it is not a directory".to_owned(), "name a directory in `cacheDir`".to_owned());
    Err(Error::CacheUnusable { path: path.to_owned(), problem, hint })
}
