//! The pipeline from a request to a binary, top to bottom.
//!
//! Promises: a hit starts no process, except that a program that hides the toolchain is asked for it (see `search`). A hit
//! takes no lock and writes nothing, except that it records once an hour that the entry is in use (see
//! [`crate::store::Store::claim`]). A published binary was built from inputs that were the same before and after the build.
//! At most one call of all processes builds an entry. The others wait, and then hit.
//! Does not promise: to build inputs that change faster than they build. After three attempts that is an error.

use std::time::Instant;

use crate::attempt::{Attempt, Attempts};
use crate::cargo::{self, Built};
use crate::error::{Error, Result};
use crate::event::{Event, MissReason};
use crate::fingerprint::{Digest, Fingerprint};
use crate::flight::{self, Moment};
use crate::guard::MOST_BUILDS;
use crate::inputs::{self, Kinship};
use crate::inventory::Inventory;
use crate::request::Request;
pub use crate::search::Call;
use crate::search::{Search, Survey};
use crate::store::{Earlier, Entry, Lock, LockName, LookUp, Staged, Store};

/// The origin of a binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was in the cache.
    Cached,
    /// This call built it.
    Built,
}

/// A binary that is up to date.
#[derive(Clone, Debug)]
pub struct DevBinary {
    /// The entry that holds it.
    pub entry: Entry,
    /// Its origin.
    pub outcome: Outcome,
    /// The reasons why it was built; empty if it was not.
    pub reasons: Vec<MissReason>,
    /// Milliseconds that the call took.
    pub elapsed_ms: f64,
}

/// Returns the binary that `request` asks for, from the cache or from cargo.
///
/// # Errors
///
/// Every variant of [`Error`].
pub fn get_dev_binary(request: &Request, call: &Call<'_>) -> Result<DevBinary> {
    let started = Instant::now();
    let search = Search::begin(request, call)?;
    let done = |entry: Entry, outcome, reasons| {
        let elapsed_ms = started.elapsed().as_secs_f64() * 1000.0;
        Ok(DevBinary { entry, outcome, reasons, elapsed_ms })
    };
    let mut survey = search.survey(call.made)?;
    let mut found = search.look_up(&survey)?;
    if !request.rebuild
        && let Some(entry) = search.serve(&found)
    {
        return done(entry, Outcome::Cached, Vec::new());
    }
    search.store.prepare()?;
    let mut told = None;
    let mut earlier = Attempts::default();
    loop {
        let turn = flight::take_turn(&search.root, call.cancellation, call.emit)?;
        let key = found.inputs.fingerprint();
        let Some(_lock) = search.store.lock_or_wait(LockName::Entry(key), call.cancellation, call.emit)? else {
            survey = search.survey(Moment::now())?;
            found = search.look_up(&survey)?;
            if !request.rebuild
                && let Some(entry) = search.serve(&found)
            {
                return done(entry, Outcome::Cached, Vec::new());
            }
            continue;
        };
        if turn.waited {
            survey = search.survey(Moment::now())?;
        }
        found = search.look_up(&survey)?;
        let was_built = |entry: &Entry| flight::was_built_since(&entry.manifest.fingerprint, call.made);
        if (!request.rebuild || matches!(&found.entry, LookUp::Hit(entry) if was_built(entry)))
            && let Some(entry) = search.serve(&found)
        {
            return done(entry, Outcome::Cached, Vec::new());
        }
        if found.inputs.fingerprint() != key {
            continue;
        }
        let reasons = match &told {
            Some(reasons) => Vec::clone(reasons),
            None => tell_miss(&search, &survey, &found.entry)?,
        };
        told = Some(reasons.clone());
        let Some(output) = lock_output(&search)? else {
            // Another process has built here meanwhile. That may have taken long, and much may have changed.
            survey = search.survey(Moment::now())?;
            found = search.look_up(&survey)?;
            continue;
        };
        let began = Moment::now();
        let attempt = Attempt::make(&search, (&survey, &found.inputs), &reasons, output, &earlier)?;
        earlier.note(&attempt);
        if attempt.holds() {
            let entry = keep(&search, attempt, earlier.build_ms)?;
            flight::note_build(entry.manifest.fingerprint, began);
            return done(entry, Outcome::Built, reasons);
        }
        let summary = attempt.disturbance.summary();
        if earlier.count == MOST_BUILDS {
            return Err(Error::ChangedDuringBuild { attempts: earlier.count, paths: vec![summary] });
        }
        // The change may be that the checkout is gone.
        inputs::checkout_root(&request.repo)?;
        (call.emit)(Event::Warning { message: format!("{summary} during the build; building again") });
        survey = attempt.survey_after;
        found = search.look_up(&survey)?;
    }
}

