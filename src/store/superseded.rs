//! Entries that their own checkout has left behind: it built others since that were asked for in the same way.
//!
//! Every edit of a crate leaves one, and a debug build may have hundreds of megabytes. So these may go before their hour is
//! over. Whoever publishes notes in the manifests of the others that they are superseded, and whoever is served one that is
//! notes that each time, and not once an hour.
//!
//! Promises: an entry that was served stays while the process that was served it may start it (see [`super::lease`]), for
//! [`GRACE`] after that in any case, for those who were told the path by another process; and for its hour as long as the checkout has not used more
//! than [`KEPT`] superseded ones since: one that was served before it was superseded has that long from then on, and one that
//! was served later has noted it before it looked whether the entry is still there ([`Store::claim`]). What another checkout
//! knows is not superseded, nor what a process runs, nor, where the system does not tell that, anything.
//! Does not promise: that a process which starts a binary later than that still finds it.

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

/// From the answer of a call to the start of what it answered with; in that time nothing is removed early, however fast builds
/// follow each other.
const GRACE: Duration = Duration::from_secs(1);
/// How many superseded entries of one request in a checkout stay for their hour: programs that were edited again before they
/// were started. So whoever is slower than the grace has the time of two more builds.
const KEPT: usize = 2;

impl Store {
    /// Notes that `published`, which `checkout` has built for `request`, takes the place of what it built before.
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

/// Those of `contents`, by index, that may go before their hour is over.
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

/// True if everybody who was served it has had the time to start it.
fn is_started(held: &Held, now: SystemTime) -> bool {
    let superseded = held.listed.manifest.superseded_ms.map(|since| UNIX_EPOCH + Duration::from_millis(since));
    let is_past = |moment: SystemTime| now.duration_since(moment).is_ok_and(|since| since > GRACE);
    superseded.is_some_and(is_past) && is_past(held.listed.used)
}
