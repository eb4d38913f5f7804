//! Remembers answers whose dependencies are recorded while they are found.
//!
//! Promises: an answer is returned again only while everything that it depends on is as it was. It comes from this process
//! or from the stat cache, or else it is found anew.
//! Does not promise: to remember an answer that depends on something which has not settled. It is found anew each time.
//!
//! Sweeps do not use this module, but `scan::snapshot`: a sweep depends on a hundred thousand files, is brought up to date
//! in part, and lies in the file as it lies in memory.

use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::dependency::{ProgramLookup, Recorder, SeenPath, all_hold};
use super::process_cache::ProcessCache;
use super::stat_cache::{StatCache, Unsaved};
use crate::error::Result;
use crate::fs::identity::Stamp;
use crate::request::Environment;

/// An answer, and what it depends on.
#[derive(Serialize, Deserialize)]
pub(crate) struct Remembered<T> {
    answer: T,
    seen: Vec<SeenPath>,
    programs: Vec<ProgramLookup>,
}

/// The answers of this process.
pub(crate) type Answers<T> = ProcessCache<Arc<Remembered<T>>>;

impl<T> Remembered<T> {
    /// True if all that it depends on is as it was, by look-ups of programs in `root` with the variables of `env`.
    fn holds(&self, env: &Environment, root: &Path) -> bool {
        all_hold(&self.seen) && self.programs.iter().all(|program| program.holds(env, root))
    }
}

/// Returns the answer that `known` or `cache` has, if it still holds, or else that of `find`. Programs are looked up in
/// `root` with the variables of `env`.
pub(crate) fn recall<T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static>(
    known: &'static Answers<T>,
    cache: StatCache,
    (env, root): (&Environment, &Path),
    find: impl FnOnce(&Recorder) -> Result<T>,
) -> Result<(T, Option<Unsaved>)> {
    let (stamp, id) = (Stamp::now(), cache.id());
    let holds = |remembered: &Arc<Remembered<T>>| remembered.holds(env, root);
    if let Some(remembered) = known.get(&id, &stamp).filter(holds) {
        return Ok((remembered.answer.clone(), None));
    }
    let kept = cache.load(&stamp).and_then(|(bytes, start)| serde_json::from_slice(&bytes[start..]).ok());
    if let Some(remembered) = kept.map(Arc::new).filter(holds) {
        let answer = remembered.answer.clone();
        known.remember(id, stamp, remembered);
        return Ok((answer, None));
    }
    let recorder = Recorder::default();
    let answer = find(&recorder)?;
    let (seen, programs) = recorder.into_parts();
    if !seen.iter().all(|path| path.is_settled(&stamp)) {
        return Ok((answer, None));
    }
    let mut remembered = Remembered { answer: answer.clone(), seen, programs };
    let unsaved = cache.unsaved(stamp, move |settled| {
        remembered.seen.iter_mut().for_each(|path| path.invalidate_unless_settled(settled));
        let json = serde_json::to_vec(&remembered).expect("escaped paths and text always become JSON");
        known.remember(id, stamp, Arc::new(remembered));
        json
    });
    Ok((answer, Some(unsaved)))
}
