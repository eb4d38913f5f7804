//! Remembers in this process what it has seen, so that it need not be read from a file each time.
//!
//! Promises: the values of one stat cache are never returned for another. As with stat caches in files, a value from before
//! the clock was set is not returned.
//! Does not promise: to remember anything. There is little room, and a caller can do without.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::stat_cache::Id;
use crate::fs::identity::Stamp;

/// Values and the times at which they were seen, by the stat cache that keeps or would keep them.
pub(crate) struct ProcessCache<T> {
    known: LazyLock<Mutex<HashMap<Id, (Stamp, T)>>>,
    most: usize,
}

impl<T> ProcessCache<T> {
    /// Makes an empty cache with room for `most` values.
    pub(crate) const fn new(most: usize) -> Self {
        Self { known: LazyLock::new(Mutex::default), most }
    }

    /// Returns the value under `id`, and forgets it.
    pub(crate) fn take(&self, id: &Id, stamp: &Stamp) -> Option<T> {
        self.lock().remove(id).filter(|(then, _)| then.is_by_the_same_clock(stamp.ahead_ns())).map(|(_, seen)| seen)
    }

    pub(crate) fn remember(&self, id: Id, stamp: Stamp, seen: T) {
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

impl<T: Clone> ProcessCache<T> {
    /// Returns the value under `id`.
    pub(crate) fn get(&self, id: &Id, stamp: &Stamp) -> Option<T> {
        let known = self.lock();
        known.get(id).filter(|(then, _)| then.is_by_the_same_clock(stamp.ahead_ns())).map(|(_, seen)| seen.clone())
    }
}
