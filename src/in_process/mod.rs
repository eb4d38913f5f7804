//! Shares sweeps, turns and finished builds between the calls of one process.
//!
//! Promises: a call is answered from a sweep that began after the call was made, no matter which call made the sweep. So
//! sharing never hides an edit made before a call. Builds in one checkout take turns, so that cargo does not wait for its
//! own lock.
//! Does not promise: anything between processes. The locks of the store serve there.

mod builds;
mod moment;
mod sweeps;
mod turns;

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use builds::{note_build, was_built_since};
pub use moment::Moment;
pub(crate) use sweeps::shared_sweep;
pub(crate) use turns::{Turn, take_turn};

/// The interval at which a wait checks whether its call was aborted.
const POLL: Duration = Duration::from_millis(20);

/// A state that the calls of the process share, and the news that it has changed.
#[derive(Default)]
struct Shared<T> {
    state: Mutex<T>,
    changed: Condvar,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, T> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.changed.wait_timeout(state, POLL).unwrap_or_else(PoisonError::into_inner).0
    }
}
