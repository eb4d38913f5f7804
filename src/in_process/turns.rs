//! Has builds in one checkout take turns.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::Shared;
use crate::error::Result;
use crate::model::cancellation::Cancellation;
use crate::model::event::{Event, Standing, WaitingFor};

/// The checkouts that are built in, and how far each build is.
static TURNS: LazyLock<Shared<HashMap<PathBuf, Option<Standing>>>> = LazyLock::new(Shared::default);

/// The least time between two events about the progress of another call.
const INTERVAL: Duration = Duration::from_millis(250);

/// The right to run cargo in one checkout.
pub(crate) struct Turn {
    checkout: PathBuf,
    /// True if another call of this process had it first.
    pub(crate) waited: bool,
}

impl Turn {
    /// Tells the calls that wait how far the build is.
    pub(crate) fn note(&self, standing: Standing) {
        TURNS.lock().insert(self.checkout.clone(), Some(standing));
    }
}

/// Waits until no other call of this process builds in `checkout`.
pub(crate) fn take_turn(checkout: &Path, cancellation: &Cancellation, emit: &dyn Fn(Event)) -> Result<Turn> {
    let (on, pid) = (WaitingFor::Checkout, Some(std::process::id()));
    let mut turns = TURNS.lock();
    // The time of the last event, and what it told.
    let mut told: Option<(Instant, Option<Standing>)> = None;
    while let Some(standing) = turns.get(checkout) {
        let progress = match &told {
            None => Some(None),
            Some((at, last)) => (at.elapsed() >= INTERVAL && last != standing).then(|| standing.clone()),
        };
        if let Some(progress) = progress {
            drop(turns);
            told = Some((Instant::now(), progress.clone()));
            emit(Event::Waiting { on, pid, since_ms: None, progress });
            turns = TURNS.lock();
            continue;
        }
        turns = TURNS.wait(turns);
        cancellation.check()?;
    }
    turns.insert(checkout.to_owned(), None);
    Ok(Turn { checkout: checkout.to_owned(), waited: told.is_some() })
}

impl Drop for Turn {
    fn drop(&mut self) {
        TURNS.lock().remove(&self.checkout);
        TURNS.changed.notify_all();
    }
}
