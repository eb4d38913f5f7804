//! Answers questions about a workspace's packages, and remembers the answers.
//!
//! Promises: the answer is that of the manifests as they are. The last one is kept, and is checked with one `stat` for each
//! manifest and each directory that it came from.
//! Does not promise: an answer for manifests that cargo refuses.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::manifests::{MANIFEST, table, workspace_from};
use super::members::Workspace;
use super::targets::{Targets, package_name};
use crate::fs::identity::Stamp;
use crate::inputs::remember::dependency::{Recorder, WatchedPath};
use crate::inputs::remember::process_cache::ProcessCache;
use crate::inputs::remember::stat_cache::{Id, Settled, StatCache, Unsaved};
use crate::model::fingerprint::Digest;
use crate::model::portable_path::normalized;

/// A look at the manifests of a workspace.
#[derive(Serialize, Deserialize)]
struct Look {
    found: Vec<Targets>,
    seen: Vec<WatchedPath>,
}

/// The last looks. There is room for more workspaces than one process asks about.
static KNOWN: ProcessCache<Arc<Look>> = ProcessCache::new(32);

/// The packages of a workspace that a caller asks about.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'n> {
    /// The package of that name, if there is one.
    Named(&'n str),
    /// The packages that cargo builds if the command line names none.
    ///
    /// <https://doc.rust-lang.org/cargo/reference/workspaces.html#the-default-members-field>
    Default,
}

/// Returns the packages of the workspace in `directory`, which holds a manifest, sorted by name. The last look is taken from
/// `stat_caches`. If it still holds, the answer costs a `stat` for each manifest, and for each directory in which targets
/// are found.
#[must_use]
pub fn packages(directory: &Path, asked: Asked<'_>, stat_caches: &Path) -> (Vec<Targets>, Option<Unsaved>) {
    let name = match asked {
        Asked::Named(name) => Some(name),
        Asked::Default => None,
    };
    let key = Digest::of(serde_json::to_vec(&("packages", name)).expect("text always becomes JSON"));
    let (stamp, cache) = (Stamp::now(), StatCache::new(directory, key, stat_caches));
    let holds = |look: &Arc<Look>| look.seen.iter().all(WatchedPath::holds);
    if let Some(look) = KNOWN.get(&cache.id(), &stamp).filter(holds) {
        return (look.found.clone(), None);
    }
    let kept = cache.load(&stamp).and_then(|(bytes, start)| serde_json::from_slice::<Look>(&bytes[start..]).ok());
    if let Some(look) = kept.map(Arc::new).filter(holds) {
        KNOWN.remember(cache.id(), stamp, Arc::clone(&look));
        return (look.found.clone(), None);
    }
    let recorder = Recorder::default();
    let found = Workspace::around(directory, &recorder).packages(directory, name);
    let (seen, _) = recorder.into_parts();
    if !seen.iter().all(|seen| seen.is_settled(&stamp)) {
        return (found, None);
    }
    let (id, look) = (cache.id(), Look { found: found.clone(), seen });
    (found, Some(cache.unsaved(stamp, move |settled| look.settled(settled, id, stamp))))
}

impl Look {
    /// Returns the look as JSON, as far as it may be relied on, and remembers that in this process.
    fn settled(mut self, settled: &mut Settled, id: Id, stamp: Stamp) -> Vec<u8> {
        self.seen.iter_mut().for_each(|seen| seen.doubt_unless(settled));
        let json = serde_json::to_vec(&self).expect("escaped paths and text always become JSON");
        KNOWN.remember(id, stamp, Arc::new(self));
        json
    }
}

/// Returns the first manifest of the workspace in `directory` that is not TOML, and what is wrong with it.
#[must_use]
pub fn broken_manifest(directory: &Path) -> Option<(PathBuf, String)> {
    let recorder = Recorder::default();
    let workspace = Workspace::around(directory, &recorder);
    let members = workspace.members();
    let manifests = std::iter::once(workspace.root.clone()).chain(members).map(|directory| directory.join(MANIFEST));
    manifests.into_iter().find_map(|manifest| {
        let problem = crate::fs::files::read_to_string(&manifest).ok()?.parse::<toml::Table>().err()?;
        Some((manifest, problem.to_string()))
    })
}

/// Returns the package in whose directory a cargo started in `directory` works; none at the root of a workspace, where
/// others may be the default.
#[must_use]
pub fn package_around(directory: &Path) -> Option<String> {
    let nearest = directory.ancestors().find(|above| above.join(MANIFEST).is_file())?;
    let recorder = Recorder::default();
    let is_root = workspace_from(directory, &recorder).is_none_or(|root| normalized(&root) == normalized(nearest));
    let name = package_name(&table(&nearest.join(MANIFEST), &recorder)).map(str::to_owned);
    name.filter(|_| !is_root)
}
