//! The files of a checkout, as data.
//!
//! Promises: a tree's digest is at hand, and two trees compared say which paths differ and how. Paths are bytes.
//! Does not promise: anything about how the files were looked at; that is the business of `inputs`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use gix::bstr::{BStr, BString, ByteSlice, ByteVec};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fingerprint::{Digest, FingerprintBuilder};
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
    /// Nothing, though git tracks the path. It counts as a path does that git does not track: the commit of a deletion
    /// changes no file.
    Absent,
    /// A FIFO, socket or device, which is never opened.
    Special,
    /// A directory; its content is the names in it.
    Directory,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Executable => "executable",
            Self::Symlink => "symlink",
            Self::Absent => "absent",
            Self::Special => "special",
            Self::Directory => "directory",
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
    #[serde(default, skip_serializing_if = "Digest::is_of_nothing")]
    pub digest: Digest,
    /// How its `stat` looked when it was read. Not part of the fingerprint.
    #[serde(skip)]
    pub stat: StatIdentity,
}

impl FileInput {
    /// True if both hold the same, wherever and whenever they were read.
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
    branch: Option<String>,
    digest: Digest,
    files: LazyLock<Vec<FileInput>, Spread>,
    rules_not_fetched: Vec<TreePath>,
}

type Spread = Box<dyn FnOnce() -> Vec<FileInput> + Send>;

/// A [`Tree`] as JSON has it.
#[derive(Serialize, Deserialize)]
struct Listed<Heads = self::Heads, Files = Vec<FileInput>> {
    heads: Heads,
    files: Files,
}
/// How one path differs between two trees.
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
impl FingerprintBuilder {
    pub(crate) fn file(&mut self, path: &BStr, kind: Kind, digest: &Digest) {
        self.field(path);
        self.field(kind.name());
        self.field(digest.as_bytes());
    }
}

/// What counts of the files that lie in one directory, not below it, as one digest. A change to a file is then a change
/// to few others: those of its directory, and one digest for every other directory.
pub(crate) struct DirectoryDigest(FingerprintBuilder);

impl DirectoryDigest {
    /// For files that are told in the order of their names.
    pub(crate) fn new() -> Self {
        Self(FingerprintBuilder::new())
    }

    pub(crate) fn file(&mut self, name: &BStr, kind: Kind, digest: &Digest) {
        self.0.file(name, kind, digest);
    }

    pub(crate) fn finish(self) -> Digest {
        self.0.digest()
    }
}

/// What counts of a tree, as one digest: of `directories` that hold a file, sorted by the bytes of their paths.
pub(crate) fn digest_of_tree(heads: &Heads, directories: &[(&BStr, Digest)]) -> Digest {
    let mut hash = FingerprintBuilder::new();
    hash.section("heads", heads.len());
    for (path, commit) in heads {
        hash.field(&path.0);
        hash.optional(commit.as_deref());
    }
    hash.section("directories", directories.len());
    for (path, digest) in directories {
        hash.field(path);
        hash.field(digest.as_bytes());
    }
    hash.digest()
}

/// A path's directory and the name in it.
pub(crate) fn split(path: &BStr) -> (&BStr, &BStr) {
    match path.rfind_byte(b'/') {
        Some(slash) => (path[..slash].as_bstr(), path[slash + 1..].as_bstr()),
        None => (b"".as_bstr(), path),
    }
}

impl Tree {
    /// Of `files`, sorted by the bytes of their paths.
    #[must_use]
    pub fn of(heads: Heads, files: Vec<FileInput>) -> Self {
        let mut directories: BTreeMap<&BStr, DirectoryDigest> = BTreeMap::new();
        for file in files.iter().filter(|file| file.kind != Kind::Absent) {
            let (directory, name) = split(file.path.0.as_bstr());
            let digest = directories.entry(directory).or_insert_with(DirectoryDigest::new);
            digest.file(name, file.kind, &file.digest);
        }
        let directories: Vec<_> = directories.into_iter().map(|(path, digest)| (path, digest.finish())).collect();
        let digest = digest_of_tree(&heads, &directories);
        let tree = Self::known(heads, digest, move || files);
        LazyLock::force(&tree.files);
        tree
    }

    /// With a digest that is known already; `spread` gives the files it is made from.
    pub(crate) fn known(
        heads: Heads,
        digest: Digest,
        spread: impl FnOnce() -> Vec<FileInput> + Send + 'static,
    ) -> Self {
        let files: LazyLock<_, Spread> = LazyLock::new(Box::new(spread));
        Self { heads, branch: None, digest, files, rules_not_fetched: Vec::new() }
    }

    /// The same with a branch checked out.
    pub(crate) fn on_branch(self, branch: Option<String>) -> Self {
        Self { branch, ..self }
    }

    /// The same, taken down without the rules of ignore files that git has not fetched.
    pub(crate) fn without_rules(self, rules_not_fetched: Vec<TreePath>) -> Self {
        Self { rules_not_fetched, ..self }
    }

    /// Ignore files that a partial clone leaves out, by which less would count.
    #[must_use]
    pub fn rules_not_fetched(&self) -> &[TreePath] {
        &self.rules_not_fetched
    }

    /// What counts of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The commit at HEAD of each repository.
    #[must_use]
    pub fn heads(&self) -> &Heads {
        &self.heads
    }

    /// The branch that is checked out; none where HEAD is a commit of its own, and without git. It is no part of the
    /// digest: a path set says whether it counts.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.branch.as_deref()
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
        let in_motion = |file: &FileInput| file.stat == StatIdentity::default();
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
        let tree = Self::known(self.heads.clone(), self.digest, move || files);
        tree.without_rules(self.rules_not_fetched.clone()).on_branch(self.branch.clone())
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

/// Where two sorted lists of files differ; what is absent is as good as left out.
pub(crate) fn differing(
    before: &[FileInput],
    now: &[FileInput],
    differs: impl Fn(&FileInput, &FileInput) -> bool,
) -> Vec<(TreePath, Change)> {
    let mut found = Vec::new();
    let is_there = |file: &&FileInput| file.kind != Kind::Absent;
    let mut old = before.iter().filter(is_there).peekable();
    for now in now.iter().filter(is_there) {
        while let Some(gone) = old.next_if(|then| then.path < now.path) {
            found.push((gone.path.clone(), Change::Removed));
        }
        match old.next_if(|then| then.path == now.path) {
            None => found.push((now.path.clone(), Change::Added)),
            Some(then) if differs(now, then) => found.push((now.path.clone(), Change::Changed)),
            Some(_) => {}
        }
    }
    found.extend(old.map(|gone| (gone.path.clone(), Change::Removed)));
    found
}
