//! The names of what an earlier build of the same request was seen to read.
//!
//! Promises: a path set names things, never their content; the same set over the same content gives the same
//! fingerprint. A lost or wrong path set may cost a build, never a stale binary: an entry is published under the set
//! that its own build was observed to read, and found only by a set that gives the same fingerprint.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use gix::bstr::{BString, ByteSlice};
use serde::{Deserialize, Serialize};

use crate::system_files::SystemFiles;
use crate::tree::TreePath;

/// Names of what one build was seen to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PathSet {
    /// Scope `crate`: the directories of the local packages that went into the binary. Every file in them that git does
    /// not ignore counts, so that files which are added or removed do.
    pub packages: BTreeSet<Place>,
    /// Scope `crate`: manifests that can move a dependency. They count by themselves, there or not.
    pub manifests: BTreeSet<Place>,
    /// Scope `crate`: patterns for directories whose manifests count, as the workspace's `members` has them.
    pub members: BTreeSet<String>,
    /// Files and directories that were read and do not count otherwise: ignored ones, and those elsewhere. Directories
    /// count with everything in them, and an absent path counts as absent.
    pub files: BTreeSet<Place>,
    /// Directories whose names were read: what is added to one or removed from it counts.
    pub names: BTreeSet<Place>,
    /// Links whose targets were read: where one leads counts, besides what it leads to.
    pub links: BTreeSet<Place>,
    /// Files of the system that were read.
    pub system: SystemFiles,
    /// Programs that were looked for on the `PATH` and started.
    pub programs: BTreeSet<String>,
    /// Packages that a build script reads without a declaration, with the patterns of their `package.include`: cargo
    /// takes such a script to read every file that belongs to the package.
    pub listed: BTreeMap<Place, Vec<String>>,
    /// Directories that the build writes to. They are not entered where one that counts holds them.
    pub output: BTreeSet<Place>,
    /// Environment variables, from `rerun-if-env-changed` of build scripts and `# env-dep:` of dep-info files.
    pub variables: BTreeSet<String>,
    /// Scope `tree`: whether the branch that is checked out counts, as a build script or a macro may ask git for it.
    pub branch: bool,
    /// Scope `crate`: everything counts that counts in scope `tree`.
    pub whole_tree: bool,
    /// Why it is not known what the build read. No binary is served by such a set.
    pub unknown: Option<String>,
    /// Why no other checkout may have the binary, in words; empty where any may.
    pub bound_by: BTreeSet<String>,
}

/// A path that means the same in every worktree and clone: relative to the checkout where it was reached from there, with
/// `..` in front for its neighbours; absolute elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Place(pub TreePath);

impl Place {
    /// The place of the absolute `path`, seen from the checkout at `root`; `.` and `..` in it are resolved. A path that
    /// begins with `root` was reached from there, however far its `..` lead.
    #[must_use]
    pub fn of(path: &Path, root: &Path) -> Self {
        let resolved = normalized(path);
        let relative = match resolved.strip_prefix(root) {
            Ok(inside) => inside.to_owned(),
            Err(_) if path.starts_with(root) => neighbour(&resolved, root).unwrap_or(resolved),
            Err(_) => resolved,
        };
        let bytes = relative.as_os_str().as_encoded_bytes();
        let slashed = if cfg!(windows) { bytes.replace(b"\\", b"/") } else { bytes.to_vec() };
        Self(TreePath(BString::new(slashed)))
    }

    /// The path on disk for the checkout at `root`.
    #[must_use]
    pub fn on_disk(&self, root: &Path) -> PathBuf {
        match gix::path::from_bstr(self.0.0.as_bstr()) {
            Ok(path) => root.join(path),
            Err(_) => root.join(self.0.to_string()),
        }
    }

    /// True if it lies in the checkout.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        !self.is_absolute() && self.0.0 != ".." && !self.0.0.starts_with(b"../")
    }

    /// True if it is the same file wherever the checkout lies.
    #[must_use]
    pub fn is_absolute(&self) -> bool {
        self.on_disk(Path::new("")).is_absolute()
    }
}

/// `path` without `.` and `..`. A link before a `..` is followed first, as the system does.
pub(crate) fn normalized(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if parts.is_symlink()
                    && let Ok(target) = dunce::canonicalize(&parts)
                {
                    parts = target;
                }
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}

/// The way from `root` to `path`, which lies outside it; none from one drive to another.
fn neighbour(path: &Path, root: &Path) -> Option<PathBuf> {
    let shared = path.components().zip(root.components()).take_while(|(one, other)| one == other).count();
    let up = root.components().skip(shared).map(|_| Component::ParentDir);
    (shared > 0).then(|| up.chain(path.components().skip(shared)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_relative_when_it_was_reached_from_the_checkout() {
        let place = |path: &str| Place::of(Path::new(path), Path::new("/work/repo")).0.to_string();
        for (path, expected) in [
            ("/work/repo/src/./main.rs", "src/main.rs"),
            ("/work/repo/app/../assets/x", "assets/x"),
            ("/work/repo/../shared/x", "../shared/x"),
            ("/work/repo/app/../../../far/x", "../../far/x"),
            ("/work/repo/../repo/src/x", "src/x"),
            ("/work/shared/x", "/work/shared/x"),
            ("/usr/include/x.h", "/usr/include/x.h"),
        ] {
            assert_eq!(place(path), expected, "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_follows_a_link_is_taken_from_where_it_leads() {
        let directory = tempfile::tempdir().unwrap();
        let base = std::fs::canonicalize(directory.path()).unwrap();
        std::fs::create_dir_all(base.join("far/inside")).unwrap();
        std::fs::create_dir(base.join("repo")).unwrap();
        std::os::unix::fs::symlink(base.join("far/inside"), base.join("repo/link")).unwrap();
        assert_eq!(normalized(&base.join("repo/link/../x")), base.join("far/x"));
    }
}
