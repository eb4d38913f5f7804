//! Work that a call leaves for after its answer.
//!
//! Promises: no answer from the cache waits for this work, and no result depends on it. A call that builds does the brief
//! part first, such as saving what a sweep has learned, so that other calls can use it meanwhile. A process that is about to
//! end, or to become another program (see [`wait_for_all`]), waits for brief work until it is done. It waits for lengthy
//! work, which is pruning and sending to a team's store, for a tenth of a second at most. Lengthy work runs on a thread of
//! its own for as long as the process lives, and may be killed at any instruction.
//! Does not promise: that the work is done. Work that is left undone makes the next call a little slower, or is left to a
//! later call: a process that ends at once prunes for that tenth of a second alone, and later processes go on with it until
//! all is done. No separate process does the rest. It would need a program to run, and the launcher may be the only program
//! installed.

use std::cell::RefCell;
use std::sync::{Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// The time that a process waits for lengthy work. It is enough to look through hundreds of entries and to remove some, and
/// a user does not notice it after a build.
const GRACE: Duration = Duration::from_millis(100);
/// The stack size of the thread for lengthy work. Directories are walked recursively, however deep they are. The unused part
/// takes no memory.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// The number of calls of this process that may have work left to do.
static CALLS: Mutex<usize> = Mutex::new(0);
static CALL_ENDED: Condvar = Condvar::new();

/// The work of one call for the time after its answer.
pub struct Afterwards {
    brief: RefCell<Vec<Box<dyn FnOnce()>>>,
    lengthy: RefCell<Vec<Box<dyn FnOnce() + Send>>>,
}

/// Registers a call that begins, so that [`wait_for_all`] waits for it.
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

/// Waits until no call of this process has work left that a process waits for. A call must not use it: it would wait for
/// itself.
pub fn wait_for_all() {
    let calls = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
    drop(CALL_ENDED.wait_while(calls, |calls| *calls > 0));
}

impl Afterwards {
    pub(crate) fn add(&self, work: impl FnOnce() + 'static) {
        self.brief.borrow_mut().push(Box::new(work));
    }

    /// Adds lengthy work. Pieces of it are done one after the other.
    pub(crate) fn add_lengthy(&self, work: impl FnOnce() + Send + 'static) {
        self.lengthy.borrow_mut().push(Box::new(work));
    }

    /// Does the brief work that was added so far. Starts the lengthy work, and waits for it for a tenth of a second at most.
    pub fn run(&self) {
        for work in self.brief.take() {
            work();
        }
        let lengthy = self.lengthy.take();
        if lengthy.is_empty() {
            return;
        }
        // The thread drops its end of the channel when it is done.
        let (working, ended) = mpsc::channel::<()>();
        let work = move || {
            let _working = working;
            for work in lengthy {
                work();
            }
        };
        // A thread that cannot be started has dropped its end already.
        let _thread = thread::Builder::new().name("dev-bin-later".into()).stack_size(STACK_BYTES).spawn(work);
        let _ended = ended.recv_timeout(GRACE);
    }
}
