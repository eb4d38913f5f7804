//! Making a binary an entry.
//!
//! In two steps, so that the inputs can be looked at once more between them: [`Store::stage`] copies the binary to a
//! file without a name that anyone looks for, and [`Store::publish`] gives it one, under a lock that keeps pruning out.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gix::bstr::ByteSlice;
use tempfile::{NamedTempFile, TempPath};

use super::entry::{inputs_path, libraries_beside, manifest_path, read_manifest};
use super::share::Sharing;
use super::{Entry, Manifest, PublishedLibrary, Store, create_private, lease, make_way};
use crate::error::{Error, Result};
use crate::fs::identity::StatIdentity;
use crate::model::cancellation::Cancellation;
use crate::model::companions::{Companions, Edit, Library};
use crate::model::fingerprint::Digest;
use crate::model::inventory::Inventory;
use crate::request::Request;

/// Of every published binary.
#[cfg(unix)]
pub(super) const MODE: u32 = 0o755;
const SEARCH_BYTES: usize = 1024 * 1024;
/// How long a child between fork and exec may keep a copy of the descriptor that the binary was written through.
const WRITER_GONE_WITHIN: Duration = Duration::from_secs(2);

/// Copies of a built binary and of the libraries that go with it, complete and on disk, without a name yet.
#[derive(Debug)]
pub struct Staged {
    pub(super) binary: StagedFile,
    /// By name.
    pub(super) libraries: Vec<(String, StagedFile)>,
}

/// One of these copies.
#[derive(Debug)]
pub(super) struct StagedFile {
    pub(super) path: TempPath,
    pub(super) sha256: Digest,
    pub(super) size: u64,
}

impl Staged {
    /// True if `bytes` stand anywhere in the binary or its libraries.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when a copy cannot be read.
    pub fn holds(&self, bytes: &[u8]) -> Result<bool> {
        let files = std::iter::once(&self.binary).chain(self.libraries.iter().map(|(_, file)| file));
        files.map(|file| file.holds(bytes)).find(|holds| !matches!(holds, Ok(false))).unwrap_or(Ok(false))
    }

    /// Where the copies are.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&*self.binary.path).chain(self.libraries.iter().map(|(_, file)| &*file.path))
    }

    /// SHA-256 of the binary.
    #[must_use]
    pub fn sha256(&self) -> Digest {
        self.binary.sha256
    }

    /// True if it is what the entry of `manifest` holds.
    #[must_use]
    pub fn is_same(&self, manifest: &Manifest) -> bool {
        let libraries = self.libraries.iter().map(|(name, file)| (name, file.sha256));
        let published = manifest.libraries.iter().map(|library| (&library.name, library.sha256));
        self.binary.sha256 == manifest.sha256 && libraries.eq(published)
    }

    /// True if two builds gave the same.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        let digests = |staged: &Self| -> Vec<Digest> {
            [&staged.binary]
                .into_iter()
                .chain(staged.libraries.iter().map(|(_, file)| file))
                .map(|file| file.sha256)
                .collect()
        };
        digests(self) == digests(other)
    }
}

impl StagedFile {
    fn holds(&self, bytes: &[u8]) -> Result<bool> {
        let search = || -> io::Result<bool> {
            let mut file = File::open(&self.path)?;
            let mut buffer = vec![0; SEARCH_BYTES + bytes.len()];
            let mut kept = 0;
            loop {
                let count = file.read(&mut buffer[kept..])?;
                if count == 0 {
                    return Ok(false);
                }
                let end = kept + count;
                if buffer[..end].find(bytes).is_some() {
                    return Ok(true);
                }
                // What may be the start of a match that the next piece completes.
                kept = end.min(bytes.len().saturating_sub(1));
                buffer.copy_within(end - kept..end, 0);
            }
        };
        search().map_err(|error| Error::cache_io(&self.path, &error))
    }
}

