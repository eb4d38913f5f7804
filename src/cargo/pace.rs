//! How fast a build goes: what takes longest, and how long the rest may take.
//!
//! Promises: times are measured here, from what cargo says as it says it. What is left is the last build's time less what
//! has passed; once that is used up, and where no build is known that was asked for in the same way, nothing is said.
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
    /// A build that begins now, and would take as long as `expected` if it were like the last one.
    pub(super) fn new(expected: Option<Duration>) -> Self {
        Self { began: Instant::now(), expected, since: HashMap::new() }
    }

    /// What cargo's progress line means at this moment.
    pub(super) fn progress(&mut self, done: u32, total: u32, compiling: Vec<String>) -> Event {
        let now = Instant::now();
        self.since.retain(|unit, _| compiling.contains(unit));
        for unit in &compiling {
            self.since.entry(unit.clone()).or_insert(now);
        }
        // Of several that began together, the one that cargo names first.
        let began = |unit: &&String| self.since.get(*unit).copied().unwrap_or(now);
        let slowest = compiling.iter().min_by_key(began);
        let slowest = slowest.map(|unit| Compiling { unit: unit.clone(), elapsed: now - began(&unit) });
        let elapsed = now - self.began;
        let left = self.expected.and_then(|expected| expected.checked_sub(elapsed));
        Event::Progress { done, total, compiling, slowest, elapsed, left }
    }
}
