//! One request on its way: looking at the inputs, and at what the cache has for them.
//!
//! Promises: a look-up neither writes nor spawns anything, with one exception: programs that hide the toolchain are asked
//! for it, and where they do not tell, nothing is served. When what was found is served, that is noted once an hour, and
//! once that a checkout is served what another one built. To tell why something was built, a program that was not there at
//! the last build is asked for its version.
//! Does not promise: that the inputs stay as they were seen. `resolve` looks again after a build.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::afterwards::Afterwards;
use crate::cancellation::Cancellation;
use crate::cargo;
use crate::error::{Error, Result, listed};
use crate::event::{Event, MissReason};
use crate::fingerprint::Fingerprint;
use crate::flight::{self, Moment};
use crate::inputs::{
    self, Behind, Kinship, Observation, Selection, Shims, Subject, Surveyed, Swept, SystemContents, Unsaved,
};
use crate::inventory::{Inventory, Tool};
use crate::observer::Observer;
use crate::path_set::PathSet;
use crate::reasons;
use crate::request::{HOST_TUPLE, Request, Scope};
use crate::store::{Claim, Earlier, Entry, LookUp, Store};
use crate::tree::{Tree, TreePath};

/// Builds of other checkouts that are compared with what is here: each may take a look at all of it.
const MOST_COMPARED: usize = 8;
/// More would not be read.
const MOST_TARGETS: usize = 20;

/// What a call needs besides its request.
pub struct Call<'a> {
    /// Stops it.
    pub cancellation: &'a Cancellation,
    /// When it was made: nothing older than this may answer it.
    pub made: Moment,
    /// Hears what happens.
    pub emit: &'a dyn Fn(Event),
    /// Does what can wait until the answer is given.
    pub afterwards: &'a Afterwards,
}

/// What a look-up came to.
pub(crate) struct Found {
    pub(crate) entry: LookUp,
    /// The inputs under the path set that the entry has, or under the newest one when there is none.
    pub(crate) inputs: Inventory,
}

/// A look at the inputs. The checkout is looked at when it is asked for, and as little of it as is asked for.
pub(crate) struct Survey {
    since: Moment,
    /// All inputs but files.
    known: Inventory,
    /// The program that hides the toolchain, where that is not known.
    unknown: Option<PathBuf>,
    whole: OnceCell<Arc<Tree>>,
}

pub(crate) struct Search<'a> {
    pub(crate) request: &'a Request,
    pub(crate) call: &'a Call<'a>,
    pub(crate) root: PathBuf,
    pub(crate) store: Store,
    /// What the system's files hold.
    pub(crate) system: SystemContents,
    /// What watches over the builds of the call; begins with the first.
    observer: OnceCell<Option<Observer>>,
    /// True if the caller has heard of ignore files that are not there.
    warned: Cell<bool>,
}

impl<'a> Search<'a> {
    pub(crate) fn begin(request: &'a Request, call: &'a Call<'a>) -> Result<Self> {
        let root = inputs::checkout_root(&request.repo)?;
        let store = Store::open(&request.cache_dir)?;
        let system = SystemContents::new(store.stat_caches());
        Ok(Self { request, call, root, store, system, observer: OnceCell::new(), warned: Cell::new(false) })
    }

    /// What watches over the builds of the call, where that is wanted and the system has it.
    pub(crate) fn observer(&self) -> Result<Option<&Observer>> {
        if let Some(observer) = self.observer.get() {
            return Ok(observer.as_ref());
        }
        let observer =
            if self.request.observe { Observer::prepare(&self.store, &self.root, &self.request.env)? } else { None };
        Ok(self.observer.get_or_init(|| observer).as_ref())
    }

    /// A look at the inputs, no part of it older than `since`.
    pub(crate) fn survey(&self, since: Moment) -> Result<Survey> {
        let whole = match self.request.scope {
            Scope::Tree => OnceCell::from(self.sweep(None, since)?),
            Scope::Crate => OnceCell::new(),
        };
        let asked = |shims: &Shims| self.behind(shims);
        let Surveyed { inventory: known, unsaved, unknown } =
            inputs::survey(self.request, &self.root, &self.store.stat_caches(), &asked)?;
        self.save_afterwards(unsaved);
        Ok(Survey { since, known, unknown, whole })
    }

    /// The programs that build, by role.
    pub(crate) fn toolchain(&self) -> Result<BTreeMap<String, Tool>> {
        Ok(self.survey(self.call.made)?.known.tools)
    }

