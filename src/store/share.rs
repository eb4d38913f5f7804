//! Having equal binaries on disk once.
//!
//! Different inputs often give the same bytes: a comment, a commit, a test. Where the file system can share blocks
//! between files (reflink), the new entry's file becomes a clone of the old one's; elsewhere another name for it (hard
//! link), which is safe since a published file is never opened for writing.
//!
//! Promises: what takes the place of a staged copy has its bytes, read to the last one, and is what others may execute.
//! Whatever goes wrong leaves the copy as it is.
//! Does not promise: to find what two processes publish at the same moment.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::TempPath;

use super::contents::Listed;
use super::disk::FileId;
use super::entry::owned_and_executable;
use super::{Staged, Store};
use crate::fingerprint::Digest;

/// What equal binaries have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Blocks.
    Blocks,
    /// The whole file, or nothing.
    File,
}

impl Store {
    /// Puts a clone of an equal published binary, or another name for it, in the place of `staged`, which is to be
    /// published as `destination`.
    pub(super) fn share(&self, staged: &mut Staged, destination: &Path) -> Sharing {
        // A rebuild puts a new file in the place of the old one, and must not find that in another entry.
        let old = fs::symlink_metadata(destination).ok();
        let is_old = |listed: &Listed| {
            let file = fs::symlink_metadata(&listed.path).ok();
            listed.path == destination || old.as_ref().zip(file).is_some_and(|(old, file)| same_file(old, &file))
        };
        let entries = self.list().entries;
        for equal in entries.iter().filter(|listed| listed.manifest.sha256 == staged.sha256 && !is_old(listed)) {
            match self.shared_with(equal, staged) {
                Ok((path, sharing)) => {
                    staged.path = path;
                    return sharing;
                }
                Err(error) => tracing::debug!(%error, path = %equal.path.display(), "not shared"),
            }
        }
        Sharing::File
    }

    fn shared_with(&self, equal: &Listed, staged: &Staged) -> io::Result<(TempPath, Sharing)> {
        let published = File::open(&equal.path)?;
        let metadata = published.metadata()?;
        owned_and_executable(&metadata).map_err(io::Error::other)?;
        let (digest, size) = Digest::of_file(&published, &mut vec![0; 128 * 1024])?;
        if !metadata.is_file() || (digest, size) != (staged.sha256, staged.size) {
            return Err(io::Error::other("it is not as it was published"));
        }
        if let Ok(path) = self.clone_of(&published) {
            return Ok((path, Sharing::Blocks));
        }
        let link = |name: &Path| fs::hard_link(&equal.path, name);
        let path = tempfile::Builder::new().make_in(self.temporary(), link)?.into_temp_path();
        if same_file(&metadata, &fs::symlink_metadata(&path)?) {
            Ok((path, Sharing::File))
        } else {
            Err(io::Error::other("it was replaced meanwhile"))
        }
    }

    #[cfg(target_os = "linux")]
    fn clone_of(&self, published: &File) -> io::Result<TempPath> {
        self.sealed(|file, _| rustix::fs::ioctl_ficlone(file, published).map_err(Into::into))
    }

    /// Other systems' ways to clone do not say whether they did.
    #[cfg(not(target_os = "linux"))]
    fn clone_of(&self, _: &File) -> io::Result<TempPath> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// On Windows, where files have no numbers, what is said of them by name has to do.
fn same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    match (FileId::of(one), FileId::of(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one.len() == other.len(),
    }
}
