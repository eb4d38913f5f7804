//! Runs work of a few milliseconds on a few threads.
//!
//! Promises: all work is done, on the calling thread if no other can be started. Threads are kept for later calls. A panic
//! on one of them continues in the caller.
//! Does not promise: that more threads are quicker. The caller knows how much work there is.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use rayon::ThreadPool;

/// The number of pieces from which on the pool is used. Fewer are done before its threads wake up.
const PIECES_FOR_A_POOL: usize = 8;
/// The most threads of the pool. More of them wait for each other in the kernel.
const MOST_THREADS: usize = 8;

/// Returns the pool, or none if its threads cannot be started.
///
/// It has one thread less than can run at once, because the calling thread works, too.
pub(crate) fn pool() -> Option<&'static ThreadPool> {
    static POOL: LazyLock<Option<ThreadPool>> =
        LazyLock::new(|| rayon::ThreadPoolBuilder::new().num_threads((cores() - 1).max(1)).build().ok());
    POOL.as_ref()
}

/// Returns the number of threads that can run at once, up to [`MOST_THREADS`].
fn cores() -> usize {
    // The answer is kept: in a container with a limit, asking reads several files.
    static CORES: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from));
    MOST_THREADS.min(*CORES)
}

/// Returns the result of `work` for each of `pieces`, in their order.
pub(crate) fn each<T: Send, R: Send>(pieces: Vec<T>, work: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    if pieces.len() < PIECES_FOR_A_POOL {
        return pieces.into_iter().map(work).collect();
    }
    let rest = Mutex::new(pieces.into_iter().enumerate());
    let next = || rest.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work_off = || std::iter::from_fn(next).map(|(number, piece)| (number, work(piece))).collect::<Vec<_>>();
    let mut done: Vec<_> = together(cores(), work_off).into_iter().flatten().collect();
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Calls `work` on this thread and on others at the same time, `count` times at most in all, and returns the results.
///
/// The calls share the work among themselves, so that one that begins late finds nothing left to do.
pub(crate) fn together<T: Send>(count: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    let others = count.min(cores()).saturating_sub(1);
    let Some(pool) = (others > 0).then(pool).flatten() else { return vec![work()] };
    let results = Mutex::new(Vec::with_capacity(others + 1));
    let one = || {
        let result = work();
        results.lock().unwrap_or_else(PoisonError::into_inner).push(result);
    };
    pool.in_place_scope(|scope| {
        for _ in 0..others {
            scope.spawn(|_| one());
        }
        one();
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn all_pieces_are_done_once_by_however_many_threads() {
        for count in [1, 2, 3, 100] {
            let next = AtomicUsize::new(0);
            let take = || {
                std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|piece| *piece < 1000))
                    .collect::<Vec<_>>()
            };
            let mut done = together(count, take).concat();
            done.sort_unstable();
            assert_eq!(done, (0..1000).collect::<Vec<_>>(), "{count} threads");
        }
    }

    #[test]
    #[should_panic(expected = "in a piece")]
    fn a_panic_is_not_lost() {
        together(2, || panic!("in a piece"));
    }
}
