//! Files that come with the system and that a build read: headers, static libraries, the compiler's own programs.
//!
//! A C compiler reads hundreds of them for each build, and a hit must not look at each. Package managers replace such a file
//! by another, which changes its directory. So these files are known by their directories.
//!
//! Promises: the names are kept as one text for each directory, so that a path set with thousands of them reads at once.
//! Does not promise: to notice a write into an existing file before its directory changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gix::bstr::{ByteSlice, ByteVec};
use serde::{Deserialize, Serialize};

use crate::model::marks::system_directory;
use crate::model::tree::TreePath;

/// Files by the directory that they are in, existing or absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SystemFiles(BTreeMap<TreePath, String>);

/// The separator of names, which no file name contains.
const BETWEEN: char = '/';

impl SystemFiles {
    /// True if there are no files.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns each directory with the paths of its files.
    pub fn by_directory(&self) -> impl Iterator<Item = (PathBuf, Vec<PathBuf>)> {
        self.0.iter().map(|(directory, names)| {
            let directory = on_disk(directory.0.as_slice());
            let files = names.split(BETWEEN).map(|name| directory.join(on_disk(&Vec::unescape_bytes(name))));
            let files = files.collect();
            (directory, files)
        })
    }

    /// True if `other` has the same files in the directory that the input `path` stands for. The input has one digest over
    /// all of them, which cannot be compared with that of more or fewer files.
    #[must_use]
    pub fn agrees_with(&self, other: &Self, path: &TreePath) -> bool {
        system_directory(path).is_none_or(|directory| self.0.get(&directory) == other.0.get(&directory))
    }

    /// Returns the files of all `parts`.
    #[must_use]
    pub fn union<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        parts.flat_map(Self::by_directory).flat_map(|(_, files)| files).collect()
    }
}

impl FromIterator<PathBuf> for SystemFiles {
    fn from_iter<I: IntoIterator<Item = PathBuf>>(paths: I) -> Self {
        let mut paths: Vec<PathBuf> = paths.into_iter().collect();
        paths.sort_unstable();
        paths.dedup();
        let mut directories: BTreeMap<TreePath, String> = BTreeMap::new();
        for path in paths {
            let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { continue };
            let names = directories.entry(TreePath(directory.as_os_str().as_encoded_bytes().into())).or_default();
            if !names.is_empty() {
                names.push(BETWEEN);
            }
            names.push_str(&name.as_encoded_bytes().escape_bytes().to_string());
        }
        Self(directories)
    }
}

fn on_disk(bytes: &[u8]) -> PathBuf {
    gix::path::from_bstr(bytes.as_bstr()).map(|path| path.into_owned()).unwrap_or_default()
}

/// True if `path` lies where the system's package manager puts files. Of `/usr`, these are the directories that the
/// Filesystem Hierarchy Standard gives to packages, and those of cross compilers. People work in others, as in `/usr/src`.
///
/// <https://refspecs.linuxfoundation.org/FHS_3.0/fhs/ch04.html>
#[must_use]
pub fn is_of_system(path: &Path) -> bool {
    const AT_ROOT: [&str; 6] = ["/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin"];
    const IN_USR: [&str; 9] = ["bin", "games", "include", "lib", "lib32", "lib64", "libexec", "sbin", "share"];
    if AT_ROOT.iter().any(|directory| path.starts_with(directory)) {
        return true;
    }
    let Ok(below) = path.strip_prefix("/usr") else { return false };
    let Some(name) = below.components().next() else { return true };
    let name = name.as_os_str().to_string_lossy();
    let is_of_cross_compiler = || ["-linux-gnu", "-linux-musl", "-mingw32"].iter().any(|triple| name.contains(triple));
    IN_USR.contains(&&*name) || name == "libx32" || is_of_cross_compiler()
}

/// True if `path` is one by which the kernel describes the system, and no stored file. Files in shared memory are stored
/// files.
#[must_use]
pub fn is_of_kernel(path: &Path) -> bool {
    const OF_KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];
    OF_KERNEL.iter().any(|directory| path.starts_with(directory)) && !path.starts_with("/dev/shm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_kept_by_directory_whatever_their_names() {
        let mut paths: Vec<PathBuf> =
            ["/usr/include/a.h", "/usr/include/b c\\n.h", "/usr/lib/x.a", "/file"].map(PathBuf::from).into();
        #[cfg(unix)]
        paths.push(PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"/usr/lib/\xff\n")));
        let files: SystemFiles = paths.iter().cloned().collect();
        let kept = serde_json::to_string(&files).unwrap();
        let files: SystemFiles = serde_json::from_str(&kept).unwrap();
        let mut read: Vec<PathBuf> = files.by_directory().flat_map(|(_, files)| files).collect();
        read.sort();
        paths.sort();
        assert_eq!(read, paths);
        let fewer: SystemFiles = paths.iter().filter(|path| !path.starts_with("/usr/lib")).cloned().collect();
        let agrees =
            |directory: &str| files.agrees_with(&fewer, &crate::model::marks::Marked::system(Path::new(directory)));
        assert!(agrees("/usr/include") && agrees("/usr/share") && agrees("/"));
        assert!(!agrees("/usr/lib"));
        assert_eq!(SystemFiles::union([&files, &SystemFiles::default(), &files].into_iter()), files);
    }

    #[test]
    fn what_is_of_the_system() {
        for (path, is_so) in [
            ("/usr/include/zlib.h", true),
            ("/lib/x86_64-linux-gnu/libc.so.6", true),
            ("/usr", true),
            ("/usr/aarch64-linux-gnu/include/stdio.h", true),
            ("/usr/local/include/own.h", false),
            ("/usr/src/app/src/main.rs", false),
            ("/usr/app/build.rs", false),
            ("/usrlocal/x", false),
            ("/opt/x/include/x.h", false),
            ("/home/me/usr/include/x.h", false),
        ] {
            assert_eq!(is_of_system(Path::new(path)), is_so, "{path}");
        }
    }
}
