//! The packages of a workspace, and what can be built of them, by its manifests alone.
//!
//! Promises: members, default members and targets are those that `cargo metadata` names, without running it.
//! Does not promise: an answer for manifests that cargo refuses; cargo says what is wrong with them.
//!
//! <https://doc.rust-lang.org/cargo/reference/workspaces.html>
//! <https://doc.rust-lang.org/cargo/reference/cargo-targets.html#target-auto-discovery>

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;

use super::manifests::{MANIFEST, is_excluded, reached, table, workspace_around};
use super::selection::matches;
use crate::path_set::normalized;

/// A package, and the names of what it can build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// Of the package.
    pub package: String,
    /// Binaries, sorted.
    pub bins: Vec<String>,
    /// Examples, sorted.
    pub examples: Vec<String>,
    /// The library, where there is one.
    pub library: Option<Library>,
    /// The binary that `cargo run` takes of several.
    pub default_run: Option<String>,
}

/// A library target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Library {
    /// Its name, which is a crate's.
    pub name: String,
    /// The forms that it is made in, as they are written; empty for the usual one.
    pub crate_types: Vec<String>,
}

/// The package called `name` of the workspace in `directory`; none where there is none.
#[must_use]
pub fn package_named(directory: &Path, name: &str) -> Option<Targets> {
    let (root, workspace) = workspace_of(directory);
    let is_named = |manifest: &toml::Table| package_name(manifest) == Some(name);
    let listed = member_directories(&root, &workspace);
    let found = listed.iter().find_map(|directory| {
        let manifest = table(&directory.join(MANIFEST));
        is_named(&manifest).then(|| (directory.clone(), manifest))
    });
    let (directory, manifest) = found.or_else(|| {
        let mut others = implied_members(&root, &workspace, &listed).into_iter();
        others.find_map(|directory| {
            let manifest = table(&directory.join(MANIFEST));
            is_named(&manifest).then_some((directory, manifest))
        })
    })?;
    targets(&directory, &manifest, &workspace)
}

/// The packages that a cargo started in `directory`, which holds a manifest, builds when it is told of none.
///
/// <https://doc.rust-lang.org/cargo/reference/workspaces.html#the-default-members-field>
#[must_use]
pub fn default_packages(directory: &Path) -> Vec<Targets> {
    let (root, workspace) = workspace_of(directory);
    let directory = normalized(directory);
    let here = || vec![directory.clone()];
    let defaults = workspace.get("workspace").and_then(|workspace| workspace.get("default-members")?.as_array());
    let is_root = directory == root;
    let chosen: Vec<PathBuf> = match defaults {
        Some(defaults) if is_root => expanded(&root, defaults),
        _ if !is_root || workspace.contains_key("package") => here(),
        _ => {
            let listed = member_directories(&root, &workspace);
            let implied = implied_members(&root, &workspace, &listed);
            listed.into_iter().chain(implied).collect()
        }
    };
    let found = chosen.iter().filter_map(|directory| targets(directory, &table(&directory.join(MANIFEST)), &workspace));
    let mut found: Vec<Targets> = found.collect();
    found.sort_by(|one, other| one.package.cmp(&other.package));
    found.dedup();
    found
}

/// The package whose directory a cargo started in `directory` is in; none at the root of a workspace, where others may
/// be the default.
#[must_use]
pub fn package_around(directory: &Path) -> Option<String> {
    let nearest = directory.ancestors().find(|above| above.join(MANIFEST).is_file())?;
    let is_root = workspace_around(directory).is_none_or(|root| normalized(&root) == normalized(nearest));
    let name = package_name(&table(&nearest.join(MANIFEST))).map(str::to_owned);
    name.filter(|_| !is_root)
}

/// The root of the workspace that `directory` belongs to, and its manifest.
fn workspace_of(directory: &Path) -> (PathBuf, toml::Table) {
    let root = workspace_around(directory).map_or_else(|| normalized(directory), |root| normalized(&root));
    let manifest = table(&root.join(MANIFEST));
    (root, manifest)
}

/// The directories of the root package and of those that `workspace.members` names.
fn member_directories(root: &Path, manifest: &toml::Table) -> Vec<PathBuf> {
    let is_package = manifest.contains_key("package");
    let workspace = manifest.get("workspace");
    let named = workspace.and_then(|workspace| workspace.get("members")?.as_array());
    let mut named = named.map(|members| expanded(root, members)).unwrap_or_default();
    named.retain(|directory| workspace.is_none_or(|workspace| !is_excluded(workspace, root, directory)));
    is_package.then(|| root.to_owned()).into_iter().chain(named).collect()
}

/// Members by being path dependencies of `members`.
fn implied_members(root: &Path, manifest: &toml::Table, members: &[PathBuf]) -> Vec<PathBuf> {
    let Some(workspace) = manifest.get("workspace") else { return Vec::new() };
    let known: BTreeSet<PathBuf> = members.iter().map(|directory| normalized(directory)).collect();
    let starts = members.iter().map(|directory| directory.join(MANIFEST));
    let directories = reached(starts).into_iter().filter_map(|manifest| Some(normalized(manifest.parent()?)));
    let is_member = |directory: &PathBuf| {
        directory.starts_with(root) && !known.contains(directory) && !is_excluded(workspace, root, directory)
    };
    directories.filter(is_member).collect()
}

