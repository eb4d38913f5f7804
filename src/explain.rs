//! Saying what a call would do, without doing it.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::event::MissReason;
use crate::fingerprint::Fingerprint;
use crate::request::Request;
use crate::search::{Call, Search};
use crate::store::{Entry, LookUp};

/// What [`crate::resolve::get_dev_binary`] would do now.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The entry that it would answer with.
    pub entry: Option<Entry>,
    /// The fingerprint, as far as it is known before a build.
    pub fingerprint: Fingerprint,
    /// Why it would build; empty when it would not.
    pub reasons: Vec<MissReason>,
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
    match found.entry {
        LookUp::Hit(entry) if !request.rebuild => {
            Ok(Explanation { entry: Some(*entry), fingerprint, reasons: Vec::new(), bound_by })
        }
        other => Ok(Explanation { entry: None, fingerprint, reasons: search.reasons(&survey, &other)?, bound_by }),
    }
}
