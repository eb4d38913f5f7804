//! Says what a call would do, without doing it.
//!
//! Promises: nothing is built. If there is an entry, no program runs but those of a look-up. If there is none, cargo is
//! asked about its workspace, and a request that cargo would refuse fails with the error that a build would end with.

use std::collections::{BTreeMap, BTreeSet};

use crate::call::Call;
use crate::cargo;
use crate::error::{Error, Result};
use crate::inputs;
use crate::known_inputs;
use crate::model::event::MissReason;
use crate::model::fingerprint::Fingerprint;
use crate::model::inventory::Inventory;
use crate::request::Request;
use crate::search::Search;
use crate::store::{Entry, LookUp};
use crate::team::{self, Limit};

/// A forecast of what [`crate::resolve::get_dev_binary`] would do now.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The cargo package.
    pub package: String,
    /// The name of the target.
    pub bin: String,
    /// The entry that it would return.
    pub entry: Option<Entry>,
    /// The fingerprint, as far as it is known before a build.
    pub fingerprint: Fingerprint,
    /// The reasons why it would build; empty if it would not.
    pub reasons: Vec<MissReason>,
    /// True if git knows the workspace.
    pub in_worktree: bool,
    /// The runs of the last build that read a changed path, in words, by that path in the reasons.
    pub read_by: BTreeMap<String, Vec<String>>,
    /// The bonds of the last build's binary, in words; empty if any checkout may be served it.
    pub bound_by: BTreeSet<String>,
    /// The parts of its inputs that limit who in a team has it; empty without a team's store.
    pub limits: Vec<Limit>,
}

/// Returns what a call would do now. Builds nothing.
///
/// # Errors
///
/// The errors of [`crate::resolve::get_dev_binary`] that come before a build, and those that a build would end with at once.
pub fn explain(request: &Request, call: &Call<'_>) -> Result<Explanation> {
    let search = Search::begin(request, call)?;
    let survey = search.survey(call.made)?;
    let found = search.look_up(&survey)?;
    let (fingerprint, bound_by) = (found.inputs.fingerprint(), found.inputs.path_set.bound_by.clone());
    let limits = team::limits(&search, &survey, &found.inputs)?;
    let in_worktree = inputs::is_in_worktree(&search.root);
    let (entry, reasons) = match found.entry {
        LookUp::Hit(entry) if !request.rebuild => (Some(*entry), Vec::new()),
        other => {
            if let Some(refused) = foreseen_failure(&search, &found.inputs)? {
                return Err(refused);
            }
            (None, search.reasons(&survey, &other)?)
        }
    };
    let read_by = read_by(&search, &reasons);
    let (package, bin) = (request.package.clone(), request.bin.clone());
    Ok(Explanation { package, bin, entry, fingerprint, reasons, in_worktree, read_by, bound_by, limits })
}

fn read_by(search: &Search<'_>, reasons: &[MissReason]) -> BTreeMap<String, Vec<String>> {
    let paths = reasons.iter().flat_map(|reason| match reason {
        MissReason::Source { paths, .. } => paths.as_slice(),
        _ => &[],
    });
    known_inputs::readers_of(
        paths.map(|changed| changed.path.as_str()),
        &search.store.earlier(search.request, &search.root),
    )
}

/// Returns the error that a build would fail with at once, if there is one.
fn foreseen_failure(search: &Search<'_>, inputs: &Inventory) -> Result<Option<Error>> {
    let Search { request, root, call, .. } = search;
    let known = cargo::Known {
        missing_toolchain: inputs::missing_toolchain(&inputs.tools),
        profiles: inputs::configured_profiles(root, &request.env, &request.profile)?,
        is_locked: inputs::LockFile::of(root).names(&request.package),
    };
    cargo::foreseen_failure(request, root, &known, call.cancellation)
}