    /// What is behind `shims` for a build of the request, as far as they tell.
    fn behind(&self, shims: &Shims) -> Result<Option<Behind>> {
        let Self { request, root, call, .. } = self;
        let Shims { rustc, cargo, toolchain } = shims;
        if *cargo {
            let found = cargo::cargo_and_sysroot(rustc, request, root, call.cancellation)?;
            return Ok(found.map(|(cargo, sysroot)| Behind { sysroot, cargo: Some(cargo) }));
        }
        let sysroot = cargo::sysroot(rustc, toolchain.as_deref(), request, root, call.cancellation)?;
        Ok(sysroot.map(|sysroot| Behind { sysroot, cargo: None }))
    }

    /// Everything that counts in the whole checkout.
    pub(crate) fn whole_tree(&self, survey: &Survey) -> Result<Arc<Tree>> {
        if let Some(whole) = survey.whole.get() {
            return Ok(Arc::clone(whole));
        }
        let whole = self.sweep(None, survey.since)?;
        Ok(Arc::clone(survey.whole.get_or_init(|| whole)))
    }

    fn sweep(&self, selection: Option<Selection>, since: Moment) -> Result<Arc<Tree>> {
        let git = inputs::git_variables(&self.request.env);
        let subject = Subject { root: self.root.clone(), exclude: self.request.excluded(), selection, git };
        let cancellation = self.call.cancellation;
        let tree = flight::shared_sweep(subject.clone(), since, cancellation, || {
            let Swept { tree, unsaved } = inputs::sweep(&subject, &self.store.stat_caches(), cancellation)?;
            self.save_afterwards(unsaved);
            Ok(tree)
        })?;
        self.warn_of(tree.rules_not_fetched());
        Ok(tree)
    }

    /// Once a call.
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

    /// `survey` with what `set` adds to it, and without what it leaves out.
    pub(crate) fn observing(&self, survey: &Survey, set: &PathSet) -> Result<Inventory> {
        self.observing_as(self.request, survey, set)
    }

    /// The same for the scope of `request`, which may be another one.
    fn observing_as(&self, request: &Request, survey: &Survey, set: &PathSet) -> Result<Inventory> {
        let selection = inputs::selection(request, set);
        let tree = match (survey.whole.get(), selection) {
            (Some(whole), selection) => inputs::narrowed(whole, selection.as_ref()),
            (None, None) => self.whole_tree(survey)?,
            (None, selection) => self.sweep(selection, survey.since)?,
        };
        let stat_caches = self.store.stat_caches();
        let looks = (stat_caches.as_path(), &self.system);
        let (inventory, unsaved) = inputs::observing(&survey.known, set, tree, request, &self.root, looks)?;
        self.save_afterwards(unsaved.into_iter().chain(self.system.unsaved()));
        Ok(inventory)
    }

    /// All inputs of the whole checkout, but those of a path set.
    pub(crate) fn everything(&self, since: Moment) -> Result<Inventory> {
        let survey = self.survey(since)?;
        let tree = self.whole_tree(&survey)?;
        Ok(Inventory { tree, ..survey.known })
    }

    /// The request as cargo is asked for it: where cargo's configuration has it build for several targets, the binary for
    /// the host is what is wanted, and no other.
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
        // A rustc that does not tell fails in cargo, too, which then says how.
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

    /// What path sets are kept under: everything that is known before a build but the content of files.
    pub(crate) fn weak_key(inventory: &Inventory) -> Fingerprint {
        let Inventory { request, tools, variables, configs, .. } = inventory.clone();
        Inventory { request, tools, variables, configs, ..Inventory::default() }.fingerprint()
    }

    /// What a build reads if it is like most.
    fn unobserved(&self, survey: &Survey) -> Result<PathSet> {
        Ok(match self.request.scope {
            Scope::Tree => {
                let tree = self.whole_tree(survey)?;
                inputs::path_set(&Observation::default(), &tree, self.request, &self.root)?
            }
            Scope::Crate => PathSet { whole_tree: true, ..PathSet::default() },
        })
    }

