//! The files of a checkout, as data.
//!
//! Promises: the digest of a tree is at hand, and comparing two trees says which paths differ and how. Paths are bytes.
//! Does not promise: anything about how the files were read. `inputs` does that.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use gix::bstr::{BStr, BString, ByteSlice, ByteVec};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fs::identity::StatIdentity;
use crate::model::fingerprint::{Digest, FingerprintBuilder};

/// The kind of file at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A regular file.
    File,
    /// A regular file that its owner may execute.
    Executable,
    /// A symbolic link; its content is its target.
    Symlink,
    /// Nothing, though git tracks the path. It counts like a path that git does not track, since the commit of a deletion
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

/// One path of the tree and its content.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileInput {
    /// The path.
    pub path: TreePath,
    /// The kind of file there.
    pub kind: Kind,
    /// The SHA-256 of the bytes on disk or of a link's target; the default for an absent or special file.
    #[serde(default, skip_serializing_if = "Digest::is_of_nothing")]
    pub digest: Digest,
    /// Its stat identity when it was read. Not part of the fingerprint.
    #[serde(skip)]
    pub stat: StatIdentity,
}

impl FileInput {
    /// True if both have the same content, wherever and whenever they were read.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        self.kind == other.kind && self.digest == other.digest
    }
}

/// The commits at HEAD, by the path of the repository in the checkout, which is empty for the checkout's own. An unborn HEAD
/// has none.
pub type Heads = BTreeMap<TreePath, Option<String>>;

/// The files of a checkout, or a part of them, its submodules included.
///
/// Its digest is at hand. The list of its files is made only when it is asked for, and a hit does not ask.
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

/// The JSON form of a [`Tree`].
#[derive(Serialize, Deserialize)]
struct Listed<Heads = self::Heads, Files = Vec<FileInput>> {
    heads: Heads,
    files: Files,
}
/// The kind of difference of one path between two trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not there before.
    Added,
    /// It is not there any more.
    Removed,
    /// Its bytes, kind or mode differ.
    Changed,
}

impl Change {
    /// Returns the participle for a sentence, which is also the value that JavaScript sees.
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

/// The digest of the files that lie in one directory, not below it. A change to one file then means hashing the files of its
/// directory again, and one digest for each other directory.
pub(crate) struct DirectoryDigest(FingerprintBuilder);

impl DirectoryDigest {
    /// Starts a digest, for files that are added in the order of their names.
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

/// Returns the digest of a tree, from those of the `directories` that hold a file, sorted by the bytes of their paths.
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

/// Splits a path into its directory and its name there.
pub(crate) fn split(path: &BStr) -> (&BStr, &BStr) {
    match path.rfind_byte(b'/') {
        Some(slash) => (path[..slash].as_bstr(), path[slash + 1..].as_bstr()),
        None => (b"".as_bstr(), path),
    }
}

impl Tree {
    /// Makes a tree of `files`, which are sorted by the bytes of their paths.
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

    /// Makes a tree with a digest that is known already. `spread` returns the files that the digest was made from.
    pub(crate) fn known(
        heads: Heads,
        digest: Digest,
        spread: impl FnOnce() -> Vec<FileInput> + Send + 'static,
    ) -> Self {
        let files: LazyLock<_, Spread> = LazyLock::new(Box::new(spread));
        Self { heads, branch: None, digest, files, rules_not_fetched: Vec::new() }
    }

    /// Returns the same tree with a branch checked out.
    pub(crate) fn on_branch(self, branch: Option<String>) -> Self {
        Self { branch, ..self }
    }

    /// Returns the same tree, marked as read without the rules of ignore files that git has not fetched.
    pub(crate) fn without_rules(self, rules_not_fetched: Vec<TreePath>) -> Self {
        Self { rules_not_fetched, ..self }
    }

    /// Returns the ignore files that a partial clone leaves out. With them, fewer files would count.
    #[must_use]
    pub fn rules_not_fetched(&self) -> &[TreePath] {
        &self.rules_not_fetched
    }

    /// Returns the digest of everything in it that counts.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the commit at HEAD of each repository.
    #[must_use]
    pub fn heads(&self) -> &Heads {
        &self.heads
    }

    /// Returns the branch that is checked out; none if HEAD is detached or there is no git. The branch is no part of the
    /// digest: a path set says whether it counts.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.branch.as_deref()
    }

    /// Returns every path that counts, sorted by bytes.
    #[must_use]
    pub fn files(&self) -> &[FileInput] {
        &self.files
    }

    /// Returns every path that was touched: its content differs, or something wrote the same bytes to it.
    #[must_use]
    pub fn touched_files(&self, before: &Self) -> Vec<(TreePath, Change)> {
        // A file that changed while it was read has no identity.
        let in_motion = |file: &FileInput| file.stat == StatIdentity::default();
        differing(before.files(), self.files(), |now, then| {
            !now.same_content(then) || now.stat != then.stat || in_motion(now)
        })
    }

    /// Returns the file at `path`, if it counts.
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

/// Returns the paths at which two sorted lists of files differ. An absent file equals one that is not in the list.
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
