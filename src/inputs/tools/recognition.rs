//! Recognizes a program by its bytes when only its stat identity has changed.
//!
//! A backup that hard-links a program, a change of its mode or times, a copy, and a repeated installation change its
//! identity and leave its bytes. So the identity under which it first built is kept together with a digest of its bytes,
//! and stands for each later identity of the same size and bytes. The bytes are read once for each later identity. A
//! program with the known identity, or of another size, is not read.
//!
//! ```text
//! identity of the program now                   counts as
//! no identity is known for this path            its own identity
//! the first one                                 the first one
//! a later one that is kept                      the first one
//! another one, with the same bytes              the first one; it is kept once it has settled
//! another one of the same size, other bytes     its own identity, which becomes the first one
//! another one of another size                   its own identity, which becomes the first one when it has built
//! ```
//!
//! Promises: other bytes are never taken for the ones that built, as far as a settled identity can tell: a later identity
//! is kept only once it has settled, and after the clock was set its bytes are read again. If the record is lost, a program
//! counts by its own identity, which costs a build and serves nothing stale. Processes that share a cache directory agree,
//! since each records only the identity and the bytes of the file itself.
//! Does not promise: to recognize a program on a file system that is not local, or one that has not built yet.

use std::collections::BTreeMap;
use std::path::Path;

use gix::bstr::ByteSlice;
use serde::{Deserialize, Serialize};

use crate::fs::identity::{Stamp, StatIdentity};
use crate::inputs::remember::stat_cache::{StatCache, Unsaved};
use crate::inputs::scan::content;
use crate::model::fingerprint::Digest;
use crate::model::inventory::Tool;

/// The number of identities that are kept of a program, apart from the first. Each backup adds one, and old ones seldom
/// return.
const MOST_SEEN: usize = 8;

/// The record of one file.
#[derive(Clone, Serialize, Deserialize)]
struct Known {
    first: StatIdentity,
    digest: Digest,
    /// Later identities with the same bytes, the newest first.
    seen: Vec<StatIdentity>,
}

/// Sets `known_as` of those `tools` that are known under another identity. Returns what it learned, to be saved.
pub(crate) fn recognize(tools: &mut BTreeMap<String, Tool>, stat_caches: &Path) -> Vec<Unsaved> {
    tools.values_mut().filter_map(|tool| recognize_one(tool, stat_caches)).collect()
}

fn recognize_one(tool: &mut Tool, stat_caches: &Path) -> Option<Unsaved> {
    let now = tool.stat?;
    let stamp = Stamp::now();
    let cache = cache(&tool.path, stat_caches);
    let known = load(&cache, &stamp)?;
    if now == known.first || now.size() != known.first.size() {
        return None;
    }
    if known.seen.contains(&now) {
        tool.known_as = Some(known.first);
        return None;
    }
    let digest = digest(&tool.path, now)?;
    let is_same = digest == known.digest;
    tool.known_as = is_same.then_some(known.first);
    let known = if is_same { known } else { Known { first: now, digest, seen: Vec::new() } };
    Some(keep(cache, stamp, known, Some(now).filter(|_| is_same), tool.path.clone()))
}

/// Records which programs have built, so that they are recognized later. It may read hundreds of megabytes, so the caller
/// runs it after the answer.
pub fn remember_tools(tools: &BTreeMap<String, Tool>, stat_caches: &Path) {
    for Tool { path, stat, .. } in tools.values().filter(|tool| tool.known_as.is_none()) {
        let (Some(now), stamp, cache) = (*stat, Stamp::now(), cache(path, stat_caches)) else { continue };
        let is_known = |known: &Known| known.first == now || known.seen.contains(&now);
        if load(&cache, &stamp).is_some_and(|known| is_known(&known)) {
            continue;
        }
        if let Some(digest) = digest(path, now) {
            keep(cache, stamp, Known { first: now, digest, seen: Vec::new() }, None, path.clone()).save();
        }
    }
}

/// Returns the digest of the file at `path`, unless its identity is no longer `seen`.
fn digest(path: &str, seen: StatIdentity) -> Option<Digest> {
    let content = content::content(Path::new(path), true).ok().flatten()?;
    (content.stat == seen).then_some(content.digest)
}

fn cache(path: &str, stat_caches: &Path) -> StatCache {
    StatCache::new(Path::new(path), Digest::of(["tool", path].join("\0")), stat_caches)
}

/// Loads the record of a file. If the clock was set since, later identities are dropped, so that their bytes are read
/// again.
fn load(cache: &StatCache, stamp: &Stamp) -> Option<Known> {
    let (bytes, start, ahead_ns) = cache.load_by_any_clock()?;
    let mut known: Known = serde_json::from_slice(&bytes[start..]).ok()?;
    if !stamp.is_by_the_same_clock(ahead_ns) {
        known.seen.clear();
    }
    Some(known)
}

/// Returns `known` as it is to be saved, with the identity `also` if that has settled by then.
fn keep(cache: StatCache, stamp: Stamp, mut known: Known, also: Option<StatIdentity>, path: String) -> Unsaved {
    cache.unsaved(stamp, move |settled| {
        known.seen.truncate(MOST_SEEN - 1);
        known.seen.splice(0..0, also.filter(|also| settled.is(also, path.as_bytes().as_bstr())));
        serde_json::to_vec(&known).expect("numbers and digests always become JSON")
    })
}
