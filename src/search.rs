//! Looks up one request: surveys its inputs, and asks the store for their entry.
//!
//! A [`Search`] is what all phases of a call share: the request, the checkout, the store, and the observer of its builds.
//!
//! Promises: a look-up writes nothing before the answer. It starts a process in one case: cargo or rustc is a shim, as those
//! of mise and asdf are, which has to be asked for the toolchain that it runs. If the shim does not tell, only an entry that
//! was built after the call was made is served. Serving an entry is recorded once an hour, and once for each checkout that
//! is served the binary of another one.
//! Does not promise: that the inputs stay as they were seen. `resolve` surveys them again after a build.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::call::Call;
use crate::cargo;
use crate::error::{Error, Result, listed};
use crate::in_process::{self, Moment};
use crate::inputs::{
    self, CrateScope, Observation, RealToolchain, Shims, Subject, Surveyed, Swept, SystemContents, Unsaved,
};
use crate::model::event::Event;
use crate::model::inventory::{Inventory, Tool};
use crate::model::path_set::PathSet;
use crate::model::tree::{Tree, TreePath};
use crate::observer::Observer;
use crate::request::{HOST_TUPLE, Request, Scope};
use crate::store::{Claim, Entry, LookUp, Store};

/// The number of targets that a message lists. A user would not read more.
const MOST_TARGETS: usize = 20;

/// The result of a look-up.
pub(crate) struct Found {
    pub(crate) entry: LookUp,
    /// The inputs under the path set of the entry, or under the newest path set if there is no entry.
    pub(crate) inputs: Inventory,
}

/// The inputs as far as they are known before path sets are applied. The files of the checkout are read when they are asked
/// for, and only as many as are asked for.
pub(crate) struct Survey {
    since: Moment,
    /// All inputs but the files of the checkout and of path sets.
    known: Inventory,
    /// The program that hides the toolchain, if the toolchain is not known.
    hiding_program: Option<PathBuf>,
    whole: OnceCell<Arc<Tree>>,
}

impl Survey {
    /// Returns the inputs that are known without the files of the checkout.
    pub(crate) fn known(&self) -> &Inventory {
        &self.known
    }

    /// True if the toolchain is known.
    pub(crate) fn knows_toolchain(&self) -> bool {
        self.hiding_program.is_none()
    }

    /// Returns the program that hides the toolchain, if the toolchain is not known.
    pub(crate) fn hiding_program(&self) -> Option<&Path> {
        self.hiding_program.as_deref()
    }
}

/// A call, and all that its phases share.
pub(crate) struct Search<'a> {
    pub(crate) request: &'a Request,
    pub(crate) call: &'a Call<'a>,
    pub(crate) root: PathBuf,
    pub(crate) store: Store,
    /// The contents of the system's files.
    pub(crate) system: SystemContents,
    /// The observer of the call's builds, which begins with the first.
    observer: OnceCell<Option<Observer>>,
    /// True if the caller was warned of ignore files that are not there.
    warned: Cell<bool>,
}

impl<'a> Search<'a> {
    pub(crate) fn begin(request: &'a Request, call: &'a Call<'a>) -> Result<Self> {
        let root = inputs::checkout_root(&request.repo)?;
        let store = Store::open(&request.cache_dir)?;
        let system = SystemContents::new(store.stat_caches());
        Ok(Self { request, call, root, store, system, observer: OnceCell::new(), warned: Cell::new(false) })
    }

    /// Returns the observer of the call's builds, if it is wanted and the system supports it.
    pub(crate) fn observer(&self) -> Result<Option<&Observer>> {
        if let Some(observer) = self.observer.get() {
            return Ok(observer.as_ref());
        }
        let observer =
            if self.request.observe { Observer::prepare(&self.store, &self.root, &self.request.env)? } else { None };
        Ok(self.observer.get_or_init(|| observer).as_ref())
    }

    /// Surveys the inputs. No part of the survey is older than `since`.
    pub(crate) fn survey(&self, since: Moment) -> Result<Survey> {
        let whole = match self.request.scope {
            Scope::Tree => OnceCell::from(self.sweep(None, since)?),
            Scope::Crate => OnceCell::new(),
        };
        let asked = |shims: &Shims| self.behind(shims);
        let Surveyed { inventory: known, unsaved, hiding_program } =
            inputs::survey(self.request, &self.root, &self.store.stat_caches(), &asked)?;
        self.save_afterwards(unsaved);
        Ok(Survey { since, known, hiding_program, whole })
    }

