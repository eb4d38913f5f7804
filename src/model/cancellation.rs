//! Stops a call from another thread, at once.
//!
//! Promises: [`Cancellation::cancel`] returns after everything that was started with `start` has been ended, and nothing is
//! started afterwards. It may be called from the exit handler of a process, after which nothing runs. Every wait of this
//! crate is a `pause` and ends early, or checks for cancellation every few milliseconds.
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

/// The switch of one call, shared by the thread that works and those that may stop it.
#[derive(Default)]
pub struct Cancellation {
    state: Mutex<State>,
    changed: Condvar,
}

/// The registration of something that was started. While it lives, cancelling the call ends that, too.
pub(crate) struct Registration<'a>(&'a Cancellation);

impl Cancellation {
    /// Stops the call: ends what is registered, wakes every `pause`, and makes every later check fail with
    /// [`Error::Aborted`].
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

    /// Sleeps for `length`, or fails with [`Error::Aborted`] as soon as the call is cancelled.
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

    /// Starts something, and registers the function that ends it, which cancellation calls while the registration lives.
    /// Starts nothing if the call is cancelled already.
    ///
    /// One lock is held for all of this. So a cancellation finds either nothing, or something that it can end and that does
    /// not go away meanwhile. A process that exits depends on this: it does not look a second time.
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
