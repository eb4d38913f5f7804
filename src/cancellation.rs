//! Stopping a call from another thread, at once.
//!
//! Promises: [`Cancellation::cancel`] returns after whatever was started with `start` has been ended,
//! and nothing is started afterwards; it may be called from a process's exit handler, where nothing runs later. Every
//! wait of this crate is a `pause` and ends early.
//! Does not promise: that work in hand stops between two checks, which are a file or a few milliseconds apart.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

type Ending = Box<dyn Fn() + Send>;

#[derive(Default)]
struct State {
    cancelled: bool,
    ending: Option<Ending>,
}

/// One call's switch, shared by the thread that works and those that may stop it.
#[derive(Default)]
pub struct Cancellation {
    state: Mutex<State>,
    changed: Condvar,
}

/// While it lives, cancelling also ends what was registered.
pub(crate) struct Registration<'a>(&'a Cancellation);

impl Cancellation {
    /// Stops the call: what is registered ends now, what waits wakes, what comes later answers [`Error::Aborted`].
    pub fn cancel(&self) {
        let mut state = self.lock();
        state.cancelled = true;
        if let Some(end) = &state.ending {
            end();
        }
        self.changed.notify_all();
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Aborted) } else { Ok(()) }
    }

    /// Sleeps, unless cancelled before or meanwhile.
    pub(crate) fn pause(&self, length: Duration) -> Result<()> {
        let until = Instant::now() + length;
        let mut state = self.lock();
        while !state.cancelled {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Err(Error::Aborted)
    }

    /// Starts something, and has what ends it called on cancellation for as long as the registration lives. Starts
    /// nothing when that has already happened.
    ///
    /// All under one lock: a cancellation meets either nothing or something that it can end, and what it ends cannot go
    /// away under it. That matters to a process that exits, which does not look a second time.
    pub(crate) fn start<T, E: Fn() + Send + 'static>(
        &self,
        start: impl FnOnce() -> Result<(T, E)>,
    ) -> Result<(T, Registration<'_>)> {
        let mut state = self.lock();
        if state.cancelled {
            return Err(Error::Aborted);
        }
        let (started, end) = start()?;
        state.ending = Some(Box::new(end));
        Ok((started, Registration(self)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.0.lock().ending = None;
    }
}
