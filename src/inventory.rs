//! Everything a build reads, as data: the fingerprint is computed from it, a manifest keeps it, and two of them
//! compared say why something was built.
//!
//! Promises: whatever differs between two fingerprints can be named, since both come from the same fields. Values of
//! variables and the text of configuration files are kept as digests only.
//! Does not promise: anything about how the data were gathered; that is the business of `inputs`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use gix::bstr::{BStr, BString, ByteSlice, ByteVec};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fingerprint::{Digest, Fingerprint, FingerprintBuilder};
use crate::path_set::PathSet;
use crate::stat::StatIdentity;

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A regular file.
    File,
    /// A regular file that its owner may execute.
    Executable,
    /// A symbolic link; its content is its target.
    Symlink,
    /// Nothing, though git tracks the path.
    Absent,
    /// A FIFO, socket or device, which is never opened.
    Special,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Executable => "executable",
            Self::Symlink => "symlink",
            Self::Absent => "absent",
            Self::Special => "special",
        }
    }
}

/// A path below the checkout's root, in bytes, with `/` between its parts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(pub BString);

impl fmt::Display for TreePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.to_str_lossy())
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl Serialize for TreePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.escape_bytes())
    }
}

impl<'de> Deserialize<'de> for TreePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let escaped = String::deserialize(deserializer)?;
        Ok(Self(Vec::unescape_bytes(escaped).into()))
    }
}

/// One path of the tree and what it holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileInput {
    /// Where.
    pub path: TreePath,
    /// What stands there.
    pub kind: Kind,
    /// SHA-256 of the bytes on disk or of a link's target; of nothing for what is absent or special.
    pub digest: Digest,
    /// How its `stat` looked when it was read. Not part of the fingerprint.
    #[serde(skip)]
    pub stat: StatIdentity,
}

impl FileInput {
    /// Whether both hold the same, wherever and whenever they were read.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        self.kind == other.kind && self.digest == other.digest
    }
}

/// HEAD's commit, by the path of the repository in the checkout: `` for the checkout's own, none for an unborn HEAD.
pub type Heads = BTreeMap<TreePath, Option<String>>;

/// The files of a checkout, or a part of them, its submodules included.
///
/// Its digest is at hand. The files themselves are only spread out for whoever asks for them, which a hit does not.
#[derive(Deserialize)]
#[serde(from = "Listed")]
pub struct Tree {
    heads: Heads,
    digest: Digest,
    files: LazyLock<Vec<FileInput>, Spread>,
}

type Spread = Box<dyn FnOnce() -> Vec<FileInput> + Send>;

/// A [`Tree`] as JSON has it.
#[derive(Serialize, Deserialize)]
struct Listed<Heads = self::Heads, Files = Vec<FileInput>> {
    heads: Heads,
    files: Files,
}

/// A program that takes part in the build.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tool {
    /// The real program, behind rustup's proxies; what was looked for when it was not found.
    pub path: String,
    /// The rustup toolchain's name, where rustup manages the program.
    pub toolchain: Option<String>,
    /// The program's own `stat`, none when it does not exist.
    pub stat: Option<StatIdentity>,
    /// What it calls itself, as in `rustc 1.95.0 (59807616e 2026-04-14)`. Known of what was built with, and not part of
    /// the fingerprint.
    #[serde(default)]
    pub version: Option<String>,
}

impl Tool {
    /// Whether a fingerprint cannot tell them apart.
    #[must_use]
    pub fn is_same_program(&self, other: &Self) -> bool {
        let bytes = |tool: &Self| tool.stat.map(|stat| stat.portable_bytes());
        self.path == other.path && bytes(self) == bytes(other)
    }
}

