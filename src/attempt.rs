//! Makes one build of a call, with a survey of the inputs before and after it.
//!
//! Promises: the package of a run that cargo wrongly took for fresh is cleaned and built again within the same attempt. An
//! attempt holds when its result was copied whole and no input that it read was written to meanwhile.
//! Does not promise: that one attempt is enough. `resolve` makes another one when this one does not hold.

use std::path::Path;
use std::time::SystemTime;

use crate::cargo::{self, Built};
use crate::error::Result;
use crate::freshness::{Audit, BuildRecord, Present, TargetRecord};
use crate::guard::{Disturbance, Generated, Writers};
use crate::in_process::Moment;
use crate::inputs::{self, Observation};
use crate::model::event::{Event, MissReason};
use crate::model::inventory::Inventory;
use crate::model::path_set::PathSet;
use crate::model::portable_path::{PortablePath, normalized};
use crate::model::tree::{Tree, TreePath};
use crate::observer::{Observer, SeenRuns};
use crate::request::Builder;
use crate::runtime::Needs;
use crate::search::{Search, Survey};
use crate::store::{Lock, LockName, Staged};

/// The attempts of a call so far.
#[derive(Default)]
pub(crate) struct Attempts {
    /// Their number.
    pub(crate) count: u32,
    /// Milliseconds that cargo took in all of them.
    pub(crate) build_ms: u64,
    /// Files that were written to during one of them.
    disturbed: Vec<TreePath>,
}

impl Attempts {
    /// Adds `attempt`.
    pub(crate) fn note(&mut self, attempt: &Attempt) {
        self.count += 1;
        self.build_ms += attempt.built.elapsed_ms;
        self.disturbed.extend(attempt.disturbance.files.iter().cloned());
    }
}

/// A finished build.
pub(crate) struct Attempt {
    pub(crate) built: Built,
    /// Copies of its result; none if another cargo replaced the result first.
    pub(crate) staged: Option<Staged>,
    pub(crate) needs: Needs,
    pub(crate) disturbance: Disturbance,
    /// The inputs after the build, under the path set that the build was seen to read.
    pub(crate) after: Inventory,
    /// The survey after the build.
    pub(crate) survey_after: Survey,
    /// The moment before it, for the calls of this process.
    pub(crate) made_at: Moment,
    observation: Observed,
    /// The time before it, by the clock of the cache's file system.
    began: SystemTime,
}

impl Attempt {
    /// Builds for `reasons`, from the inputs that `survey` found. Holds the lock of the target directory until the result is
    /// copied.
    pub(crate) fn make(
        search: &Search<'_>,
        (survey, inputs): (&Survey, &Inventory),
        reasons: &[MissReason],
        output: Lock,
        earlier: &Attempts,
    ) -> Result<Self> {
        let whole = search.whole_tree(survey)?;
        // A build may take minutes. The work for after the answer is done now, so that other calls can use what this one
        // learned.
        search.call.afterwards.run();
        let (made_at, began) = (Moment::now(), search.store.now());
        let (built, observation) = build(search, inputs, &whole, reasons, &earlier.disturbed)?;
        let mut needs = Needs::of(&built.units, &built.siblings, &search.root)?;
        let staged =
            search.store.stage(&built.executable, &built.stat, &needs.companions, &[path_bytes(&search.root)])?;
        needs.read_by(staged.iter().flat_map(Staged::files))?;
        drop(output);
        let set = needs.with_files_in_place(path_set(search, &whole, &observation, staged.as_ref())?, &search.root);
        let before = search.inventory_under(survey, &set)?;
        let survey_after = search.survey(Moment::now())?;
        let mut after = search.inventory_under(&survey_after, &set)?;
        after.readers = observation.as_ref().map(|seen| inputs::readers(seen, &search.root)).unwrap_or_default();
        // All files of the system that were read in one directory share one digest, which can be compared only if both are
        // of the same files.
        let is_comparable = |path: &TreePath| set.system.agrees_with(&inputs.path_set.system, path);
        let known = |path: &TreePath| {
            let outside = inputs.read_files.iter().find(|file| file.path == *path && is_comparable(path));
            outside.or(whole.file(path))
        };
        let read = needs.but_for_output(after.clone(), &search.root);
        let record: BuildRecord = search.store.record(built.output_directory());
        let changes = search.observer()?.map(Observer::changes).unwrap_or_default();
        let writers = |seen| Writers::of(seen, &record, &search.root, began, &changes, earlier.count + 1);
        let writers = observation.as_ref().map(writers).unwrap_or_default();
        let disturbance = Disturbance::between(&before, &read, known, began, &writers);
        Ok(Self { built, staged, needs, disturbance, after, survey_after, made_at, observation, began })
    }

