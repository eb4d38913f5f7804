//! The pipeline from a request to a binary: look, serve, wait for a turn, ask the team, build once, check, publish.
//!
//! Promises: a hit starts no process, except that a program that hides the toolchain is asked for it (see `search`). A hit
//! waits for no lock. It writes only what a later call can do without: the last use of the entry and of its path set, the
//! entry's new stat identity, the checkout that it was served to, and stat caches. A published binary was built from inputs
//! that were the same before and after the build. At most one call of all processes builds an entry. The others wait, are
//! told how far it is, and then hit.
//! Does not promise: to build inputs that change faster than they build. After three attempts that is an error.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::attempt::{Attempt, Attempts};
use crate::call::Call;
use crate::error::{Error, Result};
use crate::guard::MOST_BUILDS;
use crate::in_process::{self, Moment, Turn};
use crate::inputs;
use crate::model::event::{Event, MissReason, Standing};
use crate::model::fingerprint::{Digest, Fingerprint};
use crate::model::inventory::Inventory;
use crate::publication;
use crate::request::{Publish, Request};
use crate::search::{Found, Search, Survey};
use crate::store::{Building, Entry, Lock, LockName, LookUp, Notice};
use crate::team;

/// The origin of a binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was in the cache.
    Cached,
    /// It came from the team's store.
    Downloaded,
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
    let building = RefCell::default();
    let emit = |event: Event| {
        let turn: Option<Rc<BuildTurn>> = Weak::upgrade(&building.borrow());
        if let (Some(turn), Some(standing)) = (turn, Standing::of(&event)) {
            turn.notice.note(standing.clone());
            turn.turn.note(standing);
        }
        (call.emit)(event);
    };
    let call = &Call { emit: &emit, ..*call };
    let (entry, outcome, reasons) = Pipeline::begin(request, call)?.run(&building)?;
    Ok(DevBinary { entry, outcome, reasons, elapsed_ms: started.elapsed().as_secs_f64() * 1000.0 })
}

/// Returns the fingerprint that `request` has now. Builds nothing.
///
/// # Errors
///
/// The errors of [`get_dev_binary`] that come before a build.
pub fn fingerprint(request: &Request, call: &Call<'_>) -> Result<Fingerprint> {
    Ok(Pipeline::begin(request, call)?.found.inputs.fingerprint())
}

type Answer = (Entry, Outcome, Vec<MissReason>);

/// A call on its way.
struct Pipeline<'a> {
    search: Search<'a>,
    /// The last look at the inputs, and what the cache has for them.
    survey: Survey,
    found: Found,
    /// The reasons of the miss, once they have been reported.
    reasons: Option<Vec<MissReason>>,
    attempts: Attempts,
    /// The inputs of the entry that was built.
    built_from: Option<Inventory>,
}

/// The right to build an entry: the turn among the calls of this process, and the lock among processes.
struct BuildTurn {
    /// Tells those that wait how far it is.
    notice: Notice,
    // Released before the turn: the next call of this process then finds the lock free.
    _lock: Lock,
    turn: Turn,
}

impl<'a> Pipeline<'a> {
    fn begin(request: &'a Request, call: &'a Call<'a>) -> Result<Self> {
        let search = Search::begin(request, call)?;
        let survey = search.survey(call.made)?;
        let found = search.look_up(&survey)?;
        Ok(Self { search, survey, found, reasons: None, attempts: Attempts::default(), built_from: None })
    }

    /// Returns the answer. `building` has the turn of the call while it has one.
    fn run(mut self, building: &RefCell<Weak<BuildTurn>>) -> Result<Answer> {
        let answer = self.resolve(building)?;
        // The turn is over, so that other calls do not wait for the team's store.
        match (&answer, &self.built_from) {
            ((entry, Outcome::Built, _), Some(inputs)) => publication::share(&self.search, entry, inputs)?,
            ((entry, Outcome::Cached, _), _) if self.shares_hits() => {
                publication::share(&self.search, entry, &self.found.inputs)?;
            }
            _ => {}
        }
        Ok(answer)
    }

    fn shares_hits(&self) -> bool {
        self.search.request.remote.as_ref().is_some_and(|remote| remote.publish == Publish::Always)
    }

    fn resolve(&mut self, building: &RefCell<Weak<BuildTurn>>) -> Result<Answer> {
        if let Some(entry) = self.serve() {
            return Ok((entry, Outcome::Cached, Vec::new()));
        }
        if !self.search.request.may_build {
            return self.resolve_without_build();
        }
        self.search.store.prepare()?;
        loop {
            let turn = self.wait_for_turn()?;
            if let Some(entry) = self.serve() {
                return Ok((entry, Outcome::Cached, Vec::new()));
            }
            let Some((lock, turn)) = turn else { continue };
            let turn = Rc::new(self.announced(lock, turn));
            building.replace(Rc::downgrade(&turn));
            let reasons = self.report_miss()?;
            if let Some(entry) = team::download(&self.search, &self.survey)? {
                publication::make_room(&self.search);
                return Ok((entry, Outcome::Downloaded, reasons));
            }
            let Some(attempt) = self.build_once(&turn, &reasons)? else { continue };
            if attempt.holds() {
                return self.publish(attempt).map(|entry| (entry, Outcome::Built, reasons));
            }
            self.take_over_survey(attempt)?;
        }
    }

