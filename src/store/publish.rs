//! Publishes a binary as an entry.
//!
//! There are two steps, so that the caller can survey the inputs again between them. [`Store::stage`] copies the binary to
//! a temporary file, and [`Store::publish`] gives it its name, under a lock that keeps pruning out.
//!
//! Promises: each file is complete and on disk before it has its name, and the manifest comes last. A published file is
//! open for writing in no process.
//! Does not promise: that two processes do not publish the same entry. The later one replaces the earlier.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::dedup::Sharing;
use super::directory::{Store, create_private, make_way};
use super::entry::Entry;
use super::layout::{inputs_path, libraries_beside, manifest_path, read_manifest};
use super::lease;
use super::manifest::{Manifest, Provenance, PublishedLibrary};
use super::staged::{Staged, StagedFile, copy};
use crate::error::{Error, Result};
use crate::fs::identity::StatIdentity;
use crate::model::cancellation::Cancellation;
use crate::model::companions::{Companion, Companions, Edit};
use crate::model::fingerprint::Digest;
use crate::model::inventory::Inventory;
use crate::request::Request;

impl Store {
    /// Copies `executable` and the libraries of `companions` into the cache. Returns none if one of them has another
    /// identity than `stat`, which it had when cargo named it or when it was read: then another cargo has replaced it. This
    /// is checked after the copy. `sought` is what [`Staged::holds`] will be asked, and is looked for at once.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when there is no room, or a file cannot be written.
    pub fn stage(
        &self,
        executable: &Path,
        stat: &StatIdentity,
        companions: &Companions,
        sought: &[&[u8]],
    ) -> Result<Option<Staged>> {
        let staged = || -> io::Result<Option<Staged>> {
            let Some(binary) = self.staged_file(executable, stat, &companions.edits, sought)? else { return Ok(None) };
            let mut libraries = Vec::with_capacity(companions.files.len());
            for Companion { name, path, stat, edits } in &companions.files {
                let Some(file) = self.staged_file(path, stat, edits, sought)? else { return Ok(None) };
                libraries.push((name.clone(), file));
            }
            Ok(Some(Staged { binary, libraries }))
        };
        staged().map_err(|error| {
            let problem =
                format!("the binary is built, at `{}`, and cannot be copied there: {error}", executable.display());
            Error::cache_doing(&self.temporary(), problem, &error)
        })
    }

    fn staged_file(
        &self,
        from: &Path,
        stat: &StatIdentity,
        edits: &[Edit],
        sought: &[&[u8]],
    ) -> io::Result<Option<StagedFile>> {
        let is_same = || fs::metadata(from).is_ok_and(|now| StatIdentity::of(&now) == *stat);
        let mut is_whole = false;
        let write = |mut file: &File, path: &Path| {
            is_whole = match copy(from, file, path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                copied => copied.map(|()| is_same())?,
            };
            for edit in edits {
                file.seek(SeekFrom::Start(edit.offset))?;
                file.write_all(&edit.bytes)?;
            }
            Ok(())
        };
        let staged = self.staged_as(write, sought)?;
        Ok(is_whole.then_some(staged))
    }

