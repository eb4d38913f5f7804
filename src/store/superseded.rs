//! Finds superseded entries: their own checkout has built others since, for the same request.
//!
//! Every edit of a crate leaves one, and a debug build may take hundreds of megabytes. So these may be removed before their
//! hour is over. A publishing process records in the manifests of the older entries that they are superseded. A process
//! that is served a superseded entry records each use, and not one an hour.
//!
//! Promises: an entry that was served stays while the process that was served it may still start it (see [`super::lease`]).
//! It stays for [`GRACE`] in any case, for a caller that passed the path to another process. It stays for its whole hour
//! while it is one of the last [`KEPT`] superseded ones that were used. An entry that another checkout knows is not
//! superseded, nor is one that a process runs. Where the system does not tell that, no entry is.
//! Does not promise: that a process finds a binary that it starts later than that.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::contents::{Contents, Held};
use super::directory::Store;
use super::disk::is_gone;
use super::earlier::Earlier;
use super::entry::Entry;
use super::manifest::{Manifest, now_ms};
use crate::request::Request;

/// The time from a call's answer to the start of the binary. During it, nothing is removed early, however fast builds
/// follow each other.
const GRACE: Duration = Duration::from_secs(1);
/// The number of superseded entries of one request in a checkout that stay for their hour. A caller that is slower than
/// [`GRACE`] has the time of two more builds.
const KEPT: usize = 2;

impl Store {
    /// Records that `published`, which `checkout` built for `request`, supersedes the entries that it built before.
    pub fn supersede(&self, published: &Entry, request: &Request, checkout: &Path) {
        let asked = request.inputs();
        let is_superseded = |manifest: &Manifest| {
            manifest.checkout == checkout
                && manifest.superseded_ms.is_none()
                && manifest.request == asked
                && manifest.fingerprint != published.manifest.fingerprint
                && manifest.published_ms <= published.manifest.published_ms
        };
        for Earlier { binary, .. } in self.earlier(request, checkout).iter().filter(|it| is_superseded(&it.manifest)) {
            self.amend(binary, false, |there| {
                is_superseded(&there).then(|| Manifest { superseded_ms: Some(now_ms()), ..there })
            });
        }
    }
}

/// Returns the entries of `contents` that may be removed before their hour is over, by index.
pub(super) fn superseded(contents: &Contents, now: SystemTime) -> HashSet<usize> {
    let mut by_request: HashMap<_, Vec<_>> = HashMap::new();
    for (index, held) in contents.entries.iter().enumerate().filter(|(_, held)| is_superseded(held)) {
        let Manifest { checkout, request, .. } = &held.listed.manifest;
        by_request.entry((checkout, held.listed.path.file_name(), request)).or_default().push((index, held));
    }
    let mut early = HashSet::new();
    for (_, mut of_request) in by_request {
        of_request.sort_unstable_by_key(|(index, held)| (held.listed.used, held.listed.manifest.published_ms, *index));
        of_request.truncate(of_request.len().saturating_sub(KEPT));
        early.extend(of_request.into_iter().filter(|(_, held)| is_started(held, now)).map(|(index, _)| index));
    }
    early
}

fn is_superseded(held: &Held) -> bool {
    let manifest = &held.listed.manifest;
    let is_of_others = manifest.checkouts().any(|(known, _)| known != manifest.checkout && !is_gone(known));
    manifest.superseded_ms.is_some() && held.listed.running == Some(false) && !is_of_others
}

/// True if each process that was served it has had the time to start it.
fn is_started(held: &Held, now: SystemTime) -> bool {
    let superseded = held.listed.manifest.superseded_ms.map(|since| UNIX_EPOCH + Duration::from_millis(since));
    let is_past = |moment: SystemTime| now.duration_since(moment).is_ok_and(|since| since > GRACE);
    superseded.is_some_and(is_past) && is_past(held.listed.used)
}