/// Returns the fingerprint that `request` has now. Builds nothing.
///
/// # Errors
///
/// The errors of [`get_dev_binary`] that come before a build.
pub fn fingerprint(request: &Request, call: &Call<'_>) -> Result<Fingerprint> {
    let search = Search::begin(request, call)?;
    Ok(search.look_up(&search.survey(call.made)?)?.inputs.fingerprint())
}

fn tell_miss(search: &Search<'_>, survey: &Survey, found: &LookUp) -> Result<Vec<MissReason>> {
    if let LookUp::Damaged(detail) = found {
        (search.call.emit)(Event::Warning { message: format!("{detail}; building it again") });
    }
    let reasons = search.reasons(survey, found)?;
    (search.call.emit)(Event::Miss { bin: search.request.bin.clone(), reasons: reasons.clone() });
    Ok(reasons)
}

/// Takes the lock of the target directory. If another process holds it, waits for its release and returns none.
fn lock_output(search: &Search<'_>) -> Result<Option<Lock>> {
    let Search { request, root, call, store, .. } = search;
    let target = inputs::target_directory(root, &request.env)?;
    let target = LockName::Output(Digest::of(target.as_os_str().as_encoded_bytes()));
    store.lock_or_wait(target, call.cancellation, call.emit)
}

/// Makes an entry of a build that holds, and records the state of the target directory.
fn keep(search: &Search<'_>, attempt: Attempt, build_ms: u64) -> Result<Entry> {
    if let Some(message) = attempt.disturbance.told() {
        (search.call.emit)(Event::Warning { message });
    }
    attempt.remember(search)?;
    let Attempt { built, staged, needs, after, .. } = attempt;
    let staged = staged.expect("a build that holds has been copied");
    match &needs.refusal {
        None => publish(search, staged, after, build_ms),
        Some(problem) => Ok(leave(search, &built, &staged, &after, problem)),
    }
}

/// Returns a binary that has to stay where cargo put it. The next call runs cargo again.
fn leave(search: &Search<'_>, built: &Built, staged: &Staged, inputs: &Inventory, problem: &str) -> Entry {
    let Search { request, root, call, .. } = search;
    let message = format!("`{}` is not kept in the cache, and cargo is run each time: {problem}", request.bin);
    (call.emit)(Event::Warning { message });
    Store::unpublished(staged, &built.executable, request, root, inputs, built.elapsed_ms)
}

/// Publishes a build under the fingerprint of the inputs that it was seen to read.
fn publish(search: &Search<'_>, staged: Staged, mut inputs: Inventory, build_ms: u64) -> Result<Entry> {
    let Search { request, root, store, .. } = search;
    let known = store.earlier(request, root).iter().find_map(Earlier::inventory).unwrap_or_default();
    cargo::name_versions(&mut inputs.tools, &known.tools, request, root, search.call.cancellation);
    let commit = Kinship::of(root).commit();
    // The path set comes first, since no look-up finds the entry without it.
    store.remember_path_set(&Search::weak_key(&inputs), &inputs.path_set, root)?;
    let entry = store.publish(staged, request, (root, commit), &inputs, build_ms, search.call.cancellation)?;
    // And once more: a call that removes all entries may have removed the path set, which belonged to no entry until now.
    store.remember_path_set(&Search::weak_key(&inputs), &inputs.path_set, root)?;
    let (tools, stat_caches) = (inputs.tools, store.stat_caches());
    search.call.afterwards.add(move || inputs::remember_tools(&tools, &stat_caches));
    store.supersede(&entry, request, root);
    match &request.limits {
        Ok(limits) => {
            let (store, limits) = (store.clone(), *limits);
            search.call.afterwards.add_lengthy(move || store.prune_if_due(limits));
        }
        Err(problem) => {
            (search.call.emit)(Event::Warning { message: format!("the cache is not pruned by itself: {problem}") })
        }
    }
    (search.call.emit)(Event::Published {
        bin: request.bin.clone(),
        build_ms,
        path: entry.path.clone(),
        size: entry.manifest.size,
        sha256: entry.manifest.sha256.to_string(),
    });
    Ok(entry)
}
