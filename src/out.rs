//! Where the caller wants a copy.
//!
//! Promises: `{target}` and `{exe}` in the path are what the file was built for: the triple, and how the names of its
//! programs end. rustc is asked for its host once, as long as it stays the same program.
//! Does not promise: that a copy counts as one. A path in the checkout is left out of what counts while it is asked for.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cargo;
use crate::error::{Error, Result};
use crate::inputs;
use crate::inventory::Tool;
use crate::request::{HOST_TUPLE, Request};
use crate::search::{Call, Search};
use crate::store::Entry;

/// What a compiler calls the machine that it runs on.
#[derive(Default, Serialize, Deserialize)]
struct Host {
    rustc: Option<Tool>,
    triple: String,
}

/// Puts a copy of `entry` where `request` wants one; where that is.
///
/// # Errors
///
/// [`Error::InvalidOption`] when it cannot be put there, and those of a look at the toolchain.
pub fn copy_out(request: &Request, call: &Call<'_>, entry: &Entry) -> Result<Option<PathBuf>> {
    let Some(template) = &request.out else { return Ok(None) };
    let search = Search::begin(request, call)?;
    let triple = if template.asks_for_target() { triple(&search)? } else { request.target.clone().unwrap_or_default() };
    let path = template.filled_in(&triple);
    search.store.prepare()?;
    search.store.copy_out(entry, &path)?;
    Ok(Some(path))
}

/// The triple that a build of the request is for.
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
