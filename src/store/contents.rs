//! What the cache holds, for people and for pruning.
//!
//! Promises: takes no lock and writes nothing; whatever is half there, or going away meanwhile, is left out.
//! Does not promise: that a listed entry is sound. [`Store::damage`] reads it to the last byte.

use std::collections::HashSet;
use std::fs::{self, DirEntry, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::disk::{Ledger, OnDisk};
use super::entry::{inputs_path, manifest_path};
use super::running::Running;
use super::{LookUp, MANIFEST_FORMAT, Manifest, Store};
use crate::fingerprint::Digest;

/// An entry, and how it is used.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The binary.
    pub path: PathBuf,
    /// What is known of it.
    pub manifest: Manifest,
    /// When it was last served, to within an hour.
    pub used: SystemTime,
    /// Bytes on disk, those that it shares with other entries included.
    pub disk: u64,
    /// Whether a process runs it; none where the system does not tell.
    pub running: Option<bool>,
}

/// An entry with the files that it is made of.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) listed: Listed,
    pub(super) binary: OnDisk,
    /// The other files, and the directory.
    pub(super) rest: Vec<OnDisk>,
}

/// Everything in the directories that belong to entries.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) entries: Vec<Held>,
    /// Directories of entries that hold none.
    pub(super) unfinished: Vec<PathBuf>,
}

impl Store {
    /// The entries, the last used first.
    #[must_use]
    pub fn list(&self) -> Vec<Listed> {
        let mut entries: Vec<_> = self.contents().entries.into_iter().map(|held| held.listed).collect();
        entries.sort_by(|one, other| other.used.cmp(&one.used).then_with(|| one.path.cmp(&other.path)));
        entries
    }

    /// What is wrong with an entry, digest included; none for a sound one.
    #[must_use]
    pub fn damage(&self, listed: &Listed) -> Option<String> {
        let name = listed.path.file_name()?.to_str()?;
        match self.look_up(&listed.manifest.fingerprint, name) {
            LookUp::Damaged(detail) => return Some(detail),
            LookUp::Absent => return Some(format!("the cached `{}` is gone", listed.path.display())),
            LookUp::Hit(_) => {}
        }
        let digest = File::open(&listed.path).and_then(|file| Digest::of_file(&file, &mut vec![0; 128 * 1024]));
        match digest {
            Ok((digest, _)) if digest == listed.manifest.sha256 => None,
            Ok(_) => Some(format!("the cached `{}` has other bytes than were published", listed.path.display())),
            Err(error) => Some(format!("the cached `{}` cannot be read: {error}", listed.path.display())),
        }
    }

    /// Whether there is nothing yet that could be an entry.
    pub(super) fn is_empty(&self) -> bool {
        directories_of_entries(&self.root).next().is_none()
    }

    pub(super) fn contents(&self) -> Contents {
        let mut contents = Contents::default();
        let running = Running::now();
        for directory in directories_of_entries(&self.root) {
            let before = contents.entries.len();
            let Ok(files) = fs::read_dir(&directory) else { continue };
            let names: Vec<_> = files.flatten().filter(is_file).map(|file| file.file_name()).collect();
            let manifests = names.iter().filter_map(|name| name.to_str()?.strip_suffix(".json"));
            let binaries = manifests.filter(|name| !name.ends_with(".inputs")).map(|name| directory.join(name));
            contents.entries.extend(binaries.filter_map(|binary| held(&directory, binary, &running)));
            if contents.entries.len() == before {
                contents.unfinished.push(directory);
            }
        }
        contents
    }
}

impl Contents {
    /// What the entries cost.
    pub(super) fn ledger(&self) -> Ledger {
        let cloned = self.entries.iter().filter(|held| held.listed.manifest.cloned);
        let mut ledger = Ledger::new(cloned.map(|held| held.listed.manifest.sha256).collect::<HashSet<_>>());
        for file in self.entries.iter().flat_map(Held::files) {
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

/// Directories whose name is the start of a fingerprint; no links to such.
fn directories_of_entries(root: &Path) -> impl Iterator<Item = PathBuf> {
    let is_short = |name: &[u8]| name.len() == 16 && name.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    entries
        .filter(move |entry| is_short(entry.file_name().as_encoded_bytes()))
        .filter(|entry| entry.file_type().is_ok_and(|file_type| file_type.is_dir()))
        .map(|entry| entry.path())
}

fn is_file(entry: &DirEntry) -> bool {
    entry.file_type().is_ok_and(|file_type| file_type.is_file())
}

fn held(directory: &Path, binary: PathBuf, running: &Running) -> Option<Held> {
    let manifest_path = manifest_path(&binary);
    let manifest: Manifest = serde_json::from_slice(&crate::files::read(&manifest_path).ok()?).ok()?;
    let metadata = fs::symlink_metadata(&binary).ok()?;
    if manifest.format != MANIFEST_FORMAT || !metadata.is_file() {
        return None;
    }
    let beside = fs::symlink_metadata(&manifest_path).ok()?;
    let used = beside.modified().ok()?;
    let file = OnDisk { shared: Some(manifest.sha256), ..OnDisk::of(&metadata) };
    let others = [fs::symlink_metadata(inputs_path(&binary)), fs::symlink_metadata(directory)];
    let rest: Vec<_> = std::iter::once(beside).chain(others.into_iter().flatten()).map(|m| OnDisk::of(&m)).collect();
    let disk = file.bytes + rest.iter().map(|file| file.bytes).sum::<u64>();
    let running = running.executes(file.id);
    Some(Held { listed: Listed { path: binary, manifest, used, disk, running }, binary: file, rest })
}
