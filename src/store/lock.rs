//! Locks between processes.
//!
//! Promises: the kernel frees a lock when its holder ends, however it ends; whoever waits knows for whom, and stops
//! waiting when its call is aborted. A lock's file is gone when no process holds it.
//! Does not promise: exclusion where the file system has no locks. The work goes on there with a warning; publishing
//! is safe without locks, which only keep two processes from doing the same work twice.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::directory::Store;
use crate::error::{Error, Result};
use crate::fs::identity::is_same_file;
use crate::model::cancellation::Cancellation;
use crate::model::event::{Event, WaitingFor};
use crate::model::fingerprint::{Digest, Fingerprint};

const POLL: Duration = Duration::from_millis(20);

/// What is locked.
#[derive(Clone, Copy, Debug)]
pub enum LockName {
    /// The right to build one entry.
    Entry(Fingerprint),
    /// The right to run cargo with one target directory, until what it built there is copied.
    Output(Digest),
    /// The right to run zig: two at once trip over each other's cache.
    ///
    /// <https://github.com/rust-cross/cargo-zigbuild/issues/348>
    Zigbuild,
}

/// A lock that is held, or the knowledge that there is none to be had.
#[derive(Debug)]
pub struct Lock {
    held: Option<(File, PathBuf)>,
}

impl Store {
    /// Takes the lock `name`, waiting for whoever holds it and for whoever comes first after that.
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

    /// Takes the lock `name`, or waits until its holder has let go of it and takes nothing: what all who wait are
    /// waiting for may be there now, and they need no lock to look, nor have to be told of each other.
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
        let mut told = None;
        loop {
            cancellation.check()?;
            let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
            // What is to be writable is the directory, and not this file.
            let refused = |error| {
                let problem = format!("`{}` cannot be made: {error}", path.display());
                Error::cache_doing(&self.root, problem, &error)
            };
            let mut file = file.map_err(refused)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => {
                    let mut lock = Lock { held: Some((file, path)) };
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
                        // Not told of yet, or told of before it had signed.
                        (None, _) | (Some(None), Some(_)) => {
                            let (pid, since_ms) = holder.unzip();
                            emit(Event::Waiting { on, pid, since_ms });
                            told = Some(holder);
                        }
                        _ => {}
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
                    return Ok(Some(Lock { held: None }));
                }
            }
        }
    }

    /// Takes the lock of the directory `short`, or the one called `short`, if nobody has it; waits for nobody. Where
    /// there are no locks, there is nobody to heed either.
    pub(super) fn try_lock(&self, short: &str) -> Option<Lock> {
        let path = self.lock_file(short);
        let Ok(file) = File::options().read(true).write(true).create(true).truncate(false).open(&path) else {
            return Some(Lock { held: None });
        };
        match file.try_lock() {
            Ok(()) if is_at(&file, &path) => {
                let mut lock = Lock { held: Some((file, path)) };
                lock.sign();
                Some(lock)
            }
            Ok(()) | Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Error(_)) => Some(Lock { held: None }),
        }
    }

    /// Keeps everybody else from changing what is in the directory `short`, if nobody does so now. It is held for moments,
    /// and whoever holds it waits for no other lock; whether the entry is being built is for its own lock to tell.
    pub(super) fn try_lock_directory(&self, short: &str) -> Option<Lock> {
        self.try_lock(&directory_lock(short))
    }

    /// As [`Store::try_lock_directory`], as soon as no other process does so.
    ///
    /// # Errors
    ///
    /// [`Error::Aborted`].
    pub(super) fn lock_directory(&self, short: &str, cancellation: &Cancellation) -> Result<Lock> {
        self.lock_in_turn(&directory_lock(short), cancellation)
    }

    /// The locks under which the directory `short` may be removed: nobody builds its entry, and nobody publishes into it,
    /// who may have begun without knowing that it would be this one.
    pub(super) fn try_lock_for_removal(&self, short: &str) -> Option<[Lock; 2]> {
        Some([self.try_lock(short)?, self.try_lock_directory(short)?])
    }

    /// Takes the lock that is called `short`, as soon as no other process has it.
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

    /// Removes a lock's file that its holder could not remove, as one that was killed; says whether nobody holds it. In a
    /// dry run it stays.
    pub(super) fn remove_lock(&self, path: PathBuf, dry_run: bool) -> bool {
        let Ok(file) = File::options().read(true).write(true).open(&path) else { return false };
        // A process that has opened it, too, notices that it is not at the path any more.
        let is_free = cfg!(unix) && file.try_lock().is_ok() && is_at(&file, &path);
        if is_free && !dry_run {
            drop(Lock { held: Some((file, path)) });
        }
        is_free
    }

    fn lock_file(&self, name: &str) -> PathBuf {
        self.locks().join(format!("{name}.lock"))
    }
}

impl Lock {
    /// True if others are kept out.
    pub(super) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Writes into the file who holds it, and since when.
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
            // Removed while it is held: a waiter that locks the orphan notices that it is not at the path any more.
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
    // In one write, since others read it at any moment.
    file.write_all(format!("{} {now}", std::process::id()).as_bytes())
}

/// Process and time, as the holder wrote them; none while it has not, and on Windows, where a locked file is unreadable.
fn holder(file: &mut File) -> Option<(u32, u64)> {
    let mut text = String::new();
    file.take(64).read_to_string(&mut text).ok()?;
    let (pid, since) = text.split_once(' ')?;
    Some((pid.parse().ok()?, since.parse().ok()?))
}

/// True if `file` stands at `path`, or may: the file of a lock is never removed on Windows.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(one), Ok(other)) => !cfg!(unix) || is_same_file(&one, &other),
        _ => !cfg!(unix),
    }
}
