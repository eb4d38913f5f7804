//! Finds the members of a workspace by its manifests alone.
//!
//! Promises: members and default members are those that `cargo metadata` names. cargo is not run.
//! Does not promise: an answer for manifests that cargo refuses. cargo says what is wrong with them.
//!
//! <https://doc.rust-lang.org/cargo/reference/workspaces.html>

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;

use super::manifests::{MANIFEST, is_excluded, reached, table, workspace_from};
use super::targets::{Targets, entries, package_name};
use crate::inputs::remember::dependency::Recorder;
use crate::inputs::scan::crate_scope::matches;
use crate::model::portable_path::normalized;

/// A workspace, by the manifest at its root.
pub(crate) struct WorkspaceMembers<'w> {
    pub(crate) root: PathBuf,
    manifest: toml::Table,
    recorder: &'w Recorder,
}

impl<'w> WorkspaceMembers<'w> {
    /// Finds the workspace that `directory` belongs to.
    pub(crate) fn around(directory: &Path, recorder: &'w Recorder) -> Self {
        let root = workspace_from(directory, recorder).map_or_else(|| normalized(directory), |root| normalized(&root));
        let manifest = table(&root.join(MANIFEST), recorder);
        Self { root, manifest, recorder }
    }

    /// Returns the package `name`, or, without a name, the default packages in `directory`.
    pub(crate) fn packages(&self, directory: &Path, name: Option<&str>) -> Vec<Targets> {
        match name {
            Some(name) => self.named(name).into_iter().collect(),
            None => self.default_packages(directory),
        }
    }

    fn named(&self, name: &str) -> Option<Targets> {
        let listed = self.members();
        let found = |directories: &[PathBuf]| {
            let manifests = directories.iter().map(|directory| (directory, self.table(directory)));
            let mut named = manifests.filter(|(_, manifest)| package_name(manifest) == Some(name));
            named.next().and_then(|(directory, manifest)| self.targets(directory, &manifest))
        };
        found(&listed).or_else(|| found(&self.implied_members(&listed)))
    }

    fn default_packages(&self, directory: &Path) -> Vec<Targets> {
        let directory = normalized(directory);
        let defaults = self.section().and_then(|workspace| workspace.get("default-members")?.as_array());
        let is_root = directory == self.root;
        let chosen: Vec<PathBuf> = match defaults {
            Some(defaults) if is_root => self.but_for_excluded(self.expanded(defaults)),
            _ if !is_root || self.manifest.contains_key("package") => vec![directory],
            _ => {
                let listed = self.members();
                let implied = self.implied_members(&listed);
                listed.into_iter().chain(implied).collect()
            }
        };
        let mut found: Vec<Targets> =
            chosen.iter().filter_map(|directory| self.targets(directory, &self.table(directory))).collect();
        found.sort_by(|one, other| one.package.cmp(&other.package));
        found.dedup();
        found
    }

    fn section(&self) -> Option<&toml::Value> {
        self.manifest.get("workspace")
    }

    fn table(&self, directory: &Path) -> toml::Table {
        table(&directory.join(MANIFEST), self.recorder)
    }

    /// Returns the directories of the root package and of the packages that `workspace.members` names.
    pub(crate) fn members(&self) -> Vec<PathBuf> {
        let is_package = self.manifest.contains_key("package");
        let named = self.section().and_then(|workspace| workspace.get("members")?.as_array());
        let named = self.but_for_excluded(named.map(|members| self.expanded(members)).unwrap_or_default());
        is_package.then(|| self.root.clone()).into_iter().chain(named).collect()
    }

    fn but_for_excluded(&self, mut directories: Vec<PathBuf>) -> Vec<PathBuf> {
        directories
            .retain(|directory| self.section().is_none_or(|section| !is_excluded(section, &self.root, directory)));
        directories
    }

    /// Returns the directories of dependencies that `members` inherit from the workspace.
    fn inherited(&self, members: &[PathBuf]) -> Vec<PathBuf> {
        let known = self.section().and_then(|section| section.get("dependencies")?.as_table());
        let paths = known.into_iter().flatten();
        let paths: Vec<(&String, &str)> =
            paths.filter_map(|(name, dependency)| Some((name, dependency.get("path")?.as_str()?))).collect();
        if paths.is_empty() {
            return Vec::new();
        }
        let manifests: Vec<toml::Value> =
            members.iter().map(|directory| toml::Value::Table(self.table(directory))).collect();
        let inherits = |name: &str| manifests.iter().any(|manifest| inherits(manifest, name));
        paths.into_iter().filter(|(name, _)| inherits(name)).map(|(_, path)| self.root.join(path)).collect()
    }

