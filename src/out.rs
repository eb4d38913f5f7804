//! Copies a binary to the path that the caller wants.
//!
//! Promises: `{target}` and `{exe}` in the path stand for what the file was built for: the triple, and the ending of its
//! programs' names. rustc is asked for its host once, as long as it stays the same program.
//! Does not promise: that a copy counts as an input. A path in the checkout does not count while a copy is wanted there.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::cargo;
use crate::error::{Error, Result};
use crate::inputs;
use crate::model::inventory::Tool;
use crate::request::{HOST_TUPLE, Request};
use crate::search::Search;
use crate::store::Entry;

/// The host triple of a compiler, as it is recorded.
#[derive(Default, Serialize, Deserialize)]
struct Host {
    rustc: Option<Tool>,
    triple: String,
}

/// Copies `entry` to the path that `request` names, and returns that path; none if it names none.
///
/// # Errors
///
/// [`Error::InvalidOption`] if the copy cannot be put there, and the errors of a survey of the toolchain.
pub fn copy_out(request: &Request, call: &Call<'_>, entry: &Entry) -> Result<Option<PathBuf>> {
    let Some(template) = &request.out else { return Ok(None) };
    let search = Search::begin(request, call)?;
    let triple = if template.asks_for_target() { triple(&search)? } else { request.target.clone().unwrap_or_default() };
    let path = template.filled_in(&triple);
    search.store.prepare()?;
    search.store.copy_out(entry, &path)?;
    Ok(Some(path))
}

/// Returns the triple that a build of the request is for.
fn triple(search: &Search<'_>) -> Result<String> {
    let Search { request, root, store, call, .. } = search;
    let configured = || inputs::configured_targets(root, &request.env);
    let named = match &request.target {
        Some(target) => Some(request.triple().unwrap_or(target).to_owned()),
        None => Some(configured()?).filter(|targets| targets.len() == 1).and_then(|mut targets| targets.pop()),
    };
    if let Some(triple) = named.filter(|triple| triple != HOST_TUPLE) {
        return Ok(triple);
    }
    let unknown = || Error::option("out", "rustc does not tell what `{target}` is; name it in `target`");
    let rustc = search.toolchain()?.remove("rustc").ok_or_else(unknown)?;
    let known: Host = store.record(Path::new(&rustc.path));
    if known.rustc.is_some_and(|known| known.is_same_program(&rustc)) {
        return Ok(known.triple);
    }
    let triple = cargo::host(&rustc, request, root, call.cancellation)?.ok_or_else(unknown)?;
    let path = PathBuf::from(&rustc.path);
    store.prepare()?;
    store.keep_record(&path, &Host { rustc: Some(rustc), triple: triple.clone() })?;
    Ok(triple)
}
