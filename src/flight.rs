//! Shares sweeps, turns and finished builds between the calls of one process.
//!
//! Promises: a call is answered from a sweep that began after the call was made, no matter which call made the sweep. So
//! sharing never hides an edit made before a call. Builds in one checkout take turns, so that cargo does not wait for its
//! own lock.
//! Does not promise: anything between processes. The locks of the store serve there.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::error::Result;
use crate::inputs::Subject;
use crate::model::cancellation::Cancellation;
use crate::model::event::{Event, WaitingFor};
use crate::model::fingerprint::Fingerprint;
use crate::model::tree::Tree;

/// The interval at which a wait checks whether its call was aborted.
const POLL: Duration = Duration::from_millis(20);

/// A moment in this process: later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// Returns the current moment.
    #[must_use]
    pub fn now() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::SeqCst))
    }
}

enum Sweep {
    Running,
    Done { began: Moment, tree: Weak<Tree> },
}

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

static SWEEPS: LazyLock<Shared<HashMap<Subject, Sweep>>> = LazyLock::new(Shared::default);
static TURNS: LazyLock<Shared<HashSet<PathBuf>>> = LazyLock::new(Shared::default);
static BUILDS: LazyLock<Shared<HashMap<Fingerprint, Moment>>> = LazyLock::new(Shared::default);

/// Returns a tree of `key` that was swept after `since`: one that another call sweeps now or still holds, or else the result
/// of `sweep`.
pub(crate) fn shared_sweep(
    key: Subject,
    since: Moment,
    cancellation: &Cancellation,
    sweep: impl FnOnce() -> Result<Tree>,
) -> Result<Arc<Tree>> {
    let mut sweeps = SWEEPS.lock();
    loop {
        cancellation.check()?;
        match sweeps.get(&key) {
            // Also waits for a sweep that began too early. The calls that wait for its end share the next one.
            Some(Sweep::Running) => sweeps = SWEEPS.wait(sweeps),
            Some(Sweep::Done { began, tree }) if *began > since => match tree.upgrade() {
                Some(tree) => return Ok(tree),
                None => break,
            },
            _ => break,
        }
    }
    sweeps.retain(|_, sweep| match sweep {
        Sweep::Running => true,
        Sweep::Done { tree, .. } => tree.strong_count() > 0,
    });
    let began = Moment::now();
    sweeps.insert(key.clone(), Sweep::Running);
    drop(sweeps);

    let mut running = Running { key: Some(key), done: None };
    let tree = Arc::new(sweep()?);
    running.done = Some(Sweep::Done { began, tree: Arc::downgrade(&tree) });
    Ok(tree)
}

/// A running sweep. When it is dropped, other calls stop waiting, whether it ended with a tree, an error or a panic.
struct Running {
    key: Option<Subject>,
    done: Option<Sweep>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let mut sweeps = SWEEPS.lock();
        match self.done.take() {
            Some(done) => sweeps.insert(key, done),
            None => sweeps.remove(&key),
        };
        drop(sweeps);
        SWEEPS.changed.notify_all();
    }
}

/// The right to run cargo in one checkout.
pub(crate) struct Turn {
    checkout: PathBuf,
    /// True if another call of this process had it first.
    pub(crate) waited: bool,
}

/// Waits until no other call of this process builds in `checkout`.
pub(crate) fn take_turn(checkout: &Path, cancellation: &Cancellation, emit: &dyn Fn(Event)) -> Result<Turn> {
    let mut turns = TURNS.lock();
    let mut waited = false;
    while turns.contains(checkout) {
        if !waited {
            waited = true;
            let pid = Some(std::process::id());
            drop(turns);
            emit(Event::Waiting { on: WaitingFor::Checkout, pid, since_ms: None });
            turns = TURNS.lock();
            continue;
        }
        turns = TURNS.wait(turns);
        cancellation.check()?;
    }
    turns.insert(checkout.to_owned());
    Ok(Turn { checkout: checkout.to_owned(), waited })
}

impl Drop for Turn {
    fn drop(&mut self) {
        TURNS.lock().remove(&self.checkout);
        TURNS.changed.notify_all();
    }
}

/// Records that a build of `fingerprint`, which began at `began`, was published.
pub(crate) fn note_build(fingerprint: Fingerprint, began: Moment) {
    BUILDS.lock().insert(fingerprint, began);
}

/// True if this process has published a build of `fingerprint` that began after `since`.
pub(crate) fn was_built_since(fingerprint: &Fingerprint, since: Moment) -> bool {
    BUILDS.lock().get(fingerprint).is_some_and(|began| *began > since)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::error::Error;
    use crate::request::Environment;

    fn key(name: &str) -> Subject {
        Subject { root: PathBuf::from(name), exclude: Vec::new(), selection: None, git: Environment::default() }
    }

    fn sweep(name: &str, since: Moment) -> Arc<Tree> {
        shared_sweep(key(name), since, &Cancellation::default(), || Ok(Tree::default())).unwrap()
    }

    #[test]
    fn a_sweep_answers_calls_made_before_it_and_none_made_after() {
        let (first, second) = (Moment::now(), Moment::now());
        let tree = sweep("answers", first);
        assert!(Arc::ptr_eq(&tree, &sweep("answers", second)), "both calls were made before the sweep");
        assert!(
            !Arc::ptr_eq(&tree, &sweep("answers", Moment::now())),
            "an edit may lie between the sweep and this call"
        );
    }

    #[test]
    fn a_sweep_that_runs_is_waited_for_and_one_that_fails_is_made_again() {
        let made = Moment::now();
        let (began, has_begun) = mpsc::channel();
        let (fail, may_fail) = mpsc::channel();
        let running = std::thread::spawn(move || {
            shared_sweep(key("fails"), made, &Cancellation::default(), || {
                began.send(()).unwrap();
                may_fail.recv().unwrap();
                Err(Error::Aborted)
            })
        });
        has_begun.recv().unwrap();
        let waiting = std::thread::spawn(move || sweep("fails", made));
        fail.send(()).unwrap();
        assert!(matches!(running.join().unwrap(), Err(Error::Aborted)));
        waiting.join().unwrap();
    }
}
