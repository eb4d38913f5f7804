//! Which program a file is, though its `stat` says that something happened to it.
//!
//! A hard link to a program, as backups make them, a change of its mode or times, a copy, and a toolchain that is installed
//! again change its identity and not its bytes. So the first identity that it built with is kept with a digest, and stands
//! for every later one of the same size that has the same bytes. These are read when such a one turns up, once; a program
//! that is as it was, and one of another size, is never read for this.
//!
//! ```text
//! what is known of the file     it is
//! nothing                       what its identity now says
//! it had this identity          the first one
//! another one, the same bytes   the first one, from now on without reading
//! another one, other bytes      what its identity now says, and that is the first one from now on
//! ```
//!
//! Promises: other bytes are never taken for those that built, except as far as a `stat` tells in general: an identity counts
//! as known only if it had settled, and, after the clock was set, is read once more. Where what is known is lost, as by
//! deleting it, a program is what its identity says, so that whoever looks builds, and serves nothing stale. Processes that
//! share a cache directory agree, since each can only put there what the file's own identity and bytes give.
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

/// More hard links are made one after the other than a user goes back between.
const MOST_SEEN: usize = 8;

/// What is known of one file.
#[derive(Clone, Serialize, Deserialize)]
struct Known {
    first: StatIdentity,
    digest: Digest,
    /// Later identities of the same bytes, the newest first.
    seen: Vec<StatIdentity>,
}

/// Finds out which of `tools` are known under another identity; what was learned from that is to be saved.
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

/// Takes down which programs have built, to be recognized later, where that is not known; to be done when nobody waits, since it
/// may read hundreds of megabytes.
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

/// Of the file at `path`, unless it is no longer the one that was `seen`.
fn digest(path: &str, seen: StatIdentity) -> Option<Digest> {
    let content = content::content(Path::new(path), true).ok().flatten()?;
    (content.stat == seen).then_some(content.digest)
}

fn cache(path: &str, stat_caches: &Path) -> StatCache {
    StatCache::new(Path::new(path), Digest::of(["tool", path].join("\0")), stat_caches)
}

/// What is kept. Where somebody has set the clock since, later identities are read once more.
fn load(cache: &StatCache, stamp: &Stamp) -> Option<Known> {
    let (bytes, start, ahead_ns) = cache.load_by_any_clock()?;
    let mut known: Known = serde_json::from_slice(&bytes[start..]).ok()?;
    if !stamp.is_by_the_same_clock(ahead_ns) {
        known.seen.clear();
    }
    Some(known)
}

/// `known` with what the file is `also`, once that has settled.
fn keep(cache: StatCache, stamp: Stamp, mut known: Known, also: Option<StatIdentity>, path: String) -> Unsaved {
    cache.unsaved(stamp, move |settled| {
        known.seen.truncate(MOST_SEEN - 1);
        known.seen.splice(0..0, also.filter(|also| settled.is(also, path.as_bytes().as_bstr())));
        serde_json::to_vec(&known).expect("numbers and digests always become JSON")
    })
}
