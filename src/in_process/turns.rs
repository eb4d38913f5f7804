//! Has builds in one checkout take turns.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::Shared;
use crate::error::Result;
use crate::model::cancellation::Cancellation;
use crate::model::event::{Event, WaitingFor};

static TURNS: LazyLock<Shared<HashSet<PathBuf>>> = LazyLock::new(Shared::default);

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
