//! Lets a store that failed rest, for all processes.
//!
//! Promises: after a failure, no process asks the store for a minute. The time doubles with each further failure, up to ten
//! minutes. An answer ends it. One warning is given for each failure, and none while the store rests. Damage does not have
//! the store rest, and is remembered until a publication has mended it.
//! Does not promise: that the record is kept. Without it, the store is asked once more.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::model::fingerprint::Digest;
use crate::store::Store;

const FIRST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(600);

/// The record of a store.
#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Kept {
    /// Seconds since 1970 until which the store rests.
    until: u64,
    /// The length of that time in seconds.
    length: u64,
    /// True if an object of the store was damaged.
    #[serde(default)]
    damaged: bool,
}

/// The record of a store, on disk.
pub(crate) struct Rest<'a> {
    store: &'a Store,
    path: PathBuf,
}

impl<'a> Rest<'a> {
    /// Returns the record of the team's store at `url`, which the cache `store` keeps.
    pub(crate) fn of(url: &str, store: &'a Store) -> Self {
        let path = store.root().join(format!("remote-{}", Digest::of(url)));
        Self { store, path }
    }

    /// True if the store rests now.
    pub(crate) fn is_on(&self) -> bool {
        let Kept { until, length, .. } = self.store.record(&self.path);
        // A time that is further away than it can be was written by a clock that has been set since.
        let left = until.saturating_sub(now());
        left > 0 && left <= length
    }

    /// True if an object of the store was damaged when it was last asked.
    pub(crate) fn is_damaged(&self) -> bool {
        self.store.record::<Kept>(&self.path).damaged
    }

    /// Records that an object of the store is damaged, or that no trusted key signed it.
    pub(crate) fn note_damage(&self) {
        self.keep(Kept { damaged: true, ..self.store.record(&self.path) });
    }

    /// Records a failure. Returns how long the store rests; none if it rests already, after a failure of another call that
    /// began as early.
    pub(crate) fn begin(&self) -> Option<Duration> {
        if self.is_on() {
            return None;
        }
        let Kept { until, length, damaged } = self.store.record(&self.path);
        let is_recent = now() <= until.saturating_add(length);
        let length = if is_recent && length > 0 { length.saturating_mul(2) } else { FIRST.as_secs() };
        let length = length.clamp(FIRST.as_secs(), LONGEST.as_secs());
        self.keep(Kept { until: now() + length, length, damaged });
        Some(Duration::from_secs(length))
    }

    /// Records an answer.
    pub(crate) fn end(&self) {
        let Kept { length, damaged, .. } = self.store.record(&self.path);
        if length > 0 {
            self.keep(Kept { damaged, ..Kept::default() });
        }
    }

    /// Records a publication, which has replaced what was damaged.
    pub(crate) fn forget(&self) {
        if self.store.record::<Kept>(&self.path) != Kept::default() {
            self.keep(Kept::default());
        }
    }

    fn keep(&self, kept: Kept) {
        if let Err(error) = self.store.keep_record(&self.path, &kept) {
            tracing::debug!(%error, "it is not kept that the team's store rests");
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_rests_longer_with_each_failure_until_it_answers() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("cache")).unwrap();
        store.prepare().unwrap();
        let rest = Rest::of("s3://b", &store);
        assert!(!rest.is_on());
        let lengths = [60, 120, 240, 480, 600, 600].map(Duration::from_secs);
        for length in lengths {
            assert_eq!(rest.begin(), Some(length));
            assert!(rest.is_on());
            assert_eq!(rest.begin(), None);
            let kept: Kept = store.record(&rest.path);
            rest.keep(Kept { until: now(), ..kept });
        }
        assert!(!Rest::of("s3://other", &store).is_on());
        rest.note_damage();
        rest.end();
        assert!(!rest.is_on() && rest.is_damaged());
        assert_eq!(rest.begin(), Some(lengths[0]));
        rest.forget();
        assert!(!rest.is_on() && !rest.is_damaged());
    }
}
