//! What this process has seen already, so that it need not be read from a file each time.
//!
//! Promises: what stands for one stat cache does not stand for another, and what was seen before somebody set the clock
//! is not given back, as with what is kept in files.
//! Does not promise: to remember anything. There is little room, and a caller can do without.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::stat_cache::Id;
use crate::stat::Stamp;

/// Things by where they are or might be kept, and when they were seen.
pub(super) struct Memo<T> {
    known: LazyLock<Mutex<HashMap<Id, (Stamp, T)>>>,
    most: usize,
}

impl<T> Memo<T> {
    /// With room for `most` things.
    pub(super) const fn new(most: usize) -> Self {
        Self { known: LazyLock::new(Mutex::default), most }
    }

    /// Gives back what is known under `id`, and forgets it.
    pub(super) fn take(&self, id: &Id, stamp: &Stamp) -> Option<T> {
        self.lock().remove(id).filter(|(then, _)| then.is_by_the_same_clock(stamp.ahead_ns())).map(|(_, seen)| seen)
    }

    pub(super) fn remember(&self, id: Id, stamp: Stamp, seen: T) {
        let mut known = self.lock();
        if known.len() >= self.most {
            known.clear();
        }
        known.insert(id, (stamp, seen));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, (Stamp, T)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Memo<T> {
    /// What was seen of `key`.
    pub(super) fn get(&self, id: &Id, stamp: &Stamp) -> Option<T> {
        let known = self.lock();
        known.get(id).filter(|(then, _)| then.is_by_the_same_clock(stamp.ahead_ns())).map(|(_, seen)| seen.clone())
    }
}
