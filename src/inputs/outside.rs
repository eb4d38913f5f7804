//! Reads what a path set names besides the tree.
//!
//! Promises: a file counts with the bytes behind its links, since that is what was read; a directory with everything in
//! it; what is absent as absent, so that it counts when it appears.
//! Does not promise: to enter caches and git's directories that lie in a directory which is read whole; cargo's own
//! target directory may be in there.

use std::fs;
use std::path::{Path, PathBuf};

use super::checkout::{is_cache, is_gone};
use super::sweep;
use crate::error::{Error, Result};
use crate::inventory::{FileInput, Tree};
use crate::path_set::{PathSet, Place};

/// What `set` names and `tree` does not cover, sorted by bytes.
pub(super) fn read(set: &PathSet, tree: &Tree, root: &Path) -> Result<Vec<FileInput>> {
    let mut reader = Reader { root, found: Vec::new(), buffer: sweep::buffer() };
    for place in &set.files {
        reader.whole(&place.on_disk(root), &mut Vec::new())?;
    }
    for place in set.packages.iter().filter(|place| !covers(tree, place)) {
        reader.package(&place.on_disk(root), true)?;
    }
    let mut found = reader.found;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found.dedup_by(|later, earlier| later.path == earlier.path);
    Ok(found)
}

/// Whether a package's directory is part of the tree: its manifest is.
pub(super) fn covers(tree: &Tree, package: &Place) -> bool {
    let mut manifest = package.0.clone();
    if !manifest.0.is_empty() {
        manifest.0.push(b'/');
    }
    manifest.0.extend_from_slice(b"Cargo.toml");
    tree.file(&manifest).is_some()
}

struct Reader<'a> {
    root: &'a Path,
    found: Vec<FileInput>,
    buffer: Vec<u8>,
}

impl Reader<'_> {
    /// A file, or a directory with everything in it but caches and git's own files. Links are followed, as cargo
    /// follows them; `above` are the directories that one must not lead back to.
    fn whole(&mut self, path: &Path, above: &mut Vec<PathBuf>) -> Result<()> {
        let is_directory = fs::metadata(path).is_ok_and(|metadata| metadata.is_dir());
        let Some(directory) = is_directory.then(|| dunce::canonicalize(path).ok()).flatten() else {
            return self.file(path, true);
        };
        if above.contains(&directory) || (!above.is_empty() && is_cache(&directory)) {
            return Ok(());
        }
        above.push(directory);
        for entry in names(path)? {
            if entry.file_name().is_none_or(|name| name != ".git") {
                self.whole(&entry, above)?;
            }
        }
        above.pop();
        Ok(())
    }

    /// A package that git has nothing to say about: all of its directory but caches, git's own files and the packages
    /// that lie below it, as cargo itself lists a package's files.
    fn package(&mut self, directory: &Path, is_root: bool) -> Result<()> {
        if !is_root && (directory.join("Cargo.toml").is_file() || is_cache(directory)) {
            return Ok(());
        }
        for entry in names(directory)? {
            if entry.file_name().is_some_and(|name| name == ".git") {
                continue;
            }
            if fs::symlink_metadata(&entry).is_ok_and(|metadata| metadata.is_dir()) {
                self.package(&entry, false)?;
            } else {
                self.file(&entry, false)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, follow: bool) -> Result<()> {
        let Place(name) = Place::of(path, self.root);
        match sweep::content(path, follow, &mut self.buffer) {
            Ok((kind, digest, stat)) => self.found.push(FileInput { path: name, kind, digest, stat }),
            Err(error) if is_gone(&error) => self.found.push(sweep::absent(name)),
            Err(error) => return Err(Error::unreadable(path, error)),
        }
        Ok(())
    }
}

fn names(directory: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error| Error::unreadable(directory, error);
    match fs::read_dir(directory) {
        Ok(entries) => {
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(unreadable)
        }
        Err(error) if is_gone(&error) => Ok(Vec::new()),
        Err(error) => Err(unreadable(error)),
    }
}
