//! Gathers what a build reads.
//!
//! Promises: [`survey`] spawns no process, unless its caller lets it ask a program that hides the toolchain. It writes no
//! file, follows no variable that redirects git (`GIT_DIR` and its kin), and digests the bytes on disk, never what git's
//! index believes about them.
//! Does not promise: to see all that a build reads outside the checkout. It sees the toolchain, cargo's configuration, the
//! environment, everything that these name, and everything that a path set names. System libraries, the system's linker and
//! programs that build scripts find on `PATH` are inputs only if a path set names them, as it does where builds are watched;
//! README, "Limits", says so to users.

mod brackets;
mod cachedir;
mod checkout;
mod closure;
mod content;
mod dep_info;
mod directory;
mod environment;
mod exclude;
mod flags;
mod git_config;
mod ignore;
#[cfg_attr(not(unix), expect(dead_code, reason = "only `refresh` uses it"))]
mod index;
mod kinship;
mod layout;
mod listing;
mod lock_file;
mod manifests;
mod members;
mod memo;
mod named;
mod outside;
mod packages;
mod path_sets;
mod place;
mod readers;
mod recognition;
#[cfg_attr(not(unix), expect(dead_code, reason = "only `refresh` uses it"))]
mod records;
#[cfg(unix)]
mod refresh;
mod remapping;
mod repository;
mod rustup;
mod seen;
mod selection;
#[cfg_attr(not(unix), expect(dead_code, reason = "only `refresh` uses it"))]
mod snapshot;
mod stat_cache;
mod surroundings;
mod sweep;
mod system;
mod targets;
mod texts;
#[cfg_attr(not(unix), expect(dead_code, reason = "only `refresh` uses it"))]
mod threads;
mod toolchain;
mod tracked;
mod worktree;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use closure::{Observation, PackageReads, Run, Unobservable, Watched, observe, twin};
pub use environment::{Configured, configured_profiles, configured_targets, configured_variables, target_directory};
pub use kinship::Kinship;
pub use layout::last_rustc;
pub use lock_file::LockFile;
pub use manifests::{is_package, workspace_around};
pub use outside::covers;
pub use packages::{Asked, broken_manifest, package_around, packages};
pub use path_sets::{digest_of, digests_besides, files_of_package, identity_of, path_set};
pub use readers::readers;
pub use recognition::remember_tools;
pub use selection::Selection;
pub use stat_cache::Unsaved;
pub use sweep::{Subject, Swept, git_variables, sweep};
pub use system::SystemContents;
pub use targets::{Library, Targets};
pub use toolchain::{Behind, Shims, missing_toolchain};

use self::surroundings::Surroundings;
use crate::error::{Error, Result};
use crate::model::fingerprint::Digest;
use crate::model::inventory::{Inventory, Tool};
use crate::model::maps::map_of;
use crate::model::path_set::PathSet;
use crate::model::portable_path::{PortablePath, normalized};
use crate::model::tree::Tree;
use crate::request::{Request, Scope};

/// Returns the root of the checkout that `repo` names, with links resolved.
///
/// # Errors
///
/// [`Error::NotACheckout`] unless `repo` is a directory with a `Cargo.toml`.
pub fn checkout_root(repo: &Path) -> Result<PathBuf> {
    let not_a_checkout = |problem: &str, hint: &str| Error::NotACheckout {
        path: repo.to_owned(),
        problem: problem.to_owned(),
        hint: hint.to_owned(),
    };
    let metadata = std::fs::metadata(repo).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            not_a_checkout("there is no such directory", "clone the repository there, or name another one in `repo`")
        }
        _ => not_a_checkout(&error.to_string(), "name a directory that can be read in `repo`"),
    })?;
    if !metadata.is_dir() {
        return Err(not_a_checkout("it is not a directory", "name the directory of a cargo workspace in `repo`"));
    }
    if !repo.join("Cargo.toml").is_file() {
        let bare = repo.join("HEAD").is_file() && repo.join("objects").is_dir();
        return Err(if bare {
            not_a_checkout("it is a bare repository", "add a worktree with `git worktree add`, and name that in `repo`")
        } else {
            not_a_checkout("it has no `Cargo.toml`", "name the directory of a cargo workspace in `repo`")
        });
    }
    dunce::canonicalize(repo).map_err(|error| not_a_checkout(&error.to_string(), "name another directory in `repo`"))
}

/// True if the workspace at `root` lies in a git worktree. Otherwise there is no commit, and no file is tracked.
#[must_use]
pub fn is_in_worktree(root: &Path) -> bool {
    worktree::around(root).is_some()
}

/// Returns the files that change when a commit of `tree` or the branch does, for a workspace at `root`, there or not.
#[must_use]
pub fn head_files(tree: &Tree, root: &Path) -> Vec<PathBuf> {
    let around = worktree::around(root).map(|worktree| worktree.top);
    let inside = tree.heads().keys().filter(|path| !path.0.is_empty());
    let tops = around.into_iter().chain(inside.map(|path| PortablePath(path.clone()).on_disk(root)));
    tops.flat_map(|top| repository::head_files(&top)).collect()
}

