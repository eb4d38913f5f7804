//! One build of a call, with the looks before and after it.
//!
//! Promises: what cargo wrongly took for fresh is cleaned and built again within it. A build holds when its result was copied
//! whole and nothing that it read was written to meanwhile.
//! Does not promise: to be the last one. `resolve` makes another where this one does not hold.

use std::path::Path;
use std::time::SystemTime;

use crate::cargo::{self, Built};
use crate::error::Result;
use crate::event::{Event, MissReason};
use crate::flight::Moment;
use crate::freshness::{Audit, BuildRecord, Present};
use crate::guard::{Disturbance, Generated, Writers};
use crate::inputs::{self, Observation};
use crate::inventory::Inventory;
use crate::observer::{Observer, SeenRuns};
use crate::path_set::{PathSet, Place, normalized};
use crate::request::Builder;
use crate::runtime::Needs;
use crate::search::{Search, Survey};
use crate::store::{Lock, LockName, Staged};
use crate::tree::{Tree, TreePath};

/// What the builds of a call have come to so far.
#[derive(Default)]
pub(crate) struct Attempts {
    /// How many there were.
    pub(crate) count: u32,
    /// Milliseconds that cargo took in all of them.
    pub(crate) build_ms: u64,
    /// Files that were written to meanwhile.
    disturbed: Vec<TreePath>,
}

impl Attempts {
    /// Takes in another one.
    pub(crate) fn note(&mut self, attempt: &Attempt) {
        self.count += 1;
        self.build_ms += attempt.built.elapsed_ms;
        self.disturbed.extend(attempt.disturbance.files.iter().cloned());
    }
}

/// A build that was made.
pub(crate) struct Attempt {
    pub(crate) built: Built,
    /// Copies of its result; none when another cargo has replaced that.
    pub(crate) staged: Option<Staged>,
    pub(crate) needs: Needs,
    pub(crate) disturbance: Disturbance,
    /// The inputs after it, under the path set that it was seen to read.
    pub(crate) after: Inventory,
    /// The look after it.
    pub(crate) survey_after: Survey,
    observation: Observed,
    began: SystemTime,
}

impl Attempt {
    /// Builds what a `survey` found, for `reasons`, with the lock of the target directory held until the result is copied.
    pub(crate) fn make(
        search: &Search<'_>,
        (survey, inputs): (&Survey, &Inventory),
        reasons: &[MissReason],
        output: Lock,
        earlier: &Attempts,
    ) -> Result<Self> {
        let whole = search.whole_tree(survey)?;
        // Minutes may pass now, and others can look at the checkout meanwhile.
        search.call.afterwards.run();
        let began = search.store.now();
        let (built, observation) = build(search, inputs, &whole, reasons, &earlier.disturbed)?;
        let mut needs = Needs::of(&built.units, &built.siblings, &search.root)?;
        let staged = search.store.stage(&built.executable, &built.stat, &needs.shipment)?;
        needs.read_by(staged.iter().flat_map(Staged::files))?;
        drop(output);
        let set = needs.binding(path_set(search, &whole, &observation, staged.as_ref())?, &search.root);
        let before = search.observing(survey, &set)?;
        let survey_after = search.survey(Moment::now())?;
        let mut after = search.observing(&survey_after, &set)?;
        after.readers = observation.as_ref().map(|seen| inputs::readers(seen, &search.root)).unwrap_or_default();
        // What other files of a directory of the system held says nothing of those that were read this time.
        let is_comparable = |path: &TreePath| set.system.agrees_with(&inputs.path_set.system, path);
        let known = |path: &TreePath| {
            let outside = inputs.outside.iter().find(|file| file.path == *path && is_comparable(path));
            outside.or(whole.file(path))
        };
        let read = needs.but_for_output(after.clone(), &search.root);
        let record = record(search, &built)?;
        let changes = search.observer()?.map(Observer::changes).unwrap_or_default();
        let writers = |seen| Writers::of(seen, &record, &search.root, began, &changes, earlier.count + 1);
        let writers = observation.as_ref().map(writers).unwrap_or_default();
        let disturbance = Disturbance::between(&before, &read, known, began, &writers);
        Ok(Self { built, staged, needs, disturbance, after, survey_after, observation, began })
    }

