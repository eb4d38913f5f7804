//! Everything that a build reads, as data. The fingerprint is computed from it, a manifest keeps it, and a comparison of two
//! says why a binary was built.
//!
//! Promises: every difference between two fingerprints can be named, since both come from the same fields. Values of
//! variables and the text of configuration files are kept as digests only.
//! Does not promise: anything about how the data were gathered. `inputs` does that.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use gix::bstr::ByteSlice;
use serde::{Deserialize, Serialize};

use crate::fs::identity::StatIdentity;
use crate::model::fingerprint::{Digest, Fingerprint, FingerprintBuilder};
use crate::model::path_set::PathSet;
use crate::model::tree::{Change, FileInput, Kind, Tree, TreePath, differing};

/// A program that takes part in the build.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tool {
    /// The path of the real program, behind rustup's proxies. If the program was not found, the name that was looked for.
    pub path: String,
    /// The name of the rustup toolchain, if rustup manages the program.
    pub toolchain: Option<String>,
    /// The program's stat identity; none if it does not exist.
    pub stat: Option<StatIdentity>,
    /// The stat identity that it had when it first took part in a build, if it has another one now and the same bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_as: Option<StatIdentity>,
    /// The version that it prints, as in `rustc 1.95.0 (59807616e 2026-04-14)`. It is known of programs that have built, and
    /// is not part of the fingerprint.
    #[serde(default)]
    pub version: Option<String>,
}

impl Tool {
    /// True if a fingerprint cannot tell the two programs apart.
    #[must_use]
    pub fn is_same_program(&self, other: &Self) -> bool {
        self.path == other.path && self.identity() == other.identity()
    }

    /// Returns the part of it that counts besides its path.
    fn identity(&self) -> Option<[u8; 32]> {
        self.known_as.or(self.stat).map(|stat| stat.portable_bytes())
    }
}

/// A file that cargo's configuration or a flag names.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NamedFile {
    /// The file. The tree may hold it, too.
    pub file: FileInput,
    /// True if only the linker can read it. Any other file may affect every compilation.
    pub links_only: bool,
}

/// All inputs of one request.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Inventory {
    /// The parts of the request that count, by option.
    pub request: BTreeMap<String, String>,
    /// Files and HEADs.
    pub tree: Arc<Tree>,
    /// Programs, by role: cargo, rustc, zig, …
    pub tools: BTreeMap<String, Tool>,
    /// Digests of the variables that steer a build, by name. Variables that are not set are left out.
    pub variables: BTreeMap<String, Digest>,
    /// Digests of cargo's configuration files, by path.
    pub configs: BTreeMap<String, Digest>,
    /// Files that cargo's configuration and flags name, sorted by bytes. Absolute paths are outside the checkout.
    #[serde(default)]
    pub named: Vec<NamedFile>,
    /// Digests of the variables of the path set, by name; none for a variable that is not set.
    #[serde(rename = "observed")]
    pub read_variables: BTreeMap<String, Option<Digest>>,
    /// The files of the path set, sorted by bytes. Absolute paths are outside the checkout.
    #[serde(rename = "outside")]
    pub read_files: Vec<FileInput>,
    /// The path of the checkout, if the binary has a bond to it. For any other binary, the path that flags put in its place,
    /// if any.
    pub location: Option<PathBuf>,
    /// The branch that is checked out, if the path set says that it counts.
    #[serde(default)]
    pub branch: Option<String>,
    /// The path set that the last four come from. It holds names alone, and so is not part of the fingerprint.
    pub path_set: PathSet,
    /// The runs of the build, with the inputs that they read. They are known after a build, and are not part of the
    /// fingerprint.
    #[serde(default)]
    pub readers: Vec<Reader>,
}

/// A run of rustc or of a build script, and the inputs that it read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reader {
    /// The cargo package.
    pub package: String,
    /// True if the run is the package's build script, and not rustc.
    pub is_script: bool,
    /// The paths of inputs, and of directories that it read with everything in them.
    pub inputs: BTreeSet<TreePath>,
    /// Variables that it read.
    pub variables: BTreeSet<String>,
    /// The reason why the run is opaque, if it is.
    pub opaque: Option<String>,
}

impl Reader {
    /// Returns the run in words.
    #[must_use]
    pub fn name(&self) -> String {
        format!("the {} of `{}`", if self.is_script { "build script" } else { "compilation" }, self.package)
    }

