//! Looks at and opens files: at a path, or by name in an open directory.
//!
//! Promises: `open` waits for nothing, even if the file has become a FIFO since the caller looked at it. From an open
//! directory, the system need not walk the path again. A file below a checkout's root is found from the open root, so that
//! its path may be as long as git and cargo allow, wherever the root lies. A longer path is an error, and never counts as
//! absent.
//! Does not promise: that two calls find the same file.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use gix::bstr::BStr;
#[cfg(unix)]
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, CWD, Mode, OFlags, Stat},
    io::Errno,
    path::Arg,
};

use crate::error::{Error, Result};
use crate::fs::identity::StatIdentity;
use crate::fs::paths::on_disk;

/// The type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileType {
    Directory,
    Regular,
    Symlink,
    /// A FIFO, a socket or a device.
    Other,
}

/// The result of one look at a file.
pub(crate) struct FileStat {
    pub(crate) file_type: FileType,
    pub(crate) identity: StatIdentity,
    /// In bytes.
    pub(crate) size: u64,
    /// True if the owner may execute the file, which is git's rule.
    pub(crate) is_executable: bool,
}

/// The root of a checkout, kept open.
pub(crate) struct RootDir {
    path: PathBuf,
    #[cfg(unix)]
    open: OwnedFd,
}

impl RootDir {
    /// Opens the directory at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            open: open_to_look_from(CWD, path).map_err(|error| Error::unreadable(path, error.into()))?,
            path: path.to_owned(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path `below` this directory in the system's form. An error is possible only on Windows, for an
    /// ill-formed path.
    pub(crate) fn on_disk(&self, below: &BStr) -> Result<PathBuf> {
        on_disk(&self.path, below)
    }

    /// Returns the place at the path `below` this directory; an empty path is the directory itself.
    #[cfg(unix)]
    pub(crate) fn place<'a>(&'a self, below: &'a BStr) -> Result<PathAt<'a>> {
        let path = if below.is_empty() { Path::new(".") } else { system_path(below) };
        Ok(PathAt::in_directory(self.open.as_fd(), path))
    }

    /// Returns the place at the path `below` this directory; an empty path is the directory itself.
    #[cfg(not(unix))]
    pub(crate) fn place(&self, below: &BStr) -> Result<PathAt<'_>> {
        self.on_disk(below).map(PathAt::at)
    }
}

#[cfg(unix)]
impl AsFd for RootDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.open.as_fd()
    }
}

/// Opens a directory from which files are looked at by name. On Linux this needs no right to read the directory.
#[cfg(unix)]
pub(crate) fn open_to_look_from(at: impl AsFd, path: impl Arg) -> rustix::io::Result<OwnedFd> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let access = OFlags::PATH;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let access = OFlags::RDONLY;
    rustix::fs::openat(at, path, access | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

#[cfg(unix)]
pub(crate) fn system_path(path: &BStr) -> &Path {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    Path::new(OsStr::from_bytes(path))
}

/// Returns the error for a path that is longer than any system call takes; none for a shorter one. The system's own error
/// would look as if the path were absent.
#[cfg(unix)]
pub(crate) fn too_long(path: &[u8]) -> Option<io::Error> {
    let is_too_long = path.len() >= libc::PATH_MAX.unsigned_abs() as usize;
    is_too_long.then(|| io::Error::other("its path is longer than this system takes"))
}

#[cfg(not(unix))]
pub(crate) fn too_long(_: &[u8]) -> Option<io::Error> {
    None
}

pub(crate) struct PathAt<'a> {
    path: Cow<'a, Path>,
    #[cfg(unix)]
    directory: BorrowedFd<'a>,
}

impl<'a> PathAt<'a> {
    pub(crate) fn at(path: impl Into<Cow<'a, Path>>) -> Self {
        Self {
            path: path.into(),
            #[cfg(unix)]
            directory: CWD,
        }
    }
}

#[cfg(unix)]
impl<'a> PathAt<'a> {
    pub(crate) fn in_directory(directory: BorrowedFd<'a>, name: &'a Path) -> Self {
        Self { path: Cow::Borrowed(name), directory }
    }

