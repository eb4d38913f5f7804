//! Locks between processes.
//!
//! Promises: the kernel frees a lock when its holder ends, however it ends; whoever waits knows for whom, and stops
//! waiting when its call is aborted. A lock's file is gone when nobody holds it.
//! Does not promise: exclusion where the file system has no locks. The work goes on there with a warning; publishing
//! is safe without locks, which only keep two processes from doing the same work twice.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Store;
use crate::cancellation::Cancellation;
use crate::error::{Error, Result};
use crate::event::{Event, WaitingFor};
use crate::fingerprint::Fingerprint;

const POLL: Duration = Duration::from_millis(20);

/// What is locked.
#[derive(Clone, Copy, Debug)]
pub enum LockName {
    /// The right to build one entry.
    Entry(Fingerprint),
    /// The right to run zig: two at once trip over each other's cache.
    ///
    /// <https://github.com/rust-cross/cargo-zigbuild/issues/348>
    Zigbuild,
}

/// A lock that is held, or the knowledge that there is none to be had.
#[derive(Debug)]
pub struct Lock {
    held: Option<(File, PathBuf)>,
    /// Whether somebody else held it first.
    pub waited: bool,
}

impl Store {
    /// Takes the lock `name`, waiting for whoever holds it.
    ///
    /// # Errors
    ///
    /// [`Error::CacheUnusable`] when its file cannot be made, [`Error::Aborted`].
    pub fn lock(&self, name: LockName, cancellation: &Cancellation, emit: &dyn Fn(Event)) -> Result<Lock> {
        let (file_name, on) = match name {
            LockName::Entry(fingerprint) => (fingerprint.short(), WaitingFor::Entry),
            LockName::Zigbuild => ("zigbuild".to_owned(), WaitingFor::Zigbuild),
        };
        let path = self.locks().join(format!("{file_name}.lock"));
        let mut told = None;
        loop {
            cancellation.check()?;
            let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
            let mut file = file.map_err(|error| Error::cache(&path, error))?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => {
                    if let Err(error) = sign(&mut file) {
                        tracing::debug!(%error, "the lock does not say who holds it");
                    }
                    return Ok(Lock { held: Some((file, path)), waited: told.is_some() });
                }
                // Its last holder removed the file between opening and locking it.
                Ok(()) => continue,
                Err(TryLockError::WouldBlock) => {
                    let holder = holder(&mut file);
                    if told != Some(holder) && (holder.is_some() || told.is_none()) {
                        let (pid, since_ms) = holder.unzip();
                        emit(Event::Waiting { on, pid, since_ms });
                        told = Some(holder);
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
                    return Ok(Lock { held: None, waited: told.is_some() });
                }
            }
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

fn sign(file: &mut File) -> io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{} {now}", std::process::id())
}

/// Process and time, as the holder wrote them; none while it has not, and on Windows, where a locked file is unreadable.
fn holder(file: &mut File) -> Option<(u32, u64)> {
    let mut text = String::new();
    file.take(64).read_to_string(&mut text).ok()?;
    let (pid, since) = text.split_once(' ')?;
    Some((pid.parse().ok()?, since.parse().ok()?))
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// The file of a lock is never removed on Windows.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}
