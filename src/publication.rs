//! Makes an entry of a finished build.
//!
//! Promises: the state of the target directory is recorded before the entry is made, so that a process that is killed in
//! between leaves a record for the next build, and no entry without one.
//! Does not promise: an entry for a binary that has to stay where cargo put it. It is returned as it lies there.

use crate::attempt::Attempt;
use crate::cargo::{self, Built};
use crate::error::Result;
use crate::inputs::{self, Kinship};
use crate::model::cancellation::Cancellation;
use crate::model::event::Event;
use crate::model::inventory::Inventory;
use crate::request::Publish;
use crate::search::Search;
use crate::store::{Earlier, Entry, Provenance, Staged, Store};
use crate::team::Shipment;

/// Makes an entry of a build that holds, and records the state of the target directory. Returns the entry, and its inputs if
/// the cache has it.
pub(crate) fn publish(search: &Search<'_>, attempt: Attempt, build_ms: u64) -> Result<(Entry, Option<Inventory>)> {
    if let Some(message) = attempt.disturbance.generated_summary() {
        (search.call.emit)(Event::Warning { message });
    }
    attempt.remember(search)?;
    let Attempt { built, staged, needs, after, .. } = attempt;
    let staged = staged.expect("a build that holds has been copied");
    match &needs.refusal {
        None => enter(search, staged, after, build_ms).map(|(entry, inputs)| (entry, Some(inputs))),
        Some(problem) => Ok((leave(search, &built, &staged, &after, problem), None)),
    }
}

/// Returns a binary that has to stay where cargo put it. The next call runs cargo again.
fn leave(search: &Search<'_>, built: &Built, staged: &Staged, inputs: &Inventory, problem: &str) -> Entry {
    let Search { request, root, call, .. } = search;
    let message = format!("`{}` is not kept in the cache, and cargo is run each time: {problem}", request.bin);
    (call.emit)(Event::Warning { message });
    Store::unpublished(staged, &built.executable, request, root, inputs, built.elapsed_ms)
}

/// Makes an entry under the fingerprint of the inputs that it was seen to read.
fn enter(search: &Search<'_>, staged: Staged, mut inputs: Inventory, build_ms: u64) -> Result<(Entry, Inventory)> {
    let Search { request, root, store, .. } = search;
    let known = store.earlier(request, root).iter().find_map(Earlier::inventory).unwrap_or_default();
    cargo::name_versions(&mut inputs.tools, &known.tools, request, root, search.call.cancellation);
    let commit = Kinship::of(root).commit();
    // The path set comes first, since no look-up finds the entry without it.
    store.remember_path_set(&inputs.weak_key(), &inputs.path_set, root)?;
    let provenance = Provenance { checkout: root, commit, build_ms, origin: None };
    let entry = store.publish(staged, request, provenance, &inputs, search.call.cancellation)?;
    // And once more: a call that removes all entries may have removed the path set, which belonged to no entry until now.
    store.remember_path_set(&inputs.weak_key(), &inputs.path_set, root)?;
    let (tools, stat_caches) = (inputs.tools.clone(), store.stat_caches());
    search.call.afterwards.add(move || inputs::remember_tools(&tools, &stat_caches));
    store.supersede(&entry, request, root);
    make_room(search);
    (search.call.emit)(Event::Published {
        bin: request.bin.clone(),
        build_ms,
        path: entry.path.clone(),
        size: entry.manifest.size,
        sha256: entry.manifest.sha256.to_string(),
    });
    Ok((entry, inputs))
}

/// Prunes the cache after the answer, if that is due. A new entry has made it larger.
pub(crate) fn make_room(search: &Search<'_>) {
    match &search.request.limits {
        Ok(limits) => {
            let (store, limits) = (search.store.clone(), *limits);
            search.call.afterwards.add_lengthy(move || store.prune_if_due(limits));
        }
        Err(problem) => {
            (search.call.emit)(Event::Warning { message: format!("the cache is not pruned by itself: {problem}") })
        }
    }
}

/// Puts the entry into the team's store, if the request asks for that: now, or after the answer.
pub(crate) fn share(search: &Search<'_>, entry: &Entry, inputs: &Inventory) -> Result<()> {
    let Some(shipment) = Shipment::of(search, entry, inputs)? else { return Ok(()) };
    if search.request.remote.as_ref().is_some_and(|remote| remote.publish != Publish::Later) {
        (search.call.emit)(shipment.deliver(search.call.cancellation)?);
        return Ok(());
    }
    search.call.afterwards.add_lengthy(move || {
        if let Err(failure) = shipment.send(&Cancellation::default()) {
            tracing::warn!(?failure, "the team's store does not have what was built");
        }
    });
    Ok(())
}
