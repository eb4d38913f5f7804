//! Which directory may be a cache.
//!
//! Promises: what is there already is taken for a cache only when it says so in its `CACHEDIR.TAG`, or holds an entry, or
//! nothing but what a process that was killed had begun. So nobody's files get mixed up with those that are removed by
//! themselves one day, whatever is named by mistake. Other users are kept out, and links are not followed.
//! Does not promise: to see what changes while it is used.

use std::fs;
use std::path::Path;

use gix::bstr::ByteSlice;

use super::contents::holds_manifest;
use super::is_unfinished;
use crate::error::{Error, Result};

/// What a tag says that is ours.
const PACKAGE: &str = "@openlock/dev-bin";

/// Refuses what could lead to another place tomorrow, where things would be removed that are not ours.
pub(super) fn linked(root: &Path) -> Error {
    let hint = match dunce::canonicalize(root) {
        Ok(real) => format!("name the directory that it leads to, `{}`, in `cacheDir`", real.display()),
        Err(_) => "name a directory in `cacheDir`".to_owned(),
    };
    Error::CacheUnusable { path: root.to_owned(), problem: "it is a symbolic link".to_owned(), hint }
}

/// Refuses a directory that is in use for something else.
pub(super) fn ours(root: &Path) -> Result<()> {
    if is_tagged(root) {
        return Ok(());
    }
    let mut foreign = None;
    for entry in fs::read_dir(root).map_err(|error| Error::cache_io(root, &error))?.flatten() {
        // It may have lost its tag, or be of a version that wrote none.
        if holds_manifest(&entry.path()) {
            return Ok(());
        }
        if !is_beginning(&entry.path()) {
            foreign.get_or_insert(entry.file_name());
        }
    }
    // Another process may just have made it a cache.
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

/// True if this is all that there is of a cache before its tag: the directory in which the tag is written.
fn is_beginning(path: &Path) -> bool {
    let is_directory = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    path.file_name().is_some_and(|name| name == "tmp")
        && is_directory
        && fs::read_dir(path).is_ok_and(|files| files.flatten().all(|file| is_unfinished(&file.path())))
}

/// Refuses a directory in which someone else could put a binary for this user to run.
#[cfg(unix)]
pub(super) fn private(path: &Path, metadata: &fs::Metadata) -> Result<()> {
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

/// On Windows, the profile's access list keeps others out of the default directory; another one is the caller's choice.
#[cfg(not(unix))]
pub(super) fn private(path: &Path, metadata: &fs::Metadata) -> Result<()> {
    if metadata.is_dir() {
        return Ok(());
    }
    let (problem, hint) = ("it is not a directory".to_owned(), "name a directory in `cacheDir`".to_owned());
    Err(Error::CacheUnusable { path: path.to_owned(), problem, hint })
}
