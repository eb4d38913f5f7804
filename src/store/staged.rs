//! Copies of a built binary that have no name in the cache yet.
//!
//! Promises: such a copy is complete, on disk, executable, and open for writing nowhere, so that it can be started as soon
//! as it has its name.
//! Does not promise: that it stays. A copy that gets no name goes with its value.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::thread;
use std::time::Duration;

use gix::bstr::ByteSlice;
use tempfile::{NamedTempFile, TempPath};

use super::directory::Store;
use super::manifest::Manifest;
use crate::error::{Error, Result};
use crate::model::fingerprint::Digest;

/// The mode of every published binary.
#[cfg(unix)]
pub(super) const MODE: u32 = 0o755;

/// How much of a file is read at once to look for bytes in it, and to digest it.
const SEARCH_BYTES: usize = 1024 * 1024;
const DIGEST_BYTES: usize = 128 * 1024;

/// How long to wait for a child process, between fork and exec, that has a copy of the descriptor through which a binary
/// was written.
const WRITER_GONE_WITHIN: Duration = Duration::from_secs(2);

/// Copies of a built binary and of the libraries that go with it: complete, on disk, and under temporary names.
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
    /// Bytes that were looked for in it, and whether it contains them.
    searched: BTreeMap<Vec<u8>, bool>,
}

impl Staged {
    /// True if the binary or one of its libraries contains `bytes`.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when a copy cannot be read.
    pub fn holds(&self, bytes: &[u8]) -> Result<bool> {
        let files = std::iter::once(&self.binary).chain(self.libraries.iter().map(|(_, file)| file));
        files.map(|file| file.holds(bytes)).find(|holds| !matches!(holds, Ok(false))).unwrap_or(Ok(false))
    }

    /// Returns the paths of the copies.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&*self.binary.path).chain(self.libraries.iter().map(|(_, file)| &*file.path))
    }

    /// Returns the SHA-256 of the binary.
    #[must_use]
    pub fn sha256(&self) -> Digest {
        self.binary.sha256
    }

    /// True if these are the files that `manifest` lists.
    #[must_use]
    pub fn is_same(&self, manifest: &Manifest) -> bool {
        let libraries = self.libraries.iter().map(|(name, file)| (name, file.sha256));
        let published = manifest.libraries.iter().map(|library| (&library.name, library.sha256));
        self.binary.sha256 == manifest.sha256 && libraries.eq(published)
    }

    /// True if two builds gave the same bytes.
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
        if let Some(known) = self.searched.get(bytes) {
            return Ok(*known);
        }
        contains(&self.path, bytes).map_err(|error| Error::cache_io(&self.path, &error))
    }
}

/// True if the file at `path` contains `bytes`.
pub(super) fn contains(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let mut file = File::open(path)?;
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
        // The end of this piece may be the beginning of a match that the next one completes.
        kept = end.min(bytes.len().saturating_sub(1));
        buffer.copy_within(end - kept..end, 0);
    }
}

