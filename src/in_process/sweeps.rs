//! Answers several calls from one sweep.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use super::Shared;
use super::moment::Moment;
use crate::error::Result;
use crate::inputs::Subject;
use crate::model::cancellation::Cancellation;
use crate::model::tree::Tree;

enum Sweep {
    Running,
    Done { began: Moment, tree: Weak<Tree> },
}

static SWEEPS: LazyLock<Shared<HashMap<Subject, Sweep>>> = LazyLock::new(Shared::default);

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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::mpsc;

    use super::*;
    use crate::error::Error;
    use crate::request::Environment;

    fn key(name: &str) -> Subject {
        Subject { root: PathBuf::from(name), exclude: Vec::new(), crate_scope: None, git: Environment::default() }
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
