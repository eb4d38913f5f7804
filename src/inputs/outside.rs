//! Reads what a path set names besides the tree.
//!
//! Promises: a file counts with the bytes behind its links, since that is what was read; a directory with everything in
//! it; what is absent as absent, so that it counts when it appears. What has not changed since the last look is not
//! read again.
//! Does not promise: to enter caches and git's directories that lie in a directory which is read whole; cargo's own
//! target directory may be in there.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;
use serde::{Deserialize, Serialize};

use super::cachedir;
use super::content::{content, file_input};
use super::directory::is_gone;
use super::seen::{Seen, Watch};
use super::selection::MANIFEST;
use super::snapshot::Content;
use super::stat_cache::{Settled, StatCache, Unsaved};
use crate::error::{Error, Result};
use crate::fingerprint::Digest;
use crate::path_set::{PathSet, Place};
use crate::stat::{Stamp, StatIdentity};
use crate::tree::{FileInput, Tree, TreePath};

/// A look at everything that a path set names.
#[derive(Default, Serialize, Deserialize)]
struct Look {
    /// Sorted by bytes.
    files: Vec<FileInput>,
    /// The identities of `files`, which an inventory leaves out of its JSON.
    stats: Vec<StatIdentity>,
    seen: Vec<Seen>,
}

/// What `set` names and `tree` does not cover, sorted by bytes. The last look is taken from `stat_caches`.
pub(super) fn look(
    set: &PathSet,
    tree: &Tree,
    root: &Path,
    stat_caches: &Path,
) -> Result<(Vec<FileInput>, Option<Unsaved>)> {
    let packages: Vec<&Place> = set.packages.iter().filter(|place| !covers(tree, place)).collect();
    if set.files.is_empty() && packages.is_empty() {
        return Ok((Vec::new(), None));
    }
    let stamp = Stamp::now();
    let cache = StatCache::new(root, key(root, set, &packages), stat_caches);
    let last = cache.load(&stamp).and_then(|(bytes, start)| serde_json::from_slice::<Look>(&bytes[start..]).ok());
    let last = last.filter(|last| last.files.len() == last.stats.len()).unwrap_or_default();
    let is_first = last.seen.is_empty();
    let is_known = !is_first && last.seen.iter().all(Seen::holds);
    let known = last.files.into_iter().zip(last.stats).map(|(file, stat)| FileInput { stat, ..file });
    if is_known {
        return Ok((known.collect(), None));
    }
    let mut reader = Reader::new(root);
    reader.known = known.map(|file| (file.path.clone(), file)).collect();
    let files = reader.all(set.files.iter(), &packages)?;
    let look = Look { stats: files.iter().map(|file| file.stat).collect(), files, seen: reader.watch.into_parts().0 };
    let files = look.files.clone();
    let is_worth_keeping = is_first || look.seen.iter().all(|seen| seen.is_settled(&stamp));
    let unsaved = is_worth_keeping.then(|| cache.unsaved(stamp, move |settled| look.settled(settled)));
    Ok((files, unsaved))
}

/// What `set` names and `tree` does not cover, read anew.
pub(super) fn read(set: &PathSet, tree: &Tree, root: &Path) -> Result<Vec<FileInput>> {
    let packages: Vec<&Place> = set.packages.iter().filter(|place| !covers(tree, place)).collect();
    Reader::new(root).all(set.files.iter(), &packages)
}

fn key(root: &Path, set: &PathSet, packages: &[&Place]) -> Digest {
    let key = ("outside", root.as_os_str().as_encoded_bytes(), &set.files, packages);
    Digest::of(serde_json::to_vec(&key).expect("bytes and escaped paths always become JSON"))
}

impl Look {
    fn settled(mut self, settled: &mut Settled) -> Vec<u8> {
        for (file, stat) in self.files.iter().zip(&mut self.stats) {
            if !settled.is(stat, file.path.0.as_bstr()) {
                *stat = StatIdentity::default();
            }
        }
        self.seen.iter_mut().for_each(|seen| seen.doubt_unless(settled));
        serde_json::to_vec(&self).expect("escaped paths and numbers always become JSON")
    }
}

/// Whether a package's directory is part of the tree: its manifest is.
pub(super) fn covers(tree: &Tree, package: &Place) -> bool {
    let mut manifest = package.0.clone();
    if !manifest.0.is_empty() {
        manifest.0.push(b'/');
    }
    manifest.0.extend_from_slice(MANIFEST);
    tree.file(&manifest).is_some()
}

struct Reader<'a> {
    root: &'a Path,
    watch: Watch,
    known: HashMap<TreePath, FileInput>,
    found: Vec<FileInput>,
}

impl<'a> Reader<'a> {
    fn new(root: &'a Path) -> Self {
        let (watch, known) = (Watch::default(), HashMap::new());
        Self { root, watch, known, found: Vec::new() }
    }

    fn all<'p>(&mut self, files: impl Iterator<Item = &'p Place>, packages: &[&Place]) -> Result<Vec<FileInput>> {
        for place in files {
            self.whole(&place.on_disk(self.root), &mut Vec::new())?;
        }
        for place in packages {
            self.package(&place.on_disk(self.root), true)?;
        }
        let mut found = std::mem::take(&mut self.found);
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found.dedup_by(|later, earlier| later.path == earlier.path);
        Ok(found)
    }

    /// A file, or a directory with everything in it but caches and git's own files. Links are followed, as cargo
    /// follows them; `above` are the directories that one must not lead back to.
    fn whole(&mut self, path: &Path, above: &mut Vec<PathBuf>) -> Result<()> {
        let is_directory = fs::metadata(path).is_ok_and(|metadata| metadata.is_dir());
        let Some(directory) = is_directory.then(|| dunce::canonicalize(path).ok()).flatten() else {
            return self.file(path, true);
        };
        if above.contains(&directory) || (!above.is_empty() && self.is_cache(&directory)?) {
            return Ok(());
        }
        above.push(directory);
        for entry in self.names(path)? {
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
        if !is_root && (self.has_manifest(directory) || self.is_cache(directory)?) {
            return Ok(());
        }
        for entry in self.names(directory)? {
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

    fn has_manifest(&self, directory: &Path) -> bool {
        let manifest = directory.join("Cargo.toml");
        self.watch.at(&manifest);
        manifest.is_file()
    }

    fn is_cache(&self, directory: &Path) -> Result<bool> {
        self.watch.at(&directory.join(cachedir::TAG));
        cachedir::is_cache(directory)
    }

    fn file(&mut self, path: &Path, follow: bool) -> Result<()> {
        self.watch.at(path);
        let Place(name) = Place::of(path, self.root);
        let content = match self.known_content(&name, path, follow) {
            Some(content) => Some(content),
            None => content(path, follow)?,
        };
        self.found.push(file_input(name, content));
        Ok(())
    }

    fn known_content(&self, name: &TreePath, path: &Path, follow: bool) -> Option<Content> {
        let FileInput { kind, digest, stat, .. } = self.known.get(name)?;
        let now = if follow { fs::metadata(path) } else { fs::symlink_metadata(path) };
        (StatIdentity::of(&now.ok()?) == *stat).then_some(Content { kind: *kind, digest: *digest, stat: *stat })
    }

    fn names(&self, directory: &Path) -> Result<Vec<PathBuf>> {
        self.watch.at(directory);
        let unreadable = |error| Error::unreadable(directory, error);
        match fs::read_dir(directory) {
            Ok(entries) => {
                entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(unreadable)
            }
            Err(error) if is_gone(&error) => Ok(Vec::new()),
            Err(error) => Err(unreadable(error)),
        }
    }
}
