//! Selects the part of a checkout that the packages of a path set are built from.
//!
//! Promises: a package's directory counts with every file in it that git does not ignore. It ends where another package
//! begins, as it does for cargo. The lock file, the toolchain files and the manifests that a path set names count. So does
//! a manifest that appears where the workspace's `members` find it. Walking the selected part gives the same as selecting
//! from the whole.
//! Does not promise: that a manifest elsewhere counts. A package outside the workspace cannot move a dependency.

use std::collections::{BTreeSet, HashSet};

use gix::bstr::{BStr, BString, ByteSlice};
use gix::glob::wildmatch;
use serde::Serialize;

use crate::model::path_set::PathSet;
use crate::model::tree::TreePath;

pub(crate) const MANIFEST: &[u8] = b"Cargo.toml";

/// Files at the checkout's root that cargo and rustup read for every package.
const FOR_EVERY_PACKAGE: [&str; 3] = ["Cargo.lock", "rust-toolchain", "rust-toolchain.toml"];

/// The paths that count, by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct CrateScope {
    /// The directories of packages, which count whole.
    packages: BTreeSet<TreePath>,
    /// Manifests that count by themselves, there or not.
    manifests: BTreeSet<TreePath>,
    /// Patterns for directories whose manifests count.
    members: BTreeSet<String>,
}

impl CrateScope {
    /// Returns what `set` selects.
    #[must_use]
    pub fn of(set: &PathSet) -> Self {
        let paths = |places: &BTreeSet<crate::model::portable_path::PortablePath>| {
            places.iter().map(|place| place.0.clone()).collect()
        };
        Self { packages: paths(&set.packages), manifests: paths(&set.manifests), members: set.members.clone() }
    }

    pub(crate) fn is_package(&self, directory: &BStr) -> bool {
        self.packages.contains(&TreePath(directory.to_owned()))
    }

    /// True if `path` may count: it is named, or lies in the directory of a selected package.
    pub(crate) fn may_count(&self, path: &BStr) -> bool {
        self.names(path) || parents(path).any(|directory| self.is_package(directory))
    }

    /// True if a path in `directory` may count, now or later, where `directory` is in no selected package.
    pub(crate) fn leads_to(&self, directory: &BStr) -> bool {
        let mut below = directory.to_owned();
        below.push(b'/');
        let (here, below) = (TreePath(directory.to_owned()), TreePath(below));
        let has = |places: &BTreeSet<TreePath>| {
            let next = places.range(&below..).next();
            places.contains(&here) || next.is_some_and(|next| next.0.starts_with(&below.0))
        };
        has(&self.packages) || has(&self.manifests) || self.members.iter().any(|pattern| begins(pattern, directory))
    }

    /// True if `path` counts by itself, whatever directory it lies in.
    pub(crate) fn names(&self, path: &BStr) -> bool {
        let is_member = || {
            let directory = directory_of_manifest(path).filter(|directory| !directory.is_empty());
            directory.is_some_and(|directory| self.members.iter().any(|pattern| matches(pattern, directory)))
        };
        FOR_EVERY_PACKAGE.iter().any(|name| path == name)
            || self.manifests.contains(&TreePath(path.to_owned()))
            || is_member()
    }

    /// Removes the paths that do not count. All manifests in the packages' directories must be among `paths`.
    pub(crate) fn narrow<T>(&self, paths: &mut Vec<T>, path_of: impl Fn(&T) -> &BStr) {
        let packages: HashSet<BString> =
            paths.iter().filter_map(|path| directory_of_manifest(path_of(path)).map(BStr::to_owned)).collect();
        let lies_in_selected = |path: &BStr| {
            parents(path).find(|directory| packages.contains(*directory)).is_some_and(|owner| self.is_package(owner))
        };
        paths.retain(|path| {
            let path = path_of(path);
            let is_boundary = || directory_of_manifest(path).is_some_and(lies_in_selected);
            self.names(path) || lies_in_selected(path) || is_boundary()
        });
    }
}

