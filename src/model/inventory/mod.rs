//! Everything that a build reads, as data. The fingerprint is computed from it, a manifest keeps it, and a comparison of two
//! says why a binary was built.
//!
//! Each kind of input has a file: its data, what it adds to the fingerprint, and the reason that it gives when it differs.
//! The order in which the kinds are added is part of each fingerprint.
//!
//! Promises: every difference between two fingerprints can be named, since both come from the same fields. Values of
//! variables and the text of configuration files are kept as digests only.
//! Does not promise: anything about how the data were gathered. `inputs` does that.

pub(crate) mod configuration;
pub(crate) mod files;
pub(crate) mod head;
pub(crate) mod options;
mod readers;
pub(crate) mod tools;
pub(crate) mod variables;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::files::NamedFile;
pub use self::readers::Reader;
pub use self::tools::Tool;
use crate::model::fingerprint::{Digest, Fingerprint, FingerprintBuilder};
use crate::model::path_set::PathSet;
use crate::model::tree::{FileInput, Tree};
use files::Files;
use head::Head;

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

impl Inventory {
    /// Returns the digest over all of it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        // Taken apart in full, so that a field that is added has to be hashed or left out on purpose.
        let Self {
            request,
            tree,
            tools,
            variables: steering,
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
        options::add_to(&mut hash, request);
        files::add_tree_to(&mut hash, tree);
        files::add_read_to(&mut hash, read_files);
        tools::add_to(&mut hash, tools);
        variables::add_steering_to(&mut hash, steering);
        configuration::add_to(&mut hash, configs);
        files::add_named_to(&mut hash, named);
        variables::add_read_to(&mut hash, read_variables);
        head::add_location_to(&mut hash, location.as_ref());
        head::add_branch_to(&mut hash, branch.as_deref());
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

    /// Returns what is checked out, and where.
    pub(crate) fn head(&self) -> Head<'_> {
        Head { commits: self.tree.heads(), branch: &self.branch, location: &self.location }
    }

    /// Returns its files of every kind.
    pub(crate) fn files(&self) -> Files<'_> {
        Files { tree: &self.tree, read: &self.read_files, named: &self.named }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::identity::StatIdentity;
    use crate::model::tree::{Change, Heads, Kind, TreePath};

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
        let changes: Vec<_> = after
            .files()
            .changed(before.files())
            .into_iter()
            .map(|(path, change)| (path.to_string(), change))
            .collect();
        let expected = [
            ("a", Change::Changed),
            ("b", Change::Changed),
            ("c", Change::Removed),
            ("d", Change::Added),
            ("e", Change::Added),
        ];
        assert_eq!(changes, expected.map(|(path, change)| (path.to_owned(), change)));
        assert_ne!(before.fingerprint(), after.fingerprint());
        assert_eq!(before.files().changed(before.files()), []);
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
