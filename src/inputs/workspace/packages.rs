//! Answers questions about a workspace's packages, and remembers the answers.
//!
//! Promises: the answer is that of the manifests as they are. The last one is kept, and is checked with one `stat` for each
//! manifest and each directory that it came from.
//! Does not promise: an answer for manifests that cargo refuses.

use std::path::{Path, PathBuf};

use super::manifests::{MANIFEST, table, workspace_from};
use super::members::WorkspaceMembers;
use super::targets::{Targets, package_name};
use crate::inputs::remember::dependency::Recorder;
use crate::inputs::remember::recall::{Answers, recall};
use crate::inputs::remember::stat_cache::{StatCache, Unsaved};
use crate::model::fingerprint::Digest;
use crate::model::portable_path::normalized;
use crate::request::Environment;

/// The answers of this process. There is room for more workspaces than one process asks about.
static KNOWN: Answers<Vec<Targets>> = Answers::new(32);

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
    let cache = StatCache::new(directory, key, stat_caches);
    let find = |recorder: &Recorder| Ok(WorkspaceMembers::around(directory, recorder).packages(directory, name));
    // No program is looked up.
    recall(&KNOWN, cache, (&Environment::default(), directory), find).expect("reading manifests gives no error")
}

/// Returns the first manifest of the workspace in `directory` that is not TOML, and what is wrong with it.
#[must_use]
pub fn broken_manifest(directory: &Path) -> Option<(PathBuf, String)> {
    let recorder = Recorder::default();
    let workspace = WorkspaceMembers::around(directory, &recorder);
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
