//! Turns the reads of a build into the path set that the next look-up reads.
//!
//! Promises: a path set does not list the files that the sweep of the checkout covers, and lists all other reads by name. In
//! scope `crate`, the sweep is narrowed to what [`CrateScope`] names: the files that were read, every `Cargo.toml` of the
//! workspace and, where a run may have read more than is known, whole packages. The `Cargo.toml` of another member can move
//! a shared dependency in the lock file, so all of them count. A binary that may depend on where its checkout lies is bound
//! to that checkout.
//! Does not promise: to know which member moves a dependency. Every member counts.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gix::bstr::{BStr, ByteSlice};

use super::external_files::covers;
use super::observation::{Observation, PackageReads, Run};
use super::observe::twin;
use super::system::SystemContents;
use crate::error::Result;
use crate::fs::files;
use crate::inputs::git::head_and_branch;
use crate::inputs::scan::content;
use crate::inputs::scan::crate_scope::{CrateScope, MANIFEST, parents};
use crate::inputs::workspace::lock_file::LockFile;
use crate::inputs::workspace::manifests::WorkspaceManifests;
use crate::model::fingerprint::Digest;
use crate::model::maps::map_of;
use crate::model::path_set::PathSet;
use crate::model::portable_path::{PortablePath, normalized};
use crate::model::system_files::SystemFiles;
use crate::model::tree::{FileInput, Heads, Kind, Tree, TreePath};
use crate::request::{Environment, Request, Scope};

/// Returns the path set for the next look-up, after a build in `root` that was seen to read `observation`.
///
/// # Errors
///
/// [`crate::error::Error::InputUnreadable`] for one of cargo's configuration files that cannot be read.
pub fn path_set(observation: &Observation, tree: &Tree, request: &Request, root: &Path) -> Result<PathSet> {
    let place = |path: &Path| PortablePath::of(path, root);
    let lock_file = LockFile::of(root);
    let may_read_more = |reads: &PackageReads| {
        !reads.is_seen() && (reads.has_script() || lock_file.depends_on(reads.package.name(), &observation.macros))
    };
    // All reads are named, unless a local package with a build script, or with a procedural macro among its dependencies,
    // has an opaque run.
    let is_all_named = !observation.local().any(may_read_more);
    let directories = observation.local().filter(|_| !is_all_named).map(|reads| place(&reads.package.directory));
    let whole: BTreeSet<PortablePath> = directories.collect();
    let packages = match request.scope {
        Scope::Crate => whole.clone(),
        Scope::Tree => whole.iter().filter(|place| !covers(tree, place)).cloned().collect(),
    };
    let read_whole = observation.local().filter(|reads| reads.is_read_whole());
    let mut set = PathSet {
        packages,
        listed: map_of(read_whole.map(|reads| (place(&reads.package.directory), reads.include.clone()))),
        output: observation.output.iter().map(|directory| place(directory)).collect(),
        variables: observation.variables.clone(),
        ..PathSet::default()
    };
    let workspace = WorkspaceManifests::of(tree, root, &request.env)?;
    let manifests: BTreeSet<PortablePath> = workspace.manifests.iter().map(|manifest| place(manifest)).collect();
    let covered = match request.scope {
        Scope::Tree => Cow::Borrowed(tree),
        Scope::Crate => {
            let in_tree = manifests.iter().filter(|manifest| tree.file(&manifest.0).is_some()).cloned();
            let all: Vec<_> = observation.local().map(|reads| place(&reads.package.directory)).collect();
            let all = all.iter().filter(|place| place.is_inside()).map(|place| place.0.0.as_bstr());
            set.manifests = in_tree.chain(above(all).into_iter().map(PortablePath)).collect();
            set.members = workspace.members;
            Cow::Owned(narrowed(tree, &CrateScope::of(&set)))
        }
    };
    let appearing = observation.local().flat_map(|reads| appearing_in(reads, &whole, request, root));
    let appearing: Vec<PortablePath> = appearing.map(|path| place(&path)).collect();
    // A build script or a macro may ask git for the branch, as it may for the commit.
    set.branch = request.scope == Scope::Tree && observation.local().any(may_read_more);
    add_reads(&mut set, observation, &covered, request.scope, root);
    for place in manifests.into_iter().chain(appearing) {
        add_file(&mut set, place, &covered);
    }
    let read_whole = observation.local().filter(|reads| reads.is_read_whole());
    for place in read_whole.flat_map(|reads| links_in(reads, tree, root)) {
        add_file(&mut set, place, &covered);
    }
    set.bound_by = bonds(observation, &set, root);
    Ok(set)
}

