//! From a request to a binary: the pipeline of this package, top to bottom.
//!
//! Promises: a hit spawns nothing, but where a program hides the toolchain and is asked for it (see `search`); it
//! takes no lock and writes nothing, but for noting that the entry is in use, once an hour, or each time where a later build
//! has taken its place (see [`crate::store::Store::claim`]). What is published was built from inputs that were the same before and after the build. At most one call of all processes builds an entry; the others wait and hit.
//! Does not promise: to build what changes faster than it builds; after three attempts that is an error.

use std::path::Path;
use std::time::{Instant, SystemTime};

use crate::cargo::{self, Built};
use crate::error::{Error, Result};
use crate::event::{Event, MissReason};
use crate::fingerprint::{Digest, Fingerprint};
use crate::flight::{self, Moment};
use crate::freshness::{Audit, BuildRecord, Present};
use crate::guard::{Disturbance, Generated, MOST_BUILDS, Writers};
use crate::inputs::{self, Kinship, Observation};
use crate::inventory::Inventory;
use crate::path_set::{PathSet, Place, normalized};
use crate::request::{Builder, Request};
use crate::runtime::Needs;
pub use crate::search::Call;
use crate::search::{Search, Survey};
use crate::store::{Earlier, Entry, LockName, LookUp, Staged, Store};
use crate::tree::{Tree, TreePath};

/// How a binary came to be at hand.
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
    /// Where it came from.
    pub outcome: Outcome,
    /// Why it was built; empty when it was not.
    pub reasons: Vec<MissReason>,
    /// Milliseconds that the call took.
    pub elapsed_ms: f64,
}

/// The binary that `request` asks for, from the cache or from cargo.
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
    let (mut builds, mut build_ms) = (0, 0);
    let mut disturbed = Vec::new();
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

        let target = inputs::target_directory(&search.root, &request.env)?;
        let target = LockName::Output(Digest::of(target.as_os_str().as_encoded_bytes()));
        let Some(output) = search.store.lock_or_wait(target, call.cancellation, call.emit)? else {
            // Somebody has built here for as long as that takes, and much may have changed meanwhile.
            survey = search.survey(Moment::now())?;
            found = search.look_up(&survey)?;
            continue;
        };
        let whole = search.whole_tree(&survey)?;
        // Minutes may pass now, and others can look at the checkout meanwhile.
        call.afterwards.run();
        let (began, since) = (Moment::now(), search.store.now());
        let (built, observation) = build(&search, &found.inputs, &whole, &reasons, &disturbed)?;
        builds += 1;
        build_ms += built.elapsed_ms;
        let mut needs = Needs::of(&built.units, &built.siblings, &search.root)?;
        let staged = search.store.stage(&built.executable, &built.stat, &needs.shipment)?;
        needs.read_by(staged.iter().flat_map(Staged::files))?;
        drop(output);
        let set = needs.binding(path_set(&search, &whole, &observation, staged.as_ref())?, &search.root);
        let before = search.observing(&survey, &set)?;
        let survey_after = search.survey(Moment::now())?;
        let whole_after = search.whole_tree(&survey_after)?;
        let after = search.observing(&survey_after, &set)?;
        let known = |path: &TreePath| found.inputs.outside.iter().find(|file| file.path == *path).or(whole.file(path));
        let read = needs.but_for_output(after.clone(), &search.root);
        let record = record(&search, &built)?;
        let writers = |seen| Writers::of(seen, &record, &search.root, since, builds);
        let writers = observation.as_ref().map(writers).unwrap_or_default();
        let disturbance = Disturbance::between(&before, &read, known, since, &writers);
        // What was touched may have been changed and changed back while cargo read it; one more build makes sure.
        if let Some(staged) = staged
            && disturbance.is_none()
        {
            if let Some(message) = disturbance.told() {
                (call.emit)(Event::Warning { message });
            }
            if let Ok(observation) = &observation {
                remember(&search, &built, observation, (&after, &whole_after), since, &disturbance.generated)?;
            }
            let entry = match &needs.refusal {
                None => publish(&search, staged, after, build_ms)?,
                Some(problem) => leave(&search, &built, &staged, &after, problem),
            };
            flight::note_build(entry.manifest.fingerprint, began);
            return done(entry, Outcome::Built, reasons);
        }
        if builds == MOST_BUILDS {
            return Err(Error::ChangedDuringBuild { attempts: builds, paths: vec![disturbance.summary()] });
        }
        // What changed may be that it is gone.
        inputs::checkout_root(&request.repo)?;
        let message = format!("{} during the build; building again", disturbance.summary());
        (call.emit)(Event::Warning { message });
        disturbed.extend(disturbance.files);
        survey = survey_after;
        found = search.look_up(&survey)?;
    }
}