    /// True if it read the file at `path`, or a directory around it.
    #[must_use]
    pub fn reads(&self, path: &TreePath) -> bool {
        let is_around = |input: &TreePath| {
            let below = path.0.strip_prefix(input.0.as_slice());
            below.is_some_and(|below| input.0.is_empty() || below.first() == Some(&b'/'))
        };
        self.inputs.contains(path) || self.inputs.iter().any(is_around)
    }
}

impl Inventory {
    /// Returns the digest over all of it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        // Taken apart in full, so that a field that is added has to be hashed or left out on purpose.
        let Self {
            request,
            tree,
            tools,
            variables,
            configs,
            named,
            read_variables,
            read_files,
            location,
            branch,
            path_set: _,
            readers: _,
        } = self;
        let mut hash = FingerprintBuilder::new();
        hash.section("request", request.len());
        for (option, value) in request {
            hash.field(option);
            hash.field(value);
        }
        hash.section("tree", 1);
        hash.field(tree.digest().as_bytes());
        hash.section("outside", read_files.len());
        for file in read_files {
            hash.file(file.path.0.as_bstr(), file.kind, &file.digest);
        }
        hash.section("tools", tools.len());
        for (role, tool) in tools {
            hash.field(role);
            hash.field(&tool.path);
            hash.optional(tool.identity());
        }
        hash.section("variables", variables.len());
        for (name, digest) in variables {
            hash.field(name);
            hash.field(digest.as_bytes());
        }
        hash.section("configs", configs.len());
        for (path, digest) in configs {
            hash.field(path);
            hash.field(digest.as_bytes());
        }
        hash.section("named", named.len());
        for NamedFile { file, .. } in named {
            hash.file(file.path.0.as_bstr(), file.kind, &file.digest);
        }
        hash.section("observed", read_variables.len());
        for (name, digest) in read_variables {
            hash.field(name);
            hash.optional(digest.map(|digest| *digest.as_bytes()));
        }
        hash.section("location", 1);
        hash.optional(location.as_ref().map(|path| path.as_os_str().as_encoded_bytes()));
        hash.section("branch", 1);
        hash.optional(branch.as_deref());
        hash.finish()
    }

    /// Returns the key that path sets are kept under: the digest of everything that is known before a build, except the
    /// content of files.
    #[must_use]
    pub fn weak_key(&self) -> Fingerprint {
        // Taken apart in full, as for the fingerprint.
        let Self {
            request,
            tools,
            variables,
            configs,
            tree: _,
            named: _,
            read_variables: _,
            read_files: _,
            location: _,
            branch: _,
            path_set: _,
            readers: _,
        } = self;
        let (request, tools) = (request.clone(), tools.clone());
        let (variables, configs) = (variables.clone(), configs.clone());
        Self { request, tools, variables, configs, ..Self::default() }.fingerprint()
    }

    /// Returns every path whose content differs, in order: those of the tree, those that were read besides, and those that
    /// are named.
    #[must_use]
    pub fn changed_files(&self, before: &Self) -> Vec<(TreePath, Change)> {
        let has_changed = |now: &FileInput, then: &FileInput| !now.same_content(then);
        let mut changed = if self.tree.digest() == before.tree.digest() {
            Vec::new()
        } else {
            differing(before.tree.files(), self.tree.files(), has_changed)
        };
        // The tree holds a link by its target, and `read_files` holds what it leads to.
        let read = differing(&before.read_files, &self.read_files, has_changed);
        changed.extend(read.into_iter().filter(|(path, _)| self.tree.file(path).is_none()));
        // A named file that is absent, before and now, is no change. Neither is a file of both trees that only one inventory
        // names.
        let is_there = |named: &&NamedFile| named.file.kind != Kind::Absent;
        let files =
            |inventory: &Self| inventory.named.iter().filter(is_there).map(|named| named.file.clone()).collect();
        let (then, now): (Vec<_>, Vec<_>) = (files(before), files(self));
        let told: HashSet<TreePath> = changed.iter().map(|(path, _)| path.clone()).collect();
        let names = |inventory: &Self, path: &TreePath| inventory.named.iter().any(|named| named.file.path == *path);
        let in_both = |path: &TreePath| self.tree.file(path).is_some() && before.tree.file(path).is_some();
        let is_only_named = |path: &TreePath| names(before, path) != names(self, path) && in_both(path);
        let named = differing(&then, &now, has_changed);
        changed.extend(named.into_iter().filter(|(path, _)| !told.contains(path) && !is_only_named(path)));
        changed
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tree::Heads;

    fn file(path: &str, kind: Kind, content: &str) -> FileInput {
        FileInput { path: TreePath(path.into()), kind, digest: Digest::of(content), stat: StatIdentity::default() }
    }

    fn with(files: Vec<FileInput>) -> Inventory {
        Inventory { tree: Arc::new(Tree::of(Heads::new(), files)), ..Inventory::default() }
    }

    #[test]
    fn every_kind_of_change_to_a_file_is_named_and_changes_the_fingerprint() {
        let before = with(vec![
            file("a", Kind::File, "1"),
            file("b", Kind::File, "1"),
            file("c", Kind::File, "1"),
            file("e", Kind::Absent, ""),
        ]);
        let after = with(vec![
            file("a", Kind::Executable, "1"),
            file("b", Kind::File, "2"),
            file("d", Kind::File, "1"),
            file("e", Kind::File, "1"),
        ]);
        let changes: Vec<_> =
            after.changed_files(&before).into_iter().map(|(path, change)| (path.to_string(), change)).collect();
        let expected = [
            ("a", Change::Changed),
            ("b", Change::Changed),
            ("c", Change::Removed),
            ("d", Change::Added),
            ("e", Change::Added),
        ];
        assert_eq!(changes, expected.map(|(path, change)| (path.to_owned(), change)));
        assert_ne!(before.fingerprint(), after.fingerprint());
        assert_eq!(before.changed_files(&before), []);
    }

    #[test]
    fn an_inventory_survives_json_with_paths_that_are_no_text() {
        let mut odd = file("x", Kind::File, "1");
        odd.path = TreePath(b"dir/\xff\\n\"\n\\xff".as_slice().into());
        let mut inventory = with(vec![odd]);
        inventory.variables.insert("RUSTFLAGS".into(), Digest::of("-C"));
        inventory.read_variables.insert("IMAGE_TAG".into(), None);
        let json = serde_json::to_vec(&inventory).unwrap();
        let back: Inventory = serde_json::from_slice(&json).unwrap();
        assert_eq!(back.fingerprint(), inventory.fingerprint());
    }

    #[test]
    fn an_unset_variable_that_was_read_differs_from_an_empty_one() {
        let mut unset = Inventory::default();
        unset.read_variables.insert("TAG".into(), None);
        let mut empty = Inventory::default();
        empty.read_variables.insert("TAG".into(), Some(Digest::of("")));
        assert_ne!(unset.fingerprint(), empty.fingerprint());
        assert_ne!(unset.fingerprint(), Inventory::default().fingerprint());
    }

    /// The inventory is as a cache holds it. If its digest changed, every cache would be worthless.
    #[test]
    fn an_inventory_that_was_stored_has_the_fingerprint_that_it_had() {
        let stat = |all: i64| {
            let names = ["device", "inode", "mode", "size", "modified_ns", "changed_ns"];
            names.iter().map(|name| ((*name).to_owned(), serde_json::Value::from(all))).collect::<serde_json::Value>()
        };
        let stored = serde_json::json!({
            "request": {"profile": "release"},
            "tree": {
                "heads": {"": "0123"},
                "files": [
                    {"path": "src/main.rs", "kind": "file", "digest": Digest::of("1")},
                    {"path": "run.sh", "kind": "executable", "digest": Digest::of("2")},
                ],
            },
            "tools": {
                "rustc": {
                    "path": "/bin/rustc", "toolchain": "stable", "stat": stat(1), "known_as": stat(2), "version": "rustc 1"
                },
                "zig": {"path": "zig", "toolchain": null, "stat": null, "version": null},
            },
            "variables": {"RUSTFLAGS": Digest::of("-g")},
            "configs": {".cargo/config.toml": Digest::of("[build]")},
            "named": [{"file": {"path": "/opt/link.x", "kind": "file", "digest": Digest::of("3")}, "links_only": true}],
            "observed": {"SET": Digest::of(""), "UNSET": null},
            "outside": [{"path": "/opt/data", "kind": "absent", "digest": Digest::of("")}],
            "location": "/checkout",
            "branch": "main",
            "path_set": PathSet::default(),
            "readers": [
                {"package": "app", "is_script": true, "inputs": ["data"], "variables": ["SET"], "opaque": "it ran"}
            ],
        });
        let inventory: Inventory = serde_json::from_value(stored.clone()).unwrap();
        let (fingerprint, weak_key) = (inventory.fingerprint().to_string(), inventory.weak_key().to_string());
        assert_eq!(fingerprint, "6bbbf94235b673b621923d672eb70b12faa663870bb3eccdd9f6181ee0779830");
        assert_eq!(weak_key, "9879e8c843d69e0d7cc35325e6e84f3cfe84104ad60367158b88bdfb3f908bb3");
        assert_eq!(serde_json::to_value(&inventory).unwrap(), stored);
    }
}
