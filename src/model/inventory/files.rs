//! Files: those of the checkout, those that a path set names, and those that configuration and flags name.

use std::collections::HashSet;

use gix::bstr::ByteSlice;
use serde::{Deserialize, Serialize};

use crate::model::event::{ChangedPath, MissReason};
use crate::model::fingerprint::FingerprintBuilder;
use crate::model::marks::path_shown;
use crate::model::tree::{Change, FileInput, Kind, Tree, TreePath, differing};

/// The number of paths that a reason lists. A user would not read more.
const LISTED_PATHS: usize = 20;

/// A file that cargo's configuration or a flag names.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NamedFile {
    /// The file. The tree may hold it, too.
    pub file: FileInput,
    /// True if only the linker can read it. Any other file may affect every compilation.
    pub links_only: bool,
}

/// All files of an inventory.
#[derive(Clone, Copy)]
pub(crate) struct Files<'i> {
    pub(crate) tree: &'i Tree,
    pub(crate) read: &'i [FileInput],
    pub(crate) named: &'i [NamedFile],
}

pub(super) fn add_tree_to(hash: &mut FingerprintBuilder, tree: &Tree) {
    hash.section("tree", 1);
    hash.field(tree.digest().as_bytes());
}

pub(super) fn add_read_to(hash: &mut FingerprintBuilder, read: &[FileInput]) {
    hash.section("outside", read.len());
    for file in read {
        hash.file(file.path.0.as_bstr(), file.kind, &file.digest);
    }
}

pub(super) fn add_named_to(hash: &mut FingerprintBuilder, named: &[NamedFile]) {
    hash.section("named", named.len());
    for NamedFile { file, .. } in named {
        hash.file(file.path.0.as_bstr(), file.kind, &file.digest);
    }
}

/// Returns the reason to build; none if no content differs.
pub(crate) fn difference(before: Files<'_>, now: Files<'_>) -> Option<MissReason> {
    let changed = now.changed(before);
    let count = changed.len();
    let listed = changed.into_iter().take(LISTED_PATHS);
    let paths = listed.map(|(path, change)| ChangedPath { path: path_shown(&path), change }).collect();
    (count > 0).then_some(MissReason::Source { paths, count })
}

impl Files<'_> {
    /// Returns every path whose content differs, in order: those of the tree, those that were read besides, and those that
    /// are named.
    pub(super) fn changed(self, before: Files<'_>) -> Vec<(TreePath, Change)> {
        let has_changed = |now: &FileInput, then: &FileInput| !now.same_content(then);
        let mut changed = if self.tree.digest() == before.tree.digest() {
            Vec::new()
        } else {
            differing(before.tree.files(), self.tree.files(), has_changed)
        };
        // The tree holds a link by its target, and `read` holds what it leads to.
        let read = differing(before.read, self.read, has_changed);
        changed.extend(read.into_iter().filter(|(path, _)| self.tree.file(path).is_none()));
        // A named file that is absent, before and now, is no change. Neither is a file of both trees that only one inventory
        // names.
        let is_there = |named: &&NamedFile| named.file.kind != Kind::Absent;
        let there = |files: Files<'_>| files.named.iter().filter(is_there).map(|named| named.file.clone()).collect();
        let (then, now): (Vec<_>, Vec<_>) = (there(before), there(self));
        let told: HashSet<TreePath> = changed.iter().map(|(path, _)| path.clone()).collect();
        let names = |files: Files<'_>, path: &TreePath| files.named.iter().any(|named| named.file.path == *path);
        let in_both = |path: &TreePath| self.tree.file(path).is_some() && before.tree.file(path).is_some();
        let is_only_named = |path: &TreePath| names(before, path) != names(self, path) && in_both(path);
        let named = differing(&then, &now, has_changed);
        changed.extend(named.into_iter().filter(|(path, _)| !told.contains(path) && !is_only_named(path)));
        changed
    }
}
