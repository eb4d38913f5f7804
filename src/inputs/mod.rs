//! Gathers what a build reads.
//!
//! Promises: [`survey`] spawns no process, unless its caller lets it ask a program that hides the toolchain. It writes no
//! file, follows no variable that redirects git (`GIT_DIR` and its kin), and digests the bytes on disk, never what git's
//! index believes about them.
//! Does not promise: to see all that a build reads outside the checkout. It sees the toolchain, cargo's configuration, the
//! environment, everything that these name, and everything that a path set names. System libraries, the system's linker and
//! programs that build scripts find on `PATH` are inputs only if a path set names them, as it does where builds are
//! observed; docs/what-counts.md#limits says so to users.

mod git;
mod reads;
mod remember;
mod scan;
mod tools;
mod workspace;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use git::kinship::Kinship;
pub use git::{head_files, is_in_worktree};
pub use reads::external_files::covers;
pub use reads::layout::last_rustc;
pub use reads::observation::{LastObserved, Observation, PackageReads, Run, Unobservable};
pub use reads::observe::{observe, twin};
pub use reads::path_sets::{digest_of, digests_besides, files_of_package, identity_of, path_set};
pub use reads::readers::readers;
pub use reads::system::SystemContents;
pub use remember::stat_cache::Unsaved;
pub use scan::crate_scope::CrateScope;
pub use scan::subject::{Subject, git_variables};
pub use scan::sweep::{Swept, sweep};
pub use tools::cargo_config::{
    Configured, configured_profiles, configured_targets, configured_variables, portable_configuration, target_directory,
};
pub use tools::recognition::remember_tools;
pub use tools::toolchain::{RealToolchain, Shims, compiler_libraries, missing_toolchain};
pub use workspace::lock_file::LockFile;
pub use workspace::manifests::{is_package, workspace_around};
pub use workspace::packages::{Asked, broken_manifest, package_around, packages};
pub use workspace::targets::{Library, Targets};

use crate::error::{Error, Result};
use crate::model::fingerprint::Digest;
use crate::model::inventory::{Inventory, Tool};
use crate::model::maps::map_of;
use crate::model::path_set::PathSet;
use crate::model::tree::Tree;
use crate::request::{Request, Scope};
use reads::{external_files, path_sets};
use scan::content;
use tools::tools_and_config::{self, ToolsAndConfig};
use tools::{cargo_config, recognition, toolchain};

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

/// The result of [`survey`].
pub struct Surveyed {
    /// All inputs except files of the checkout and what a path set names.
    pub inventory: Inventory,
    /// Parts of stat caches that are worth saving.
    pub unsaved: Vec<Unsaved>,
    /// The program that hides the toolchain, if the toolchain is not known. Then only an entry that was built since the call
    /// was made may be served.
    pub hiding_program: Option<PathBuf>,
}

/// Returns everything that `request` depends on, except files of the checkout and what a path set names. The last look is
/// taken from `stat_caches`. For programs that choose a toolchain by rules of their own, `ask` is called each time,
/// since it is not known what their answer depends on.
///
/// # Errors
///
/// [`Error::ToolNotFound`] without cargo, [`Error::InputUnreadable`] for a configuration file that cannot be read, and the
/// errors of `ask`.
pub fn survey(
    request: &Request,
    root: &Path,
    stat_caches: &Path,
    ask: &dyn Fn(&Shims) -> Result<Option<RealToolchain>>,
) -> Result<Surveyed> {
    let (found, mut unsaved) = tools_and_config::tools_and_config(request, root, stat_caches)?;
    let ToolsAndConfig { mut tools, configs, named, remapped, shims } = found;
    let mut hiding_program = None;
    if let Some(shims) = shims {
        let behind = ask(&shims)?;
        let is_known =
            behind.is_some_and(|behind| toolchain::replace_shims(&mut tools, &shims, &behind, &request.env, root));
        unsaved.extend(recognition::recognize(&mut tools, stat_caches));
        hiding_program = (!is_known).then(|| if shims.cargo { (&tools["cargo"].path).into() } else { shims.rustc });
    }
    let variables = cargo_config::steering_variables(&request.env, request.builder);
    let location = (!remapped.is_empty()).then(|| PathBuf::from(remapped.join("\n")));
    let request = request.inputs();
    let inventory = Inventory { request, tools, variables, configs, named, location, ..Inventory::default() };
    Ok(Surveyed { inventory, unsaved, hiding_program })
}

/// Returns the part of the checkout that counts when a build of `request` reads what `set` names; none for all of it.
#[must_use]
pub fn crate_scope(request: &Request, set: &PathSet) -> Option<CrateScope> {
    match request.scope {
        Scope::Crate if !set.whole_tree => Some(CrateScope::of(set)),
        Scope::Crate | Scope::Tree => None,
    }
}

/// Returns the part of `whole` that `crate_scope` names.
#[must_use]
pub fn narrowed(whole: &Arc<Tree>, crate_scope: Option<&CrateScope>) -> Arc<Tree> {
    crate_scope.map_or_else(|| Arc::clone(whole), |scope| Arc::new(path_sets::narrowed(whole, scope)))
}

/// Returns everything that `request` depends on if a build of it reads what `set` names: `survey`, the files that `set`
/// adds, as they are now, and the part of the checkout that is in `tree`. `looks` holds the directory of stat caches, which
/// have earlier looks, and the known contents of the system's files.
///
/// # Errors
///
/// [`Error::InputUnreadable`] for a file of the set that cannot be read.
pub fn inventory_under(
    survey: &Inventory,
    set: &PathSet,
    tree: Arc<Tree>,
    request: &Request,
    root: &Path,
    looks: (&Path, &SystemContents),
) -> Result<(Inventory, Option<Unsaved>)> {
    let digest = |name: &String| request.env.get(name).map(|value| Digest::of(value.as_encoded_bytes()));
    let variable = |name: &String| (name.clone(), digest(name));
    let (read_files, unsaved) = external_files::look(set, &tree, request, root, looks)?;
    let inventory = Inventory {
        branch: tree.branch().filter(|_| set.branch).map(str::to_owned),
        tree,
        read_variables: map_of(set.variables.iter().map(variable)),
        read_files,
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
