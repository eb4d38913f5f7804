//! From what a build was seen to read to what the next look-up reads.
//!
//! Promises: what the tree covers is left to the tree; everything else that was read joins by name. In scope `crate`
//! the tree is narrowed to the directories of the packages that went into the binary, every manifest, the lock file
//! and the toolchain file; a package's directory ends where another package begins, as it does for cargo.
//! Does not promise: that every manifest of the checkout matters. One of another member can move a shared dependency
//! in the lock file, so all of them count.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use gix::bstr::{BStr, ByteSlice};

use super::closure::Observation;
use super::outside::covers;
use super::sweep;
use crate::fingerprint::Digest;
use crate::inventory::{FileInput, Kind, Tree, TreePath};
use crate::path_set::{PathSet, Place};
use crate::request::Scope;

/// Files at the checkout's root that cargo and rustup read for every package.
const FOR_EVERY_PACKAGE: [&str; 3] = ["Cargo.lock", "rust-toolchain", "rust-toolchain.toml"];

/// What the next look-up has to read, after a build in `root` that was seen to read `observation`.
#[must_use]
pub fn path_set(observation: &Observation, tree: &Tree, scope: Scope, root: &Path, located: bool) -> PathSet {
    let directories = observation.packages.values().map(|reads| Place::of(&reads.package.directory, root));
    let packages = match scope {
        Scope::Crate => directories.collect(),
        Scope::Tree => directories.filter(|place| !covers(tree, place)).collect(),
    };
    let mut set = PathSet { packages, variables: observation.variables.clone(), located, ..PathSet::default() };
    let narrowed;
    let covered = match scope {
        Scope::Tree => tree,
        Scope::Crate => {
            narrowed = crate_tree(tree, &set);
            &narrowed
        }
    };
    let read = observation.packages.values().flat_map(|reads| reads.files.iter().cloned());
    let directories: Vec<_> = observation.packages.values().map(|reads| reads.package.directory.as_path()).collect();
    let appearing = directories.iter().flat_map(|directory| FOUND_BY_NAME.map(|name| directory.join(name)));
    let elsewhere = directories.iter().filter(|directory| !directory.starts_with(root));
    let manifests = elsewhere.flat_map(|directory| directory.ancestors().skip(1).map(|above| above.join("Cargo.toml")));
    for path in read.chain(manifests_above(root)).chain(manifests).chain(appearing) {
        let place = Place::of(&path, root);
        // A link counts by its name in the tree, and here by what it leads to, over however many links.
        let is_file = |file: &FileInput| matches!(file.kind, Kind::File | Kind::Executable);
        if !covered.file(&place.0).is_some_and(is_file) {
            set.files.insert(place);
        }
    }
    set
}

/// What cargo makes a part of a package as soon as it appears, whatever git thinks of it.
///
/// <https://doc.rust-lang.org/cargo/guide/project-layout.html>
const FOUND_BY_NAME: [&str; 3] = ["build.rs", "src/lib.rs", "src/main.rs"];

/// A workspace's root may lie above a package that does not say it is one itself.
fn manifests_above(root: &Path) -> Vec<PathBuf> {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
    match manifest.parse::<toml::Table>() {
        Ok(table) if table.contains_key("workspace") => Vec::new(),
        _ => root.ancestors().skip(1).map(|directory| directory.join("Cargo.toml")).collect(),
    }
}

/// The part of `tree` that the packages of `set` are built from.
pub(super) fn crate_tree(tree: &Tree, set: &PathSet) -> Tree {
    let manifest_directory = |file: &FileInput| match file.path.0.strip_suffix(b"Cargo.toml") {
        Some(b"") => Some(b"".as_bstr().to_owned()),
        Some(directory) => directory.strip_suffix(b"/").map(|directory| directory.as_bstr().to_owned()),
        None => None,
    };
    let packages: HashSet<_> = tree.files.iter().filter_map(manifest_directory).collect();
    let counts = |file: &&FileInput| {
        let path = file.path.0.as_bstr();
        let is_manifest = path.ends_with(b"Cargo.toml") && (path.len() == 10 || path.ends_with(b"/Cargo.toml"));
        let owner = || parents(path).find(|directory| packages.contains(*directory));
        is_manifest
            || FOR_EVERY_PACKAGE.iter().any(|name| path == name)
            || owner().is_some_and(|owner| set.packages.contains(&Place(TreePath(owner.to_owned()))))
    };
    Tree { heads: BTreeMap::new(), files: tree.files.iter().filter(counts).cloned().collect() }
}

/// The directories that hold `path`, the nearest first, the root as an empty path last.
fn parents(path: &BStr) -> impl Iterator<Item = &BStr> {
    std::iter::successors(Some(path), |path| {
        (!path.is_empty()).then(|| path.rfind_byte(b'/').map_or(b"".as_bstr(), |slash| path[..slash].as_bstr()))
    })
    .skip(1)
}

/// Everything in the package at `place`, which lies outside the tree, as one digest.
#[must_use]
pub fn digest_of_package(place: &Place, tree: &Tree, root: &Path) -> Option<Digest> {
    let set = PathSet { packages: [place.clone()].into(), ..PathSet::default() };
    digest_of_all(&set, tree, root)
}

fn digest_of_all(set: &PathSet, tree: &Tree, root: &Path) -> Option<Digest> {
    let files = super::outside::read(set, tree, root).ok()?;
    serde_json::to_vec(&files).ok().map(Digest::of)
}

/// What stands at `place` now, links followed: from `tree` where it covers that, from the disk otherwise. A directory
/// is the digest of everything in it.
#[must_use]
pub fn digest_of(place: &Place, tree: &Tree, root: &Path) -> Option<Digest> {
    match tree.file(&place.0) {
        Some(file) if matches!(file.kind, Kind::File | Kind::Executable) => Some(file.digest),
        _ => {
            let path = place.on_disk(root);
            if path.is_dir() {
                let set = PathSet { files: [place.clone()].into(), ..PathSet::default() };
                return digest_of_all(&set, tree, root);
            }
            sweep::content(&path, true, &mut sweep::buffer()).ok().map(|(_, digest, _)| digest)
        }
    }
}
