//! The deadlines of a request, which are this program's and not OpenDAL's.
//!
//! Promises: a store that does not answer, that stops in the middle, or that drips bytes for ever ends nothing later than the
//! limits say. A deadline that passes drops the work, and with it the connection.
//! Does not promise: to interrupt the system. A file operation that hangs keeps its thread, while the request ends.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// The time for the answer to "is it there".
const ANSWER: Duration = Duration::from_secs(3);
/// The time that a transfer may go without progress.
const STALL: Duration = Duration::from_secs(5);

/// The progress of a request, and what its store last said. The transport writes it.
pub(crate) struct Pulse {
    began: Instant,
    beat: AtomicU64,
    answered: AtomicBool,
    seen: Mutex<Seen>,
}

/// The words of a store that refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The status of the last answer, if it was a refusal.
    pub(crate) status: Option<u16>,
    /// The store's own code for the refusal.
    pub(crate) code: Option<String>,
    /// The seconds by which the store's clock is ahead of this machine's.
    pub(crate) ahead: Option<i64>,
}

impl Pulse {
    /// Begins a request.
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            beat: AtomicU64::new(0),
            answered: AtomicBool::new(false),
            seen: Mutex::default(),
        }
    }

    /// Notes that bytes went either way.
    pub(crate) fn beat(&self) {
        let elapsed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat.fetch_max(elapsed, Ordering::Relaxed);
    }

    /// Notes an answer's head.
    pub(crate) fn answer(&self, seen: Seen) {
        self.heard();
        *self.seen.lock().expect("no holder of the lock panics") = seen;
    }

    /// Notes that the store gave something.
    pub(crate) fn heard(&self) {
        self.beat();
        self.answered.store(true, Ordering::Relaxed);
    }

    /// Returns the last refusal.
    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().expect("no holder of the lock panics").clone()
    }

    fn last_beat(&self) -> Instant {
        self.began + Duration::from_millis(self.beat.load(Ordering::Relaxed))
    }
}

/// The limits of one step of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// The step is an answer, and small: [`ANSWER`] for all of it.
    Answer,
    /// The step begins with an answer within [`ANSWER`], and goes on with progress.
    Read,
    /// The step makes progress.
    Transfer,
}

/// A limit that passed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lapse {
    /// The thing that did not happen.
    pub(crate) what: &'static str,
    /// The time that there was.
    pub(crate) limit: Duration,
}

/// Runs a step. `until` is the end of the request, and `whole` how long it was in all.
///
/// # Errors
///
/// [`Lapse`] when one of the step's limits or `until` passes first.
pub(crate) async fn paced<T>(
    step: impl Future<Output = T>,
    pulse: &Pulse,
    pace: Pace,
    until: Instant,
    whole: Duration,
) -> Result<T, Lapse> {
    let began = Instant::now();
    pulse.beat();
    pulse.answered.store(false, Ordering::Relaxed);
    // The next limit moves with each beat.
    let next = || match pace {
        Pace::Answer => (began + ANSWER, Lapse { what: "did not answer", limit: ANSWER }),
        Pace::Read if !pulse.answered.load(Ordering::Relaxed) => {
            (began + ANSWER, Lapse { what: "did not answer", limit: ANSWER })
        }
        Pace::Read | Pace::Transfer => (pulse.last_beat() + STALL, Lapse { what: "made no progress", limit: STALL }),
    };
    tokio::pin!(step);
    loop {
        let moment = next().0.min(until);
        if let Ok(output) = timeout_at(moment, &mut step).await {
            return Ok(output);
        }
        let now = Instant::now();
        if now >= until {
            return Err(Lapse { what: "did not finish", limit: whole });
        }
        let (limit, lapse) = next();
        if now >= limit {
            return Err(lapse);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;

    use tokio::time::sleep;

    use super::*;

    const WHOLE: Duration = Duration::from_secs(60);

    /// Runs a step in a clock of its own. Returns how it ended, and after how many milliseconds.
    fn run(pace: Pace, step: impl AsyncFnOnce(Arc<Pulse>)) -> (Option<&'static str>, u128) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime can be made").block_on(async {
            let began = Instant::now();
            let pulse = Arc::new(Pulse::new());
            let ended = paced(step(Arc::clone(&pulse)), &pulse, pace, began + WHOLE, WHOLE).await;
            (ended.err().map(|lapse| lapse.what), began.elapsed().as_millis())
        })
    }

    async fn drip(pulse: Arc<Pulse>) {
        pulse.answer(Seen::default());
        loop {
            sleep(Duration::from_millis(500)).await;
            pulse.beat();
        }
    }

    #[test]
    fn silence_ends_an_answer_after_3_seconds_and_a_transfer_after_5() {
        for (pace, what, about) in [
            (Pace::Answer, "did not answer", 3000),
            (Pace::Read, "did not answer", 3000),
            (Pace::Transfer, "made no progress", 5000),
        ] {
            let (ended, after) = run(pace, async |_| pending().await);
            assert_eq!(ended, Some(what), "{pace:?}");
            assert!((about..about + 20).contains(&after), "{pace:?}: {after}");
        }
    }

    #[test]
    fn a_drip_ends_an_answer_after_3_seconds_and_a_transfer_at_the_deadline() {
        for (pace, about) in [(Pace::Answer, 3000), (Pace::Read, 60_000), (Pace::Transfer, 60_000)] {
            let (ended, after) = run(pace, drip);
            assert!(ended.is_some() && (about..about + 20).contains(&after), "{pace:?}: {after}");
        }
    }

    #[test]
    fn a_read_that_stops_after_its_answer_ends_5_seconds_later() {
        let (ended, after) = run(Pace::Read, async |pulse: Arc<Pulse>| {
            sleep(Duration::from_secs(1)).await;
            pulse.answer(Seen::default());
            pending().await
        });
        assert_eq!(ended, Some("made no progress"));
        assert!((6000..6020).contains(&after), "{after}");
    }

    #[test]
    fn what_is_in_time_ends_nothing() {
        let slow = async |pulse: Arc<Pulse>| {
            for _ in 0..10 {
                sleep(Duration::from_secs(4)).await;
                pulse.beat();
            }
        };
        assert_eq!(run(Pace::Transfer, slow).0, None);
    }
}