/// Returns the files that hold nothing but the commit and the branch at HEAD, in the worktree around a workspace at `root`.
fn head_and_branch(root: &Path) -> Vec<PathBuf> {
    let around = worktree::around(root).map(|worktree| worktree.top);
    around.iter().flat_map(|top| repository::head_and_branch(top)).map(|path| normalized(&path)).collect()
}

/// The result of [`survey`].
pub struct Surveyed {
    /// All inputs except files of the checkout and what a path set names.
    pub inventory: Inventory,
    /// Parts of stat caches that are worth saving.
    pub unsaved: Vec<Unsaved>,
    /// The program that hides the toolchain, if the toolchain is not known. No binary may be served then.
    pub unknown: Option<PathBuf>,
}

/// Returns everything that `request` depends on, except files of the checkout and what a path set names. The last look is
/// taken from `stat_caches`. For programs that choose a toolchain by rules of their own, `are_asked` is called each time,
/// since it is not known what their answer depends on.
///
/// # Errors
///
/// [`Error::ToolNotFound`] without cargo, [`Error::InputUnreadable`] for a configuration file that cannot be read, and the
/// errors of `are_asked`.
pub fn survey(
    request: &Request,
    root: &Path,
    stat_caches: &Path,
    are_asked: &dyn Fn(&Shims) -> Result<Option<Behind>>,
) -> Result<Surveyed> {
    let (found, mut unsaved) = surroundings::surroundings(request, root, stat_caches)?;
    let Surroundings { mut tools, configs, named, remapped, shims } = found;
    let mut unknown = None;
    if let Some(shims) = shims {
        let behind = are_asked(&shims)?;
        let is_known =
            behind.is_some_and(|behind| toolchain::put_behind(&mut tools, &shims, &behind, &request.env, root));
        unsaved.extend(recognition::recognize(&mut tools, stat_caches));
        unknown = (!is_known).then(|| if shims.cargo { (&tools["cargo"].path).into() } else { shims.rustc });
    }
    let variables = environment::steering_variables(&request.env, request.builder);
    let location = (!remapped.is_empty()).then(|| PathBuf::from(remapped.join("\n")));
    let request = request.inputs();
    let inventory = Inventory { request, tools, variables, configs, named, location, ..Inventory::default() };
    Ok(Surveyed { inventory, unsaved, unknown })
}

/// Returns the part of the checkout that counts when a build of `request` reads what `set` names; none for all of it.
#[must_use]
pub fn selection(request: &Request, set: &PathSet) -> Option<Selection> {
    match request.scope {
        Scope::Crate if !set.whole_tree => Some(Selection::of(set)),
        Scope::Crate | Scope::Tree => None,
    }
}

/// Returns the part of `whole` that `selection` names.
#[must_use]
pub fn narrowed(whole: &Arc<Tree>, selection: Option<&Selection>) -> Arc<Tree> {
    selection.map_or_else(|| Arc::clone(whole), |selection| Arc::new(path_sets::narrowed(whole, selection)))
}

/// Returns everything that `request` depends on if a build of it reads what `set` names: `survey`, the files that `set`
/// adds, as they are now, and the part of the checkout that is in `tree`. `looks` holds the directory of stat caches, which
/// have earlier looks, and the known contents of the system's files.
///
/// # Errors
///
/// [`Error::InputUnreadable`] for a file of the set that cannot be read.
pub fn observing(
    survey: &Inventory,
    set: &PathSet,
    tree: Arc<Tree>,
    request: &Request,
    root: &Path,
    looks: (&Path, &SystemContents),
) -> Result<(Inventory, Option<Unsaved>)> {
    let digest = |name: &String| request.env.get(name).map(|value| Digest::of(value.as_encoded_bytes()));
    let variable = |name: &String| (name.clone(), digest(name));
    let (outside, unsaved) = outside::look(set, &tree, request, root, looks)?;
    let inventory = Inventory {
        branch: tree.branch().filter(|_| set.branch).map(str::to_owned),
        tree,
        observed: map_of(set.variables.iter().map(variable)),
        outside,
        location: if set.bound_by.is_empty() { survey.location.clone() } else { Some(root.to_owned()) },
        path_set: set.clone(),
        ..survey.clone()
    };
    Ok((inventory, unsaved))
}

/// Returns the digest of `tool` by its content, wherever it lies; none if it does not exist. A large program is digested by
/// its size and time: copies and hard links keep these, and a new build does not.
#[must_use]
pub fn content_of_tool(tool: &Tool) -> Option<Digest> {
    /// The size up to which a program is read. Scripts and wrappers are smaller, compilers larger.
    const READ_BYTES: u64 = 1024 * 1024;
    let stat = tool.stat?;
    let read = || content::content(Path::new(&tool.path), true).ok().flatten().map(|content| content.digest);
    if stat.size() <= READ_BYTES { read() } else { Some(Digest::of(stat.size_and_time())) }
}
