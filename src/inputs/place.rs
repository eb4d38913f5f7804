//! Where a file stands: at a path, or by its name in a directory that is open.
//!
//! Promises: what is opened is a regular file or was one a moment ago, and nothing is waited for, should it have become a
//! FIFO meanwhile. From an open directory the system need not walk the path to it again.
//! Does not promise: that two calls find the same file.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;

#[cfg(unix)]
use rustix::{
    fd::{AsFd, BorrowedFd},
    fs::{AtFlags, CWD, Mode, OFlags, Stat},
};

use crate::stat::StatIdentity;

/// What may stand somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileType {
    Directory,
    Regular,
    Symlink,
    /// A FIFO, a socket or a device.
    Other,
}

/// What one look at a file tells.
pub(super) struct Look {
    pub(super) file_type: FileType,
    pub(super) identity: StatIdentity,
    /// In bytes.
    pub(super) size: u64,
    /// git's own rule: a file is executable when its owner may execute it.
    pub(super) is_executable: bool,
}

pub(super) struct Place<'a> {
    path: Cow<'a, Path>,
    #[cfg(unix)]
    directory: BorrowedFd<'a>,
}

impl<'a> Place<'a> {
    pub(super) fn at(path: impl Into<Cow<'a, Path>>) -> Self {
        Self {
            path: path.into(),
            #[cfg(unix)]
            directory: CWD,
        }
    }
}

#[cfg(unix)]
impl<'a> Place<'a> {
    pub(super) fn in_directory(directory: BorrowedFd<'a>, name: &'a Path) -> Self {
        Self { path: Cow::Borrowed(name), directory }
    }

    /// Looks at what is there, or, to `follow` links, at what it leads to.
    pub(super) fn look(&self, follow: bool) -> io::Result<Look> {
        let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        Ok(rustix::fs::statat(self.directory, &*self.path, flags)?.into())
    }

    /// What a link says.
    pub(super) fn read_link(&self) -> io::Result<OsString> {
        use std::os::unix::ffi::OsStringExt;
        let target = rustix::fs::readlinkat(self.directory, &*self.path, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()))
    }

    /// Opens without waiting for the other end of a FIFO.
    pub(super) fn open(&self, follow: bool) -> io::Result<File> {
        let links = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | links;
        Ok(rustix::fs::openat(self.directory, &*self.path, flags, Mode::empty())?.into())
    }
}

#[cfg(unix)]
impl Look {
    /// Of what is open.
    pub(super) fn of(file: impl AsFd) -> io::Result<Self> {
        Ok(rustix::fs::fstat(file)?.into())
    }
}

#[cfg(unix)]
impl From<Stat> for Look {
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
impl Place<'_> {
    /// Looks at what is there, or, to `follow` links, at what it leads to.
    pub(super) fn look(&self, follow: bool) -> io::Result<Look> {
        let metadata = if follow { self.path.metadata()? } else { self.path.symlink_metadata()? };
        Ok(metadata.into())
    }

    /// What a link says.
    pub(super) fn read_link(&self) -> io::Result<OsString> {
        Ok(self.path.read_link()?.into())
    }

    pub(super) fn open(&self, _: bool) -> io::Result<File> {
        File::open(&self.path)
    }
}

#[cfg(not(unix))]
impl Look {
    /// Of what is open.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        Ok(file.metadata()?.into())
    }
}

#[cfg(not(unix))]
impl From<std::fs::Metadata> for Look {
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
