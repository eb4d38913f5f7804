//! Lists the entries of the cache, for people and for pruning.
//!
//! Promises: it takes no lock and writes nothing. An entry that is being published or removed is left out. A directory that
//! is incomplete though no process works on it is listed as broken.
//! Does not promise: that a listed entry is sound. [`Store::damage`] reads it to the last byte.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::directory::{Store, is_abandoned};
use super::disk::{Ledger, OnDisk};
use super::entry::{LookUp, look_at};
use super::layout::{
    binaries, directories_of_entries, holds_manifest, inputs_path, libraries_beside, manifest_path, read_manifest,
};
use super::manifest::{MANIFEST_FORMAT, Manifest};
use super::running::Running;
use crate::model::fingerprint::Digest;

/// An entry, and its use.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The path of the binary.
    pub path: PathBuf,
    /// The manifest of the entry.
    pub manifest: Manifest,
    /// The time at which it was last served, to within an hour.
    pub used: SystemTime,
    /// Bytes on disk, including those that it shares with other entries.
    pub disk: u64,
    /// True if a process runs it; none where the system does not tell.
    pub running: Option<bool>,
}

/// A directory in an entry's place that holds no sound entry.
#[derive(Clone, Debug)]
pub struct Broken {
    /// The path at which the binary is or should be.
    pub path: PathBuf,
    /// The problem, in words.
    pub problem: String,
    /// The time at which a file was last added or removed.
    pub changed: SystemTime,
    /// Bytes on disk.
    pub disk: u64,
}

/// The contents of the cache.
#[derive(Debug, Default)]
pub struct Listing {
    /// Entries, the last used first.
    pub entries: Vec<Listed>,
    /// Broken ones, by path.
    pub broken: Vec<Broken>,
}

/// An entry, and its files.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) listed: Listed,
    pub(super) binary: OnDisk,
    /// The other files, and the directory.
    pub(super) rest: Vec<OnDisk>,
}

/// All directories with the name of an entry's.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) entries: Vec<Held>,
    pub(super) others: Vec<Other>,
}

/// A directory with the name of an entry's that holds none.
#[derive(Debug)]
pub(super) struct Other {
    pub(super) directory: PathBuf,
    names: Vec<OsString>,
    /// The files in it, and the directory.
    pub(super) files: Vec<OnDisk>,
}

impl Store {
    /// Lists the cache.
    #[must_use]
    pub fn list(&self) -> Listing {
        let contents = self.contents();
        let mut entries: Vec<_> = contents.entries.into_iter().map(|held| held.listed).collect();
        entries.sort_unstable_by(|one, other| other.used.cmp(&one.used).then_with(|| one.path.cmp(&other.path)));
        let now = SystemTime::now();
        let mut broken: Vec<_> = contents.others.iter().filter_map(|other| other.broken(now)).collect();
        broken.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        Listing { entries, broken }
    }

    /// Returns the damage of an entry, for which its digest is computed; none if it is sound.
    #[must_use]
    pub fn damage(&self, listed: &Listed) -> Option<String> {
        let name = listed.path.file_name()?.to_str()?;
        match self.look_up(&listed.manifest.fingerprint, name) {
            LookUp::Damaged(detail) => return Some(detail),
            LookUp::Absent => return Some(format!("the cached `{}` is gone", listed.path.display())),
            LookUp::Hit(_) => {}
        }
        let libraries = listed.manifest.libraries.iter().map(|library| library.sha256);
        let libraries = libraries_beside(&listed.path, &listed.manifest).zip(libraries);
        let files = std::iter::once((listed.path.clone(), listed.manifest.sha256)).chain(libraries);
        files.into_iter().find_map(|(path, published)| {
            let digest = File::open(&path).and_then(|file| Digest::of_file(&file, &mut vec![0; 128 * 1024]));
            match digest {
                Ok((digest, _)) if digest == published => None,
                Ok(_) => Some(format!("the cached `{}` has other bytes than were published", path.display())),
                Err(error) => Some(format!("the cached `{}` cannot be read: {error}", path.display())),
            }
        })
    }

    pub(super) fn contents(&self) -> Contents {
        let mut contents = Contents::default();
        for directory in directories_of_entries(&self.root) {
            let Ok(children) = fs::read_dir(&directory) else { continue };
            let names: Vec<_> = children.flatten().map(|child| child.file_name()).collect();
            let before = contents.entries.len();
            contents.entries.extend(binaries(&directory, &names).filter_map(|binary| held(&directory, binary)));
            if contents.entries.len() == before {
                contents.others.extend(Other::of(directory, names));
            }
        }
        // Processes are listed after the times of use were read: see `prune`.
        let running = Running::now();
        for held in &mut contents.entries {
            // A process may run another binary of the package, which lies beside this one.
            let ids = std::iter::once(held.binary.id).chain(held.rest.iter().map(|file| file.id));
            held.listed.running =
                ids.map(|id| running.executes(id)).find(|it| *it != Some(false)).unwrap_or(Some(false));
        }
        contents
    }
}