    /// True if its result may be kept. What was touched may have been changed and changed back while cargo read it; one more
    /// build makes sure.
    pub(crate) fn holds(&self) -> bool {
        self.staged.is_some() && self.disturbance.is_none()
    }

    /// Takes down what the target directory holds now, for the next build in it.
    pub(crate) fn remember(&self, search: &Search<'_>) -> Result<()> {
        let Ok(observation) = &self.observation else { return Ok(()) };
        let tree = search.whole_tree(&self.survey_after)?;
        remember(search, &self.built, observation, (&self.after, &tree), self.began, &self.disturbance.generated)
    }
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
    let observer = search.observer()?;
    let variables = observer.map(|observer| observer.variables(&request.env));
    let variables = variables.as_ref().map_or(&[][..], |variables| &variables[..]);
    let mut built = match cargo::build(&asked, root, variables, expected, call.cancellation, call.emit) {
        Ok(built) => built,
        Err(error) => {
            // What ran before it failed is fresh to the next build.
            keep_seen(search)?;
            return Err(error);
        }
    };
    let observation = match observe(search, inputs, &built) {
        Ok(observation) => observation,
        Err(unknown) => return Ok((built, Err(unknown))),
    };
    let record = record(search, &built)?;
    let present = present(search, &observation, inputs, tree)?;
    let changed: Vec<String> = reasons.iter().flat_map(MissReason::paths).collect();
    // One that has not ended yet has noted nothing.
    let is_other_rustc = rustc.is_some() && rustc != inputs::last_rustc(&target);
    let (record, observed, present) = (&record, &observation, &present);
    let audit = Audit {
        record,
        observation: observed,
        present,
        began,
        changed: &changed,
        is_other_rustc,
        is_watching: observer.is_some(),
        disturbed,
    };
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
    built = cargo::build(&asked, root, variables, None, call.cancellation, call.emit)?;
    built.elapsed_ms += first_ms;
    let observation = observe(search, inputs, &built);
    Ok((built, observation))
}

/// What a build was seen to read, or why that is not known.
type Observed = Result<Observation, String>;

fn observe(search: &Search<'_>, inputs: &Inventory, built: &Built) -> Observed {
    let Search { request, root, call, .. } = search;
    let elsewhere = || cargo::directories(request, root, call.cancellation);
    let tools = inputs.tools.values().map(|tool| tool.path.clone().into()).collect();
    let seen = seen(search).map_err(|error| error.to_string())?.but_for(&tools);
    inputs::observe(&built.units, root, &request.env, &seen, elsewhere).map_err(|error| {
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
    Present::of(observation, inputs, tree, (root, &request.env, request.scope), &search.system)
}

/// The record of the directory that `built` is in. One of the whole target directory says that nothing in it is to be
/// relied on.
fn record(search: &Search<'_>, built: &Built) -> Result<BuildRecord> {
    let target = inputs::target_directory(&search.root, &search.request.env)?;
    let of_all: BuildRecord = search.store.record(&target);
    let of_profile = search.store.record(built.output_directory());
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
    search.store.keep_record(&target, &BuildRecord::default().with_seen(seen(search)?))?;
    let mut record: BuildRecord = search.store.record(built.output_directory());
    record.update(observation, &present(search, observation, inputs, tree)?, began);
    for Generated { path, output, .. } in generated {
        record.note_generated(output.clone(), [Place(path.clone())]);
    }
    search.store.keep_record(built.output_directory(), &record)
}

/// What runs in the target directory were seen to read, now and when they ran last.
fn seen(search: &Search<'_>) -> Result<SeenRuns> {
    let target = inputs::target_directory(&search.root, &search.request.env)?;
    let mut seen = search.store.record::<BuildRecord>(&target).seen;
    if let Some(observer) = search.observer()? {
        seen.update(observer.runs());
    }
    Ok(seen)
}

fn keep_seen(search: &Search<'_>) -> Result<()> {
    let target = inputs::target_directory(&search.root, &search.request.env)?;
    if !target.exists() {
        return Ok(());
    }
    let record: BuildRecord = search.store.record(&target);
    search.store.keep_record(&target, &record.with_seen(seen(search)?))
}
