//! From a request to a binary: the pipeline of this package, top to bottom.
//!
//! Promises: a hit takes no lock, writes nothing and spawns nothing. What is published was built from inputs that were
//! the same before and after the build. At most one call of all processes builds an entry; the others wait and hit.
//! Does not promise: to build what changes faster than it builds; after [`MOST_BUILDS`] attempts that is an error.

use std::path::PathBuf;
use std::time::Instant;

use crate::cancellation::Cancellation;
use crate::cargo::{self, Built};
use crate::error::{Error, Result};
use crate::event::{Event, MissReason};
use crate::fingerprint::Fingerprint;
use crate::flight::{self, Moment};
use crate::inputs::{self, UnitOutputs};
use crate::inventory::Inventory;
use crate::path_set::PathSet;
use crate::reasons;
use crate::request::{Builder, Request};
use crate::store::{Entry, LockName, LookUp, Staged, Store};

/// How often one call runs cargo while its inputs keep changing.
pub const MOST_BUILDS: u32 = 3;

/// What a call needs besides its request.
pub struct Call<'a> {
    /// Stops it.
    pub cancellation: &'a Cancellation,
    /// When it was made: nothing older than this may answer it.
    pub made: Moment,
    /// Hears what happens.
    pub emit: &'a dyn Fn(Event),
}

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
    let mut inputs = search.survey(call.made)?;
    if !request.rebuild
        && let LookUp::Hit(entry) = search.look_up(&inputs)
    {
        search.tell_hit(&entry);
        return done(*entry, Outcome::Cached, Vec::new());
    }
    search.store.prepare()?;
    let mut told = None;
    let (mut builds, mut build_ms) = (0, 0);
    loop {
        let turn = flight::take_turn(&search.root, call.cancellation, call.emit)?;
        let key = search.fingerprint(&inputs);
        let Some(_lock) = search.store.lock_or_wait(LockName::Entry(key), call.cancellation, call.emit)? else {
            inputs = search.survey(Moment::now())?;
            if !request.rebuild
                && let LookUp::Hit(entry) = search.look_up(&inputs)
            {
                search.tell_hit(&entry);
                return done(*entry, Outcome::Cached, Vec::new());
            }
            continue;
        };
        if turn.waited {
            inputs = search.survey(Moment::now())?;
            if search.fingerprint(&inputs) != key {
                continue;
            }
        }
        let found = search.look_up(&inputs);
        if let LookUp::Hit(entry) = &found
            && (!request.rebuild || flight::was_built_since(&entry.manifest.fingerprint, call.made))
        {
            search.tell_hit(entry);
            return done(entry.as_ref().clone(), Outcome::Cached, Vec::new());
        }
        let reasons = told.get_or_insert_with(|| search.tell_miss(&inputs, &found)).clone();
        let began = Moment::now();
        let built = search.build()?;
        builds += 1;
        build_ms += built.elapsed_ms;
        let staged = search.store.stage(&built.executable, &built.stat)?;
        let now = search.survey(Moment::now())?;
        let changed = search.changes(&inputs, &now);
        let untouched = now.touched_files(&inputs).is_empty();
        // Something may have been changed and changed back while cargo read it; building once more makes sure.
        if let Some(staged) = staged
            && changed.is_empty()
            && (untouched || builds == MOST_BUILDS)
        {
            let entry = search.publish(staged, &built, &inputs, build_ms)?;
            flight::note_build(entry.manifest.fingerprint, began);
            return done(entry, Outcome::Built, reasons);
        }
        if builds == MOST_BUILDS {
            return Err(Error::ChangedDuringBuild { attempts: builds, paths: changed });
        }
        search.warn_of_changes(&changed, &now, &inputs);
        inputs = now;
    }
}

/// The fingerprint that `request` has now; nothing is built.
///
/// # Errors
///
/// Those of [`get_dev_binary`] that come before a build.
pub fn fingerprint(request: &Request, call: &Call<'_>) -> Result<Fingerprint> {
    let search = Search::begin(request, call)?;
    let inputs = search.survey(call.made)?;
    Ok(match search.look_up(&inputs) {
        LookUp::Hit(entry) => entry.manifest.fingerprint,
        _ => search.fingerprint(&inputs),
    })
}

/// One request on its way.
struct Search<'a> {
    request: &'a Request,
    call: &'a Call<'a>,
    root: PathBuf,
    store: Store,
    /// What the path sets of this request are kept under.
    weak_key: Fingerprint,
}

impl<'a> Search<'a> {
    fn begin(request: &'a Request, call: &'a Call<'a>) -> Result<Self> {
        let root = inputs::checkout_root(&request.repo)?;
        let store = Store::open(&request.cache_dir)?;
        let weak_key = Inventory { request: request.inputs(), ..Inventory::default() }.fingerprint();
        Ok(Self { request, call, root, store, weak_key })
    }