impl Store {
    /// Copies `executable` and the libraries of `companions` into the cache; none when one of them is not, or during the copy
    /// ceases to be, the file that had the identity `stat` when cargo named it, or when it was read: another cargo has put
    /// another one in its place.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when there is no room, or a file cannot be written.
    pub fn stage(&self, executable: &Path, stat: &StatIdentity, companions: &Companions) -> Result<Option<Staged>> {
        let staged = || -> io::Result<Option<Staged>> {
            let Some(binary) = self.staged_file(executable, stat, &companions.edits)? else { return Ok(None) };
            let mut libraries = Vec::with_capacity(companions.libraries.len());
            for Library { name, path, stat, edits } in &companions.libraries {
                let Some(file) = self.staged_file(path, stat, edits)? else { return Ok(None) };
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

    fn staged_file(&self, from: &Path, stat: &StatIdentity, edits: &[Edit]) -> io::Result<Option<StagedFile>> {
        let is_same = || fs::metadata(from).is_ok_and(|now| StatIdentity::of(&now) == *stat);
        let mut is_whole = false;
        let path = self.sealed(|mut file, path| {
            is_whole = match copy(from, file, path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                copied => copied.map(|()| is_same())?,
            };
            for edit in edits {
                file.seek(SeekFrom::Start(edit.offset))?;
                file.write_all(&edit.bytes)?;
            }
            Ok(())
        })?;
        if !is_whole {
            return Ok(None);
        }
        let (sha256, size) = Digest::of_file(&File::open(&path)?, &mut vec![0; 128 * 1024])?;
        Ok(Some(StagedFile { path, sha256, size }))
    }

    /// A new file in the cache's own directory that `write` fills.
    pub(super) fn sealed(&self, write: impl FnOnce(&File, &Path) -> io::Result<()>) -> io::Result<TempPath> {
        sealed_in(&self.temporary(), write)
    }

    /// Makes `staged`, built in `checkout` of `commit`, the entry of `inventory`, in place of one that may be there: whoever runs the old binary goes
    /// on running it. Waits for whoever removes that one, and keeps them out: which entry a build makes is known when it
    /// is done, so that the lock it was made under may be another one's.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when a file cannot be renamed or written, [`Error::Aborted`].
    pub fn publish(
        &self,
        staged: Staged,
        request: &Request,
        (checkout, commit): (&Path, Option<String>),
        inventory: &Inventory,
        build_ms: u64,
        cancellation: &Cancellation,
    ) -> Result<Entry> {
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
        // First, so that whatever is left of a publication that is killed can be told for what it is.
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
            ..Manifest::begun(request, checkout, fingerprint, build_ms)
        };
        self.write(&manifest_path(&path), &json(&manifest)?)?;
        sync_directory(&directory).map_err(at(&directory))?;
        lease::hold(&path, &stat);
        Ok(Entry::of(path, manifest))
    }

    /// What an entry of `inventory` would be whose binary stays at `executable`, where cargo put it: nothing is published,
    /// and nobody finds it.
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

    /// Gives a copy its name, and what it has in common with one that has been published.
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

/// A new file in `directory` that `write` fills: executable, on disk, and open for writing nowhere.
pub(super) fn sealed_in(directory: &Path, write: impl FnOnce(&File, &Path) -> io::Result<()>) -> io::Result<TempPath> {
    let target = NamedTempFile::new_in(directory)?;
    // A lock lives as long as any copy of the descriptor, so it tells when the last one has been closed.
    let locked = target.as_file().lock().is_ok();
    write(target.as_file(), target.path())?;
    make_executable(target.as_file())?;
    target.as_file().sync_all()?;
    let path = target.into_temp_path();
    if locked {
        await_writers(&File::open(&path)?);
    }
    Ok(path)
}

/// Removes the libraries of an earlier publication of the binary at `path` that this one, with `libraries`, does not put
/// there anew. Its manifest goes first, so that a kill leaves what can be told for unfinished.
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

pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Linux shares the blocks where the file system can (`copy_file_range`), through the descriptor that is at hand.
#[cfg(target_os = "linux")]
pub(super) fn copy(from: &Path, mut to: &File, _: &Path) -> io::Result<()> {
    io::copy(&mut File::open(from)?, &mut to).map(drop)
}

/// The standard library clones on APFS and ReFS.
#[cfg(not(target_os = "linux"))]
pub(super) fn copy(from: &Path, _: &File, to: &Path) -> io::Result<()> {
    fs::copy(from, to).map(drop)
}

#[cfg(unix)]
fn make_executable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(MODE))
}

#[cfg(not(unix))]
fn make_executable(_: &File) -> io::Result<()> {
    Ok(())
}

/// Waits until no process has the file open for writing, or Linux refuses to execute it (`ETXTBSY`): a process that was
/// forked while it was written holds a copy of the descriptor until it executes something itself.
///
/// <https://github.com/rust-lang/rust/issues/114554>
fn await_writers(file: &File) {
    let deadline = std::time::Instant::now() + WRITER_GONE_WITHIN;
    while matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)) {
        if std::time::Instant::now() > deadline {
            tracing::debug!("another process still holds the binary open for writing");
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(unix)]
fn remove_link(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// Here, a link to a directory is a directory.
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
