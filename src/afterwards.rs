//! What is left to do when a call has its answer.
//!
//! Promises: nobody waits for it, and nothing depends on it.
//! Does not promise: that it is done. A process that ends before loses some speed the next time.

use std::cell::RefCell;

/// Work for when nobody waits.
#[derive(Default)]
pub struct Afterwards(RefCell<Vec<Box<dyn FnOnce()>>>);

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
