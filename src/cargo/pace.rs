//! Tells how a build goes: which unit takes longest, and how long the rest may take.
//!
//! Promises: times are measured here, when cargo's messages arrive. The rest is the duration of the last build of the same
//! kind, less the time since the beginning. There is none if no such build is known, or if that duration has passed.
//! Does not promise: that a build takes as long as the last one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::model::event::{Compiling, Event};

/// The clock of one build.
pub(super) struct Pace {
    began: Instant,
    expected: Option<Duration>,
    since: HashMap<String, Instant>,
}

impl Pace {
    /// Starts the clock of a build whose predecessor took `expected`.
    pub(super) fn new(expected: Option<Duration>) -> Self {
        Self { began: Instant::now(), expected, since: HashMap::new() }
    }

    /// Turns cargo's progress line into an event.
    pub(super) fn progress(&mut self, done: u32, total: u32, compiling: Vec<String>) -> Event {
        let now = Instant::now();
        self.since.retain(|unit, _| compiling.contains(unit));
        for unit in &compiling {
            self.since.entry(unit.clone()).or_insert(now);
        }
        // If several units began together, the one that cargo names first counts.
        let began = |unit: &&String| self.since.get(*unit).copied().unwrap_or(now);
        let slowest = compiling.iter().min_by_key(began);
        let slowest = slowest.map(|unit| Compiling { unit: unit.clone(), elapsed: now - began(&unit) });
        let elapsed = now - self.began;
        let left = self.expected.and_then(|expected| expected.checked_sub(elapsed));
        Event::Progress { done, total, compiling, slowest, elapsed, left }
    }
}