/// The fingerprint that `request` has now; nothing is built.
///
/// # Errors
///
/// Those of [`get_dev_binary`] that come before a build.
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

/// Runs cargo for what was found of `inputs`, and runs it once more without what it wrongly took for fresh. Changed inputs
/// are named in `reasons`, those that changed during earlier builds of this call in `disturbed`.
fn build(
    search: &Search<'_>,
    inputs: &Inventory,
    tree: &Tree,
    reasons: &[MissReason],
    disturbed: &[TreePath],
) -> Result<(Built, Observed)> {
    let Search { request, root, call, store, .. } = search;
    let asked = search.for_cargo(inputs)?;
    let zig = request.builder == Builder::Zigbuild;
    let _lock = zig.then(|| store.lock(LockName::Zigbuild, call.cancellation, call.emit)).transpose()?;
    let target = inputs::target_directory(root, &request.env)?;
    let (began, rustc) = (store.now(), inputs::last_rustc(&target));
    let expected = store.nearest_build(request, root);
    let mut built = cargo::build(&asked, root, expected, call.cancellation, call.emit)?;
    let observation = match observe(search, &built) {
        Ok(observation) => observation,
        Err(unknown) => return Ok((built, Err(unknown))),
    };
    let record = record(search, &built)?;
    let present = present(search, &observation, inputs, tree)?;
    let changed: Vec<String> = reasons.iter().flat_map(MissReason::paths).collect();
    // One that has not ended yet has noted nothing.
    let is_other_rustc = rustc.is_some() && rustc != inputs::last_rustc(&target);
    let (record, observed, present) = (&record, &observation, &present);
    let audit = Audit { record, observation: observed, present, began, changed: &changed, is_other_rustc, disturbed };
    let doubts = audit.doubts();
    if doubts.is_empty() {
        return Ok((built, Ok(observation)));
    }
    for doubt in &doubts {
        (call.emit)(Event::Warning { message: doubt.summary() });
    }
    let packages: Vec<_> = doubts.into_iter().flat_map(|doubt| doubt.packages).collect();
    cargo::clean(&asked, root, &packages, call.cancellation, call.emit)?;
    let first_ms = built.elapsed_ms;
    built = cargo::build(&asked, root, None, call.cancellation, call.emit)?;
    built.elapsed_ms += first_ms;
    let observation = observe(search, &built);
    Ok((built, observation))
}

/// What a build was seen to read, or why that is not known.
type Observed = Result<Observation, String>;

fn observe(search: &Search<'_>, built: &Built) -> Observed {
    let Search { request, root, call, .. } = search;
    let elsewhere = || cargo::directories(request, root, call.cancellation);
    inputs::observe(&built.units, root, &request.env, elsewhere).map_err(|error| {
        let message = format!("{error}; cargo runs each time, since it is not known whether an input changed");
        (call.emit)(Event::Warning { message });
        error.to_string()
    })
}