    /// Returns the metadata of the file here, or, with `follow`, of the file that its links lead to.
    pub(crate) fn look(&self, follow: bool) -> io::Result<FileStat> {
        let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        Ok(rustix::fs::statat(self.directory, &*self.path, flags).map_err(|error| self.told(error))?.into())
    }

    /// Returns the target of the link here.
    pub(crate) fn read_link(&self) -> io::Result<OsString> {
        use std::os::unix::ffi::OsStringExt;
        let target = rustix::fs::readlinkat(self.directory, &*self.path, Vec::new());
        let target = target.map_err(|error| self.told(error))?;
        Ok(OsString::from_vec(target.into_bytes()))
    }

    /// Opens the file here, without waiting for the other end of a FIFO.
    pub(crate) fn open(&self, follow: bool) -> io::Result<File> {
        let links = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
        Ok(self.open_as(OFlags::NONBLOCK | links)?.into())
    }

    /// Opens the directory here, to list it.
    pub(crate) fn open_directory(&self) -> io::Result<OwnedFd> {
        self.open_as(OFlags::DIRECTORY | OFlags::NOFOLLOW)
    }

    fn open_as(&self, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | flags;
        rustix::fs::openat(self.directory, &*self.path, flags, Mode::empty()).map_err(|error| self.told(error))
    }

    fn told(&self, error: Errno) -> io::Error {
        let too_long = (error == Errno::NAMETOOLONG).then(|| too_long(self.path.as_os_str().as_encoded_bytes()));
        too_long.flatten().unwrap_or_else(|| error.into())
    }
}

#[cfg(unix)]
impl FileStat {
    /// Returns the metadata of an open file.
    pub(crate) fn of(file: impl AsFd) -> io::Result<Self> {
        Ok(rustix::fs::fstat(file)?.into())
    }
}

#[cfg(unix)]
impl From<Stat> for FileStat {
    fn from(stat: Stat) -> Self {
        let identity = StatIdentity::of_stat(&stat);
        let file_type = rustix::fs::FileType::from_raw_mode(stat.st_mode).into();
        Self { file_type, identity, size: identity.size(), is_executable: stat.st_mode & 0o100 != 0 }
    }
}

#[cfg(unix)]
impl From<rustix::fs::FileType> for FileType {
    fn from(file_type: rustix::fs::FileType) -> Self {
        match file_type {
            rustix::fs::FileType::Directory => Self::Directory,
            rustix::fs::FileType::RegularFile => Self::Regular,
            rustix::fs::FileType::Symlink => Self::Symlink,
            _ => Self::Other,
        }
    }
}

#[cfg(not(unix))]
impl PathAt<'_> {
    /// Returns the metadata of the file here, or, with `follow`, of the file that its links lead to.
    pub(crate) fn look(&self, follow: bool) -> io::Result<FileStat> {
        let metadata = if follow { self.path.metadata()? } else { self.path.symlink_metadata()? };
        Ok(metadata.into())
    }

    /// Returns the target of the link here.
    pub(crate) fn read_link(&self) -> io::Result<OsString> {
        Ok(self.path.read_link()?.into())
    }

    pub(crate) fn open(&self, _: bool) -> io::Result<File> {
        File::open(&self.path)
    }
}

#[cfg(not(unix))]
impl FileStat {
    /// Returns the metadata of an open file.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        Ok(file.metadata()?.into())
    }
}

#[cfg(not(unix))]
impl From<std::fs::Metadata> for FileStat {
    fn from(metadata: std::fs::Metadata) -> Self {
        let identity = StatIdentity::of(&metadata);
        Self { file_type: metadata.file_type().into(), identity, size: metadata.len(), is_executable: false }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl From<std::fs::FileType> for FileType {
    fn from(file_type: std::fs::FileType) -> Self {
        match () {
            () if file_type.is_dir() => Self::Directory,
            () if file_type.is_file() => Self::Regular,
            () if file_type.is_symlink() => Self::Symlink,
            () => Self::Other,
        }
    }
}
