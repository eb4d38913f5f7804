//! Gives inputs that are no files a path, by a mark.
//!
//! Promises: each of these paths has a mark that tells the kind of its input. Names in a directory end with a slash, links
//! with `/@` (as `ls -F` marks them), and the system's files that were read in one directory with `/*`. Programs begin with
//! `$PATH/`.
//! Does not promise: that no file has a path with such a mark. Then both count, each by its kind.

use std::path::Path;

use gix::bstr::{BStr, ByteSlice};

use crate::model::portable_path::PortablePath;
use crate::model::tree::TreePath;

const DIRECTORY: &[u8] = b"/";
const LINK: &[u8] = b"/@";
const SYSTEM: &[u8] = b"/*";
const PROGRAM: &[u8] = b"$PATH/";

/// The kind of an input, as its path tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// A file, or nothing.
    File,
    /// The names in a directory.
    Directory,
    /// The target of a link.
    Link,
    /// The system's files that were read in one directory.
    System,
    /// The place where a program is found.
    Program,
}

impl Marked {
    /// Returns the kind of the input at `path`.
    #[must_use]
    pub fn of(path: &TreePath) -> Self {
        match path.0.as_slice() {
            path if path.starts_with(PROGRAM) => Self::Program,
            path if path.ends_with(LINK) => Self::Link,
            path if path.ends_with(SYSTEM) => Self::System,
            path if path.ends_with(DIRECTORY) => Self::Directory,
            _ => Self::File,
        }
    }

    /// Returns the path that stands for the names in a directory.
    pub(crate) fn directory(place: &PortablePath) -> TreePath {
        marked(if place.0.0.is_empty() { b"." } else { &place.0.0 }, DIRECTORY)
    }

    /// Returns the path that stands for the target of a link, which counts besides what the link leads to.
    pub(crate) fn link(place: &PortablePath) -> TreePath {
        marked(&place.0.0, LINK)
    }

    /// Returns the path that stands for the system's files in `directory`.
    pub(crate) fn system(directory: &Path) -> TreePath {
        marked(directory.as_os_str().as_encoded_bytes(), SYSTEM)
    }

    /// Returns the path that stands for a program that is looked up by its name.
    pub(crate) fn program(name: &str) -> TreePath {
        marked(PROGRAM, name.as_bytes())
    }
}

fn marked(path: &[u8], mark: &[u8]) -> TreePath {
    TreePath([path, mark].concat().into())
}

/// Returns `path` as a person would write it.
#[must_use]
pub fn unmarked(path: &TreePath) -> String {
    let bytes = path.0.as_slice();
    let bytes = match Marked::of(path) {
        Marked::Program => bytes.strip_prefix(PROGRAM),
        Marked::Link => bytes.strip_suffix(LINK),
        _ => None,
    };
    bytes.map_or_else(|| path.to_string(), |bytes| bytes.to_str_lossy().into_owned())
}

/// Returns `path` as a list of changes shows it: a link by its own path, without the mark.
pub(crate) fn path_shown(path: &TreePath) -> String {
    if Marked::of(path) == Marked::Link { unmarked(path) } else { path.to_string() }
}

/// Returns a path on the file system that the input lies on. For a link that is its directory: no file has the marked path,
/// and the link may lead to nothing or to another file system.
pub(crate) fn on_file_system(path: &TreePath) -> &BStr {
    match path.0.strip_suffix(LINK) {
        Some(link) => link[..link.rfind_byte(b'/').unwrap_or(0)].as_bstr(),
        None => path.0.as_bstr(),
    }
}

/// Returns the directory whose system files `path` stands for, if it does.
pub(crate) fn system_directory(path: &TreePath) -> Option<TreePath> {
    path.0.strip_suffix(SYSTEM).map(|directory| TreePath(directory.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_what_it_is_of() {
        let place = |path: &str| PortablePath(TreePath(path.into()));
        for (path, is, called) in [
            (Marked::directory(&place("data")), Marked::Directory, "data/"),
            (Marked::directory(&place("")), Marked::Directory, "./"),
            (Marked::link(&place("data/link")), Marked::Link, "data/link"),
            (Marked::system(Path::new("/usr/include")), Marked::System, "/usr/include/*"),
            (Marked::program("cc"), Marked::Program, "cc"),
            (TreePath("src/main.rs".into()), Marked::File, "src/main.rs"),
        ] {
            assert_eq!((Marked::of(&path), unmarked(&path).as_str()), (is, called));
        }
        assert_eq!(path_shown(&Marked::link(&place("data/link"))), "data/link");
        assert_eq!(path_shown(&Marked::program("cc")), "$PATH/cc");
        assert_eq!(on_file_system(&Marked::link(&place("/etc/alternatives/cc"))), "/etc/alternatives");
        assert_eq!(on_file_system(&Marked::link(&place("link"))), "");
    }
}
