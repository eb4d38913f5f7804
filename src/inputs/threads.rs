//! A few threads for work of a few milliseconds.
//!
//! Promises: the work is done even where no other thread can be started. A new thread need not wait for the others: a
//! kernel may leave it on the processor it was started from though others are idle, as on virtual machines that keep as
//! many processors asleep as they can, and there it would begin when whoever is on it has used up a slice of two
//! milliseconds or more, with nothing left to do. Whoever finds one waiting makes way for it. The thread that asks does
//! not: what it starts later, as cargo, inherits where it may run.
//! Does not promise: that more threads are quicker. Whoever asks knows how much there is to do.

use std::cell::Cell;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rayon::ThreadPool;
use rayon::prelude::*;

/// Fewer pieces of work are done sooner than a pool of threads wakes up.
const PIECES_FOR_A_POOL: usize = 8;

/// As many threads as can run at once, for work that comes piece by piece; none where they cannot be started.
pub(super) fn pool() -> Option<&'static ThreadPool> {
    static POOL: LazyLock<Option<ThreadPool>> = LazyLock::new(|| rayon::ThreadPoolBuilder::new().build().ok());
    POOL.as_ref()
}

/// What `work` makes of each of `pieces`, in their order.
pub(super) fn each<T: Send, R: Send>(pieces: Vec<T>, work: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    match (pieces.len() >= PIECES_FOR_A_POOL).then(pool).flatten() {
        Some(pool) => pool.install(|| pieces.into_par_iter().map(work).collect()),
        None => pieces.into_iter().map(work).collect(),
    }
}

/// One thread's view of all that do the work.
pub(super) struct Thread<'a> {
    /// How many were started and have not begun.
    waiting: &'a AtomicUsize,
    made_way: Cell<bool>,
}

impl<'a> Thread<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        Self { waiting, made_way: Cell::new(false) }
    }

    /// Leaves this processor to a thread that waits, if there is one. To be asked now and then.
    pub(super) fn make_way(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 && !self.made_way.replace(true) {
            leave_processor();
        }
    }
}

/// Does `work` on `count` new threads, or on this one when that is all, and gives what each has come to.
pub(super) fn together<T: Send>(count: usize, work: impl Fn(&Thread<'_>) -> T + Sync) -> Vec<T> {
    let waiting = AtomicUsize::new(count);
    let alone = || {
        waiting.store(0, Ordering::Relaxed);
        vec![work(&Thread::new(&waiting))]
    };
    if count < 2 {
        return alone();
    }
    let begin = || {
        waiting.fetch_sub(1, Ordering::Relaxed);
        work(&Thread::new(&waiting))
    };
    thread::scope(|scope| {
        let start = |_| {
            let started = thread::Builder::new().spawn_scoped(scope, begin).ok();
            if started.is_none() {
                waiting.fetch_sub(1, Ordering::Relaxed);
            }
            started
        };
        let started: Vec<_> = (0..count).filter_map(start).collect();
        if started.is_empty() {
            return alone();
        }
        let join = |other: thread::ScopedJoinHandle<'_, T>| {
            other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        started.into_iter().map(join).collect()
    })
}

/// Goes on on another processor, if there is one that this thread may use.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn leave_processor() {
    use rustix::thread::{sched_getaffinity, sched_getcpu, sched_setaffinity};
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let mut others = allowed;
    others.unset(sched_getcpu());
    if others.count() > 0 && sched_setaffinity(None, &others).is_ok() {
        // It was allowed a moment ago. Whoever took that away has said since what is.
        let _ = sched_setaffinity(None, &allowed);
    }
}

/// Other systems start a thread on an idle processor.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn leave_processor() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_does_its_part() {
        let parts = AtomicUsize::new(0);
        let mut done = together(3, |thread| {
            let part = parts.fetch_add(1, Ordering::Relaxed);
            // Whoever comes first goes on until all have begun.
            while parts.load(Ordering::Relaxed) < 3 {
                thread.make_way();
            }
            part
        });
        done.sort_unstable();
        assert_eq!(done, [0, 1, 2]);
    }

    #[test]
    #[should_panic(expected = "on one thread")]
    fn a_panic_on_another_thread_is_not_lost() {
        let parts = AtomicUsize::new(0);
        together(2, |_| assert_ne!(parts.fetch_add(1, Ordering::Relaxed), 1, "on one thread"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn whoever_makes_way_may_go_where_it_could_before() {
        use rustix::thread::sched_getaffinity;
        let allowed = sched_getaffinity(None).unwrap();
        let waiting = AtomicUsize::new(1);
        Thread::new(&waiting).make_way();
        assert_eq!(sched_getaffinity(None).unwrap(), allowed);
    }
}
