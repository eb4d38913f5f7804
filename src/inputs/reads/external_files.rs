//! Reads what a path set names besides the tree.
//!
//! Promises: a file counts by the bytes behind its links, since those were read. A directory counts with everything in it.
//! An absent path counts as absent, so that it counts when it appears. A package that a build script reads without a
//! declaration counts as cargo lists it. A file that has not changed since the last look is not read again.
//! Does not promise: to enter git's directories or directories that the build writes to, if they lie in a directory that is
//! read whole.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::bstr::ByteSlice;
use serde::{Deserialize, Serialize};

use super::include::{Included, names};
use super::system::{self, SystemContents};
use crate::error::Result;
use crate::fs::identity::{Stamp, StatIdentity};
use crate::inputs::remember::dependency::{Recorder, SeenPath, all_hold, gathered};
use crate::inputs::remember::process_cache::ProcessCache;
use crate::inputs::remember::stat_cache::{Settled, StatCache, Unsaved};
use crate::inputs::scan::cachedir;
use crate::inputs::scan::content::{Content, content, directory, file_input};
use crate::inputs::scan::crate_scope::MANIFEST;
use crate::inputs::scan::exclude::Exclude;
use crate::model::fingerprint::Digest;
use crate::model::marks::{Marked, on_file_system};
use crate::model::path_set::PathSet;
use crate::model::portable_path::PortablePath;
use crate::model::system_files::is_of_system;
use crate::model::tree::{FileInput, Kind, Tree, TreePath};
use crate::request::{Environment, Request};

/// A look at everything that a path set names.
#[derive(Default, Serialize, Deserialize)]
struct Look {
    /// The inputs, sorted by bytes.
    files: Vec<FileInput>,
    /// The identities of `files`, which an inventory leaves out of its JSON.
    stats: Vec<StatIdentity>,
    seen: Vec<SeenPath>,
    /// The digest of the `PATH` on which programs were looked up.
    #[serde(default)]
    search_path: Digest,
}

/// The looks of this process.
static LOOKS: ProcessCache<Arc<Look>> = ProcessCache::new(16);

/// Returns what `set` names and `tree` does not cover, sorted by bytes, without what `request` excludes. The last look is
/// taken from `stat_caches`.
pub(crate) fn look(
    set: &PathSet,
    tree: &Tree,
    request: &Request,
    root: &Path,
    (stat_caches, contents): (&Path, &SystemContents),
) -> Result<(Vec<FileInput>, Option<Unsaved>)> {
    let exclude = &request.excluded();
    let packages: Vec<&PortablePath> = set.packages.iter().filter(|place| !covers(tree, place)).collect();
    let are_empty = [&set.files, &set.names, &set.links].into_iter().all(BTreeSet::is_empty);
    let is_alone = set.system.is_empty() && set.programs.is_empty();
    if are_empty && is_alone && packages.is_empty() && set.listed.values().all(Vec::is_empty) {
        return Ok((Vec::new(), None));
    }
    let stamp = Stamp::now();
    let cache = StatCache::new(root, key(root, set, &packages, exclude), stat_caches);
    let search_path = Digest::of(request.env.get("PATH").unwrap_or_default().as_encoded_bytes());
    let id = cache.id();
    let known = LOOKS.get(&id, &stamp);
    if let Some(look) = known.as_ref().filter(|look| look.holds(search_path)) {
        return Ok((look.files().collect(), None));
    }
    let kept = || cache.load(&stamp).and_then(|(bytes, start)| serde_json::from_slice::<Look>(&bytes[start..]).ok());
    let last = kept().filter(|look| look.files.len() == look.stats.len()).map(Arc::new).unwrap_or_default();
    if last.holds(search_path) {
        let files = last.files().collect();
        LOOKS.remember(id, stamp, last);
        return Ok((files, None));
    }
    let is_first = last.seen.is_empty();
    let mut reader = Reader::new(root, set, Exclude::of(exclude));
    reader.known = last.files().map(|file| (file.path.clone(), file)).collect();
    reader.programs(&request.env);
    reader.system(contents)?;
    let files = reader.all(&packages)?;
    let (seen, _) = reader.recorder.into_parts();
    let stats = files.iter().map(|file| file.stat).collect();
    let look = Look { stats, files, seen: gathered(seen, root), search_path };
    let files = look.files.clone();
    let is_worth_keeping = is_first || look.seen.iter().all(|seen| seen.is_settled(&stamp));
    let unsaved = is_worth_keeping.then(|| {
        cache.unsaved(stamp, move |settled| {
            let look = look.settled(settled);
            let json = serde_json::to_vec(&look).expect("escaped paths and numbers always become JSON");
            LOOKS.remember(id, stamp, Arc::new(look));
            json
        })
    });
    Ok((files, unsaved))
}

