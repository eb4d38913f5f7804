//! Lists the files that count and that no run names.
//!
//! Promises: if a package has an opaque run, and a build script or a procedural macro among its dependencies, each file
//! that it may read is either named by a run or part of one digest for the package. A build script that declares nothing
//! counts as naming every file of its package, as it does for cargo. A package without opaque runs is skipped: all that it
//! read is known.
//! Does not promise: to know whether a listed file is read.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use gix::bstr::{BStr, BString, ByteSlice};

use crate::inputs::{self, LockFile, Observation, PackageReads};
use crate::model::fingerprint::{Digest, FingerprintBuilder};
use crate::model::portable_path::PortablePath;
use crate::model::tree::{FileInput, Kind, Tree, TreePath, split};

/// Files at the root of a workspace. cargo and rustup read them in both scopes, and a build script may read more in them.
const AT_ROOT: [&str; 4] = ["Cargo.lock", "Cargo.toml", "rust-toolchain", "rust-toolchain.toml"];

/// The files that no run names, by the ID of the package that may read them.
#[derive(Default)]
pub(super) struct Undeclared {
    by_package: BTreeMap<String, Files>,
    /// All files of the tree that no run names.
    everywhere: Files,
    empty: Files,
}

#[derive(Default)]
pub(super) struct Files {
    pub(super) paths: Vec<PathBuf>,
    pub(super) digest: Option<Digest>,
}

impl Files {
    fn of(files: &[&FileInput], root: &Path) -> Self {
        let mut hash = FingerprintBuilder::new();
        for file in files.iter().filter(|file| file.kind != Kind::Absent) {
            hash.file(file.path.0.as_bstr(), file.kind, &file.digest);
        }
        let paths = files.iter().map(|file| PortablePath(file.path.clone()).on_disk(root)).collect();
        Self { paths, digest: Some(hash.digest()) }
    }
}

impl Undeclared {
    /// Lists the files for each local package in `observation` that has an opaque run, and a build script or a procedural
    /// macro among its dependencies.
    pub(super) fn of(observation: &Observation, tree: &Tree, root: &Path) -> Self {
        let lock_file = LockFile::of(root);
        let runs = observation.packages.values().flat_map(|reads| reads.files.iter());
        let named: BTreeSet<TreePath> = runs.map(|path| PortablePath::of(path, root).0).collect();
        let read_whole = observation.local().filter(|reads| reads.is_read_whole());
        let read_whole: BTreeSet<_> =
            read_whole.map(|reads| PortablePath::of(&reads.package.directory, root).0).collect();
        let owners = Owners::of(tree, root);
        // A directory that a run names counts with everything in it.
        let is_named = |path: &TreePath| {
            let parents = path.0.rfind_iter("/").map(|slash| path.0[..slash].as_bstr());
            let all = [path.0.as_bstr(), b"".as_bstr()].into_iter().chain(parents);
            let is_of_script = || owners.of_path(path.0.as_bstr()).map(|owner| TreePath(owner.to_owned()));
            all.map(|path| TreePath(path.to_owned())).any(|path| named.contains(&path))
                || is_of_script().is_some_and(|owner| read_whole.contains(&owner))
        };
        let may_read_more = |reads: &&PackageReads| {
            !reads.is_seen() && (reads.has_script() || lock_file.depends_on(reads.package.name(), &observation.macros))
        };
        let without = observation.local().filter(|reads| !may_read_more(reads));
        let without: BTreeSet<BString> =
            without.map(|reads| PortablePath::of(&reads.package.directory, root).0.0).collect();
        let mut found = Self::default();
        for reads in observation.local().filter(may_read_more) {
            let place = PortablePath::of(&reads.package.directory, root);
            let outside;
            let files: Vec<&FileInput> = if owners.packages.contains(&place.0.0) {
                let concerns = |file: &&FileInput| {
                    let owner = owners.of_path(file.path.0.as_bstr());
                    // The files of a package that is skipped are added: its own runs do not read them undeclared, but
                    // others may.
                    owner.is_some_and(|owner| owner == place.0.0 || without.contains(owner))
                        || AT_ROOT.iter().any(|name| file.path.0 == *name)
                };
                tree.files().iter().filter(concerns).collect()
            } else if reads.is_read_whole() {
                Vec::new()
            } else {
                outside = inputs::files_of_package(&place, tree, root);
                outside.iter().collect()
            };
            let files: Vec<_> = files.into_iter().filter(|file| !is_named(&file.path)).collect();
            found.by_package.insert(reads.package.id.clone(), Files::of(&files, root));
        }
        let unnamed: Vec<_> = tree.files().iter().filter(|file| !is_named(&file.path)).collect();
        found.everywhere = Files::of(&unnamed, root);
        found
    }

    /// Returns the files that no run names and that the package `id` may read: its own, the ones at the root, and those of
    /// packages that are skipped; none if it can read no undeclared file.
    pub(super) fn in_package(&self, id: &str) -> &Files {
        self.by_package.get(id).unwrap_or(&self.empty)
    }

    /// Returns all files that no run names, if the package `id` may read undeclared files.
    pub(super) fn everywhere(&self, id: &str) -> &Files {
        if self.by_package.contains_key(id) { &self.everywhere } else { &self.empty }
    }
}

/// Tells which package a file of the tree belongs to.
struct Owners {
    packages: HashSet<BString>,
}

impl Owners {
    fn of(tree: &Tree, root: &Path) -> Self {
        let directory = |file: &FileInput| {
            let (directory, name) = split(file.path.0.as_bstr());
            (name == "Cargo.toml").then(|| directory.to_owned())
        };
        let mut packages: HashSet<BString> = tree.files().iter().filter_map(directory).collect();
        if !inputs::is_package(root) {
            packages.remove(b"".as_bstr());
        }
        Self { packages }
    }

    fn of_path<'p>(&self, path: &'p BStr) -> Option<&'p BStr> {
        let parents = path.rfind_iter("/").map(|slash| path[..slash].as_bstr());
        parents.chain(std::iter::once(b"".as_bstr())).find(|directory| self.packages.contains(*directory))
    }
}
