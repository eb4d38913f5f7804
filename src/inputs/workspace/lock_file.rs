//! Tells from the lock file which packages depend on which.
//!
//! Promises: a package depends on another if any of its versions, targets or features does. The answer may name one
//! dependency too many, and never one too few.
//! Does not promise: to tell versions of one package apart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::fs::files;

/// The lock file of a workspace.
#[derive(Default)]
pub struct LockFile {
    /// The names of each package's dependencies, by its name; none if the file cannot be read.
    dependencies: Option<BTreeMap<String, BTreeSet<String>>>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl LockFile {
    /// Reads the lock file of the workspace at `root`.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        let text = files::read_to_string(&root.join("Cargo.lock")).ok();
        let content = text.and_then(|text| toml::from_str::<Content>(&text).ok());
        // A dependency is `name`, `name version` or `name version (source)`.
        let name = |dependency: String| dependency.split(' ').next().unwrap_or_default().to_owned();
        let dependencies = content.map(|content| {
            let mut by_name: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for locked in content.package {
                by_name.entry(locked.name).or_default().extend(locked.dependencies.into_iter().map(name));
            }
            by_name
        });
        Self { dependencies }
    }

    /// True if the file has a package of that name; false if it cannot be read.
    #[must_use]
    pub fn names(&self, package: &str) -> bool {
        self.dependencies.as_ref().is_some_and(|dependencies| dependencies.contains_key(package))
    }

    /// True if `package` depends on one of `others`, directly or not. If the file cannot be read, every package may.
    #[must_use]
    pub fn depends_on(&self, package: &str, others: &BTreeSet<String>) -> bool {
        let Some(dependencies) = &self.dependencies else { return !others.is_empty() };
        let (mut ahead, mut seen) = (vec![package], BTreeSet::new());
        while let Some(name) = ahead.pop() {
            let Some(direct) = dependencies.get(name) else { continue };
            if direct.iter().any(|dependency| others.contains(dependency)) {
                return true;
            }
            ahead.extend(direct.iter().map(String::as_str).filter(|name| seen.insert(*name)));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_depends_on_what_its_dependencies_depend_on() {
        let directory = tempfile::tempdir().unwrap();
        let lock = "version = 4\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\"serde 1.0.1\", \"app\"]\n\
                    [[package]]\nname = \"serde\"\nversion = \"1.0.1\"\ndependencies = [\"derive\"]\n\
                    [[package]]\nname = \"plain\"\nversion = \"0.1.0\"\n";
        std::fs::write(directory.path().join("Cargo.lock"), lock).unwrap();
        let (lock, macros) = (LockFile::of(directory.path()), BTreeSet::from(["derive".to_owned()]));
        assert!(lock.depends_on("app", &macros) && lock.depends_on("serde", &macros));
        assert!(!lock.depends_on("plain", &macros) && !lock.depends_on("app", &BTreeSet::new()));
        let missing = LockFile::of(&directory.path().join("none"));
        assert!(missing.depends_on("plain", &macros), "without a lock file, any package may");
    }
}
