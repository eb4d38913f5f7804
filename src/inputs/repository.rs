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
use crate::files;

/// More symbolic references in a row than anybody has.
const MOST_REFERENCES: usize = 5;

/// Opens the repository of a worktree without spawning git and without heeding variables that redirect it.
pub(super) fn open(worktree: &Path) -> Result<gix::Repository, String> {
    // Whatever else stands there would be waited for.
    if let Some(path) = files_of(worktree).into_iter().find(|path| path.metadata().is_ok_and(|it| !it.is_file())) {
        return Err(format!("`{}` is not a regular file", path.display()));
    }
    let mut permissions = gix::open::Permissions::isolated();
    permissions.config =
        gix::open::permissions::Config { git_binary: false, env: false, ..gix::open::permissions::Config::all() };
    permissions.env.home = gix::sec::Permission::Allow;
    permissions.env.xdg_config_home = gix::sec::Permission::Allow;
    // Whose the directory is may change, and nothing that the configuration names is run here.
    let options = gix::open::Options::default().permissions(permissions).with(gix::sec::Trust::Full);
    options.open(worktree).map(Into::into).map_err(|error| error.to_string())
}

/// Those of git's own files that are read first.
fn files_of(worktree: &Path) -> Vec<PathBuf> {
    let pointer = worktree.join(".git");
    let git = match files::read_to_string(&pointer) {
        Ok(text) => worktree.join(text.strip_prefix("gitdir:").unwrap_or_default().trim()),
        Err(_) => pointer,
    };
    let common = files::read_to_string(&git.join("commondir")).map_or_else(|_| git.clone(), |it| git.join(it.trim()));
    let of_worktree = ["HEAD", "commondir", "config.worktree", "index"].map(|name| git.join(name));
    let of_repository = ["config", "packed-refs"].map(|name| common.join(name));
    of_worktree.into_iter().chain(of_repository).collect()
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

/// What HEAD stands for.
pub(super) struct Head {
    /// None when there is none yet.
    pub(super) commit: Option<String>,
    /// The references that it stands for, one after the other.
    names: Vec<gix::refs::FullName>,
}

/// HEAD, over as many symbolic references as lead to its commit.
pub(super) fn head(repository: &gix::Repository) -> Result<Head, String> {
    let mut head = Head { commit: None, names: Vec::new() };
    let mut next = match repository.head().map_err(|error| error.to_string())?.kind {
        gix::head::Kind::Detached { target, .. } => Some(gix::refs::Target::Object(target)),
        gix::head::Kind::Unborn(name) => Some(gix::refs::Target::Symbolic(name)),
        gix::head::Kind::Symbolic(reference) => {
            head.names.push(reference.name);
            Some(reference.target)
        }
    };
    while let Some(target) = next.take() {
        match target {
            gix::refs::Target::Object(id) => head.commit = Some(id.to_string()),
            gix::refs::Target::Symbolic(_) if head.names.len() > MOST_REFERENCES => {
                return Err("HEAD is a symbolic reference that leads nowhere".into());
            }
            gix::refs::Target::Symbolic(name) => {
                let found = repository.try_find_reference(name.as_ref()).map_err(|error| error.to_string())?;
                head.names.push(name);
                next = found.map(|found| found.inner.target);
            }
        }
    }
    Ok(head)
}

/// Every file that HEAD, the configuration and the rules that hold in the whole repository come from.
pub(super) fn seen(repository: &gix::Repository, head: &Head, worktree: &Path) -> Vec<Seen> {
    let (git, common) = (repository.git_dir(), repository.common_dir());
    let mut paths = vec![
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
    let names = head.names.iter().filter_map(|name| path_of(name.as_bstr()));
    paths.extend(names.flat_map(|name| [git.join(&name), common.join(&name)]));
    let configured = configuration(repository);
    paths.extend(configured.files);
    paths.extend(excludes_file(repository).ok().flatten());
    paths.sort();
    paths.dedup();
    // Without these it is no repository. Their times tell of objects and references, which are none of our business.
    let needed = [git.to_owned(), common.join("objects"), common.join("refs")];
    let needed = needed.iter().map(|path| Seen::place(path));
    paths.iter().map(|path| Seen::at(path)).chain(needed).chain(configured.unwatched.then(Seen::never)).collect()
}

/// The files that git's configuration is read from, and those that it would be.
///
/// <https://git-scm.com/docs/git-config#FILES>
fn configuration(repository: &gix::Repository) -> Configuration {
    let home = gix::path::env::home_dir();
    let xdg = gix::path::env::xdg_config("config", &mut |name| std::env::var_os(name));
    let mut paths: Vec<PathBuf> = home.iter().map(|home| home.join(".gitconfig")).chain(xdg).collect();
    if cfg!(unix) {
        paths.push("/etc/gitconfig".into());
    }
    let mut unwatched = false;
    let snapshot = repository.config_snapshot();
    for section in snapshot.plumbing().sections() {
        let file = section.meta().path.as_deref();
        paths.extend(file.map(Path::to_owned));
        // `include` and `includeIf`: what they name may not be there yet.
        if !section.header().name().to_ascii_lowercase().starts_with(b"include") {
            continue;
        }
        for named in section.values("path") {
            let Some(path) = path_of(named.as_bstr()) else { continue };
            match (path.strip_prefix("~"), &home, file.and_then(Path::parent)) {
                (Ok(rest), Some(home), _) => paths.push(home.join(rest)),
                // Another user's home, or the place that git is installed in.
                _ if named.starts_with(b"~") || named.starts_with(b"%(") => unwatched = true,
                (_, _, Some(directory)) => paths.push(directory.join(path)),
                _ => paths.push(path),
            }
        }
    }
    Configuration { files: paths, unwatched }
}

/// Where git's configuration comes from.
struct Configuration {
    files: Vec<PathBuf>,
    /// Whether it names a file whose place is not known.
    unwatched: bool,
}

fn path_of(bytes: &BStr) -> Option<PathBuf> {
    gix::path::from_bstr(bytes).ok().map(|path| path.into_owned())
}