/// What the next look-up has to read; everything, and in vain, where the build does not tell.
fn path_set(search: &Search<'_>, tree: &Tree, observation: &Observed, staged: Option<&Staged>) -> Result<PathSet> {
    let observation = match observation {
        Ok(observation) => observation,
        Err(why) => return Ok(PathSet { whole_tree: true, unknown: Some(why.clone()), ..PathSet::default() }),
    };
    let mut set = inputs::path_set(observation, tree, search.request, &search.root)?;
    let holds = |path: &Path| {
        let path = path.as_os_str().as_encoded_bytes();
        staged.map(|staged| staged.holds(path)).transpose().map(|holds| holds.unwrap_or(false))
    };
    if holds(&search.root)? {
        set.bound_by.insert("it holds the path of the checkout".to_owned());
    }
    // `file!()` tells where a package outside the workspace lies.
    let outside = observation.local().map(|reads| normalized(&reads.package.directory));
    for directory in outside.filter(|directory| !directory.starts_with(&search.root)) {
        if holds(&directory)? {
            set.bound_by.insert(format!("it holds the path `{}`", directory.display()));
        }
    }
    Ok(set)
}

fn present<'s>(
    search: &'s Search<'_>,
    observation: &Observation,
    inputs: &'s Inventory,
    tree: &'s Tree,
) -> Result<Present<'s>> {
    let Search { request, root, .. } = search;
    Present::of(observation, inputs, tree, (root, &request.env, request.scope))
}

/// The record of the directory that `built` is in. One of the whole target directory says that nothing in it is to be
/// relied on.
fn record(search: &Search<'_>, built: &Built) -> Result<BuildRecord> {
    let target = inputs::target_directory(&search.root, &search.request.env)?;
    let of_all: BuildRecord = search.store.build_record(&target);
    let of_profile = search.store.build_record(built.output_directory());
    Ok(if of_all.is_distrusted() { of_all } else { of_profile })
}

/// Takes down what the target directory holds now, after a build that `began` then, for the next build in it.
fn remember(
    search: &Search<'_>,
    built: &Built,
    observation: &Observation,
    (inputs, tree): (&Inventory, &Tree),
    began: SystemTime,
    generated: &[Generated],
) -> Result<()> {
    let target = inputs::target_directory(&search.root, &search.request.env)?;
    if search.store.build_record::<BuildRecord>(&target).is_distrusted() {
        search.store.keep_build_record(&target, &BuildRecord::default())?;
    }
    let mut record: BuildRecord = search.store.build_record(built.output_directory());
    record.update(observation, &present(search, observation, inputs, tree)?, began);
    for Generated { path, output, .. } in generated {
        record.note_generated(output.clone(), [Place(path.clone())]);
    }
    search.store.keep_build_record(built.output_directory(), &record)
}

/// Hands out what has to stay where cargo put it. The next call runs cargo again.
fn leave(search: &Search<'_>, built: &Built, staged: &Staged, inputs: &Inventory, problem: &str) -> Entry {
    let Search { request, root, call, .. } = search;
    let message = format!("`{}` is not kept in the cache, and cargo is run each time: {problem}", request.bin);
    (call.emit)(Event::Warning { message });
    Store::unpublished(staged, &built.executable, request, root, inputs, built.elapsed_ms)
}

/// Publishes under the fingerprint of what the build was seen to read.
fn publish(search: &Search<'_>, staged: Staged, mut inputs: Inventory, build_ms: u64) -> Result<Entry> {
    let Search { request, root, store, .. } = search;
    let known = store.earlier(request, root).iter().find_map(Earlier::inventory).unwrap_or_default();
    cargo::name_versions(&mut inputs.tools, &known.tools, request, root, search.call.cancellation);
    let commit = Kinship::of(root).commit();
    // First, since nobody finds the entry without.
    store.remember_path_set(&Search::weak_key(&inputs), &inputs.path_set, root)?;
    let entry = store.publish(staged, request, (root, commit), &inputs, build_ms, search.call.cancellation)?;
    // Whoever removes all entries may have taken it for nobody's until now.
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
