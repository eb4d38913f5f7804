//! Keeping what this process was just told of, until it has had the time to start it.
//!
//! Promises: while a process that was served an entry lives, the entry is not removed for [`HELD_FOR`] at least, and longer
//! where the process asks for no other. That costs two system calls an entry and writes nothing: the lock is the kernel's, on
//! the binary itself, and goes with the process.
//! Does not promise: that where the system has no such locks; there, times alone decide.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::fs::identity::StatIdentity;

/// How long after an answer its file is held by those who get others meanwhile.
const HELD_FOR: Duration = Duration::from_secs(60);

/// A binary that this process holds.
struct Held {
    path: PathBuf,
    stat: StatIdentity,
    since: Instant,
    _file: File,
}

static HELD: Mutex<Vec<Held>> = Mutex::new(Vec::new());

/// Holds the binary at `path`, which has the identity `stat`, for this process. One that cannot be held is not.
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
