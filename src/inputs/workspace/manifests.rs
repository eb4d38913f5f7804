//! Follows manifests to the other manifests that they name.
//!
//! Promises: every manifest is found that a `path`, a `package.workspace`, a `[patch]` or a `paths` leads to, from the
//! workspace and from cargo's configuration, over any number of steps. A neighbour of the checkout, to which relative paths
//! lead, is told apart from a directory that an absolute path names.
//! Does not promise: to know which manifests cargo uses. Each can move a dependency in the lock file, so all of them count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;

use crate::error::Result;
use crate::fs::files;
use crate::inputs::remember::dependency::Recorder;
use crate::inputs::scan::crate_scope::{directory_of_manifest, matches};
use crate::inputs::tools::cargo_config::{CargoConfig, cargo_configs};
use crate::model::portable_path::{PortablePath, normalized};
use crate::model::tree::{FileInput, Tree};
use crate::request::Environment;

pub(crate) const MANIFEST: &str = "Cargo.toml";

/// The manifests of a workspace, and the patterns that find more.
pub(crate) struct WorkspaceManifests {
    /// The paths by which they were reached; relative ones begin with the checkout's root.
    pub(crate) manifests: BTreeSet<PathBuf>,
    /// The patterns of `workspace.members`.
    pub(crate) members: BTreeSet<String>,
}

impl WorkspaceManifests {
    /// Reads the workspace of the checkout at `root`. A manifest belongs to it if `members` matches it, or if one that
    /// belongs to it leads there.
    ///
    /// <https://doc.rust-lang.org/cargo/reference/workspaces.html#the-members-and-exclude-fields>
    pub(crate) fn of(tree: &Tree, root: &Path, env: &Environment) -> Result<Self> {
        let recorder = Recorder::default();
        let workspace = table(&root.join(MANIFEST), &recorder);
        let listed = workspace.get("workspace").and_then(|workspace| workspace.get("members")?.as_array());
        let clean = |pattern: &str| PortablePath::of(&root.join(pattern), root).0.to_string();
        let members: BTreeSet<String> =
            listed.into_iter().flatten().filter_map(toml::Value::as_str).map(clean).collect();
        let is_member = |file: &&FileInput| {
            let directory = directory_of_manifest(file.path.0.as_bstr());
            directory.is_some_and(|directory| members.iter().any(|pattern| matches(pattern, directory)))
        };
        let found = tree.files().iter().filter(is_member).map(|file| PortablePath(file.path.clone()).on_disk(root));
        let manifests = reached(found.chain(from_everywhere(root, env)?), &recorder);
        Ok(Self { manifests, members })
    }
}

/// The directories of packages outside the checkout to which relative paths lead.
#[derive(Default)]
pub(crate) struct Neighbours {
    /// The path that leads to each directory from the checkout, by the directory's own path.
    ways: BTreeMap<PathBuf, PathBuf>,
}

impl Neighbours {
    /// Finds the neighbours that the packages in `directories` lead to.
    pub(crate) fn of(directories: impl Iterator<Item = PathBuf>, root: &Path, env: &Environment) -> Result<Self> {
        let starts = directories.filter(|directory| directory.starts_with(root)).map(|it| it.join(MANIFEST));
        let manifests = reached(starts.chain(from_everywhere(root, env)?), &Recorder::default());
        let directories = manifests.iter().filter_map(|manifest| manifest.parent()).filter(|it| it.starts_with(root));
        let ways = directories.map(|directory| (normalized(directory), directory.to_owned()));
        Ok(Self { ways: ways.filter(|(directory, _)| !directory.starts_with(root)).collect() })
    }

    /// Returns `path` as it is reached from the checkout, if a relative path leads there; otherwise as it is.
    pub(crate) fn reach(&self, path: PathBuf) -> PathBuf {
        let way = path.ancestors().find_map(|above| Some((above, self.ways.get(above)?)));
        way.and_then(|(above, way)| Some(way.join(path.strip_prefix(above).ok()?))).unwrap_or(path)
    }
}

/// Returns the manifests with which every search begins: the one at the root, and those that cargo's configuration names.
fn from_everywhere(root: &Path, env: &Environment) -> Result<Vec<PathBuf>> {
    let mut manifests = vec![root.join(MANIFEST)];
    for config in cargo_configs(root, env, &Recorder::default())? {
        manifests.extend(configured(&config).into_iter().map(|directory| config.base.join(directory).join(MANIFEST)));
    }
    Ok(manifests)
}

/// Returns the directories of packages that a configuration file puts in the place of others.
///
/// <https://doc.rust-lang.org/cargo/reference/config.html#patch>
/// <https://doc.rust-lang.org/cargo/reference/config.html#paths>
fn configured(config: &CargoConfig) -> Vec<String> {
    let mut directories = Vec::new();
    if let Some(patch) = config.table.get("patch") {
        named_paths(patch, &mut directories);
    }
    let paths = config.table.get("paths").and_then(toml::Value::as_array);
    directories.extend(paths.into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned));
    directories
}

