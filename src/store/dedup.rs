//! Stores equal binaries once.
//!
//! Different inputs often give the same bytes: another comment, commit or test. If the file system can share blocks between
//! files (reflink), the new file becomes a clone of the old one. Otherwise it becomes another name of it (hard link), which
//! is safe since a published file is never opened for writing.
//!
//! Promises: the file that replaces a staged copy has its bytes, read to the last one, and belongs to this user with the
//! published mode. After any failure, the copy stays as it is.
//! Does not promise: to find equal files that two processes publish at the same moment.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::contents::Listed;
use super::directory::Store;
use super::staged::{StagedFile, owned_and_executable};
use crate::fs::identity::is_same_file;
use crate::model::fingerprint::Digest;

/// How a published file shares its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    /// It is a clone, which shares blocks.
    Blocks,
    /// It is a hard link, or shares nothing.
    File,
}

impl Store {
    /// Returns the published binaries and libraries, with their digests.
    pub(super) fn published_files(&self) -> Vec<(PathBuf, Digest)> {
        let files = |listed: Listed| {
            let Listed { path, manifest, .. } = listed;
            let libraries =
                manifest.libraries.iter().map(|library| (path.with_file_name(&library.name), library.sha256));
            [(path.clone(), manifest.sha256)].into_iter().chain(libraries).collect::<Vec<_>>()
        };
        self.list().entries.into_iter().flat_map(files).collect()
    }

    /// Replaces `staged` by a clone of, or a link to, one of the `published` files that equals it. The file is published as
    /// `destination` afterwards.
    pub(super) fn share(
        &self,
        staged: &mut StagedFile,
        destination: &Path,
        published: &[(PathBuf, Digest)],
    ) -> Sharing {
        // A rebuild replaces the file at `destination`, so it must not share with that file under another entry's name.
        let old = fs::symlink_metadata(destination).ok();
        let is_old = |path: &Path| {
            let file = fs::symlink_metadata(path).ok();
            path == destination || old.as_ref().zip(file).is_some_and(|(old, file)| is_same_file(old, &file))
        };
        for (equal, _) in published.iter().filter(|(path, digest)| *digest == staged.sha256 && !is_old(path)) {
            match self.shared_with(equal, staged) {
                Ok((path, sharing)) => {
                    staged.path = path;
                    return sharing;
                }
                Err(error) => tracing::debug!(%error, path = %equal.display(), "not shared"),
            }
        }
        Sharing::File
    }

    fn shared_with(&self, equal: &Path, staged: &StagedFile) -> io::Result<(TempPath, Sharing)> {
        let published = File::open(equal)?;
        let metadata = published.metadata()?;
        owned_and_executable(&metadata).map_err(io::Error::other)?;
        let (digest, size) = Digest::of_file(&published, &mut vec![0; 128 * 1024])?;
        if !metadata.is_file() || (digest, size) != (staged.sha256, staged.size) {
            return Err(io::Error::other("it is not as it was published"));
        }
        if let Ok(path) = self.clone_of(&published) {
            return Ok((path, Sharing::Blocks));
        }
        let link = |name: &Path| fs::hard_link(equal, name);
        let path = tempfile::Builder::new().make_in(self.temporary(), link)?.into_temp_path();
        if is_same_file(&metadata, &fs::symlink_metadata(&path)?) {
            Ok((path, Sharing::File))
        } else {
            Err(io::Error::other("it was replaced meanwhile"))
        }
    }

    #[cfg(target_os = "linux")]
    fn clone_of(&self, published: &File) -> io::Result<TempPath> {
        self.sealed(|file, _| rustix::fs::ioctl_ficlone(file, published).map_err(Into::into))
    }

    /// Other systems' calls do not tell whether they cloned.
    #[cfg(not(target_os = "linux"))]
    fn clone_of(&self, _: &File) -> io::Result<TempPath> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
