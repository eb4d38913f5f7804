//! Looking an entry up.
//!
//! An entry is served when its manifest parses and carries the whole fingerprint, and the binary is a regular file of
//! this user's with the mode and size it was published with and the same `stat` identity, or else the same bytes.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::{MANIFEST_FORMAT, Manifest, Store};
use crate::fingerprint::{Digest, Fingerprint};
use crate::inventory::Inventory;
use crate::request::Request;
use crate::stat::StatIdentity;

/// A binary that can be served.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it is.
    pub path: PathBuf,
    /// What is known of it.
    pub manifest: Manifest,
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

impl Store {
    /// The entry of `fingerprint`, if there is a sound one. Takes no lock and writes nothing.
    #[must_use]
    pub fn look_up(&self, fingerprint: &Fingerprint, name: &str) -> LookUp {
        let path = self.entry_directory(fingerprint).join(name);
        let manifest = match crate::files::read(&manifest_path(&path)) {
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
            Ok(manifest) if manifest.fingerprint != *fingerprint => damaged(&path, "has the manifest of another entry"),
            Ok(manifest) => match soundness(&path, &manifest) {
                Ok(()) => LookUp::Hit(Box::new(Entry { path, manifest })),
                Err(problem) => damaged(&path, &problem),
            },
            Err(_) => damaged(&path, "has a manifest that cannot be parsed"),
        }
    }

    /// What the last build of the same crate, binary and target read, if it is known; the same checkout's last build
    /// comes before any other.
    #[must_use]
    pub fn nearest_inventory(&self, request: &Request, checkout: &Path) -> Option<Inventory> {
        let name = request.binary_name();
        let entries = fs::read_dir(&self.root).ok()?.flatten();
        let manifests = entries.filter_map(|entry| {
            let path = entry.path().join(&name);
            let manifest: Manifest = serde_json::from_slice(&crate::files::read(&manifest_path(&path)).ok()?).ok()?;
            (manifest.format == MANIFEST_FORMAT && manifest.package == request.package).then_some((path, manifest))
        });
        let (path, _) = manifests.max_by_key(|(_, manifest)| (manifest.checkout == checkout, manifest.published_ms))?;
        serde_json::from_slice(&crate::files::read(&inputs_path(&path)).ok()?).ok()
    }

    pub(super) fn entry_directory(&self, fingerprint: &Fingerprint) -> PathBuf {
        self.root.join(fingerprint.short())
    }
}

pub(super) fn manifest_path(binary: &Path) -> PathBuf {
    with_suffix(binary, ".json")
}

pub(super) fn inputs_path(binary: &Path) -> PathBuf {
    with_suffix(binary, ".inputs.json")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn damaged(path: &Path, problem: &str) -> LookUp {
    LookUp::Damaged(format!("the cached `{}` {problem}", path.display()))
}

fn soundness(path: &Path, manifest: &Manifest) -> Result<(), String> {
    let metadata = fs::symlink_metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "is missing".to_owned(),
        _ => format!("cannot be looked at: {error}"),
    })?;
    if !metadata.file_type().is_file() {
        return Err("is not a regular file".into());
    }
    owned_and_executable(&metadata)?;
    if metadata.len() != manifest.size {
        return Err(format!("has {} bytes instead of {}", metadata.len(), manifest.size));
    }
    if StatIdentity::of(&metadata) == manifest.stat {
        return Ok(());
    }
    let digest = File::open(path).and_then(|file| Digest::of_file(&file, &mut vec![0; 128 * 1024]));
    match digest {
        Ok((digest, _)) if digest == manifest.sha256 => Ok(()),
        Ok(_) => Err("has other bytes than were published".into()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

#[cfg(unix)]
fn owned_and_executable(metadata: &Metadata) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(format!("belongs to user {}", metadata.uid()));
    }
    let mode = metadata.mode() & 0o7777;
    if mode == super::publish::MODE {
        Ok(())
    } else {
        Err(format!("has mode {mode:03o} instead of {:03o}", super::publish::MODE))
    }
}

#[cfg(not(unix))]
fn owned_and_executable(_: &Metadata) -> Result<(), String> {
    Ok(())
}