/// Returns `starts` and all manifests that they lead to, each once, as far as they exist.
pub(crate) fn reached(starts: impl Iterator<Item = PathBuf>, recorder: &Recorder) -> BTreeSet<PathBuf> {
    let (mut ahead, mut seen): (Vec<_>, _) = (starts.collect(), BTreeSet::new());
    let mut found = BTreeSet::new();
    while let Some(manifest) = ahead.pop() {
        recorder.at(&manifest);
        if !manifest.is_file() || !seen.insert(normalized(&manifest)) {
            continue;
        }
        let content = toml::Value::Table(table(&manifest, recorder));
        let mut named = Vec::new();
        named_paths(&content, &mut named);
        let workspace = content.get("package").and_then(|package| package.get("workspace")?.as_str());
        named.extend(workspace.map(str::to_owned));
        let directory = manifest.parent().unwrap_or(&manifest);
        ahead.extend(named.iter().map(|path| directory.join(path).join(MANIFEST)));
        found.insert(manifest);
    }
    found
}

/// Returns the workspace that a cargo started in `directory` works on, which is the directory of a manifest; none if there
/// is no manifest.
///
/// <https://doc.rust-lang.org/cargo/reference/workspaces.html#the-workspace-section>
#[must_use]
pub fn workspace_around(directory: &Path) -> Option<PathBuf> {
    workspace_from(directory, &Recorder::default())
}

/// Does what [`workspace_around`] does, and adds the files that the answer depends on to `recorder`.
pub(crate) fn workspace_from(directory: &Path, recorder: &Recorder) -> Option<PathBuf> {
    let is_there = |directory: &Path| {
        let manifest = directory.join(MANIFEST);
        recorder.at(&manifest);
        manifest.is_file()
    };
    let with_manifest = |from: &Path| from.ancestors().find(|it| is_there(it)).map(Path::to_owned);
    let nearest = with_manifest(directory)?;
    let manifest = table(&nearest.join(MANIFEST), recorder);
    if manifest.contains_key("workspace") {
        return Some(nearest);
    }
    if let Some(named) = manifest.get("package").and_then(|package| package.get("workspace")?.as_str()) {
        return Some(normalized(&nearest.join(named)));
    }
    let mut above = nearest.parent().and_then(with_manifest);
    while let Some(root) = above {
        if let Some(workspace) = table(&root.join(MANIFEST), recorder).get("workspace")
            && !is_excluded(workspace, &root, &nearest)
        {
            return Some(root);
        }
        above = root.parent().and_then(with_manifest);
    }
    Some(nearest)
}

/// True if the workspace at `root` leaves out `package`, which is below it. A package that `members` names is not left out.
pub(crate) fn is_excluded(workspace: &toml::Value, root: &Path, package: &Path) -> bool {
    let listed = |key: &str| {
        let list = workspace.get(key).and_then(toml::Value::as_array);
        list.into_iter().flatten().filter_map(toml::Value::as_str).map(|path| root.join(path)).collect::<Vec<_>>()
    };
    listed("exclude").iter().any(|path| package.starts_with(path))
        && !listed("members").iter().any(|path| package.starts_with(path))
}

/// True if the manifest in `directory` is that of a package, and not of a workspace alone.
#[must_use]
pub fn is_package(directory: &Path) -> bool {
    table(&directory.join(MANIFEST), &Recorder::default()).contains_key("package")
}

/// Adds every `path` in a manifest to `found`: those of dependencies, patches and targets.
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

/// Returns `package.include` of the package in `directory`. If it is inherited, it comes from the package's workspace, which
/// is at `root` unless the manifest names another one. Empty if there is none.
///
/// <https://doc.rust-lang.org/cargo/reference/manifest.html#the-exclude-and-include-fields>
pub(crate) fn include_patterns(directory: &Path, root: &Path) -> Vec<String> {
    let recorder = Recorder::default();
    let manifest = table(&directory.join(MANIFEST), &recorder);
    let Some(package) = manifest.get("package") else { return Vec::new() };
    let own = package.get("include");
    let is_inherited = own.is_some_and(|own| own.get("workspace").is_some());
    let workspace = package.get("workspace").and_then(toml::Value::as_str).map(|path| directory.join(path));
    let inherited =
        is_inherited.then(|| table(&workspace.unwrap_or_else(|| root.to_owned()).join(MANIFEST), &recorder));
    let inherited = inherited.as_ref().and_then(|it| it.get("workspace")?.get("package")?.get("include"));
    let patterns = if is_inherited { inherited } else { own }.and_then(toml::Value::as_array);
    patterns.into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

pub(crate) fn table(manifest: &Path, recorder: &Recorder) -> toml::Table {
    recorder.at(manifest);
    files::read_to_string(manifest).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}