/// Reads anew what `set` names and `tree` does not cover, except programs and files of the system.
pub(crate) fn read(set: &PathSet, tree: &Tree, root: &Path) -> Result<Vec<FileInput>> {
    let packages: Vec<&PortablePath> = set.packages.iter().filter(|place| !covers(tree, place)).collect();
    Reader::new(root, set, Exclude::of(&[])).all(&packages)
}

/// Reads anew what `set` names except packages: files, names in directories, links, programs, system files.
pub(crate) fn read_seen(
    set: &PathSet,
    root: &Path,
    env: &Environment,
    contents: &SystemContents,
) -> Result<Vec<FileInput>> {
    let mut reader = Reader::new(root, set, Exclude::of(&[]));
    reader.programs(env);
    reader.system(contents)?;
    reader.all(&[])
}

fn key(root: &Path, set: &PathSet, packages: &[&PortablePath], exclude: &[String]) -> Digest {
    let PathSet { files, names, links, system, programs, listed, output, .. } = set;
    let listed: Vec<_> = listed.iter().collect();
    let read = (files, names, links, system, programs, packages, listed);
    let key = ("outside", root.as_os_str().as_encoded_bytes(), read, output, exclude);
    Digest::of(serde_json::to_vec(&key).expect("bytes and escaped paths always become JSON"))
}

impl Look {
    /// True if a look now would find the same.
    fn holds(&self, search_path: Digest) -> bool {
        !self.seen.is_empty() && self.search_path == search_path && all_hold(&self.seen)
    }

    fn files(&self) -> impl Iterator<Item = FileInput> {
        self.files.iter().zip(&self.stats).map(|(file, stat)| FileInput { stat: *stat, ..file.clone() })
    }

    fn settled(mut self, settled: &mut Settled) -> Self {
        for (file, stat) in self.files.iter().zip(&mut self.stats) {
            if !settled.is(stat, on_file_system(&file.path)) {
                *stat = StatIdentity::default();
            }
        }
        self.seen.iter_mut().for_each(|seen| seen.invalidate_unless_settled(settled));
        self
    }
}

/// True if `tree` has the package's directory, which it does if it has the manifest.
#[must_use]
pub fn covers(tree: &Tree, package: &PortablePath) -> bool {
    let mut manifest = package.0.clone();
    if !manifest.0.is_empty() {
        manifest.0.push(b'/');
    }
    manifest.0.extend_from_slice(MANIFEST);
    tree.file(&manifest).is_some()
}

struct Reader<'a> {
    root: &'a Path,
    set: &'a PathSet,
    exclude: Exclude,
    recorder: Recorder,
    known: HashMap<TreePath, FileInput>,
    found: Vec<FileInput>,
}

impl<'a> Reader<'a> {
    fn new(root: &'a Path, set: &'a PathSet, exclude: Exclude) -> Self {
        let (recorder, known) = (Recorder::default(), HashMap::new());
        Self { root, set, exclude, recorder, known, found: Vec::new() }
    }

    fn all(&mut self, packages: &[&PortablePath]) -> Result<Vec<FileInput>> {
        let set = self.set;
        for place in &set.files {
            self.whole(&place.on_disk(self.root), &mut Vec::new())?;
        }
        for (place, include) in set.listed.iter().filter(|(_, include)| !include.is_empty()) {
            let is_output = |path: &Path| set.output.contains(&PortablePath::of(path, self.root));
            let files = Included::of(include).below(&place.on_disk(self.root), &self.recorder, &is_output)?;
            files.iter().try_for_each(|file| self.file(file, true))?;
        }
        for place in &set.names {
            self.names_of(place)?;
        }
        for place in &set.links {
            self.link_at(place)?;
        }
        for place in packages {
            self.package(&place.on_disk(self.root), true, set.listed.contains_key(place))?;
        }
        let mut found = std::mem::take(&mut self.found);
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found.dedup_by(|later, earlier| later.path == earlier.path);
        Ok(found)
    }

