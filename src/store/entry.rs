//! Looks an entry up, and records its use.
//!
//! An entry is served if its manifest parses and has the whole fingerprint, and its binary and libraries are regular files
//! of this user with the published mode and size. Each of them must also have the published stat identity, or else the
//! published bytes.
//!
//! Promises: [`Store::look_up`] takes no lock and writes nothing. The caller calls [`Store::claim`] before it serves an
//! entry. This records the use in the manifest's modification time: once an hour, or each time for a superseded entry.
//! Another hard link to the binary changes its identity. Then `claim` also writes the new identity to the manifest, so that
//! the bytes are read once, and not each time.
//! Does not promise: that an entry stays after it was looked up and before it was claimed.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::directory::Store;
use super::layout::{manifest_path, read_manifest};
use super::lease;
use super::lock::Lock;
use super::manifest::{MANIFEST_FORMAT, Manifest, PublishedLibrary, now_ms};
use super::staged::{contains, owned_and_executable};
use crate::error::{Error, Result};
use crate::fs::identity::{FileId, StatIdentity};
use crate::model::fingerprint::{Digest, Fingerprint};

/// How often the use of an entry is recorded.
pub(super) const NOTED_EVERY: Duration = Duration::from_secs(60 * 60);
/// The age at which an identity may be recorded. With a coarse clock, a second write within this time may leave the
/// identity unchanged.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// A binary that can be served.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The path of the binary.
    pub path: PathBuf,
    /// The manifest of the entry.
    pub manifest: Manifest,
    /// The stat identity of the binary when it was looked up.
    pub(super) stat: StatIdentity,
    /// The stat identities of its libraries at that time.
    pub(super) library_stats: Vec<StatIdentity>,
}

/// The result of claiming an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The entry is there, and stays for another hour.
    Granted,
    /// The entry is there, and its use was recorded just now.
    Noted,
    /// The entry has been removed since it was looked up.
    Gone,
}

/// The result of looking an entry up.
#[derive(Debug)]
pub enum LookUp {
    /// An entry as it was published.
    Hit(Box<Entry>),
    /// No entry.
    Absent,
    /// Files that must not be served, and the reason.
    Damaged(String),
}

impl Entry {
    /// True if the binary or one of its libraries contains `bytes`.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when a file cannot be read.
    pub fn holds(&self, bytes: &[u8]) -> Result<bool> {
        let libraries = self.manifest.libraries.iter().map(|library| self.path.with_file_name(&library.name));
        let mut files = [self.path.clone()].into_iter().chain(libraries);
        let holds = |path: PathBuf| contains(&path, bytes).map_err(|error| Error::cache_io(&path, &error));
        files.try_fold(false, |found, path| Ok(found || holds(path)?))
    }

    /// Makes the entry that was just published at `path` with `manifest`.
    pub(super) fn of(path: PathBuf, manifest: Manifest) -> Self {
        let library_stats = manifest.libraries.iter().map(|library| library.stat).collect();
        Self { path, stat: manifest.stat, library_stats, manifest }
    }
}

impl Store {
    /// Returns the entry of `fingerprint`, if there is a sound one. It takes no lock and writes nothing.
    #[must_use]
    pub fn look_up(&self, fingerprint: &Fingerprint, name: &str) -> LookUp {
        look_at(self.entry_directory(fingerprint).join(name), |manifest| manifest.fingerprint == *fingerprint)
    }