/// Adds the reads of all runs to `set`, except those that `covered` has.
fn add_reads(set: &mut PathSet, observation: &Observation, covered: &Tree, scope: Scope, root: &Path) {
    let place = |path: &Path| PortablePath::of(path, root);
    let read = observation.packages.values().flat_map(|reads| reads.files.iter().map(|file| place(file)));
    let runs = || observation.packages.values().flat_map(|reads| &reads.runs);
    // In scope `crate`, no commit counts, unless a run declares that it reads one.
    let git_state: BTreeSet<&PathBuf> =
        runs().filter(|_| scope == Scope::Tree).flat_map(|run| &run.git_state).collect();
    // The commit and the branch at HEAD count by themselves.
    let of_head = head_and_branch(root);
    let (of_head, git_state): (Vec<_>, Vec<_>) =
        git_state.into_iter().partition(|path| of_head.contains(&normalized(path)));
    // A run that reads these has asked for the branch.
    set.branch |= !of_head.is_empty();
    let git_state = git_state.into_iter().map(|path| place(path));
    let above_root = roots_above(root).into_iter().map(|path| place(&path));
    for place in read.chain(git_state).chain(above_root) {
        add_file(set, place, covered);
    }
    set.names = runs().flat_map(|run| run.listed.iter().map(|directory| place(directory))).collect();
    let is_link = |place: &PortablePath| covered.file(&place.0).is_some_and(|file| file.kind == Kind::Symlink);
    set.links = runs().flat_map(|run| run.links.iter().map(|link| place(link))).filter(|it| !is_link(it)).collect();
    set.system = SystemFiles::union(runs().map(|run| &run.system));
    set.programs = runs().flat_map(|run| run.programs.iter().cloned()).collect();
}

/// Adds a file to `set`, unless `covered` has it. In the tree, a link counts by the path in it. Here, it counts by the file
/// that it leads to, over any number of links.
fn add_file(set: &mut PathSet, place: PortablePath, covered: &Tree) {
    let is_file = |file: &FileInput| matches!(file.kind, Kind::File | Kind::Executable);
    if !covered.file(&place.0).is_some_and(is_file) {
        set.files.insert(place);
    }
}

/// Returns what `run` was seen to read besides files, as a path set of a checkout at `root`.
fn undeclared_reads(run: &Run, root: &Path) -> PathSet {
    PathSet {
        names: run.listed.iter().map(|directory| PortablePath::of(directory, root)).collect(),
        links: run.links.iter().map(|link| PortablePath::of(link, root)).collect(),
        system: run.system.clone(),
        programs: run.programs.clone(),
        ..PathSet::default()
    }
}

/// Returns the current digests of what `run` was seen to read besides files, by the names of inputs. Names in directories
/// leave out `output`.
#[must_use]
pub fn digests_besides(
    run: &Run,
    output: &BTreeSet<PortablePath>,
    root: &Path,
    env: &Environment,
    contents: &SystemContents,
) -> BTreeMap<PortablePath, Option<Digest>> {
    let set = PathSet { output: output.clone(), ..undeclared_reads(run, root) };
    let found = super::external_files::read_seen(&set, root, env, contents).unwrap_or_default();
    map_of(found.into_iter().map(|input| (PortablePath(input.path), Some(input.digest))))
}

/// Returns the bonds of the binary, as far as its inputs tell.
fn bonds(observation: &Observation, set: &PathSet, root: &Path) -> BTreeSet<String> {
    let mut bonds = BTreeSet::new();
    if observation.knows_its_directory {
        bonds.insert("its code asks for `CARGO_MANIFEST_DIR`".to_owned());
    }
    for reads in observation.local() {
        let name = reads.package.name();
        if reads.runs.iter().any(|run| run.is_script && run.asked_for_directory) {
            bonds.insert(format!("the build script of `{name}` can tell where it runs"));
        }
        if observation.macros.contains(name) {
            bonds.insert(format!("the procedural macros of `{name}` can tell where they run"));
        }
    }
    // A path in a directory that holds the checkout may have been made from the checkout's own path.
    let shared = |path: &Path| path.components().zip(root.components()).take_while(|(one, other)| one == other).count();
    let is_near = |place: &&PortablePath| place.is_absolute() && shared(&place.on_disk(root)) > 1;
    let manifests = |place: &&PortablePath| place.0.0.ends_with(MANIFEST);
    // A file that was seen to be read needs no bond: its run reached it from the checkout, or asked where that is, or it is
    // the same file for all checkouts.
    let seen: BTreeSet<PortablePath> =
        observation.undeclared_files.iter().map(|path| PortablePath::of(path, root)).collect();
    for place in
        set.files.iter().filter(|place| !manifests(place) && !seen.contains(place)).chain(&set.packages).filter(is_near)
    {
        bonds.insert(format!("it was built from `{}`, which lies near the checkout", place.0));
    }
    bonds
}

/// Returns the links in a package. cargo follows them if a build script declares nothing.
fn links_in(reads: &PackageReads, tree: &Tree, root: &Path) -> Vec<PortablePath> {
    let directory = &reads.package.directory;
    let links =
        tree.files().iter().filter(|file| file.kind == Kind::Symlink).map(|file| PortablePath(file.path.clone()));
    links.filter(|place| place.on_disk(root).starts_with(directory)).collect()
}