    /// Adds a file, or a directory with everything in it except git's own files and what the build writes. Links are
    /// followed, as cargo follows them, but not back to a directory in `above`.
    fn whole(&mut self, path: &Path, above: &mut Vec<PathBuf>) -> Result<()> {
        let is_directory = fs::metadata(path).is_ok_and(|metadata| metadata.is_dir());
        let Some(directory) = is_directory.then(|| dunce::canonicalize(path).ok()).flatten() else {
            return self.file(path, true);
        };
        let place = PortablePath::of(path, self.root);
        let is_output =
            self.set.output.contains(&place) || self.set.output.contains(&PortablePath::of(&directory, self.root));
        if above.contains(&directory) || is_output || self.exclude.covers(place.0.0.as_bstr()) {
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

    /// Adds a package in a directory that git does not know: everything except caches, git's own files and the packages
    /// below, as cargo itself lists a package's files. Links are followed if a build script reads all of it (`follow`).
    fn package(&mut self, directory: &Path, is_root: bool, follow: bool) -> Result<()> {
        if !is_root && (self.has_manifest(directory) || self.is_cache(directory)?) {
            return Ok(());
        }
        for entry in self.names(directory)? {
            if entry.file_name().is_some_and(|name| name == ".git") {
                continue;
            }
            match fs::symlink_metadata(&entry) {
                Ok(metadata) if metadata.is_dir() => self.package(&entry, false, follow)?,
                Ok(metadata) if metadata.is_symlink() && follow => self.whole(&entry, &mut Vec::new())?,
                _ => self.file(&entry, false)?,
            }
        }
        Ok(())
    }

    /// Adds the names in a directory, without git's own files and what the build writes.
    fn names_of(&mut self, place: &PortablePath) -> Result<()> {
        if self.exclude.covers(place.0.0.as_bstr()) {
            return Ok(());
        }
        let path = place.on_disk(self.root);
        let Some(stat) = fs::metadata(&path).ok().filter(fs::Metadata::is_dir) else {
            self.recorder.at(&path);
            return Ok(());
        };
        let mut entries = self.names(&path)?;
        entries.retain(|entry| {
            let is_git = entry.file_name().is_some_and(|name| name == ".git");
            !is_git && !self.set.output.contains(&PortablePath::of(entry, self.root))
        });
        // A program that lists a directory also learns which names are directories and links.
        let kind = |entry: &PathBuf| {
            let kind = fs::symlink_metadata(entry).map(|metadata| metadata.file_type());
            kind.map_or('?', |kind| {
                if kind.is_dir() {
                    '/'
                } else if kind.is_symlink() {
                    '@'
                } else {
                    ' '
                }
            })
        };
        let name = |entry: &PathBuf| Some((TreePath(entry.file_name()?.as_encoded_bytes().into()), kind(entry)));
        entries.sort_unstable();
        let names: Vec<_> = entries.iter().filter_map(name).collect();
        let digest = Digest::of(serde_json::to_vec(&names).expect("escaped names always become JSON"));
        self.found.push(FileInput {
            path: Marked::directory(place),
            kind: Kind::Directory,
            digest,
            stat: StatIdentity::of(&stat),
        });
        Ok(())
    }

    /// Adds the target of a link, or that there is none. Of a directory at its path, only the existence counts.
    fn link_at(&mut self, place: &PortablePath) -> Result<()> {
        if self.exclude.covers(place.0.0.as_bstr()) {
            return Ok(());
        }
        let path = place.on_disk(self.root);
        // In a directory of the system, a link cannot change without a change to the directory.
        match path.parent().filter(|directory| is_of_system(directory)) {
            Some(directory) => self.recorder.at(directory),
            None => self.recorder.of_link(&path),
        }
        let is_directory = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
        let content = if is_directory { Some(directory()) } else { content(&path, false)? };
        self.found.push(file_input(Marked::link(place), content));
        Ok(())
    }

    /// Adds the places at which programs are found. It records directories, which tell whether a name is in them, and which
    /// several programs may have in common.
    fn programs(&mut self, env: &Environment) {
        for name in &self.set.programs {
            let found = env.find_program(name, self.root);
            for directory in env.search_path(self.root) {
                self.recorder.at(&directory);
                let candidate = directory.join(name);
                // A file that may not be executed today may be tomorrow.
                if candidate.exists() {
                    self.recorder.at(&candidate);
                }
                if found.as_deref().is_some_and(|found| found.parent() == Some(&directory)) {
                    break;
                }
            }
            let digest = found.map(|path| Digest::of(path.as_os_str().as_encoded_bytes())).unwrap_or_default();
            let path = Marked::program(name);
            self.found.push(FileInput { path, kind: Kind::Symlink, digest, stat: StatIdentity::default() });
        }
    }

    /// Adds the contents of the system's files that were read.
    fn system(&mut self, contents: &SystemContents) -> Result<()> {
        for (directory, files) in self.set.system.by_directory() {
            system::record_directories(&directory, &files, &self.recorder);
            let (path, digest) = (Marked::system(&directory), contents.digest(&files)?);
            self.found.push(FileInput { path, kind: Kind::Directory, digest, stat: StatIdentity::default() });
        }
        Ok(())
    }

    fn has_manifest(&self, directory: &Path) -> bool {
        let manifest = directory.join("Cargo.toml");
        self.recorder.at(&manifest);
        manifest.is_file()
    }

    fn is_cache(&self, directory: &Path) -> Result<bool> {
        self.recorder.at(&directory.join(cachedir::TAG));
        cachedir::is_cache(directory)
    }

    fn file(&mut self, path: &Path, follow: bool) -> Result<()> {
        let PortablePath(name) = PortablePath::of(path, self.root);
        if self.exclude.covers(name.0.as_bstr()) {
            return Ok(());
        }
        self.recorder.at(path);
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
        names(directory, &self.recorder)
    }
}
