//! git's own files: which repository a directory has, its HEAD, and what decides over its rules.
//!
//! Promises: nothing is spawned, no variable that redirects git is followed, nothing is written. Every file that the
//! answers come from is told, those that might come to be included, so that they need not be read again while none of
//! them has changed.
//! Does not promise: to read repositories whose references are kept as a `reftable`.

use std::path::{Path, PathBuf};

use gix::bstr::{BStr, ByteSlice};

use super::seen::Seen;
use crate::error::Error;

/// More symbolic references in a row than anybody has.
const MOST_REFERENCES: usize = 5;

/// Opens the repository of a worktree without spawning git and without heeding variables that redirect it.
pub(super) fn open(worktree: &Path) -> Result<gix::Repository, String> {
    let mut permissions = gix::open::Permissions::isolated();
    permissions.config =
        gix::open::permissions::Config { git_binary: false, env: false, ..gix::open::permissions::Config::all() };
    permissions.env.home = gix::sec::Permission::Allow;
    permissions.env.xdg_config_home = gix::sec::Permission::Allow;
    let options = gix::open::Options::default().permissions(permissions);
    options.open(worktree).map(Into::into).map_err(|error| error.to_string())
}

pub(super) fn unusable(path: &Path, problem: impl ToString) -> Error {
    Error::NotACheckout {
        path: path.to_owned(),
        problem: format!("git's files cannot be read: {}", problem.to_string()),
        hint: "see whether `git status` works there".into(),
    }
}

/// The user's own ignore file.
pub(super) fn excludes_file(repository: &gix::Repository) -> Result<Option<PathBuf>, String> {
    let configured = repository.config_snapshot().trusted_path("core.excludesFile");
    Ok(match configured.map_err(|error| error.to_string())? {
        Some(path) => Some(path),
        None => gix::path::env::xdg_config("ignore", &mut |name| std::env::var_os(name)),
    })
}

/// Every file that HEAD, the index, the configuration and the rules that hold in the whole repository come from.
pub(super) fn seen(repository: &gix::Repository, worktree: &Path) -> Vec<Seen> {
    let (git, common) = (repository.git_dir(), repository.common_dir());
    let mut paths = vec![
        repository.index_path(),
        git.join("HEAD"),
        git.join("commondir"),
        git.join("config.worktree"),
        common.join("config"),
        common.join("info").join("exclude"),
        common.join("packed-refs"),
    ];
    // A directory of that name changes with every lock that git takes in it.
    let pointer = worktree.join(".git");
    if pointer.is_file() {
        paths.push(pointer);
    }
    paths.extend(references(repository).into_iter().flat_map(|name| [git.join(&name), common.join(&name)]));
    paths.extend(configuration(repository));
    paths.extend(excludes_file(repository).ok().flatten());
    paths.sort();
    paths.dedup();
    paths.iter().map(|path| Seen::at(path)).collect()
}

/// Where the references that HEAD stands for, one after the other, are kept unless they are packed.
fn references(repository: &gix::Repository) -> Vec<PathBuf> {
    let mut names = Vec::new();
    let mut next = repository.head_name().ok().flatten();
    while let Some(name) = next.take()
        && names.len() < MOST_REFERENCES
    {
        names.extend(path_of(name.as_bstr()));
        let found = repository.find_reference(name.as_ref()).ok();
        next = found.and_then(|found| found.target().try_name().map(ToOwned::to_owned));
    }
    names
}

/// The files that git's configuration is read from, and those that it would be.
///
/// <https://git-scm.com/docs/git-config#FILES>
fn configuration(repository: &gix::Repository) -> Vec<PathBuf> {
    let home = gix::path::env::home_dir();
    let xdg = gix::path::env::xdg_config("config", &mut |name| std::env::var_os(name));
    let mut paths: Vec<PathBuf> = home.iter().map(|home| home.join(".gitconfig")).chain(xdg).collect();
    if cfg!(unix) {
        paths.push("/etc/gitconfig".into());
    }
    let snapshot = repository.config_snapshot();
    for section in snapshot.plumbing().sections() {
        let file = section.meta().path.as_deref();
        paths.extend(file.map(Path::to_owned));
        // `include` and `includeIf`: what they name may not be there yet.
        if section.header().name().to_ascii_lowercase().starts_with(b"include") {
            let named = section.value("path").and_then(|path| path_of(path.as_bstr()));
            paths.extend(named.map(|named| match (named.strip_prefix("~"), &home, file.and_then(Path::parent)) {
                (Ok(rest), Some(home), _) => home.join(rest),
                (_, _, Some(directory)) => directory.join(named),
                _ => named,
            }));
        }
    }
    paths
}

fn path_of(bytes: &BStr) -> Option<PathBuf> {
    gix::path::from_bstr(bytes).ok().map(|path| path.into_owned())
}