    /// Makes sure that `entry` stays, so that it can be served. Pruning spares an entry that was used within the last hour,
    /// and a superseded one that was used just now. A cache that cannot be written to is never pruned, so its entries are
    /// granted.
    #[must_use]
    pub fn claim(&self, entry: &Entry) -> Claim {
        self.settle(entry);
        // The lease comes before the look at the manifest: pruning takes the manifest away before it looks for leases.
        lease::hold(&entry.path, &entry.stat);
        let path = manifest_path(&entry.path);
        let now = SystemTime::now();
        let noted = fs::metadata(&path).and_then(|metadata| metadata.modified());
        // Pruning may remove a superseded entry before its hour is over.
        let is_safe = entry.manifest.superseded_ms.is_none();
        let is_recent = |noted: SystemTime| is_safe && now.duration_since(noted).is_ok_and(|since| since < NOTED_EVERY);
        match noted {
            Ok(noted) if is_recent(noted) => return Claim::Granted,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Claim::Gone,
            _ => {}
        }
        let note = || {
            let manifest = File::options().write(true).open(&path)?;
            manifest.set_modified(now)?;
            manifest.metadata()
        };
        // The time is recorded before this check. Pruning takes the manifest away before it checks the time again: see
        // `prune`.
        let is_there =
            |noted: &Metadata| fs::metadata(&path).is_ok_and(|there| FileId::of(&there) == FileId::of(noted));
        let first = note();
        // Another process may have written the manifest anew meanwhile.
        let noted = if first.as_ref().is_ok_and(|noted| !is_there(noted)) { note() } else { first };
        match noted {
            Ok(noted) if is_there(&noted) => Claim::Noted,
            Ok(_) => Claim::Gone,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Claim::Gone,
            Err(error) => {
                tracing::debug!(%error, "the use of an entry is not noted");
                Claim::Granted
            }
        }
    }

    /// Writes the current identities to the manifest, after the bytes were found to be the published ones.
    fn settle(&self, entry: &Entry) {
        let settled = SystemTime::now().checked_sub(SETTLED_AFTER);
        let known = entry.manifest.libraries.iter().map(|library| library.stat);
        let is_known = entry.stat == entry.manifest.stat && known.eq(entry.library_stats.iter().copied());
        let mut stats = entry.library_stats.iter().chain([&entry.stat]);
        if is_known || settled.is_none_or(|settled| stats.any(|stat| stat.is_younger_than(settled))) {
            return;
        }
        self.amend(&entry.path, true, |there| {
            let is_same = there.stat == entry.manifest.stat && there.libraries == entry.manifest.libraries;
            let libraries = there.libraries.iter().cloned().zip(&entry.library_stats);
            let libraries = libraries.map(|(library, stat)| PublishedLibrary { stat: *stat, ..library }).collect();
            is_same.then_some(Manifest { stat: entry.stat, libraries, ..there })
        });
    }

    /// Records in the manifest that `checkout` was served an entry that another one built. A failure is only logged, since
    /// no call depends on it.
    pub fn note_served(&self, entry: &Entry, checkout: &Path) {
        self.amend(&entry.path, true, |mut there| {
            if there.knows(checkout) {
                return None;
            }
            there.served_to.retain(|checkout, _| checkout.exists());
            there.served_to.insert(checkout.to_owned(), now_ms());
            Some(there)
        });
    }

    /// Writes the manifest of `binary` anew, with the result of `change`. It does nothing if `change` returns none, or if
    /// the entry is being published or removed. The manifest gets the present time if `is_use` is true, and keeps its time
    /// otherwise.
    pub(super) fn amend(&self, binary: &Path, is_use: bool, change: impl FnOnce(Manifest) -> Option<Manifest>) {
        let path = manifest_path(binary);
        let Some(directory) = binary.parent().and_then(Path::file_name).and_then(|name| name.to_str()) else { return };
        let Some(_lock) = self.try_lock_directory(directory).filter(Lock::is_held) else { return };
        let Ok(before) = File::open(&path) else { return };
        let used = || before.metadata().and_then(|metadata| metadata.modified()).ok().filter(|_| !is_use);
        let then = used();
        let Some(manifest) = read_manifest(&path).and_then(change) else { return };
        let Ok(bytes) = serde_json::to_vec(&manifest) else { return };
        if let Err(error) = self.write_as_of(&path, &bytes, then) {
            tracing::debug!(%error, "a manifest stays as it is");
            return;
        }
        // A use that another process recorded meanwhile is in the replaced file. Pruning waits for the lock, and so sees it
        // here.
        if let Some(now) = used().filter(|now| Some(*now) != then) {
            let noted = File::options().write(true).open(&path).and_then(|manifest| manifest.set_modified(now));
            if let Err(error) = noted {
                tracing::debug!(%error, "the use of an entry is not noted");
            }
        }
    }