/// Returns the paths that change a package as soon as a file appears there: those of files that are found by name, the other
/// path of each module, and, for a package outside the checkout, the manifests above it.
fn appearing_in(
    reads: &PackageReads,
    packages: &BTreeSet<PortablePath>,
    request: &Request,
    root: &Path,
) -> Vec<PathBuf> {
    let directory = &reads.package.directory;
    let bin = [format!("src/bin/{}.rs", request.bin), format!("src/bin/{}/main.rs", request.bin)];
    let bin = bin.into_iter().filter(|_| reads.package.name() == request.package);
    let by_name = FOUND_BY_NAME.iter().map(|name| (*name).to_owned()).chain(bin).map(|name| directory.join(name));
    // A directory that counts whole shows them anyway.
    let is_whole = packages.contains(&PortablePath::of(directory, root));
    let twins = reads.files.iter().filter(|_| !is_whole).filter_map(|file| twin(file));
    let is_inside = PortablePath::of(directory, root).is_inside();
    let manifests = if is_inside { Vec::new() } else { manifests_above(directory) };
    by_name.chain(twins).chain(manifests).collect()
}

/// Files that cargo makes a part of a package as soon as they appear, whatever git thinks of them.
///
/// <https://doc.rust-lang.org/cargo/guide/project-layout.html>
const FOUND_BY_NAME: [&str; 4] = ["Cargo.toml", "build.rs", "src/lib.rs", "src/main.rs"];

/// Returns the manifests above the checkout, of which one may be the workspace's root; none if the manifest at `root` says
/// that it is the root itself.
fn roots_above(root: &Path) -> Vec<PathBuf> {
    let manifest = files::read_to_string(&root.join("Cargo.toml")).unwrap_or_default();
    match manifest.parse::<toml::Table>() {
        Ok(table) if table.contains_key("workspace") => Vec::new(),
        _ => manifests_above(root),
    }
}

/// Returns the paths at which manifests may stand above `directory`, written with `..` behind it, so that clones agree.
fn manifests_above(directory: &Path) -> Vec<PathBuf> {
    let depth = normalized(directory).components().count();
    (1..depth).map(|steps| directory.join("../".repeat(steps)).join("Cargo.toml")).collect()
}

/// Returns the part of `tree` that `crate_scope` names.
pub(crate) fn narrowed(tree: &Tree, crate_scope: &CrateScope) -> Tree {
    let mut files = tree.files().to_vec();
    crate_scope.narrow(&mut files, |file| file.path.0.as_bstr());
    Tree::of(Heads::new(), files)
}

/// Returns the paths of the manifests above `directories`, there or not. A manifest that appears would begin another
/// workspace.
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

/// Returns every file of the package at `place`, which lies outside the tree; none if it cannot be read.
#[must_use]
pub fn files_of_package(place: &PortablePath, tree: &Tree, root: &Path) -> Vec<FileInput> {
    let set = PathSet { packages: [place.clone()].into(), ..PathSet::default() };
    super::external_files::read(&set, tree, root).unwrap_or_default()
}

/// Returns the digest of the current content at `place`, with links followed: from `tree` if it covers the file, otherwise
/// from the disk. For a directory, it is the digest of everything in it except `output`.
#[must_use]
pub fn digest_of(place: &PortablePath, output: &BTreeSet<PortablePath>, tree: &Tree, root: &Path) -> Option<Digest> {
    match tree.file(&place.0) {
        Some(file) if matches!(file.kind, Kind::File | Kind::Executable) => Some(file.digest),
        _ => {
            let path = place.on_disk(root);
            if path.is_dir() {
                let set = PathSet { files: [place.clone()].into(), output: output.clone(), ..PathSet::default() };
                let files = super::external_files::read(&set, tree, root).ok()?;
                return serde_json::to_vec(&files).ok().map(Digest::of);
            }
            content::content(&path, true).ok().flatten().map(|content| content.digest)
        }
    }
}

/// Returns [`digest_of`], with what a program can ask about a file besides its bytes: whether it may be executed, and where
/// a link leads.
#[must_use]
pub fn identity_of(place: &PortablePath, output: &BTreeSet<PortablePath>, tree: &Tree, root: &Path) -> Option<Digest> {
    let digest = digest_of(place, output, tree, root)?;
    let path = place.on_disk(root);
    let link = std::fs::read_link(&path).ok().map(|target| target.as_os_str().as_encoded_bytes().to_vec());
    let is_executable = content::is_executable(&path);
    // Most files are neither. Their identity is their digest, the same as for a program that can only read them.
    if link.is_none() && !is_executable {
        return Some(digest);
    }
    serde_json::to_vec(&(link, is_executable, digest.to_string())).ok().map(Digest::of)
}