impl Store {
    /// Takes over the files in `directory`, each with its name, digest and size: the binary `name`, and its libraries.
    /// Returns none if they are others. The caller has compared the digests.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when a file cannot be prepared.
    pub fn take_over(&self, directory: &Path, name: &str, files: Vec<(String, Digest, u64)>) -> Result<Option<Staged>> {
        let mut staged = (None, Vec::new());
        for (its_name, sha256, size) in files {
            let path = directory.join(&its_name);
            let prepared = || -> io::Result<Option<TempPath>> {
                let file = File::options().read(true).write(true).open(&path)?;
                make_executable(&file)?;
                file.sync_all()?;
                let is_whole = file.metadata()?.len() == size;
                is_whole.then(|| TempPath::try_from_path(&path)).transpose()
            };
            let Some(path) = prepared().map_err(|error| Error::cache_io(&path, &error))? else { return Ok(None) };
            let file = StagedFile { path, sha256, size, searched: BTreeMap::new() };
            if its_name == name { staged.0 = Some(file) } else { staged.1.push((its_name, file)) }
        }
        let (Some(binary), mut libraries) = staged else { return Ok(None) };
        libraries.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Some(Staged { binary, libraries }))
    }

    /// Makes a new file in the cache's own directory, which `write` fills. It is digested, and `sought` is looked for in it,
    /// while the system writes it to the disk.
    pub(super) fn staged_as(
        &self,
        write: impl FnOnce(&File, &Path) -> io::Result<()>,
        sought: &[&[u8]],
    ) -> io::Result<StagedFile> {
        let digest = |path: &Path| Digest::of_file(&File::open(path)?, &mut vec![0; DIGEST_BYTES]);
        let look_for = |path: &Path| -> io::Result<BTreeMap<Vec<u8>, bool>> {
            sought.iter().map(|bytes| Ok((bytes.to_vec(), contains(path, bytes)?))).collect()
        };
        let both = |path: &Path| in_parallel(|| look_for(path), || digest(path));
        let (path, (searched, (sha256, size))) = sealed_while(&self.temporary(), write, both)?;
        Ok(StagedFile { path, sha256, size, searched })
    }

    /// Makes a new file in the cache's own directory, which `write` fills.
    pub(super) fn sealed(&self, write: impl FnOnce(&File, &Path) -> io::Result<()>) -> io::Result<TempPath> {
        sealed_in(&self.temporary(), write)
    }
}

/// Makes a new file in `directory`, which `write` fills: executable, on disk, and open for writing in no process.
pub(super) fn sealed_in(directory: &Path, write: impl FnOnce(&File, &Path) -> io::Result<()>) -> io::Result<TempPath> {
    sealed_while(directory, write, |_| Ok(())).map(|(path, ())| path)
}

/// As [`sealed_in`]. Also returns what `meanwhile` makes of the file: it runs while the system writes the file to the disk,
/// which takes as long as a digest of it.
fn sealed_while<T>(
    directory: &Path,
    write: impl FnOnce(&File, &Path) -> io::Result<()>,
    meanwhile: impl FnOnce(&Path) -> io::Result<T>,
) -> io::Result<(TempPath, T)> {
    let target = NamedTempFile::new_in(directory)?;
    // A lock lives as long as any copy of the descriptor, so it tells when the last copy is closed.
    let locked = target.as_file().lock().is_ok();
    write(target.as_file(), target.path())?;
    make_executable(target.as_file())?;
    let ((), made) = in_parallel(|| target.as_file().sync_all(), || meanwhile(target.path()))?;
    let path = target.into_temp_path();
    if locked {
        await_writers(&File::open(&path)?);
    }
    Ok((path, made))
}

/// Returns the results of `one`, on a thread of its own, and of `other`; one after the other if no thread can be started.
fn in_parallel<A: Send, B>(
    one: impl Fn() -> io::Result<A> + Send + Sync,
    other: impl FnOnce() -> io::Result<B>,
) -> io::Result<(A, B)> {
    thread::scope(|scope| {
        let started = thread::Builder::new().name("dev-bin-staging".into()).spawn_scoped(scope, &one);
        let other = other();
        let one = match started {
            Ok(started) => started.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => one(),
        };
        Ok((one?, other?))
    })
}

/// Copies through the open descriptor. Linux shares the blocks if the file system can (`copy_file_range`).
#[cfg(target_os = "linux")]
pub(super) fn copy(from: &Path, mut to: &File, _: &Path) -> io::Result<()> {
    io::copy(&mut File::open(from)?, &mut to).map(drop)
}

/// Copies by name: the standard library clones on APFS and ReFS.
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

/// Waits until no process has the file open for writing, since Linux refuses to execute it before (`ETXTBSY`). A process
/// that was forked during the write has a copy of the descriptor until it executes a program.
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
pub(super) fn owned_and_executable(metadata: &Metadata) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(format!("belongs to user {}", metadata.uid()));
    }
    let mode = metadata.mode() & 0o7777;
    if mode == MODE { Ok(()) } else { Err(format!("has mode {mode:03o} instead of {:03o}", MODE)) }
}

#[cfg(not(unix))]
pub(super) fn owned_and_executable(_: &Metadata) -> Result<(), String> {
    Ok(())
}