/// The directories with manifests that `patterns` match.
fn expanded(root: &Path, patterns: &[toml::Value]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for pattern in patterns.iter().filter_map(toml::Value::as_str) {
        let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        expand(root.to_owned(), &parts, &mut found);
    }
    found.retain(|directory| directory.join(MANIFEST).is_file());
    found
}

fn expand(directory: PathBuf, parts: &[&str], found: &mut Vec<PathBuf>) {
    let Some((part, rest)) = parts.split_first() else {
        found.push(directory);
        return;
    };
    if *part == "**" {
        for below in directories_in(&directory) {
            expand(below, parts, found);
        }
        return expand(directory, rest, found);
    }
    if !part.contains(['*', '?', '[']) {
        return expand(directory.join(part), rest, found);
    }
    for below in directories_in(&directory) {
        if below.file_name().is_some_and(|name| matches(part, name.as_encoded_bytes().as_bstr())) {
            expand(below, rest, found);
        }
    }
}

fn directories_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

fn package_name(manifest: &toml::Table) -> Option<&str> {
    manifest.get("package")?.get("name")?.as_str()
}

/// What the package in `directory` can build.
fn targets(directory: &Path, manifest: &toml::Table, workspace: &toml::Table) -> Option<Targets> {
    let name = package_name(manifest)?.to_owned();
    let package = manifest.get("package")?;
    let has = |path: &str| directory.join(path).is_file();
    let main = has("src/main.rs").then(|| (name.clone(), directory.join("src/main.rs")));
    let bins = main.into_iter().chain(discovered(&directory.join("src/bin"))).collect();
    let found = Discovery { directory, manifest, edition: edition(package, workspace) };
    let lib = manifest.get("lib").and_then(toml::Value::as_table);
    let is_library = lib.is_some() || (has("src/lib.rs") && package.get("autolib") != Some(&false.into()));
    let of_lib = |key: &str| lib.and_then(|lib| lib.get(key).or_else(|| lib.get(&key.replace('-', "_"))));
    let crate_types = of_lib("crate-type").and_then(toml::Value::as_array).into_iter().flatten();
    let library = is_library.then(|| Library {
        name: of_lib("name").and_then(toml::Value::as_str).map_or_else(|| name.replace('-', "_"), str::to_owned),
        crate_types: crate_types.filter_map(toml::Value::as_str).map(str::to_owned).collect(),
    });
    Some(Targets {
        bins: found.names("bin", "autobins", bins),
        examples: found.names("example", "autoexamples", discovered(&directory.join("examples"))),
        library,
        default_run: package.get("default-run").and_then(toml::Value::as_str).map(str::to_owned),
        package: name,
    })
}

/// The edition of `package`, which decides what is discovered beside targets that are listed.
fn edition(package: &toml::Value, workspace: &toml::Table) -> String {
    let own = package.get("edition");
    let inherited = || workspace.get("workspace")?.get("package")?.get("edition")?.as_str();
    own.and_then(toml::Value::as_str).or_else(|| own.and_then(|_| inherited())).unwrap_or("2015").to_owned()
}

/// The targets in a directory that cargo finds by themselves: files, and directories with a `main.rs`; with their paths.
fn discovered(directory: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let target = |path: PathBuf| {
        let main = path.join("main.rs");
        let (named, path) = match path.extension() {
            Some(extension) if extension == "rs" && path.is_file() => (path.file_stem()?.to_owned(), path),
            _ if main.is_file() => (path.file_name()?.to_owned(), main),
            _ => return None,
        };
        Some((named.to_str()?.to_owned(), path))
    };
    entries.filter_map(target).collect()
}

/// Where the targets of a package are looked for.
struct Discovery<'a> {
    directory: &'a Path,
    manifest: &'a toml::Table,
    edition: String,
}