impl Other {
    fn of(directory: PathBuf, names: Vec<OsString>) -> Option<Self> {
        let metadata = |path: &Path| fs::symlink_metadata(path).ok();
        let files = names.iter().filter_map(|name| metadata(&directory.join(name))).collect::<Vec<_>>();
        let files = files.iter().chain(&metadata(&directory)).map(OnDisk::of).collect();
        directory.is_dir().then_some(Self { directory, names, files })
    }

    /// True if its names tell that this package left it when it was killed, or when its files were damaged.
    pub(super) fn is_ours(&self) -> bool {
        let is_directory = |name: &OsString| self.directory.join(name).is_dir();
        let names_inputs = |name: &OsString| name.to_str().is_some_and(|name| name.ends_with(".inputs.json"));
        !self.names.iter().any(is_directory)
            && (self.names.is_empty() || self.names.iter().any(names_inputs) || holds_manifest(&self.directory))
    }

    /// Returns its files. The ones that tell its origin come last, so that it can still be told if the removal is
    /// interrupted.
    pub(super) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        let tells = |name: &OsString| {
            name.to_str().is_some_and(|name| name.ends_with(".inputs.json") || name.ends_with(".removed"))
        };
        let (telling, plain): (Vec<_>, Vec<_>) = self.names.iter().partition(|name| tells(name));
        plain.into_iter().chain(telling).map(|name| self.directory.join(name))
    }

    /// Returns the problem; none for a directory that is being published or removed, and for entries of other versions.
    fn broken(&self, now: SystemTime) -> Option<Broken> {
        let told = |path: PathBuf| match look_at(path.clone(), |_| true) {
            LookUp::Damaged(problem) => Some((path, problem)),
            LookUp::Absent | LookUp::Hit(_) => None,
        };
        let (path, problem) = binaries(&self.directory, &self.names).find_map(told).or_else(|| {
            let is_binary = |name: &&OsString| {
                name.to_str().is_none_or(|name| !name.ends_with(".json") && !name.ends_with(".removed"))
            };
            let inputs = |name: &&OsString| self.names.contains(&inputs_path(Path::new(name)).into_os_string());
            let binaries = || self.names.iter().filter(is_binary);
            let path = self.directory.join(binaries().find(inputs).or_else(|| binaries().next())?);
            is_abandoned(&self.directory, now).then(|| told(path))?
        })?;
        let changed = fs::symlink_metadata(&self.directory).and_then(|metadata| metadata.modified()).ok()?;
        Some(Broken { path, problem, changed, disk: self.files.iter().map(|file| file.bytes).sum() })
    }
}

impl Contents {
    /// Adds up the disk space of everything.
    pub(super) fn ledger(&self) -> Ledger {
        let manifests = self.entries.iter().map(|held| &held.listed.manifest);
        let binaries = manifests.clone().map(|manifest| (manifest.cloned, manifest.sha256));
        let libraries = manifests.flat_map(|manifest| &manifest.libraries);
        let files = binaries.chain(libraries.map(|library| (library.cloned, library.sha256)));
        let cloned = files.filter_map(|(is_cloned, digest)| is_cloned.then_some(digest));
        let mut ledger = Ledger::new(cloned.collect::<HashSet<_>>());
        let others = self.others.iter().flat_map(|other| &other.files);
        for file in self.entries.iter().flat_map(Held::files).chain(others) {
            ledger.add(file);
        }
        ledger
    }
}

impl Held {
    pub(super) fn files(&self) -> impl Iterator<Item = &OnDisk> {
        std::iter::once(&self.binary).chain(&self.rest)
    }
}

fn held(directory: &Path, binary: PathBuf) -> Option<Held> {
    let manifest_path = manifest_path(&binary);
    let manifest = read_manifest(&manifest_path)?;
    let metadata = fs::symlink_metadata(&binary).ok()?;
    if manifest.format != MANIFEST_FORMAT || !metadata.is_file() {
        return None;
    }
    let beside = fs::symlink_metadata(&manifest_path).ok()?;
    let used = beside.modified().ok()?;
    let file = OnDisk { shared: Some(manifest.sha256), ..OnDisk::of(&metadata) };
    let others = [fs::symlink_metadata(inputs_path(&binary)), fs::symlink_metadata(directory)];
    let libraries = libraries_beside(&binary, &manifest).zip(&manifest.libraries).filter_map(|(path, library)| {
        let metadata = fs::symlink_metadata(path).ok()?;
        Some(OnDisk { shared: Some(library.sha256), ..OnDisk::of(&metadata) })
    });
    let rest = std::iter::once(beside).chain(others.into_iter().flatten()).map(|metadata| OnDisk::of(&metadata));
    let rest: Vec<_> = rest.chain(libraries).collect();
    let disk = file.bytes + rest.iter().map(|file| file.bytes).sum::<u64>();
    Some(Held { listed: Listed { path: binary, manifest, used, disk, running: None }, binary: file, rest })
}
