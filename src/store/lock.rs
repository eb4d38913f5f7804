//! Locks between processes.
//!
//! Promises: the kernel releases a lock when its holder ends, in whatever way. A waiting call reports the process that it
//! waits for and how far that one is, and stops waiting when it is aborted. On Unix, the file of a lock is removed when the
//! lock is released.
//! Does not promise: exclusion on a file system without locks. The work goes on there, with a warning. Publishing is safe
//! without locks, which only keep two processes from doing the same work twice.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::directory::Store;
use super::progress::{NOTICE, News};
use crate::error::{Error, Result};
use crate::fs::identity::is_same_file;
use crate::model::cancellation::Cancellation;
use crate::model::event::{Event, WaitingFor};
use crate::model::fingerprint::{Digest, Fingerprint};

const POLL: Duration = Duration::from_millis(20);

/// The name of a lock.
#[derive(Clone, Copy, Debug)]
pub enum LockName {
    /// The right to build one entry.
    Entry(Fingerprint),
    /// The right to run cargo with one target directory, until the result is copied.
    Output(Digest),
    /// The right to run zig. Two at once damage each other's cache.
    ///
    /// <https://github.com/rust-cross/cargo-zigbuild/issues/348>
    Zigbuild,
}

/// A lock that is held, or a stand-in on a file system without locks.
#[derive(Debug)]
pub struct Lock {
    held: Option<(File, PathBuf)>,
    /// True if a file beside it tells how far its holder is.
    has_notice: bool,
}

impl Store {
    /// Takes the lock `name`. Waits as long as other processes hold it.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when its file cannot be made, [`Error::Aborted`].
    pub fn lock(&self, name: LockName, cancellation: &Cancellation, emit: &dyn Fn(Event)) -> Result<Lock> {
        loop {
            if let Some(lock) = self.lock_or_wait(name, cancellation, emit)? {
                return Ok(lock);
            }
        }
    }

    /// Takes the lock `name`. If another process holds it, waits for its release and returns none: the caller looks again
    /// first, since the result may be there. Looking needs no lock, so that all waiting calls look at the same time.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when its file cannot be made, [`Error::Aborted`].
    pub fn lock_or_wait(
        &self,
        name: LockName,
        cancellation: &Cancellation,
        emit: &dyn Fn(Event),
    ) -> Result<Option<Lock>> {
        let (file_name, on) = match name {
            LockName::Entry(fingerprint) => (fingerprint.short(), WaitingFor::Entry),
            LockName::Output(directory) => (format!("target-{}", &directory.to_string()[..16]), WaitingFor::Checkout),
            LockName::Zigbuild => ("zigbuild".to_owned(), WaitingFor::Zigbuild),
        };
        let path = self.lock_file(&file_name);
        let (mut told, mut news) = (None, News::default());
        loop {
            cancellation.check()?;
            let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
            // The error is about the directory, which must be writable, and not about this file.
            let refused = |error| {
                let problem = format!("`{}` cannot be made: {error}", path.display());
                Error::cache_doing(&self.root, problem, &error)
            };
            let mut file = file.map_err(refused)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => {
                    let mut lock = Lock::taken(file, path);
                    if told.is_some() {
                        return Ok(None);
                    }
                    lock.sign();
                    return Ok(Some(lock));
                }
                // Its last holder removed the file between opening and locking it.
                Ok(()) => continue,
                Err(TryLockError::WouldBlock) => {
                    let holder = holder(&mut file);
                    match (told, holder) {
                        (Some(Some(before)), Some(now)) if before != now => return Ok(None),
                        // The event is sent when the wait begins, and again once the holder has signed the lock.
                        (None, _) | (Some(None), Some(_)) => {
                            let (pid, since_ms) = holder.unzip();
                            emit(Event::Waiting { on, pid, since_ms, progress: None });
                            told = Some(holder);
                        }
                        _ => {
                            let (pid, since_ms) = holder.unzip();
                            if let Some(standing) = news.next(&path, pid) {
                                emit(Event::Waiting { on, pid, since_ms, progress: Some(standing) });
                            }
                        }
                    }
                    cancellation.pause(POLL)?;
                }
                Err(TryLockError::Error(error)) => {
                    emit(Event::Warning {
                        message: format!(
                            "`{}` cannot be locked ({error}); two processes may build the same binary",
                            path.display()
                        ),
                    });
                    return Ok(Some(Lock { held: None, has_notice: false }));
                }
            }
        }
    }

    /// Takes the lock called `short`, if no other process holds it. It does not wait. On a file system without locks, it
    /// returns a stand-in.
    pub(super) fn try_lock(&self, short: &str) -> Option<Lock> {
        let path = self.lock_file(short);
        let Ok(file) = File::options().read(true).write(true).create(true).truncate(false).open(&path) else {
            return Some(Lock { held: None, has_notice: false });
        };
        match file.try_lock() {
            Ok(()) if is_at(&file, &path) => {
                let mut lock = Lock::taken(file, path);
                lock.sign();
                Some(lock)
            }
            Ok(()) | Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Error(_)) => Some(Lock { held: None, has_notice: false }),
        }
    }

    /// Takes the lock that keeps other processes from changing files in the directory `short`, if none holds it. A process
    /// holds it for moments, and never waits for another lock meanwhile. It does not tell whether the entry is being built;
    /// [`LockName::Entry`] does.
    pub(super) fn try_lock_directory(&self, short: &str) -> Option<Lock> {
        self.try_lock(&directory_lock(short))
    }

    /// Does the same as [`Store::try_lock_directory`], and waits for its release.
    ///
    /// # Errors
    ///
    /// [`Error::Aborted`].
    pub(super) fn lock_directory(&self, short: &str, cancellation: &Cancellation) -> Result<Lock> {
        self.lock_in_turn(&directory_lock(short), cancellation)
    }

    /// Takes the locks under which the directory `short` may be removed: no other process builds its entry, and none
    /// publishes into it. A publishing process may hold the lock of another entry, since it learns the final fingerprint
    /// only after the build.
    pub(super) fn try_lock_for_removal(&self, short: &str) -> Option<[Lock; 2]> {
        Some([self.try_lock(short)?, self.try_lock_directory(short)?])
    }

    /// Takes the lock called `short`, and waits for its release.
    ///
    /// # Errors
    ///
    /// [`Error::Aborted`].
    pub(super) fn lock_in_turn(&self, short: &str, cancellation: &Cancellation) -> Result<Lock> {
        loop {
            cancellation.check()?;
            if let Some(lock) = self.try_lock(short) {
                return Ok(lock);
            }
            cancellation.pause(POLL)?;
        }
    }

    /// Removes the files of a lock whose holder was killed. Returns whether no process holds the lock. In a dry run, the
    /// file stays.
    pub(super) fn remove_lock(&self, path: PathBuf, dry_run: bool) -> bool {
        let Ok(file) = File::options().read(true).write(true).open(&path) else { return false };
        // Another process that has opened the file notices that the file is not at its path any more.
        let is_free = cfg!(unix) && file.try_lock().is_ok() && is_at(&file, &path);
        if is_free && !dry_run {
            drop(Lock { held: Some((file, path)), has_notice: true });
        }
        is_free
    }

    fn lock_file(&self, name: &str) -> PathBuf {
        self.locks().join(format!("{name}.lock"))
    }
}

