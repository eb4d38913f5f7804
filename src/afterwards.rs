//! What is left to do when a call has its answer.
//!
//! Promises: no answer waits for it, and nothing depends on it. A process that would end, or become another program
//! ([`wait_for_all`]), waits for what takes moments, such as to keep what a look at a checkout has learned; and for what
//! may take long, which is to prune, a tenth of a second at most. That goes on on a thread of its own, for as long as the
//! process lives, and may be killed at any instruction.
//! Does not promise: that it is done. What is left undone costs some speed the next time, or is left to a later call: a
//! process that ends at once prunes for that moment alone, and so do those after it until all is done. There is no
//! process of its own for the rest: that would need a program to run, and a launcher may be the only one there is.

use std::cell::RefCell;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Enough to look through hundreds of entries and to remove some; a user does not notice it after a build.
const GRACE: Duration = Duration::from_millis(100);
/// Directories are walked into as deep as they are. What is not used of it takes no memory.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// How many calls of this process may have something left to do.
static CALLS: Mutex<usize> = Mutex::new(0);
static CALL_ENDED: Condvar = Condvar::new();

/// Work for the time after the answer.
pub struct Afterwards {
    brief: RefCell<Vec<Box<dyn FnOnce()>>>,
    lengthy: RefCell<Option<Box<dyn FnOnce() + Send>>>,
}

/// For a call that begins.
impl Default for Afterwards {
    fn default() -> Self {
        *CALLS.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self { brief: RefCell::default(), lengthy: RefCell::default() }
    }
}

impl Drop for Afterwards {
    fn drop(&mut self) {
        *CALLS.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        CALL_ENDED.notify_all();
    }
}

/// Waits until no call of this process has anything left to do that is waited for; not to be asked by one of them.
pub fn wait_for_all() {
    let calls = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
    drop(CALL_ENDED.wait_while(calls, |calls| *calls > 0));
}

impl Afterwards {
    pub(crate) fn add(&self, work: impl FnOnce() + 'static) {
        self.brief.borrow_mut().push(Box::new(work));
    }

    /// Of this there is one piece a call.
    pub(crate) fn add_lengthy(&self, work: impl FnOnce() + Send + 'static) {
        self.lengthy.replace(Some(Box::new(work)));
    }

    /// Does what has gathered so far; or begins to, where it takes long.
    pub fn run(&self) {
        for work in self.brief.take() {
            work();
        }
        let Some(work) = self.lengthy.take() else { return };
        let waiting = thread::current();
        let work = move || {
            work();
            waiting.unpark();
        };
        let started = thread::Builder::new().name("dev-bin-later".into()).stack_size(STACK_BYTES).spawn(work);
        if started.is_ok() {
            thread::park_timeout(GRACE);
        }
    }
}
