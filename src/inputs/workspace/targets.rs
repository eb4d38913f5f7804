//! Finds the targets of a package by its manifest and its directory.
//!
//! Promises: they are the targets that cargo finds, listed or not.
//! Does not promise: that they can be built.
//!
//! <https://doc.rust-lang.org/cargo/reference/cargo-targets.html#target-auto-discovery>

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::inputs::remember::dependency::Recorder;

/// A package, and the names of its targets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// The name of the package.
    pub package: String,
    /// The names of the binaries, sorted.
    pub bins: Vec<String>,
    /// The names of the examples, sorted.
    pub examples: Vec<String>,
    /// The library, if there is one.
    pub library: Option<Library>,
    /// The binary that `cargo run` takes if there are several.
    pub default_run: Option<String>,
}

/// A library target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Library {
    /// Its name, which is that of a crate.
    pub name: String,
    /// Its crate types, as the manifest writes them; empty for the usual one.
    pub crate_types: Vec<String>,
}

impl Targets {
    /// Reads the targets of the package in `directory` from its `manifest` and that of its `workspace`.
    pub(crate) fn of(
        directory: &Path,
        manifest: &toml::Table,
        workspace: &toml::Table,
        recorder: &Recorder,
    ) -> Option<Self> {
        let name = package_name(manifest)?.to_owned();
        let package = manifest.get("package")?;
        let has = |path: &str| {
            let path = directory.join(path);
            recorder.at(&path);
            path.is_file()
        };
        let main = has("src/main.rs").then(|| (name.clone(), directory.join("src/main.rs")));
        let bins = main.into_iter().chain(discovered(&directory.join("src/bin"), recorder)).collect();
        let found = Discovery { directory, manifest, edition: edition(package, workspace) };
        let lib = manifest.get("lib").and_then(toml::Value::as_table);
        let is_library = lib.is_some() || (has("src/lib.rs") && package.get("autolib") != Some(&false.into()));
        let of_lib = |key: &str| lib.and_then(|lib| lib.get(key).or_else(|| lib.get(&key.replace('-', "_"))));
        let crate_types = of_lib("crate-type").and_then(toml::Value::as_array).into_iter().flatten();
        let library = is_library.then(|| Library {
            name: of_lib("name").and_then(toml::Value::as_str).map_or_else(|| name.replace('-', "_"), str::to_owned),
            crate_types: crate_types.filter_map(toml::Value::as_str).map(str::to_owned).collect(),
        });
        Some(Self {
            bins: found.names("bin", "autobins", bins),
            examples: found.names("example", "autoexamples", discovered(&directory.join("examples"), recorder)),
            library,
            default_run: package.get("default-run").and_then(toml::Value::as_str).map(str::to_owned),
            package: name,
        })
    }
}

/// Returns the name of the package of `manifest`.
pub(crate) fn package_name(manifest: &toml::Table) -> Option<&str> {
    manifest.get("package")?.get("name")?.as_str()
}

/// Returns the targets in `directory` that cargo finds without a list, with their paths: files, and directories with a
/// `main.rs`.
fn discovered(directory: &Path, recorder: &Recorder) -> Vec<(String, PathBuf)> {
    let is_hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let target = |path: PathBuf| {
        let main = path.join("main.rs");
        recorder.at(&main);
        let (named, path) = match path.extension() {
            Some(extension) if extension == "rs" && path.is_file() => (path.file_stem()?.to_owned(), path),
            _ if main.is_file() => (path.file_name()?.to_owned(), main),
            _ => return None,
        };
        Some((named.to_str()?.to_owned(), path))
    };
    entries(directory, recorder).into_iter().filter(|path| !is_hidden(path)).filter_map(target).collect()
}

/// Returns the paths in `directory`; none if it cannot be read.
pub(crate) fn entries(directory: &Path, recorder: &Recorder) -> Vec<PathBuf> {
    recorder.at(directory);
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Returns the edition of `package`. In edition 2015, a list of targets turns discovery off.
fn edition(package: &toml::Value, workspace: &toml::Table) -> String {
    let own = package.get("edition");
    let inherited = || workspace.get("workspace")?.get("package")?.get("edition")?.as_str();
    own.and_then(toml::Value::as_str).or_else(|| own.and_then(|_| inherited())).unwrap_or("2015").to_owned()
}

/// The package whose targets are looked for.
struct Discovery<'a> {
    directory: &'a Path,
    manifest: &'a toml::Table,
    edition: String,
}

impl Discovery<'_> {
    /// Returns the names of the targets that the manifest lists under `key`, and of the `found` ones whose paths it does
    /// not list.
    fn names(&self, key: &str, automatic: &str, found: Vec<(String, PathBuf)>) -> Vec<String> {
        let listed: Vec<&toml::Value> =
            self.manifest.get(key).and_then(toml::Value::as_array).into_iter().flatten().collect();
        let is_automatic = self.manifest.get("package").and_then(|package| package.get(automatic)?.as_bool());
        let is_automatic = is_automatic.unwrap_or(listed.is_empty() || self.edition != "2015");
        let text = |target: &toml::Value, key: &str| target.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        let mut names: BTreeSet<String> = listed.iter().filter_map(|target| text(target, "name")).collect();
        let paths: BTreeSet<PathBuf> =
            listed.iter().filter_map(|target| Some(self.directory.join(text(target, "path")?))).collect();
        if is_automatic {
            names.extend(found.into_iter().filter(|(_, path)| !paths.contains(path)).map(|(name, _)| name));
        }
        names.into_iter().collect()
    }
}