impl Lock {
    fn taken(file: File, path: PathBuf) -> Self {
        // Who signed it was killed, and what that process told holds no more.
        let is_signed = file.metadata().is_ok_and(|metadata| metadata.len() > 0);
        if is_signed {
            let _ = std::fs::remove_file(path.with_extension(NOTICE));
        }
        Self { held: Some((file, path)), has_notice: false }
    }

    /// True unless the file system has no locks.
    pub(super) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Makes the file that tells how far the holder is. It goes with the lock.
    pub(super) fn notice_file(&mut self) -> Option<File> {
        let (_, path) = self.held.as_ref()?;
        let file = File::options().write(true).create(true).truncate(false).open(path.with_extension(NOTICE)).ok()?;
        self.has_notice = true;
        Some(file)
    }

    /// Writes the process and the time into the file, for those that wait.
    fn sign(&mut self) {
        if let Some((file, _)) = &mut self.held
            && let Err(error) = sign(file)
        {
            tracing::debug!(%error, "the lock does not say who holds it");
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some((file, path)) = self.held.take() {
            if self.has_notice {
                let _ = std::fs::remove_file(path.with_extension(NOTICE));
            }
            // The file is removed while it is locked. A waiting process that locks it then notices that it is not at its
            // path any more.
            if cfg!(unix) {
                let _ = std::fs::remove_file(path);
            }
            drop(file);
        }
    }
}

fn directory_lock(short: &str) -> String {
    format!("{short}.directory")
}

fn sign(file: &mut File) -> io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    file.set_len(0)?;
    file.rewind()?;
    // It is a single write, since other processes may read at any moment.
    file.write_all(format!("{} {now}", std::process::id()).as_bytes())
}

/// Returns the process and the time that the holder wrote; none before it has, and on Windows, where a locked file cannot
/// be read.
fn holder(file: &mut File) -> Option<(u32, u64)> {
    let mut text = String::new();
    file.take(64).read_to_string(&mut text).ok()?;
    let (pid, since) = text.split_once(' ')?;
    Some((pid.parse().ok()?, since.parse().ok()?))
}

/// True if the process `pid` holds the lock at `path`. Does not tell one process from another where a locked file cannot be
/// read.
pub(super) fn is_held_by(path: &Path, pid: u32) -> bool {
    let Ok(mut file) = File::open(path) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
        && holder(&mut file).is_none_or(|(own, _)| own == pid)
}

/// True if `file` stands at `path`, or may: the file of a lock is never removed on Windows.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(one), Ok(other)) => !cfg!(unix) || is_same_file(&one, &other),
        _ => !cfg!(unix),
    }
}
