//! A path that means the same in every copy of a checkout.
//!
//! Promises: a path that was reached from the checkout is kept relative to its root, with slashes, whatever the system. All
//! other paths are absolute.
//! Does not promise: that the path exists.

use std::path::{Component, Path, PathBuf};

use gix::bstr::{BString, ByteSlice};
use serde::{Deserialize, Serialize};

use super::tree::TreePath;

/// A path that means the same in every worktree and clone. It is relative to the checkout if it was reached from there, with
/// `..` in front for the checkout's neighbours, and absolute otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PortablePath(pub TreePath);

impl PortablePath {
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
        let place = |path: &str| PortablePath::of(Path::new(path), Path::new("/work/repo")).0.to_string();
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
