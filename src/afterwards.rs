//! What is left to do when a call has its answer.
//!
//! Promises: nobody waits for it, and nothing depends on it.
//! Does not promise: that it is done. A process that ends before loses some speed the next time; one that can wait a
//! moment asks [`wait_for_all`].

use std::cell::RefCell;
use std::sync::{Condvar, Mutex, PoisonError};

/// How many calls of this process may have something left to do.
static CALLS: Mutex<usize> = Mutex::new(0);
static CALL_ENDED: Condvar = Condvar::new();

/// Work for when nobody waits.
pub struct Afterwards(RefCell<Vec<Box<dyn FnOnce()>>>);

/// For a call that begins.
impl Default for Afterwards {
    fn default() -> Self {
        *CALLS.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self(RefCell::default())
    }
}

impl Drop for Afterwards {
    fn drop(&mut self) {
        *CALLS.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        CALL_ENDED.notify_all();
    }
}

/// Waits until no call of this process has anything left to do; not to be asked by one of them.
pub fn wait_for_all() {
    let calls = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
    drop(CALL_ENDED.wait_while(calls, |calls| *calls > 0));
}

impl Afterwards {
    pub(crate) fn add(&self, work: impl FnOnce() + 'static) {
        self.0.borrow_mut().push(Box::new(work));
    }

    /// Does what has gathered so far.
    pub fn run(&self) {
        let gathered = self.0.take();
        for work in gathered {
            work();
        }
    }
}