    /// Returns the programs that take part in a build, by role.
    pub(crate) fn toolchain(&self) -> Result<BTreeMap<String, Tool>> {
        Ok(self.survey(self.call.made)?.known.tools)
    }

    /// Returns the programs behind `shims` for a build of the request, as far as the shims tell.
    fn behind(&self, shims: &Shims) -> Result<Option<RealToolchain>> {
        let Self { request, root, call, .. } = self;
        let Shims { rustc, cargo, toolchain } = shims;
        if *cargo {
            let found = cargo::cargo_and_sysroot(rustc, request, root, call.cancellation)?;
            return Ok(found.map(|(cargo, sysroot)| RealToolchain { sysroot, cargo: Some(cargo) }));
        }
        let sysroot = cargo::sysroot(rustc, toolchain.as_deref(), request, root, call.cancellation)?;
        Ok(sysroot.map(|sysroot| RealToolchain { sysroot, cargo: None }))
    }

    /// Returns the tree of the whole checkout, and sweeps for it the first time.
    pub(crate) fn whole_tree(&self, survey: &Survey) -> Result<Arc<Tree>> {
        if let Some(whole) = survey.whole.get() {
            return Ok(Arc::clone(whole));
        }
        let whole = self.sweep(None, survey.since)?;
        Ok(Arc::clone(survey.whole.get_or_init(|| whole)))
    }

    fn sweep(&self, crate_scope: Option<CrateScope>, since: Moment) -> Result<Arc<Tree>> {
        let git = inputs::git_variables(&self.request.env);
        let subject = Subject { root: self.root.clone(), exclude: self.request.excluded(), crate_scope, git };
        let cancellation = self.call.cancellation;
        let tree = in_process::shared_sweep(subject.clone(), since, cancellation, || {
            let Swept { tree, unsaved } = inputs::sweep(&subject, &self.store.stat_caches(), cancellation)?;
            self.save_afterwards(unsaved);
            Ok(tree)
        })?;
        self.warn_of(tree.rules_not_fetched());
        Ok(tree)
    }

    /// Warns of ignore files that git has not fetched, once a call.
    fn warn_of(&self, rules_not_fetched: &[TreePath]) {
        if rules_not_fetched.is_empty() || self.warned.replace(true) {
            return;
        }
        let paths: Vec<String> = rules_not_fetched.iter().map(|path| format!("`{path}`")).collect();
        let message = format!(
            "git has not fetched {}, which this sparse checkout leaves out; files count that it may ignore, until `git show :PATH` has fetched it",
            listed(&paths, 3)
        );
        (self.call.emit)(Event::Warning { message });
    }

    fn save_afterwards(&self, unsaved: impl IntoIterator<Item = Unsaved>) {
        for unsaved in unsaved {
            let store = self.store.clone();
            self.call.afterwards.add(move || {
                store.prepare_stat_caches();
                unsaved.save();
            });
        }
    }

    /// Keeps what was read of the system and of the toolchain, so that it is read once.
    pub(crate) fn save_system_contents(&self) {
        self.save_afterwards(self.system.unsaved());
    }

    /// Returns the inventory of `survey` under `set`: with the inputs that the set adds, and without those that it leaves
    /// out.
    pub(crate) fn inventory_under(&self, survey: &Survey, set: &PathSet) -> Result<Inventory> {
        self.inventory_under_as(self.request, survey, set)
    }

    /// As [`Self::inventory_under`], for a request that may differ from the call's in its scope.
    pub(crate) fn inventory_under_as(&self, request: &Request, survey: &Survey, set: &PathSet) -> Result<Inventory> {
        let crate_scope = inputs::crate_scope(request, set);
        let tree = match (survey.whole.get(), crate_scope) {
            (Some(whole), crate_scope) => inputs::narrowed(whole, crate_scope.as_ref()),
            (None, None) => self.whole_tree(survey)?,
            (None, crate_scope) => self.sweep(crate_scope, survey.since)?,
        };
        let stat_caches = self.store.stat_caches();
        let looks = (stat_caches.as_path(), &self.system);
        let (inventory, unsaved) = inputs::inventory_under(&survey.known, set, tree, request, &self.root, looks)?;
        self.save_afterwards(unsaved.into_iter().chain(self.system.unsaved()));
        Ok(inventory)
    }

    /// Returns all inputs of the whole checkout, except those of a path set.
    pub(crate) fn everything(&self, since: Moment) -> Result<Inventory> {
        let survey = self.survey(since)?;
        let tree = self.whole_tree(&survey)?;
        Ok(Inventory { tree, ..survey.known })
    }