    /// Publishes `staged` as the entry of `inventory`. It replaces an earlier one; a
    /// process that runs the old binary goes on running it. The fingerprint is known only after the build, so the lock of
    /// the build may be that of another entry. So this takes the directory's own lock, and waits for a process that removes
    /// the entry.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when a file cannot be renamed or written, [`Error::Aborted`].
    pub fn publish(
        &self,
        staged: Staged,
        request: &Request,
        provenance: Provenance<'_>,
        inventory: &Inventory,
        cancellation: &Cancellation,
    ) -> Result<Entry> {
        let Provenance { checkout, commit, build_ms, origin } = provenance;
        let fingerprint = inventory.fingerprint();
        let directory = self.entry_directory(&fingerprint);
        let path = directory.join(request.binary_name());
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error: io::Error| Error::cache_io(&path, &error)
        };
        let _lock = self.lock_directory(&fingerprint.short(), cancellation)?;
        if directory.is_symlink() {
            remove_link(&directory).map_err(at(&directory))?;
        }
        create_private(&directory).map_err(at(&directory))?;
        // The inputs come first, so that an unfinished publication can be recognized after a kill.
        self.write(&inputs_path(&path), &json(inventory)?)?;
        let before = read_manifest(&manifest_path(&path)).filter(|before| before.fingerprint == fingerprint);
        let earlier = before.iter().flat_map(Manifest::checkouts).filter(|(earlier, _)| *earlier != checkout);
        let served_to = earlier.map(|(earlier, since)| (earlier.to_owned(), since)).collect();
        let published = self.published_files();
        before.iter().try_for_each(|before| clear(&path, before, &staged.libraries)).map_err(at(&directory))?;
        let mut libraries = Vec::with_capacity(staged.libraries.len());
        for (name, file) in staged.libraries {
            let path = directory.join(&name);
            let (sha256, size) = (file.sha256, file.size);
            let (stat, cloned) = self.place(file, &path, &published)?;
            libraries.push(PublishedLibrary { name, sha256, size, stat, cloned });
        }
        let (sha256, size) = (staged.binary.sha256, staged.binary.size);
        let (stat, cloned) = self.place(staged.binary, &path, &published)?;
        let manifest = Manifest {
            sha256,
            size,
            stat,
            cloned,
            libraries,
            served_to,
            commit,
            origin,
            ..Manifest::begun(request, checkout, fingerprint, build_ms)
        };
        self.write(&manifest_path(&path), &json(&manifest)?)?;
        sync_directory(&directory).map_err(at(&directory))?;
        lease::hold(&path, &stat);
        Ok(Entry::of(path, manifest))
    }

    /// Returns an entry whose binary stays at `executable`, where cargo put it. It is not published, so that no look-up
    /// finds it.
    #[must_use]
    pub fn unpublished(
        staged: &Staged,
        executable: &Path,
        request: &Request,
        checkout: &Path,
        inventory: &Inventory,
        build_ms: u64,
    ) -> Entry {
        let stat = fs::metadata(executable).map(|metadata| StatIdentity::of(&metadata)).unwrap_or_default();
        let begun = Manifest::begun(request, checkout, inventory.fingerprint(), build_ms);
        let StagedFile { sha256, size, .. } = staged.binary;
        Entry::of(executable.to_owned(), Manifest { sha256, size, stat, ..begun })
    }

    /// Gives a copy its name, and lets it share its content with an equal published file. Returns whether it shares blocks.
    fn place(
        &self,
        mut file: StagedFile,
        path: &Path,
        published: &[(PathBuf, Digest)],
    ) -> Result<(StatIdentity, bool)> {
        make_way(path).map_err(|error| Error::cache_io(path, &error))?;
        let sharing = self.share(&mut file, path, published);
        file.path.persist(path).map_err(|error| Error::cache_io(path, &error.error))?;
        let metadata = fs::symlink_metadata(path).map_err(|error| Error::cache_io(path, &error))?;
        Ok((StatIdentity::of(&metadata), sharing == Sharing::Blocks))
    }
}

/// Removes the libraries that the last publication of the binary at `path` left and that are not among `libraries`. The old
/// manifest goes first, so that an unfinished publication can be recognized after a kill.
fn clear(path: &Path, before: &Manifest, libraries: &[(String, StagedFile)]) -> io::Result<()> {
    let is_unneeded =
        |library: &Path| !libraries.iter().any(|(name, _)| library.file_name().is_some_and(|it| it == &**name));
    let unneeded: Vec<_> = libraries_beside(path, before).filter(|library| is_unneeded(library)).collect();
    let mut going = (!unneeded.is_empty()).then(|| manifest_path(path)).into_iter().chain(unneeded);
    going.try_for_each(|file| match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    })
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::Internal(format!("a manifest cannot be written as JSON: {error}")))
}

#[cfg(unix)]
fn remove_link(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// Removes a link to a directory, which is a directory on Windows.
#[cfg(not(unix))]
fn remove_link(path: &Path) -> io::Result<()> {
    fs::remove_dir(path)
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