    /// True if its result may be kept. A file that was written to may have been changed and changed back while cargo read
    /// it, so it takes another build to be sure, even if the bytes are the same.
    pub(crate) fn holds(&self) -> bool {
        self.staged.is_some() && self.disturbance.is_none()
    }

    /// Records the state of the target directory after this build, for the next build in it.
    pub(crate) fn remember(&self, search: &Search<'_>) -> Result<()> {
        let Ok(observation) = &self.observation else { return Ok(()) };
        let tree = search.whole_tree(&self.survey_after)?;
        remember(search, &self.built, observation, (&self.after, &tree), self.began, &self.disturbance.generated)
    }
}

/// Runs cargo on `inputs`, and once more after cleaning the packages that it wrongly took for fresh. `reasons` names the
/// inputs that changed, and `disturbed` those that changed during earlier builds of this call.
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
            // Runs that ended before the failure are fresh to the next build, so their reads are kept.
            keep_seen(search)?;
            return Err(error);
        }
    };
    let observation = match observe(search, inputs, &built) {
        Ok(observation) => observation,
        Err(unknown) => return Ok((built, Err(unknown))),
    };
    let record: BuildRecord = search.store.record(built.output_directory());
    let TargetRecord { distrusted, .. } = search.store.record(&target);
    let present = present(search, &observation, inputs, tree)?;
    let changed: Vec<String> = reasons.iter().flat_map(MissReason::paths).collect();
    // A cargo that has not ended yet has not recorded its rustc.
    let is_other_rustc = rustc.is_some() && rustc != inputs::last_rustc(&target);
    let (record, observed, present) = (&record, &observation, &present);
    let audit = Audit {
        record,
        distrusted: distrusted.as_deref(),
        observation: observed,
        present,
        began,
        changed: &changed,
        is_other_rustc,
        is_observing: observer.is_some(),
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

fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// The reads of a build, or the reason why they are not known.
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

/// Returns the path set for the next look-up. If the reads of the build are not known, the set names the whole tree and
/// serves no binary.
fn path_set(search: &Search<'_>, tree: &Tree, observation: &Observed, staged: Option<&Staged>) -> Result<PathSet> {
    let observation = match observation {
        Ok(observation) => observation,
        Err(why) => return Ok(PathSet { whole_tree: true, unknown: Some(why.clone()), ..PathSet::default() }),
    };
    let mut set = inputs::path_set(observation, tree, search.request, &search.root)?;
    let holds = |path: &Path| {
        staged.map(|staged| staged.holds(path_bytes(path))).transpose().map(|holds| holds.unwrap_or(false))
    };
    if holds(&search.root)? {
        set.bound_by.insert("it holds the path of the checkout".to_owned());
    }
    // `file!()` in a package outside the workspace holds the path of the package.
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

/// Records the state of the target directory after a build that `began` then, for the next build in it.
fn remember(
    search: &Search<'_>,
    built: &Built,
    observation: &Observation,
    (inputs, tree): (&Inventory, &Tree),
    began: SystemTime,
    generated: &[Generated],
) -> Result<()> {
    let target = inputs::target_directory(&search.root, &search.request.env)?;
    search.store.keep_record(&target, &TargetRecord { seen: seen(search)?, distrusted: None })?;
    let mut record: BuildRecord = search.store.record(built.output_directory());
    record.update(observation, &present(search, observation, inputs, tree)?, began);
    for Generated { path, output, .. } in generated {
        record.note_generated(output.clone(), [PortablePath(path.clone())]);
    }
    search.store.keep_record(built.output_directory(), &record)
}

/// Returns the reads of the runs in the target directory, each from the last time that the run was seen.
fn seen(search: &Search<'_>) -> Result<SeenRuns> {
    let target = inputs::target_directory(&search.root, &search.request.env)?;
    let mut seen = search.store.record::<TargetRecord>(&target).seen;
    if let Some(observer) = search.observer()? {
        seen.update(observer.runs());
    }
    Ok(seen)
}

/// Records the reads of the runs that were seen so far.
fn keep_seen(search: &Search<'_>) -> Result<()> {
    let target = inputs::target_directory(&search.root, &search.request.env)?;
    if !target.exists() {
        return Ok(());
    }
    let TargetRecord { distrusted, .. } = search.store.record(&target);
    search.store.keep_record(&target, &TargetRecord { seen: seen(search)?, distrusted })
}