/// Returns the directory of the package whose manifest is `path`; none if `path` is no manifest.
pub(crate) fn directory_of_manifest(path: &BStr) -> Option<&BStr> {
    let directory = path.strip_suffix(MANIFEST)?;
    if directory.is_empty() { Some(b"".as_bstr()) } else { directory.strip_suffix(b"/").map(ByteSlice::as_bstr) }
}

/// Returns the directories that hold `path`, the nearest first. The root comes last, as an empty path.
pub(crate) fn parents(path: &BStr) -> impl Iterator<Item = &BStr> {
    std::iter::successors(Some(path), |path| {
        (!path.is_empty()).then(|| path.rfind_byte(b'/').map_or(b"".as_bstr(), |slash| path[..slash].as_bstr()))
    })
    .skip(1)
}

/// True if a pattern of the workspace's `members` matches `directory`.
///
/// <https://doc.rust-lang.org/cargo/reference/workspaces.html#the-members-and-exclude-fields>
pub(crate) fn matches(pattern: &str, directory: &BStr) -> bool {
    wildmatch(pattern.as_bytes().as_bstr(), directory, wildmatch::Mode::NO_MATCH_SLASH_LITERAL)
}

/// True if `pattern` matches `directory` or may match a directory below it.
fn begins(pattern: &str, directory: &BStr) -> bool {
    let mut parts = pattern.split('/');
    for name in directory.split_str("/") {
        match parts.next() {
            None => return false,
            Some("**") => return true,
            Some(part) if matches(part, name.as_bstr()) => {}
            Some(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::portable_path::PortablePath;

    fn crate_scope(packages: &[&str], manifests: &[&str], members: &[&str]) -> CrateScope {
        let places = |paths: &[&str]| paths.iter().map(|path| PortablePath(TreePath((*path).into()))).collect();
        let members = members.iter().map(ToString::to_string).collect();
        CrateScope::of(&PathSet {
            packages: places(packages),
            manifests: places(manifests),
            members,
            ..PathSet::default()
        })
    }

    fn selected<'a>(crate_scope: &CrateScope, paths: &[&'a str]) -> Vec<&'a str> {
        let mut paths = paths.to_vec();
        crate_scope.narrow(&mut paths, |path| path.as_bytes().as_bstr());
        paths
    }

    #[test]
    fn a_package_ends_where_another_begins() {
        let paths = ["Cargo.lock", "a/Cargo.toml", "a/b/Cargo.toml", "a/b/x.rs", "a/c/y.rs", "z.md"];
        let of_a = crate_scope(&["a"], &[], &[]);
        assert_eq!(selected(&of_a, &paths), ["Cargo.lock", "a/Cargo.toml", "a/b/Cargo.toml", "a/c/y.rs"]);
        let of_b = crate_scope(&["a/b"], &["Cargo.toml"], &[]);
        assert_eq!(selected(&of_b, &paths), ["Cargo.lock", "a/b/Cargo.toml", "a/b/x.rs"]);
    }

    #[test]
    fn a_package_at_the_root_is_everything_that_is_no_other_package() {
        let of_root = crate_scope(&[""], &[], &[]);
        let paths = ["Cargo.toml", "docs/x.md", "member/Cargo.toml", "member/x.rs", "src/main.rs"];
        assert_eq!(selected(&of_root, &paths), ["Cargo.toml", "docs/x.md", "member/Cargo.toml", "src/main.rs"]);
    }

    #[test]
    fn a_manifest_that_members_would_find_counts() {
        let of_none = crate_scope(&[], &["a/Cargo.toml"], &["crates/*"]);
        let paths = ["a/Cargo.toml", "b/Cargo.toml", "crates/new/Cargo.toml", "crates/new/deep/Cargo.toml"];
        assert_eq!(selected(&of_none, &paths), ["a/Cargo.toml", "crates/new/Cargo.toml"]);
        let leads = |directory: &str| of_none.leads_to(directory.as_bytes().as_bstr());
        assert!(leads("a") && leads("crates") && leads("crates/new"));
        assert!(!leads("b") && !leads("crates/new/deep") && !leads("aa"));
        assert!(crate_scope(&[], &[], &["x/**/y"]).leads_to(b"x/1/2".as_bstr()));
    }
}