    /// The entry for what is there now, under any of the path sets that are known, the newest first.
    pub(crate) fn look_up(&self, survey: &Survey) -> Result<Found> {
        let mut sets = self.store.path_sets_of(&Self::weak_key(&survey.known));
        if sets.is_empty() {
            sets.push(self.unobserved(survey)?);
        }
        let name = self.request.binary_name();
        let mut best: Option<Found> = None;
        for set in sets {
            let inputs = self.observing(survey, &set)?;
            let entry = match set.unknown {
                // cargo has to look whether anything changed.
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

    /// True if an entry that has the fingerprint of `survey` answers the call: where the toolchain is not known, only what was
    /// built since then.
    fn may_serve(&self, survey: &Survey, entry: &Entry) -> bool {
        survey.unknown.is_none() || flight::was_built_since(&entry.manifest.fingerprint, self.call.made)
    }

    /// Why there is nothing in the cache for `survey`.
    pub(crate) fn reasons(&self, survey: &Survey, found: &LookUp) -> Result<Vec<MissReason>> {
        if self.request.rebuild {
            return Ok(vec![MissReason::Rebuild]);
        }
        if let LookUp::Damaged(detail) = found {
            return Ok(vec![MissReason::Corrupt { detail: detail.clone() }]);
        }
        let earlier = self.earlier();
        let bound = self.bound(survey, &earlier)?;
        let is_own = |earlier: &&Earlier| earlier.manifest.knows(&self.root);
        // What another checkout has of it says more than how others of its builds differ.
        let nearest = earlier.iter().filter(|it| bound.is_none() || is_own(it)).find_map(Earlier::inventory);
        let Some(before) = nearest else { return Ok(vec![bound.unwrap_or(MissReason::FirstBuild)]) };
        let mut now = self.as_before(survey, &before)?;
        cargo::name_versions(&mut now.tools, &before.tools, self.request, &self.root, self.call.cancellation);
        let mut reasons = reasons::between(&before, &now);
        let unknown = before.path_set.unknown.map(|detail| MissReason::UnknownReads { detail });
        reasons.extend(unknown);
        if let Some(program) = &survey.unknown {
            let program = program.display();
            let message = format!(
                "`{program}` does not tell which toolchain is behind it, so cargo runs each time; \
                 `RUSTC` and `PATH` can name the toolchain's own programs instead"
            );
            (self.call.emit)(Event::Warning { message });
            let (tool, to) = ("rustc".to_owned(), Some("unknown".to_owned()));
            reasons.push(MissReason::Toolchain { tool, from: None, to });
        }
        reasons.extend(bound);
        if reasons.is_empty() {
            let detail =
                "names of what it read are kept for the last few builds, and these are not among them".to_owned();
            reasons.push(MissReason::UnknownReads { detail });
        }
        Ok(reasons)
    }

    /// What there is of earlier builds in this checkout, and then in others of the same repository. What has nothing but the
    /// names in common with it says nothing.
    fn earlier(&self) -> Vec<Earlier> {
        let mut earlier = self.store.earlier(self.request, &self.root);
        let kinship = OnceCell::new();
        let is_akin = |Earlier { manifest, .. }: &Earlier| {
            let kinship = || kinship.get_or_init(|| Kinship::of(&self.root));
            manifest.knows(&self.root) || manifest.commit.as_ref().is_some_and(|commit| kinship().has(commit))
        };
        earlier.retain(is_akin);
        earlier
    }

    /// That another checkout has built what is asked for, from what is here, and why it is not shared.
    fn bound(&self, survey: &Survey, earlier: &[Earlier]) -> Result<Option<MissReason>> {
        let asked = self.request.inputs();
        let is_asked = |Earlier { manifest, .. }: &&Earlier| !manifest.knows(&self.root) && manifest.request == asked;
        for other in earlier.iter().filter(is_asked).take(MOST_COMPARED) {
            let Some(before) = other.inventory().filter(|before| before.path_set.unknown.is_none()) else { continue };
            let now = self.observing(survey, &before.path_set)?;
            if before.location != now.location && reasons::between(&before, &now).is_empty() {
                let checkout = other.manifest.checkout.clone();
                let bound_by: Vec<String> = before.path_set.bound_by.into_iter().collect();
                let remapped = || vec!["`--remap-path-prefix` makes something else of its path".to_owned()];
                let bound_by = if bound_by.is_empty() { remapped() } else { bound_by };
                return Ok(Some(MissReason::Bound { checkout, bound_by }));
            }
        }
        Ok(None)
    }

    /// What is there now of all that counted `before`, in whichever scope that was.
    fn as_before(&self, survey: &Survey, before: &Inventory) -> Result<Inventory> {
        let mut like_before = Cow::Borrowed(self.request);
        if let Some(scope) = before.request.get("scope").and_then(|name| Scope::named(name))
            && scope != self.request.scope
        {
            like_before.to_mut().scope = scope;
        }
        self.observing_as(&like_before, survey, &before.path_set)
    }

    /// The entry that was found, if it is still there, and now is for another hour. Its caller hears of a hit.
    pub(crate) fn serve(&self, found: &Found) -> Option<Entry> {
        let LookUp::Hit(entry) = &found.entry else { return None };
        let claim = self.store.claim(entry);
        if claim == Claim::Gone {
            return None;
        }
        let is_known = entry.manifest.knows(&self.root);
        if claim == Claim::Noted || !is_known {
            let (store, weak_key, root) = (self.store.clone(), Self::weak_key(&found.inputs), self.root.clone());
            let other = (!is_known).then(|| entry.clone());
            self.call.afterwards.add(move || {
                store.note_owner(&weak_key, &root);
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