/// All inputs of one request.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Inventory {
    /// What of the request counts, by option.
    pub request: BTreeMap<String, String>,
    /// Files and HEADs.
    pub tree: Arc<Tree>,
    /// Programs, by role: cargo, rustc, zig, …
    pub tools: BTreeMap<String, Tool>,
    /// Digests of the variables that steer a build, by name; those that are not set are left out.
    pub variables: BTreeMap<String, Digest>,
    /// Digests of cargo's configuration files, by path.
    pub configs: BTreeMap<String, Digest>,
    /// Digests of the variables of a path set, by name; none for one that is not set.
    pub observed: BTreeMap<String, Option<Digest>>,
    /// The files of a path set, sorted by bytes; absolute paths are outside the checkout.
    pub outside: Vec<FileInput>,
    /// The checkout's own path, for a binary that holds it.
    pub location: Option<PathBuf>,
    /// The path set that the last three come from. Names alone, so not part of the fingerprint.
    pub path_set: PathSet,
}

/// How one path differs between two inventories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is there now.
    Added,
    /// It was there.
    Removed,
    /// Its bytes, kind or mode differ.
    Changed,
}

impl Change {
    /// The participle for a sentence, which is also what JavaScript sees.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

impl Inventory {
    /// The digest over all of it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = FingerprintBuilder::new();
        hash.section("request", self.request.len());
        for (option, value) in &self.request {
            hash.field(option);
            hash.field(value);
        }
        hash.section("tree", 1);
        hash.field(self.tree.digest.as_bytes());
        hash.section("outside", self.outside.len());
        for file in &self.outside {
            hash.file(file.path.0.as_bstr(), file.kind, &file.digest);
        }
        hash.section("tools", self.tools.len());
        for (role, tool) in &self.tools {
            hash.field(role);
            hash.field(&tool.path);
            hash.optional(tool.stat.map(|stat| stat.portable_bytes()));
        }
        hash.section("variables", self.variables.len());
        for (name, digest) in &self.variables {
            hash.field(name);
            hash.field(digest.as_bytes());
        }
        hash.section("configs", self.configs.len());
        for (path, digest) in &self.configs {
            hash.field(path);
            hash.field(digest.as_bytes());
        }
        hash.section("observed", self.observed.len());
        for (name, digest) in &self.observed {
            hash.field(name);
            hash.optional(digest.map(|digest| *digest.as_bytes()));
        }
        hash.section("location", 1);
        hash.optional(self.location.as_ref().map(|path| path.as_os_str().as_encoded_bytes()));
        hash.finish()
    }

    /// Every path whose content differs, in order: those of the tree, then those outside it.
    #[must_use]
    pub fn changed_files(&self, before: &Self) -> Vec<(TreePath, Change)> {
        let has_changed = |now: &FileInput, then: &FileInput| !now.same_content(then);
        let mut changed = if self.tree.digest == before.tree.digest {
            Vec::new()
        } else {
            differing(before.tree.files(), self.tree.files(), has_changed)
        };
        // A link of the tree counts there by its target, and outside by what it leads to.
        let outside = differing(&before.outside, &self.outside, has_changed);
        changed.extend(outside.into_iter().filter(|(path, _)| self.tree.file(path).is_none()));
        changed
    }
}

impl FingerprintBuilder {
    fn file(&mut self, path: &BStr, kind: Kind, digest: &Digest) {
        self.field(path);
        self.field(kind.name());
        self.field(digest.as_bytes());
    }
}

/// What counts of a tree, as one digest.
pub(crate) struct TreeDigest(FingerprintBuilder);

impl TreeDigest {
    /// For a tree of `count` files, which are told in order.
    pub(crate) fn new(heads: &Heads, count: usize) -> Self {
        let mut hash = FingerprintBuilder::new();
        hash.section("heads", heads.len());
        for (path, commit) in heads {
            hash.field(&path.0);
            hash.optional(commit.as_deref());
        }
        hash.section("files", count);
        Self(hash)
    }

    pub(crate) fn file(&mut self, path: &BStr, kind: Kind, digest: &Digest) {
        self.0.file(path, kind, digest);
    }

    pub(crate) fn finish(self) -> Digest {
        self.0.digest()
    }
}

