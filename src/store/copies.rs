//! Copies published files to paths that the caller chose.
//!
//! Promises: a copy has the published bytes and is put into place whole. A file that has these bytes already keeps its
//! times, so that a program which watches it sees no change. A copy is not read if its stat identity is unchanged.
//! Does not promise: to remove a copy. It never does.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::directory::Store;
use super::entry::Entry;
use super::layout::libraries_beside;
use super::staged::{copy, owned_and_executable, sealed_in};
use crate::error::{Error, Result};
use crate::fs::identity::StatIdentity;
use crate::model::fingerprint::Digest;

/// The record of a copy: its digest, and its stat identity.
#[derive(Default, Serialize, Deserialize)]
struct Copied {
    sha256: Option<Digest>,
    stat: StatIdentity,
}

impl Store {
    /// Copies the binary of `entry` to `path`, and the files that go with it into the same directory.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] when a copy cannot be put there.
    pub fn copy_out(&self, entry: &Entry, path: &Path) -> Result<()> {
        let directory = path.parent().unwrap_or(path);
        let failed = |path: &Path, error: &io::Error| {
            Error::option("out", format!("`{}` cannot be written: {error}", path.display()))
        };
        fs::create_dir_all(directory).map_err(|error| failed(directory, &error))?;
        let manifest = &entry.manifest;
        let libraries = libraries_beside(&entry.path, manifest).zip(&manifest.libraries);
        let beside = libraries.map(|(from, library)| (from, directory.join(&library.name), library.sha256));
        // The other files come first, so that the binary is never there without them.
        for (from, to, sha256) in beside.chain([(entry.path.clone(), path.to_owned(), manifest.sha256)]) {
            self.copy(&from, &to, sha256).map_err(|error| failed(&to, &error))?;
        }
        Ok(())
    }

    fn copy(&self, from: &Path, to: &Path, sha256: Digest) -> io::Result<()> {
        let stat = || fs::symlink_metadata(to).map(|metadata| StatIdentity::of(&metadata));
        let known: Copied = self.record(to);
        let there = stat();
        if known.sha256 == Some(sha256) && there.as_ref().is_ok_and(|there| *there == known.stat) {
            return Ok(());
        }
        let metadata = fs::symlink_metadata(to).ok();
        let is_file = match &metadata {
            Some(metadata) if metadata.is_dir() => {
                return Err(io::Error::other("it is a directory; name a file in it"));
            }
            Some(metadata) if metadata.is_file() => owned_and_executable(metadata).is_ok(),
            Some(metadata) if !metadata.is_symlink() => {
                return Err(io::Error::other("it is neither a file nor a link"));
            }
            _ => false,
        };
        if !is_file || digest(to).ok() != Some(sha256) {
            let directory = to.parent().unwrap_or(to);
            let whole = sealed_in(directory, |file, path| copy(from, file, path))?;
            whole.persist(to).map_err(|error| error.error)?;
        }
        let copied = Copied { sha256: Some(sha256), stat: stat()? };
        if let Err(error) = self.keep_record(to, &copied) {
            tracing::debug!(%error, "a copy is not noted, and is read again the next time");
        }
        Ok(())
    }
}

fn digest(path: &Path) -> io::Result<Digest> {
    Digest::of_file(&File::open(path)?, &mut vec![0; 128 * 1024]).map(|(digest, _)| digest)
}
