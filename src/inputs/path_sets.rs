//! From what a build was seen to read to what the next look-up reads.
//!
//! Promises: what the tree covers is left to the tree; everything else that was read joins by name. In scope `crate`
//! the tree is narrowed to what [`Selection`] tells: the packages that went into the binary, and every manifest of the
//! workspace. One of another member can move a shared dependency in the lock file, so all of them count.
//! Does not promise: to know which member would. Each of them does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gix::bstr::{BStr, ByteSlice};

use super::closure::Observation;
use super::content;
use super::outside::covers;
use super::selection::{MANIFEST, Selection, directory_of_manifest, matches, parents};
use crate::files;
use crate::fingerprint::Digest;
use crate::path_set::{PathSet, Place};
use crate::request::Scope;
use crate::tree::{FileInput, Heads, Kind, Tree, TreePath};

/// What the next look-up has to read, after a build in `root` that was seen to read `observation`.
#[must_use]
pub fn path_set(observation: &Observation, tree: &Tree, scope: Scope, root: &Path, located: bool) -> PathSet {
    let directories = observation.packages.values().map(|reads| Place::of(&reads.package.directory, root));
    let packages = match scope {
        Scope::Crate => directories.collect(),
        Scope::Tree => directories.filter(|place| !covers(tree, place)).collect(),
    };
    let mut set = PathSet { packages, variables: observation.variables.clone(), located, ..PathSet::default() };
    let of_crate;
    let covered = match scope {
        Scope::Tree => tree,
        Scope::Crate => {
            let (mut manifests, members) = workspace(tree, root);
            let inside = set.packages.iter().map(|place| place.0.0.as_bstr()).filter(|path| !path.starts_with(b"/"));
            manifests.extend(above(inside));
            set.manifests = manifests.into_iter().map(Place).collect();
            set.members = members;
            of_crate = narrowed(tree, &Selection::of(&set));
            &of_crate
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
    let manifest = files::read_to_string(&root.join("Cargo.toml")).unwrap_or_default();
    match manifest.parse::<toml::Table>() {
        Ok(table) if table.contains_key("workspace") => Vec::new(),
        _ => root.ancestors().skip(1).map(|directory| directory.join("Cargo.toml")).collect(),
    }
}

/// The part of `tree` that `selection` names.
pub(super) fn narrowed(tree: &Tree, selection: &Selection) -> Tree {
    let mut files = tree.files().to_vec();
    selection.narrow(&mut files, |file| file.path.0.as_bstr());
    Tree::of(Heads::new(), files)
}

/// The workspace of the checkout at `root`: its manifests, as far as they are in `tree`, and the patterns that find
/// more. A manifest belongs to it when `members` takes it in, or when one that does leads to it by a `path`.
///
/// <https://doc.rust-lang.org/cargo/reference/workspaces.html#the-members-and-exclude-fields>
fn workspace(tree: &Tree, root: &Path) -> (BTreeSet<TreePath>, BTreeSet<String>) {
    let table = |manifest: &TreePath| {
        let text = files::read_to_string(&Place(manifest.clone()).on_disk(root)).unwrap_or_default();
        text.parse::<toml::Table>().unwrap_or_default()
    };
    let at_root = TreePath(MANIFEST.into());
    let workspace = table(&at_root);
    let listed = workspace.get("workspace").and_then(|workspace| workspace.get("members")?.as_array());
    let clean = |pattern: &str| Place::of(&root.join(pattern), root).0.to_string();
    let members: BTreeSet<String> = listed.into_iter().flatten().filter_map(toml::Value::as_str).map(clean).collect();
    let is_member = |file: &&FileInput| {
        let directory = directory_of_manifest(file.path.0.as_bstr());
        directory.is_some_and(|directory| members.iter().any(|pattern| matches(pattern, directory)))
    };
    let mut ahead: Vec<TreePath> = tree.files().iter().filter(is_member).map(|file| file.path.clone()).collect();
    ahead.push(at_root);
    let mut manifests = BTreeSet::new();
    while let Some(manifest) = ahead.pop() {
        let directory = Place(manifest.clone()).on_disk(root).parent().map(Path::to_owned).unwrap_or_default();
        let mut named = Vec::new();
        named_paths(&toml::Value::Table(table(&manifest)), &mut named);
        if !manifests.insert(manifest) {
            continue;
        }
        let leads_to = named.iter().map(|path| Place::of(&directory.join(path).join("Cargo.toml"), root).0);
        ahead.extend(leads_to.filter(|manifest| tree.file(manifest).is_some() && !manifests.contains(manifest)));
    }
    (manifests, members)
}

/// Every `path` in a manifest: those of dependencies, patches and targets.
fn named_paths(value: &toml::Value, found: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => {
            found.extend(table.get("path").and_then(toml::Value::as_str).map(str::to_owned));
            table.values().for_each(|value| named_paths(value, found));
        }
        toml::Value::Array(values) => values.iter().for_each(|value| named_paths(value, found)),
        _ => {}
    }
}

/// The manifests that stand above `directories`, there or not: one that appears would begin another workspace.
fn above<'a>(directories: impl Iterator<Item = &'a BStr>) -> BTreeSet<TreePath> {
    let manifest = |directory: &BStr| {
        let mut path = directory.to_owned();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(MANIFEST);
        TreePath(path)
    };
    directories.flat_map(|directory| parents(directory).map(manifest)).collect()
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
            content::content(&path, true).ok().flatten().map(|content| content.digest)
        }
    }
}