    /// All inputs but those of a path set, none of them older than `since`.
    fn survey(&self, since: Moment) -> Result<Inventory> {
        let (request, cancellation) = (self.request, self.call.cancellation);
        let key = (self.root.clone(), request.exclude.clone());
        let tree = flight::shared_sweep(key, since, cancellation, || {
            inputs::sweep(&self.root, &request.exclude, cancellation)
        })?;
        inputs::survey(request, &self.root, tree)
    }

    /// `inputs` under each path set that is known, the newest first; under none when none is known.
    fn candidates(&self, inputs: &Inventory) -> impl Iterator<Item = Inventory> {
        let mut sets = self.store.path_sets_of(&self.weak_key);
        if sets.is_empty() {
            sets.push(PathSet::default());
        }
        let env = &self.request.env;
        sets.into_iter().map(move |set| inputs::observing(inputs, &set, env))
    }

    fn fingerprint(&self, inputs: &Inventory) -> Fingerprint {
        self.candidates(inputs).next().as_ref().unwrap_or(inputs).fingerprint()
    }

    fn look_up(&self, inputs: &Inventory) -> LookUp {
        let name = self.request.binary_name();
        let mut damage = LookUp::Absent;
        for candidate in self.candidates(inputs) {
            match self.store.look_up(&candidate.fingerprint(), &name) {
                LookUp::Hit(entry) => return LookUp::Hit(entry),
                LookUp::Damaged(problem) => damage = LookUp::Damaged(problem),
                LookUp::Absent => {}
            }
        }
        damage
    }

    fn tell_hit(&self, entry: &Entry) {
        let fingerprint = entry.manifest.fingerprint.to_string();
        (self.call.emit)(Event::Hit { bin: self.request.bin.clone(), fingerprint });
    }

    fn tell_miss(&self, inputs: &Inventory, found: &LookUp) -> Vec<MissReason> {
        let mut reasons = Vec::new();
        if self.request.rebuild {
            reasons.push(MissReason::Rebuild);
        } else if let LookUp::Damaged(detail) = found {
            (self.call.emit)(Event::Warning { message: format!("{detail}; building it again") });
            reasons.push(MissReason::Corrupt { detail: detail.clone() });
        } else {
            match self.store.nearest_inventory(self.request, &self.root) {
                None => reasons.push(MissReason::FirstBuild),
                Some(before) => {
                    let set = PathSet { variables: before.observed.keys().cloned().collect() };
                    let now = inputs::observing(inputs, &set, &self.request.env);
                    reasons = reasons::between(&before, &now);
                }
            }
        }
        (self.call.emit)(Event::Miss { bin: self.request.bin.clone(), reasons: reasons.clone() });
        reasons
    }

    fn build(&self) -> Result<Built> {
        let Call { cancellation, emit, .. } = *self.call;
        let zig = self.request.builder == Builder::Zigbuild;
        let lock = zig.then(|| self.store.lock(LockName::Zigbuild, cancellation, emit)).transpose()?;
        let built = cargo::build(self.request, &self.root, cancellation, emit);
        drop(lock);
        built
    }

    /// What differs between two surveys, in words.
    fn changes(&self, before: &Inventory, now: &Inventory) -> Vec<String> {
        reasons::between(before, now).iter().map(MissReason::summary).collect()
    }

    fn warn_of_changes(&self, changed: &[String], now: &Inventory, before: &Inventory) {
        let what = match changed {
            [] => now.touched_files(before).first().map_or_else(
                || "another cargo replaced the binary".to_owned(),
                |(path, _)| format!("{path} was written to"),
            ),
            changed => changed.join(", "),
        };
        (self.call.emit)(Event::Warning { message: format!("{what} during the build; building again") });
    }

    /// Publishes under the fingerprint of what the build was seen to read.
    fn publish(&self, staged: Staged, built: &Built, inputs: &Inventory, build_ms: u64) -> Result<Entry> {
        let set = self.observed(built);
        let inputs = inputs::observing(inputs, &set, &self.request.env);
        // First, since nobody finds the entry without.
        self.store.remember_path_set(&self.weak_key, &set)?;
        let entry = self.store.publish(staged, self.request, &self.root, &inputs, build_ms)?;
        (self.call.emit)(Event::Published {
            path: entry.path.clone(),
            size: entry.manifest.size,
            sha256: entry.manifest.sha256.to_string(),
        });
        Ok(entry)
    }

    fn observed(&self, built: &Built) -> PathSet {
        let outputs = UnitOutputs {
            artifacts: built.artifacts.clone(),
            build_scripts: built.build_scripts.clone(),
            out_dirs: built.out_dirs.clone(),
            binary: self.request.bin.clone(),
        };
        match inputs::observe(&outputs) {
            Ok(variables) => PathSet { variables },
            Err((path, error)) => {
                (self.call.emit)(Event::Warning {
                    message: format!(
                        "`{}` does not tell which variables the build read ({error}); a change of one that is not \
                         listed in the documentation will go unnoticed",
                        path.display()
                    ),
                });
                PathSet::default()
            }
        }
    }
}
