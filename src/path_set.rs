//! The names of what an earlier build of the same request read.
//!
//! Promises: a path set names things, never their content. The same set over the same content gives the same fingerprint. A
//! lost or wrong path set may cost a build, and never serves a stale binary: an entry is published under the set that its
//! own build was seen to read, and found only by a set that gives the same fingerprint.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use gix::bstr::{BString, ByteSlice};
use serde::{Deserialize, Serialize};

use crate::system_files::SystemFiles;
use crate::tree::TreePath;

/// The names of what one build was seen to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PathSet {
    /// Scope `crate`: the directories of the local packages that went into the binary. Every file in them that git does not
    /// ignore counts, so an added or removed file counts, too.
    pub packages: BTreeSet<Place>,
    /// Scope `crate`: manifests that can move a dependency. They count by themselves, even if absent.
    pub manifests: BTreeSet<Place>,
    /// Scope `crate`: patterns for directories whose manifests count, as in the workspace's `members`.
    pub members: BTreeSet<String>,
    /// Files and directories that were read and do not count otherwise: ignored ones, and those outside the checkout. A
    /// directory counts with everything in it, and an absent path counts as absent.
    pub files: BTreeSet<Place>,
    /// Directories whose names were read. A name that is added or removed counts.
    pub names: BTreeSet<Place>,
    /// Links whose targets were read, and directories that were looked for. The target of a link counts besides what the
    /// link leads to.
    pub links: BTreeSet<Place>,
    /// Files of the system that were read.
    pub system: SystemFiles,
    /// Programs that were looked up on the `PATH` and started.
    pub programs: BTreeSet<String>,
    /// Packages that a build script reads without a declaration, with the patterns of their `package.include`. cargo takes
    /// such a script to read every file that belongs to the package.
    pub listed: BTreeMap<Place, Vec<String>>,
    /// Directories that the build writes to. They are skipped in a directory that counts.
    pub output: BTreeSet<Place>,
    /// Environment variables, from `rerun-if-env-changed` of build scripts, from `# env-dep:` of dep-info files, and from
    /// the observer.
    pub variables: BTreeSet<String>,
    /// Scope `tree`: true if the branch that is checked out counts, as a build script or a macro may ask git for it.
    pub branch: bool,
    /// Scope `crate`: true if everything counts that counts in scope `tree`.
    pub whole_tree: bool,
    /// The reason why the reads of the build are not known, if they are not. No binary is served by such a set.
    pub unknown: Option<String>,
    /// The bonds of the binary, in words; empty if any checkout may be served it.
    pub bound_by: BTreeSet<String>,
}

/// A path that means the same in every worktree and clone. It is relative to the checkout if it was reached from there, with
/// `..` in front for the checkout's neighbours, and absolute otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Place(pub TreePath);

impl Place {
    /// Returns the place of the absolute `path`, seen from the checkout at `root`, with `.` and `..` resolved. A path that
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

    /// Returns the path on disk for the checkout at `root`.
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

/// Returns `path` without `.` and `..`. A link before a `..` is followed first, as the system does.
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

/// Returns the relative path from `root` to `path`, which lies outside it; none from one drive to another.
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
