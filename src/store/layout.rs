//! The names of an entry's files, and the directories that hold them.
//!
//! Promises: a directory belongs to an entry if its name is the start of a fingerprint; links to such do not. The manifest
//! of a binary lies beside it, and so do its inputs and its libraries.
//! Does not promise: that what has such a name is an entry. `entry` and `contents` find that out.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use crate::model::companions::can_be_called;

pub(super) fn read_manifest(path: &Path) -> Option<Manifest> {
    serde_json::from_slice(&crate::fs::files::read(path).ok()?).ok()
}

pub(super) fn manifest_path(binary: &Path) -> PathBuf {
    with_suffix(binary, ".json")
}

pub(super) fn inputs_path(binary: &Path) -> PathBuf {
    with_suffix(binary, ".inputs.json")
}

/// Returns the paths of the libraries of the binary at `path`.
pub(super) fn libraries_beside(path: &Path, manifest: &Manifest) -> impl Iterator<Item = PathBuf> {
    let names =
        manifest.libraries.iter().map(|library| &library.name).filter(|name| can_be_called(name, &manifest.bin));
    names.map(|name| path.with_file_name(name))
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Returns every binary that has a manifest, with that manifest.
pub(super) fn manifests(root: &Path) -> impl Iterator<Item = (PathBuf, Manifest)> {
    directories_of_entries(root).flat_map(|directory| {
        let children = fs::read_dir(&directory).into_iter().flatten().flatten();
        let names: Vec<_> = children.map(|child| child.file_name()).collect();
        let read = |binary: PathBuf| Some((binary.clone(), read_manifest(&manifest_path(&binary))?));
        binaries(&directory, &names).filter_map(read).collect::<Vec<_>>()
    })
}

/// Returns the directories that are named like the start of a fingerprint. Links are left out.
pub(super) fn directories_of_entries(root: &Path) -> impl Iterator<Item = PathBuf> {
    let children = fs::read_dir(root).into_iter().flatten().flatten();
    children.map(|child| child.path()).filter(|path| is_directory_of_entry(path))
}

fn is_directory_of_entry(path: &Path) -> bool {
    let is_named = path.file_name().is_some_and(|name| is_short(name.as_encoded_bytes()));
    is_named && fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// True if a name consists of 16 hex digits.
pub(super) fn is_short(name: &[u8]) -> bool {
    name.len() == 16 && name.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// True if a path has the name of the log of a build.
pub(super) fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "log")
}

/// True if a directory belongs to an entry, as a manifest in it tells, or one that was renamed for removal.
pub(super) fn holds_manifest(directory: &Path) -> bool {
    let is_its_own = |path: &Path| {
        let short = read_manifest(path).map(|manifest| manifest.fingerprint.short());
        short.is_some_and(|short| directory.file_name().is_some_and(|name| name == short.as_str()))
    };
    is_directory_of_entry(directory)
        && fs::read_dir(directory).into_iter().flatten().flatten().map(|file| file.path()).any(|path| {
            let extension = path.extension();
            extension.is_some_and(|extension| extension == "json" || extension == "removed") && is_its_own(&path)
        })
}

/// Returns the binaries that manifests are named after.
pub(super) fn binaries<'a>(directory: &'a Path, names: &'a [OsString]) -> impl Iterator<Item = PathBuf> + 'a {
    let manifests = names.iter().filter_map(|name| name.to_str()?.strip_suffix(".json"));
    manifests.filter(|name| !name.ends_with(".inputs")).map(|name| directory.join(name))
}