    /// Returns the answer of a call that may not build: the team's store may have the binary. It waits for no other call,
    /// since one that builds may take minutes. So calls at one moment may each download it.
    fn resolve_without_build(&mut self) -> Result<Answer> {
        if team::is_asked_by(self.search.request) {
            self.search.store.prepare()?;
            let reasons = self.report_miss()?;
            if let Some(entry) = team::download(&self.search, &self.survey)? {
                return Ok((entry, Outcome::Downloaded, reasons));
            }
        }
        Err(Error::NotInCache { bin: self.search.request.bin.clone() })
    }

    /// Looks at the inputs anew.
    fn look(&mut self) -> Result<()> {
        self.survey = self.search.survey(Moment::now())?;
        self.found = self.search.look_up(&self.survey)?;
        Ok(())
    }

    /// Returns the entry that was found. With `rebuild`, an entry counts only if another call began to build it after this
    /// call was made.
    fn serve(&self) -> Option<Entry> {
        let LookUp::Hit(entry) = &self.found.entry else { return None };
        let made = self.search.call.made;
        let may_serve = !self.search.request.rebuild || in_process::was_built_since(&entry.manifest.fingerprint, made);
        may_serve.then(|| self.search.serve(&self.found)).flatten()
    }

    /// Waits until no other call builds in this checkout, and looks again. Returns none if it had to wait for the entry's
    /// lock, or if the inputs are others than those that were locked.
    fn wait_for_turn(&mut self) -> Result<Option<(Lock, Turn)>> {
        let Search { root, call, store, .. } = &self.search;
        let turn = in_process::take_turn(root, call.cancellation, call.emit)?;
        let key = self.found.inputs.fingerprint();
        let Some(lock) = store.lock_or_wait(LockName::Entry(key), call.cancellation, call.emit)? else {
            self.look()?;
            return Ok(None);
        };
        if turn.waited {
            self.survey = self.search.survey(Moment::now())?;
        }
        self.found = self.search.look_up(&self.survey)?;
        let is_locked = self.found.inputs.fingerprint() == key;
        // The lock is released before the turn.
        Ok(is_locked.then_some((lock, turn)))
    }

    /// Tells other processes that this call builds.
    fn announced(&self, mut lock: Lock, turn: Turn) -> BuildTurn {
        let Search { request, root, .. } = &self.search;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let building = Building {
            pid: std::process::id(),
            since: u64::try_from(since).unwrap_or_default(),
            package: request.package.clone(),
            bin: request.bin.clone(),
            target: request.target.clone(),
            checkout: root.to_string_lossy().into_owned(),
            progress: None,
        };
        BuildTurn { notice: Notice::begin(&mut lock, building), _lock: lock, turn }
    }

    /// Reports why there is no entry, and returns the reasons. A call reports them once, however often it builds.
    fn report_miss(&mut self) -> Result<Vec<MissReason>> {
        if let Some(reasons) = &self.reasons {
            return Ok(reasons.clone());
        }
        let Search { request, call, .. } = &self.search;
        if let LookUp::Damaged(detail) = &self.found.entry {
            (call.emit)(Event::Warning { message: format!("{detail}; building it again") });
        }
        let reasons = self.search.reasons(&self.survey, &self.found.entry)?;
        (call.emit)(Event::Miss { bin: request.bin.clone(), reasons: reasons.clone() });
        Ok(self.reasons.insert(reasons).clone())
    }

    /// Builds. Returns none if another process was building in the target directory: that may have taken long, and much may
    /// have changed.
    fn build_once(&mut self, turn: &BuildTurn, reasons: &[MissReason]) -> Result<Option<Attempt>> {
        let Search { request, root, call, store, .. } = &self.search;
        let target = inputs::target_directory(root, &request.env)?;
        let target = LockName::Output(Digest::of(target.as_os_str().as_encoded_bytes()));
        let Some(mut output) = store.lock_or_wait(target, call.cancellation, call.emit)? else {
            self.look()?;
            return Ok(None);
        };
        turn.notice.add(&mut output);
        let before = (&self.survey, &self.found.inputs);
        let attempt = Attempt::make(&self.search, before, reasons, output, &self.attempts)?;
        self.attempts.note(&attempt);
        Ok(Some(attempt))
    }

    fn publish(&mut self, attempt: Attempt) -> Result<Entry> {
        let made_at = attempt.made_at;
        let (entry, inputs) = publication::publish(&self.search, attempt, self.attempts.build_ms)?;
        self.built_from = inputs;
        in_process::note_build(entry.manifest.fingerprint, made_at);
        Ok(entry)
    }

    /// Takes over the survey after a build whose inputs were written to meanwhile, so that they can be built again.
    fn take_over_survey(&mut self, attempt: Attempt) -> Result<()> {
        let Search { request, call, .. } = &self.search;
        let summary = attempt.disturbance.summary();
        if self.attempts.count == MOST_BUILDS {
            return Err(Error::ChangedDuringBuild { attempts: self.attempts.count, paths: vec![summary] });
        }
        // The change may be that the checkout is gone.
        inputs::checkout_root(&request.repo)?;
        (call.emit)(Event::Warning { message: format!("{summary} during the build; building again") });
        self.survey = attempt.survey_after;
        self.found = self.search.look_up(&self.survey)?;
        Ok(())
    }
}