    /// Returns the request as it is passed to cargo. If cargo's configuration has it build for several targets, the result
    /// asks for the host's binary alone.
    pub(crate) fn for_cargo(&self, inputs: &Inventory) -> Result<Cow<'a, Request>> {
        let asked = Cow::Borrowed(self.request);
        if self.request.target.is_some() {
            return Ok(asked);
        }
        let targets = inputs::configured_targets(&self.root, &self.request.env)?;
        if targets.len() < 2 {
            return Ok(asked);
        }
        let rustc = inputs.tools.get("rustc");
        let host =
            rustc.map(|rustc| cargo::host(rustc, self.request, &self.root, self.call.cancellation)).transpose()?;
        // A rustc that does not tell its host fails in cargo, too, and cargo says how.
        let Some(host) = host.flatten() else { return Ok(asked) };
        if targets.iter().any(|target| *target == host || target == HOST_TUPLE) {
            return Ok(Cow::Owned(self.request.building_for(host)));
        }
        let targets = listed(&targets, MOST_TARGETS);
        Err(Error::option(
            "target",
            format!("cargo's configuration names several, and not the host's, `{host}`: {targets}; name one of them"),
        ))
    }

    /// Returns the path set to assume before any build was seen.
    fn unobserved(&self, survey: &Survey) -> Result<PathSet> {
        Ok(match self.request.scope {
            Scope::Tree => {
                let tree = self.whole_tree(survey)?;
                inputs::path_set(&Observation::default(), &tree, self.request, &self.root)?
            }
            Scope::Crate => PathSet { whole_tree: true, ..PathSet::default() },
        })
    }

    /// Returns the entry for the current inputs, under any of the path sets that are known, the newest first.
    pub(crate) fn look_up(&self, survey: &Survey) -> Result<Found> {
        let kept = self.store.path_sets_of(&survey.known.weak_key());
        let unobserved = if kept.is_empty() { Some(self.unobserved(survey)?) } else { None };
        let name = self.request.binary_name();
        let mut best: Option<Found> = None;
        for set in kept.iter().chain(&unobserved) {
            let inputs = self.inventory_under(survey, set)?;
            let entry = match set.unknown {
                // The reads are not known, so cargo has to check whether anything changed.
                Some(_) => LookUp::Absent,
                None => self.store.look_up(&inputs.fingerprint(), &name),
            };
            let found = Found { entry, inputs };
            match found.entry {
                LookUp::Hit(entry) if !self.may_serve(survey, &entry) => {
                    best = best.or(Some(Found { entry: LookUp::Absent, ..found }));
                }
                LookUp::Hit(_) => return Ok(found),
                LookUp::Damaged(_) => best = Some(found),
                LookUp::Absent => best = best.or(Some(found)),
            }
        }
        Ok(best.unwrap_or_else(|| Found { entry: LookUp::Absent, inputs: survey.known.clone() }))
    }

    /// True if `entry`, which has the inputs of `survey`, may answer the call. An entry from a team's store may if the call
    /// trusts its signer. If the toolchain is not known, only an entry that was built since the call was made may.
    fn may_serve(&self, survey: &Survey, entry: &Entry) -> bool {
        let is_current = || in_process::was_built_since(&entry.manifest.fingerprint, self.call.made);
        let trusts = |signers: &[String]| self.request.remote.iter().any(|remote| remote.trusts(signers));
        entry.manifest.origin.as_ref().is_none_or(|origin| trusts(&origin.signers))
            && (survey.hiding_program.is_none() || is_current())
    }

    /// Returns the entry that was found, if it still exists, and claims it for another hour. Reports the hit to the caller.
    pub(crate) fn serve(&self, found: &Found) -> Option<Entry> {
        let LookUp::Hit(entry) = &found.entry else { return None };
        let claim = self.store.claim(entry);
        if claim == Claim::Gone {
            return None;
        }
        let is_known = entry.manifest.knows(&self.root);
        if claim == Claim::Noted || !is_known {
            let (store, weak_key, root) = (self.store.clone(), found.inputs.weak_key(), self.root.clone());
            let other = (!is_known).then(|| entry.clone());
            self.call.afterwards.add(move || {
                store.note_reference(&weak_key, &root);
                if let Some(entry) = other {
                    store.note_served(&entry, &root);
                }
            });
        }
        let fingerprint = entry.manifest.fingerprint.to_string();
        (self.call.emit)(Event::Hit { bin: self.request.bin.clone(), fingerprint });
        Some(entry.as_ref().clone())
    }
}
