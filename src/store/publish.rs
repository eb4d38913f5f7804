//! Making a binary an entry.
//!
//! In two steps, so that the inputs can be looked at once more between them: [`Store::stage`] copies the binary to a
//! file without a name that anyone looks for, and [`Store::publish`] gives it one, under a lock that keeps pruning out.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gix::bstr::ByteSlice;
use tempfile::{NamedTempFile, TempPath};

use super::entry::{inputs_path, manifest_path, read_manifest};
use super::share::Sharing;
use super::{Entry, MANIFEST_FORMAT, Manifest, Store, create_private, make_way};
use crate::cancellation::Cancellation;
use crate::error::{Error, Result};
use crate::fingerprint::Digest;
use crate::inventory::Inventory;
use crate::request::Request;
use crate::stat::StatIdentity;

/// Of every published binary.
#[cfg(unix)]
pub(super) const MODE: u32 = 0o755;
const SEARCH_BYTES: usize = 1024 * 1024;
/// How long a child between fork and exec may keep a copy of the descriptor that the binary was written through.
const WRITER_GONE_WITHIN: Duration = Duration::from_secs(2);

/// A copy of a built binary, complete and on disk, without a name yet.
#[derive(Debug)]
pub struct Staged {
    pub(super) path: TempPath,
    pub(super) sha256: Digest,
    pub(super) size: u64,
}

impl Staged {
    /// Whether `bytes` stand anywhere in the binary.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when the copy cannot be read.
    pub fn holds(&self, bytes: &[u8]) -> Result<bool> {
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
    /// Copies `executable` into the cache; none when it is not, or during the copy ceases to be, the file that had the
    /// identity `stat` when cargo named it: another cargo has put another binary in its place.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when there is no room, or the file cannot be written.
    pub fn stage(&self, executable: &Path, stat: &StatIdentity) -> Result<Option<Staged>> {
        let staged = || -> io::Result<Option<Staged>> {
            let is_same = || fs::metadata(executable).is_ok_and(|now| StatIdentity::of(&now) == *stat);
            let mut is_whole = false;
            let path = self.sealed(|file, path| {
                is_whole = match copy(executable, file, path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                    copied => copied.map(|()| is_same())?,
                };
                Ok(())
            })?;
            if !is_whole {
                return Ok(None);
            }
            let (sha256, size) = Digest::of_file(&File::open(&path)?, &mut vec![0; 128 * 1024])?;
            Ok(Some(Staged { path, sha256, size }))
        };
        staged().map_err(|error| {
            let problem =
                format!("the binary is built, at `{}`, and cannot be copied there: {error}", executable.display());
            Error::cache_doing(&self.temporary(), problem, &error)
        })
    }

    /// A new file that `write` fills: executable, on disk, and open for writing nowhere.
    pub(super) fn sealed(&self, write: impl FnOnce(&File, &Path) -> io::Result<()>) -> io::Result<TempPath> {
        let target = NamedTempFile::new_in(self.temporary())?;
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

    /// Makes `staged` the entry of `inventory`, in place of one that may be there: whoever runs the old binary goes
    /// on running it. Waits for whoever removes that one, and keeps them out: which entry a build makes is known when it
    /// is done, so that the lock it was made under may be another one's.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when a file cannot be renamed or written, [`Error::Aborted`].
    pub fn publish(
        &self,
        mut staged: Staged,
        request: &Request,
        checkout: &Path,
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
        make_way(&path).map_err(at(&path))?;
        // First, so that whatever is left of a publication that is killed can be told for what it is.
        self.write(&inputs_path(&path), &json(inventory)?)?;
        let before = read_manifest(&manifest_path(&path)).filter(|before| before.fingerprint == fingerprint);
        let earlier = before.iter().flat_map(Manifest::checkouts).filter(|(earlier, _)| *earlier != checkout);
        let served_to = earlier.map(|(earlier, since)| (earlier.to_owned(), since)).collect();
        let sharing = self.share(&mut staged, &path);
        staged.path.persist(&path).map_err(|error| at(&path)(error.error))?;
        let metadata = fs::symlink_metadata(&path).map_err(at(&path))?;
        let manifest = Manifest {
            format: MANIFEST_FORMAT,
            fingerprint,
            package: request.package.clone(),
            bin: request.bin.clone(),
            target: request.target.clone(),
            checkout: checkout.to_owned(),
            sha256: staged.sha256,
            size: staged.size,
            stat: StatIdentity::of(&metadata),
            published_ms: now_ms(),
            build_ms,
            cloned: sharing == Sharing::Blocks,
            served_to,
        };
        self.write(&manifest_path(&path), &json(&manifest)?)?;
        sync_directory(&directory).map_err(at(&directory))?;
        let stat = manifest.stat;
        Ok(Entry { path, manifest, stat })
    }
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
fn copy(from: &Path, mut to: &File, _: &Path) -> io::Result<()> {
    io::copy(&mut File::open(from)?, &mut to).map(drop)
}

/// The standard library clones on APFS and ReFS.
#[cfg(not(target_os = "linux"))]
fn copy(from: &Path, _: &File, to: &Path) -> io::Result<()> {
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

/// Waits until nobody has the file open for writing, or Linux refuses to execute it (`ETXTBSY`): a process that was
/// forked while it was written holds a copy of the descriptor until it executes something itself.
///
/// <https://github.com/rust-lang/rust/issues/114554>
fn await_writers(file: &File) {
    let deadline = std::time::Instant::now() + WRITER_GONE_WITHIN;
    while matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)) {
        if std::time::Instant::now() > deadline {
            tracing::debug!("somebody still holds the binary open for writing");
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
