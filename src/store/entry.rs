//! Looking an entry up.
//!
//! An entry is served when its manifest parses and carries the whole fingerprint, and the binary is a regular file of
//! this user's with the mode and size it was published with and the same `stat` identity, or else the same bytes.
//!
//! Promises: [`Store::look_up`] takes no lock and writes nothing. [`Store::claim`], which comes before an entry is served,
//! notes its use once an hour, in the time of the manifest; and once after the binary's identity has changed, as another
//! name for the same file changes it, it notes the new one, so that the bytes are read once and not each time.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::directory::Store;
use super::layout::{manifest_path, read_manifest};
use super::lease;
use super::lock::Lock;
use super::manifest::{MANIFEST_FORMAT, Manifest, PublishedLibrary, now_ms};
use super::staged::owned_and_executable;
use crate::fs::identity::{FileId, StatIdentity};
use crate::model::fingerprint::{Digest, Fingerprint};

/// How often the use of an entry is noted.
pub(super) const NOTED_EVERY: Duration = Duration::from_secs(60 * 60);
/// Where clocks are coarse, a file may be written to once more within this time and look the same.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// A binary that can be served.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it is.
    pub path: PathBuf,
    /// What is known of it.
    pub manifest: Manifest,
    /// Its `stat` when it was looked up.
    pub(super) stat: StatIdentity,
    /// Those of its libraries then.
    pub(super) library_stats: Vec<StatIdentity>,
}

/// What became of the wish to serve an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is there, and will be for another hour.
    Granted,
    /// It is there, and its use was noted for the first time in an hour.
    Noted,
    /// It has been removed since it was looked up.
    Gone,
}

/// What stands in an entry's place.
#[derive(Debug)]
pub enum LookUp {
    /// An entry as it was published.
    Hit(Box<Entry>),
    /// Nothing.
    Absent,
    /// Something that must not be served, and why.
    Damaged(String),
}

impl Entry {
    /// What was just put at `path`, as `manifest` has it.
    pub(super) fn of(path: PathBuf, manifest: Manifest) -> Self {
        let library_stats = manifest.libraries.iter().map(|library| library.stat).collect();
        Self { path, stat: manifest.stat, library_stats, manifest }
    }
}

impl Store {
    /// The entry of `fingerprint`, if there is a sound one. Takes no lock and writes nothing.
    #[must_use]
    pub fn look_up(&self, fingerprint: &Fingerprint, name: &str) -> LookUp {
        look_at(self.entry_directory(fingerprint).join(name), |manifest| manifest.fingerprint == *fingerprint)
    }

    /// Makes sure that `entry` stays, so that it can be served: pruning leaves alone what was used within the last hour, or, of
    /// what is superseded, just now.
    /// A cache that cannot be written to is never pruned.
    #[must_use]
    pub fn claim(&self, entry: &Entry) -> Claim {
        self.settle(entry);
        // Before the manifest is looked at: who prunes takes it away before looking whether the binary is held.
        lease::hold(&entry.path, &entry.stat);
        let path = manifest_path(&entry.path);
        let now = SystemTime::now();
        let noted = fs::metadata(&path).and_then(|metadata| metadata.modified());
        // One that is superseded may go before its hour is over.
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
        // In this order: who prunes takes the manifest away before looking at its time once more. See `prune`.
        let is_there =
            |noted: &Metadata| fs::metadata(&path).is_ok_and(|there| FileId::of(&there) == FileId::of(noted));
        let first = note();
        // It may have been written anew meanwhile.
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

    /// Has the manifest tell the identity that the binary has now, after its bytes were found to be those published.
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

    /// Has the manifest tell that `checkout` was served what another one built. It is nothing that a call depends on.
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

    /// Writes the manifest of `binary` anew, unless `change` has nothing to say, or the entry is being published or removed;
    /// which may be a use of it, and then is noted as one.
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
        // A use that was noted meanwhile was noted in the file that is gone. Pruning waits for the lock, and sees it.
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

/// What stands at `path`, if its manifest is that of what `is_wanted`.
pub(super) fn look_at(path: PathBuf, is_wanted: impl FnOnce(&Manifest) -> bool) -> LookUp {
    // The target of a link is not ours: it is neither listed nor pruned.
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

/// The entry of `manifest`, if its binary and all of its libraries may be served.
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

/// The identity of a published file, if it may be served: it was published with these bytes, and had the identity
/// `published` then.
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
        // One that was written to meanwhile is read again next time.
        Ok((digest, after)) if digest == *sha256 => Ok(if after == stat { stat } else { *published }),
        Ok(_) => Err("has other bytes than were published".into()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}
