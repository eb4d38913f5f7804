//! Holds the binaries that this process was served, so that it has the time to start them.
//!
//! Promises: while a process that was served an entry lives, the entry is not removed for at least [`HELD_FOR`], and longer
//! if the process is served no other. A lease costs two system calls and writes nothing. It is a lock of the kernel on the
//! binary itself, and ends with the process.
//! Does not promise: to hold anything where the system has no such locks. There, only the times of use decide.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::fs::identity::StatIdentity;

/// How long a lease is kept at least. It ends when the process is served another entry after this time.
const HELD_FOR: Duration = Duration::from_secs(60);

/// A binary that this process holds.
struct Held {
    path: PathBuf,
    stat: StatIdentity,
    since: Instant,
    _file: File,
}

static HELD: Mutex<Vec<Held>> = Mutex::new(Vec::new());

/// Holds the binary at `path`, which has the identity `stat`, for this process. A failure is ignored.
pub(super) fn hold(path: &Path, stat: &StatIdentity) {
    let now = Instant::now();
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = held.iter_mut().find(|known| known.path == path && known.stat == *stat) {
        known.since = now;
        return;
    }
    let Ok(file) = File::open(path) else { return };
    if file.try_lock_shared().is_err() {
        return;
    }
    held.retain(|held| now.duration_since(held.since) < HELD_FOR);
    held.push(Held { path: path.to_owned(), stat: *stat, since: now, _file: file });
}

/// True if a process holds the binary at `path`.
pub(super) fn is_held(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}