impl Tree {
    /// Of `files`, sorted by the bytes of their paths.
    #[must_use]
    pub fn of(heads: Heads, files: Vec<FileInput>) -> Self {
        let mut digest = TreeDigest::new(&heads, files.len());
        for file in &files {
            digest.file(file.path.0.as_bstr(), file.kind, &file.digest);
        }
        let tree = Self::known(heads, digest.finish(), move || files);
        LazyLock::force(&tree.files);
        tree
    }

    /// With a digest that is known already; `spread` gives the files it is made from.
    pub(crate) fn known(
        heads: Heads,
        digest: Digest,
        spread: impl FnOnce() -> Vec<FileInput> + Send + 'static,
    ) -> Self {
        Self { heads, digest, files: LazyLock::new(Box::new(spread)) }
    }

    /// The commit at HEAD of each repository.
    #[must_use]
    pub fn heads(&self) -> &Heads {
        &self.heads
    }

    /// Every path that counts, sorted by bytes.
    #[must_use]
    pub fn files(&self) -> &[FileInput] {
        &self.files
    }

    /// Every path that was touched: its content differs or something wrote to it and left the same bytes.
    #[must_use]
    pub fn touched_files(&self, before: &Self) -> Vec<(TreePath, Change)> {
        // What never stood still has no identity.
        let in_motion = |file: &FileInput| file.kind != Kind::Absent && file.stat == StatIdentity::default();
        differing(before.files(), self.files(), |now, then| {
            !now.same_content(then) || now.stat != then.stat || in_motion(now)
        })
    }

    /// What stands at `path`, if it counts.
    #[must_use]
    pub fn file(&self, path: &TreePath) -> Option<&FileInput> {
        let files = self.files();
        files.binary_search_by(|file| file.path.cmp(path)).ok().map(|index| &files[index])
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self::of(Heads::new(), Vec::new())
    }
}

impl Clone for Tree {
    fn clone(&self) -> Self {
        let files = self.files().to_vec();
        Self::known(self.heads.clone(), self.digest, move || files)
    }
}

impl From<Listed> for Tree {
    fn from(Listed { heads, files }: Listed) -> Self {
        Self::of(heads, files)
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Listed { heads: &self.heads, files: self.files() }.serialize(serializer)
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Tree").field("heads", &self.heads).field("digest", &self.digest).finish_non_exhaustive()
    }
}

/// Where two sorted lists of files differ.
fn differing(
    before: &[FileInput],
    now: &[FileInput],
    differs: impl Fn(&FileInput, &FileInput) -> bool,
) -> Vec<(TreePath, Change)> {
    let mut found = Vec::new();
    let mut old = before.iter().peekable();
    for now in now {
        while let Some(gone) = old.next_if(|then| then.path < now.path) {
            found.push((gone.path.clone(), Change::Removed));
        }
        match old.next_if(|then| then.path == now.path) {
            None => found.push((now.path.clone(), Change::Added)),
            Some(then) if differs(now, then) => found.push((now.path.clone(), change(then.kind, now.kind))),
            Some(_) => {}
        }
    }
    found.extend(old.map(|gone| (gone.path.clone(), Change::Removed)));
    found
}

/// A tracked file that is deleted stays in the inventory, as absent; to a reader it is removed all the same.
fn change(then: Kind, now: Kind) -> Change {
    match (then, now) {
        (Kind::Absent, _) => Change::Added,
        (_, Kind::Absent) => Change::Removed,
        _ => Change::Changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        inventory.observed.insert("IMAGE_TAG".into(), None);
        let json = serde_json::to_vec(&inventory).unwrap();
        let back: Inventory = serde_json::from_slice(&json).unwrap();
        assert_eq!(back.fingerprint(), inventory.fingerprint());
    }

    #[test]
    fn an_unset_observed_variable_differs_from_an_empty_one() {
        let mut unset = Inventory::default();
        unset.observed.insert("TAG".into(), None);
        let mut empty = Inventory::default();
        empty.observed.insert("TAG".into(), Some(Digest::of("")));
        assert_ne!(unset.fingerprint(), empty.fingerprint());
        assert_ne!(unset.fingerprint(), Inventory::default().fingerprint());
    }
}