impl Discovery<'_> {
    /// The names of those that the manifest lists under `key`, and of those `found` that are none of these.
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn written(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        directory
    }

    fn package(name: &str, rest: &str) -> String {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{rest}")
    }

    /// What cargo says of the workspace: its default packages with their binaries, examples, libraries and `default-run`.
    fn by_cargo(directory: &Path) -> Vec<Targets> {
        let mut cargo = Command::new("cargo");
        cargo.args(["metadata", "--no-deps", "--format-version=1", "--offline"]).current_dir(directory);
        let output = cargo.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata = cargo_metadata::MetadataCommand::parse(std::str::from_utf8(&output.stdout).unwrap()).unwrap();
        let mut found: Vec<Targets> = metadata
            .workspace_default_packages()
            .into_iter()
            .map(|package| {
                let names = |is_wanted: fn(&cargo_metadata::Target) -> bool| {
                    let mut names: Vec<_> =
                        package.targets.iter().filter(|it| is_wanted(it)).map(|it| it.name.clone()).collect();
                    names.sort();
                    names
                };
                let is_library = |target: &&cargo_metadata::Target| {
                    !target.is_bin() && !target.is_example() && !target.is_custom_build()
                };
                Targets {
                    package: package.name.to_string(),
                    bins: names(cargo_metadata::Target::is_bin),
                    examples: names(cargo_metadata::Target::is_example),
                    library: package.targets.iter().find(is_library).map(|target| Library {
                        name: target.name.clone(),
                        crate_types: target.crate_types.iter().map(ToString::to_string).collect(),
                    }),
                    default_run: package.default_run.clone(),
                }
            })
            .collect();
        found.sort_by(|one, other| one.package.cmp(&other.package));
        found
    }

    #[test]
    fn packages_and_targets_are_those_that_cargo_names() {
        let main = "fn main() {}\n";
        let virtual_root =
            "[workspace]\nresolver = \"2\"\nmembers = [\"crates/*\", \"tools\"]\nexclude = [\"crates/old\"]\n";
        let (one, two) = (package("one", ""), package("two", "[dependencies]\nthree.path = \"../../three\"\n"));
        let workspaces: [&[(&str, &str)]; 6] = [
            &[
                ("Cargo.toml", virtual_root),
                ("crates/one/Cargo.toml", &one),
                ("crates/one/src/main.rs", main),
                ("crates/two/Cargo.toml", &two),
                ("crates/two/src/lib.rs", ""),
                ("crates/two/src/bin/x.rs", main),
                ("crates/two/src/bin/deep/main.rs", main),
                ("crates/two/src/bin/no/other.rs", main),
                ("crates/two/examples/e.rs", main),
                ("crates/old/Cargo.toml", &package("old", "")),
                ("crates/old/src/main.rs", main),
                ("three/Cargo.toml", &package("three", "")),
                ("three/src/lib.rs", ""),
                ("tools/Cargo.toml", &package("tools", "default-run = \"b\"\n")),
                ("tools/src/bin/a.rs", main),
                ("tools/src/bin/b.rs", main),
            ],
            &[
                ("Cargo.toml", &format!("{virtual_root}default-members = [\"crates/o*\"]\n")),
                ("crates/one/Cargo.toml", &one),
                ("crates/one/src/main.rs", main),
                ("tools/Cargo.toml", &package("tools", "")),
                ("tools/src/main.rs", main),
            ],
            &[
                ("Cargo.toml", &package("root", "[workspace]\nmembers = [\"crates/one\"]\n")),
                ("src/main.rs", main),
                ("crates/one/Cargo.toml", &one),
                ("crates/one/src/main.rs", main),
            ],
            &[
                (
                    "Cargo.toml",
                    &package("app", "autobins = false\n[[bin]]\nname = \"named\"\npath = \"src/main.rs\"\n"),
                ),
                ("src/main.rs", main),
                ("src/bin/other.rs", main),
            ],
            &[
                (
                    "Cargo.toml",
                    &package(
                        "app",
                        "[[bin]]\nname = \"named\"\npath = \"src/main.rs\"\n[lib]\nname = \"l\"\ncrate-type = [\"cdylib\"]\n",
                    ),
                ),
                ("src/main.rs", main),
                ("src/lib.rs", ""),
                ("src/bin/other.rs", main),
            ],
            &[
                (
                    "Cargo.toml",
                    "[package]\nname = \"old-app\"\nversion = \"0.1.0\"\n[[bin]]\nname = \"named\"\npath = \"src/named.rs\"\n",
                ),
                ("src/named.rs", main),
                ("src/main.rs", main),
                ("src/bin/other.rs", main),
            ],
        ];
        for files in workspaces {
            let directory = written(files);
            let mut found = default_packages(directory.path());
            // cargo fills in what is not written.
            for library in found.iter_mut().filter_map(|targets| targets.library.as_mut()) {
                if library.crate_types.is_empty() {
                    library.crate_types = vec!["lib".to_owned()];
                }
            }
            assert_eq!(found, by_cargo(directory.path()), "{files:?}");
        }
    }

    #[test]
    fn a_package_is_found_by_its_name_and_by_the_directory() {
        let directory = written(&[
            ("Cargo.toml", "[workspace]\nmembers = [\"a/**/app\"]\n"),
            ("a/b/app/Cargo.toml", &package("the-app", "[dependencies]\nimplied.path = \"../../../implied\"\n")),
            ("a/b/app/src/deep/main.rs", ""),
            ("implied/Cargo.toml", &package("implied", "")),
            ("implied/src/main.rs", ""),
        ]);
        let root = directory.path();
        assert_eq!(package_named(root, "the-app").unwrap().bins, Vec::<String>::new());
        assert_eq!(package_named(root, "implied").unwrap().bins, ["implied"]);
        assert_eq!(package_named(root, "app"), None);
        assert_eq!(package_around(&root.join("a/b/app/src/deep")).as_deref(), Some("the-app"));
        assert_eq!(package_around(&root.join("a/b")), None);
        assert_eq!(package_around(root), None);
    }
}
