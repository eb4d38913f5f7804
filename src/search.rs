//! One request on its way: looking at the inputs, and at what the cache has for them.
//!
//! Promises: nothing here writes, and a look-up spawns nothing, so a hit does neither. To tell why something was built,
//! a program that was not there at the last build is asked for its version.
//! Does not promise: that the inputs stay as they were seen. `resolve` looks again after a build.

use std::path::PathBuf;
use std::sync::Arc;

use crate::cancellation::Cancellation;
use crate::cargo;
use crate::error::Result;
use crate::event::{Event, MissReason};
use crate::fingerprint::Fingerprint;
use crate::flight::{self, Moment};
use crate::inputs::{self, Observation};
use crate::inventory::Inventory;
use crate::path_set::PathSet;
use crate::reasons;
use crate::request::{Request, Scope};
use crate::store::{Entry, LookUp, Store};

/// What a call needs besides its request.
pub struct Call<'a> {
    /// Stops it.
    pub cancellation: &'a Cancellation,
    /// When it was made: nothing older than this may answer it.
    pub made: Moment,
    /// Hears what happens.
    pub emit: &'a dyn Fn(Event),
}

/// What a look-up came to.
pub(crate) struct Found {
    pub(crate) entry: LookUp,
    /// The inputs under the path set that the entry has, or under the newest one when there is none.
    pub(crate) inputs: Inventory,
}

pub(crate) struct Search<'a> {
    pub(crate) request: &'a Request,
    pub(crate) call: &'a Call<'a>,
    pub(crate) root: PathBuf,
    pub(crate) store: Store,
}

impl<'a> Search<'a> {
    pub(crate) fn begin(request: &'a Request, call: &'a Call<'a>) -> Result<Self> {
        let root = inputs::checkout_root(&request.repo)?;
        let store = Store::open(&request.cache_dir)?;
        Ok(Self { request, call, root, store })
    }

    /// All inputs but those of a path set, none of them older than `since`.
    pub(crate) fn survey(&self, since: Moment) -> Result<Inventory> {
        let (request, cancellation) = (self.request, self.call.cancellation);
        let key = (self.root.clone(), request.exclude.clone());
        let tree = flight::shared_sweep(key, since, cancellation, || {
            inputs::sweep(&self.root, &request.exclude, cancellation)
        })?;
        inputs::survey(request, &self.root, Arc::clone(&tree))
    }

    /// `survey` with what `set` adds to it and leaves out of it.
    pub(crate) fn observing(&self, survey: &Inventory, set: &PathSet) -> Result<Inventory> {
        inputs::observing(survey, set, self.request, &self.root)
    }

    /// What path sets are kept under: everything that is known before a build but the content of files.
    pub(crate) fn weak_key(&self, survey: &Inventory) -> Fingerprint {
        let Inventory { request, tools, variables, configs, .. } = survey.clone();
        Inventory { request, tools, variables, configs, ..Inventory::default() }.fingerprint()
    }

    /// What a build reads if it is like most.
    fn unobserved(&self, survey: &Inventory) -> PathSet {
        match self.request.scope {
            Scope::Tree => inputs::path_set(&Observation::default(), &survey.tree, Scope::Tree, &self.root, false),
            Scope::Crate => PathSet { whole_tree: true, ..PathSet::default() },
        }
    }

    /// The entry for what is there now, under any of the path sets that are known, the newest first.
    pub(crate) fn look_up(&self, survey: &Inventory) -> Result<Found> {
        let mut sets = self.store.path_sets_of(&self.weak_key(survey));
        if sets.is_empty() {
            sets.push(self.unobserved(survey));
        }
        let name = self.request.binary_name();
        let mut best: Option<Found> = None;
        for set in sets {
            let inputs = self.observing(survey, &set)?;
            let found = Found { entry: self.store.look_up(&inputs.fingerprint(), &name), inputs };
            match found.entry {
                LookUp::Hit(_) => return Ok(found),
                LookUp::Damaged(_) => best = Some(found),
                LookUp::Absent => best = best.or(Some(found)),
            }
        }
        Ok(best.unwrap_or_else(|| Found { entry: LookUp::Absent, inputs: survey.clone() }))
    }

    /// Why there is nothing in the cache for `survey`.
    pub(crate) fn reasons(&self, survey: &Inventory, found: &LookUp) -> Result<Vec<MissReason>> {
        if self.request.rebuild {
            return Ok(vec![MissReason::Rebuild]);
        }
        if let LookUp::Damaged(detail) = found {
            return Ok(vec![MissReason::Corrupt { detail: detail.clone() }]);
        }
        let Some(before) = self.store.nearest_inventory(self.request, &self.root) else {
            return Ok(vec![MissReason::FirstBuild]);
        };
        let mut now = self.observing(survey, &before.path_set)?;
        cargo::name_versions(&mut now.tools, &before.tools, self.request, &self.root, self.call.cancellation);
        let reasons = reasons::between(&before, &now);
        Ok(if reasons.is_empty() { vec![MissReason::FirstBuild] } else { reasons })
    }

    pub(crate) fn tell_hit(&self, entry: &Entry) {
        let fingerprint = entry.manifest.fingerprint.to_string();
        (self.call.emit)(Event::Hit { bin: self.request.bin.clone(), fingerprint });
    }
}