    pub(super) fn entry_directory(&self, fingerprint: &Fingerprint) -> PathBuf {
        self.root.join(fingerprint.short())
    }
}

/// Returns the entry at `path`, if `is_wanted` accepts its manifest.
pub(super) fn look_at(path: PathBuf, is_wanted: impl FnOnce(&Manifest) -> bool) -> LookUp {
    // A directory behind a link is not the cache's own: it is neither listed nor pruned.
    if path.parent().is_some_and(Path::is_symlink) {
        return damaged(&path, "is behind a link");
    }
    let manifest = match crate::fs::files::read(&manifest_path(&path)) {
        Ok(bytes) => serde_json::from_slice::<Manifest>(&bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match fs::symlink_metadata(&path) {
                Ok(_) => damaged(&path, "has no manifest"),
                Err(_) => LookUp::Absent,
            };
        }
        Err(error) => return damaged(&path, &format!("has a manifest that cannot be read: {error}")),
    };
    match manifest {
        Ok(manifest) if manifest.format != MANIFEST_FORMAT => LookUp::Absent,
        Ok(manifest) if !is_wanted(&manifest) => damaged(&path, "has the manifest of another entry"),
        Ok(manifest) => sound(path, manifest),
        Err(_) => damaged(&path, "has a manifest that cannot be parsed"),
    }
}

/// Returns the entry of `manifest`, if its binary and all of its libraries may be served.
fn sound(path: PathBuf, manifest: Manifest) -> LookUp {
    let stat = match soundness(&path, &manifest.sha256, manifest.size, &manifest.stat) {
        Ok(stat) => stat,
        Err(problem) => return damaged(&path, &problem),
    };
    let mut library_stats = Vec::with_capacity(manifest.libraries.len());
    for library in &manifest.libraries {
        let path = path.with_file_name(&library.name);
        match soundness(&path, &library.sha256, library.size, &library.stat) {
            Ok(stat) => library_stats.push(stat),
            Err(problem) => return damaged(&path, &problem),
        }
    }
    LookUp::Hit(Box::new(Entry { path, manifest, stat, library_stats }))
}

fn damaged(path: &Path, problem: &str) -> LookUp {
    LookUp::Damaged(format!("the cached `{}` {problem}", path.display()))
}

/// Returns the identity of a published file, if the file may be served. The file had the identity `published` when it was
/// published.
fn soundness(path: &Path, sha256: &Digest, size: u64, published: &StatIdentity) -> Result<StatIdentity, String> {
    let metadata = fs::symlink_metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "is missing".to_owned(),
        _ => format!("cannot be looked at: {error}"),
    })?;
    if !metadata.file_type().is_file() {
        return Err("is not a regular file".into());
    }
    owned_and_executable(&metadata)?;
    if metadata.len() != size {
        return Err(format!("has {} bytes instead of {}", metadata.len(), size));
    }
    let stat = StatIdentity::of(&metadata);
    if stat == *published {
        return Ok(stat);
    }
    let read = File::open(path).and_then(|file| {
        let (digest, _) = Digest::of_file(&file, &mut vec![0; 128 * 1024])?;
        Ok((digest, StatIdentity::of(&file.metadata()?)))
    });
    match read {
        // A file that was written to while it was read keeps the old identity here, so that the next look-up reads it
        // again.
        Ok((digest, after)) if digest == *sha256 => Ok(if after == stat { stat } else { *published }),
        Ok(_) => Err("has other bytes than were published".into()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}