    /// Returns the packages that are members because `members` depend on them by path.
    fn implied_members(&self, members: &[PathBuf]) -> Vec<PathBuf> {
        let Some(section) = self.section() else { return Vec::new() };
        let known: BTreeSet<PathBuf> = members.iter().map(|directory| normalized(directory)).collect();
        let starts = members.iter().cloned().chain(self.inherited(members)).map(|directory| directory.join(MANIFEST));
        let reached = reached(starts, self.recorder).into_iter();
        let directories = reached.filter_map(|manifest| Some(normalized(manifest.parent()?)));
        let is_member = |directory: &PathBuf| {
            directory.starts_with(&self.root)
                && !known.contains(directory)
                && !is_excluded(section, &self.root, directory)
        };
        directories.filter(is_member).collect()
    }

    /// Returns the directories with manifests that `patterns` match.
    fn expanded(&self, patterns: &[toml::Value]) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for pattern in patterns.iter().filter_map(toml::Value::as_str) {
            let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
            self.expand(self.root.clone(), &parts, &mut found);
        }
        let has_manifest = |directory: &PathBuf| {
            let manifest = directory.join(MANIFEST);
            self.recorder.at(&manifest);
            manifest.is_file()
        };
        found.retain(has_manifest);
        found
    }

    fn expand(&self, directory: PathBuf, parts: &[&str], found: &mut Vec<PathBuf>) {
        let Some((part, rest)) = parts.split_first() else {
            found.push(directory);
            return;
        };
        if *part == "**" {
            for below in self.directories_in(&directory) {
                self.expand(below, parts, found);
            }
            return self.expand(directory, rest, found);
        }
        if !part.contains(['*', '?', '[']) {
            return self.expand(directory.join(part), rest, found);
        }
        for below in self.directories_in(&directory) {
            if below.file_name().is_some_and(|name| matches(part, name.as_encoded_bytes().as_bstr())) {
                self.expand(below, rest, found);
            }
        }
    }

    fn directories_in(&self, directory: &Path) -> Vec<PathBuf> {
        let mut found = entries(directory, self.recorder);
        found.retain(|path| path.is_dir());
        found.sort();
        found
    }

    fn targets(&self, directory: &Path, manifest: &toml::Table) -> Option<Targets> {
        Targets::of(directory, manifest, &self.manifest, self.recorder)
    }
}

/// True if a dependency `name` of a manifest is inherited from the workspace.
fn inherits(value: &toml::Value, name: &str) -> bool {
    let Some(table) = value.as_table() else { return false };
    let is_inherited = |dependency: &toml::Value| dependency.get("workspace") == Some(&toml::Value::Boolean(true));
    table.get(name).is_some_and(is_inherited) || table.values().any(|value| inherits(value, name))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;
    use crate::inputs::workspace::packages::package_around;
    use crate::inputs::workspace::targets::Library;

    fn written(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        directory
    }

    fn found(directory: &Path, name: Option<&str>) -> Vec<Targets> {
        WorkspaceMembers::around(directory, &Recorder::default()).packages(directory, name)
    }

    fn package(name: &str, rest: &str) -> String {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{rest}")
    }

    /// Returns cargo's own answer: the default packages with their binaries, examples, libraries and `default-run`.
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
        let workspaces: [&[(&str, &str)]; 7] = [
            &[
                (
                    "Cargo.toml",
                    "[workspace]\nmembers = [\"one\", \"sub/n*\"]\ndefault-members = [\"sub/n*\", \"one\"]\nexclude = [\"sub/no\"]\n[workspace.dependencies]\nheir.path = \"sub/heir\"\n",
                ),
                ("one/Cargo.toml", &package("one", "[dependencies]\nheir.workspace = true\n")),
                ("one/src/main.rs", main),
                ("sub/heir/Cargo.toml", &package("heir", "")),
                ("sub/heir/src/lib.rs", ""),
                ("sub/heir/src/main.rs", main),
                ("sub/no/Cargo.toml", &package("no", "")),
                ("sub/no/src/main.rs", main),
            ],
            &[
                ("Cargo.toml", virtual_root),
                ("crates/one/Cargo.toml", &one),
                ("crates/one/src/main.rs", main),
                ("crates/two/Cargo.toml", &two),
                ("crates/two/src/lib.rs", ""),
                ("crates/two/src/bin/x.rs", main),
                ("crates/two/src/bin/deep/main.rs", main),
                ("crates/two/src/bin/no/other.rs", main),
                ("crates/two/src/bin/._x.rs", main),
                ("crates/two/src/bin/.deep/main.rs", main),
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
            let mut found = found(directory.path(), None);
            // cargo fills in the default.
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
        let bins = |name| found(root, Some(name)).pop().map(|targets| targets.bins);
        assert_eq!(bins("the-app"), Some(Vec::new()));
        assert_eq!(bins("implied"), Some(vec!["implied".to_owned()]));
        assert_eq!(bins("app"), None);
        assert_eq!(package_around(&root.join("a/b/app/src/deep")).as_deref(), Some("the-app"));
        assert_eq!(package_around(&root.join("a/b")), None);
        assert_eq!(package_around(root), None);
    }
}
