//! Saying what a call would do, without doing it.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::event::MissReason;
use crate::fingerprint::Fingerprint;
use crate::inputs;
use crate::request::Request;
use crate::search::{Call, Search};
use crate::store::{Entry, LookUp};

/// What [`crate::resolve::get_dev_binary`] would do now.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// cargo package.
    pub package: String,
    /// Name of the target.
    pub bin: String,
    /// The entry that it would answer with.
    pub entry: Option<Entry>,
    /// The fingerprint, as far as it is known before a build.
    pub fingerprint: Fingerprint,
    /// Why it would build; empty when it would not.
    pub reasons: Vec<MissReason>,
    /// Whether git knows the workspace.
    pub in_worktree: bool,
    /// Why no other checkout is served the binary of the last build, in words; empty where any is.
    pub bound_by: BTreeSet<String>,
}

/// Looks, and does not build.
///
/// # Errors
///
/// Those of [`crate::resolve::get_dev_binary`] that come before a build.
pub fn explain(request: &Request, call: &Call<'_>) -> Result<Explanation> {
    let search = Search::begin(request, call)?;
    let survey = search.survey(call.made)?;
    let found = search.look_up(&survey)?;
    let (fingerprint, bound_by) = (found.inputs.fingerprint(), found.inputs.path_set.bound_by);
    let in_worktree = inputs::is_in_worktree(&search.root);
    let (entry, reasons) = match found.entry {
        LookUp::Hit(entry) if !request.rebuild => (Some(*entry), Vec::new()),
        other => (None, search.reasons(&survey, &other)?),
    };
    let (package, bin) = (request.package.clone(), request.bin.clone());
    Ok(Explanation { package, bin, entry, fingerprint, reasons, in_worktree, bound_by })
}
