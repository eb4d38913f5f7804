//! git's own files: which repository a directory has, its HEAD, and what decides over its rules.
//!
//! Promises: nothing is spawned, no variable that redirects git is followed, nothing is written. Every file that the
//! answers come from is told, those that might come to be included, so that they need not be read again while none of
//! them has changed.
//! Does not promise: to read repositories whose references are kept as a `reftable`, or whose HEAD is a link that leads to
//! no file. It says so.

use std::path::{Path, PathBuf};

use gix::bstr::BStr;

use crate::error::Error;
use crate::fs::files;
use crate::inputs::remember::dependency::WatchedPath;

/// More symbolic references in a row than any repository has.
const MOST_REFERENCES: usize = 5;

/// Why a repository cannot be read, and what to do about it.
#[derive(Debug)]
pub(crate) struct Problem {
    what: String,
    hint: &'static str,
    /// True if it is a repository all the same.
    pub(crate) is_known: bool,
}

impl From<String> for Problem {
    fn from(what: String) -> Self {
        Self { what, hint: "see whether `git status` works there", is_known: false }
    }
}

/// <https://git-scm.com/docs/reftable>
fn is_reftable(repository: &gix::Repository) -> bool {
    let format = repository.config_snapshot().string("extensions.refStorage");
    format.is_some_and(|format| format.eq_ignore_ascii_case(b"reftable"))
}

/// Opens the repository of a worktree without spawning git and without heeding variables that redirect it, or any
/// configuration but its own.
pub(crate) fn open(worktree: &Path) -> Result<gix::Repository, Problem> {
    // Whatever else stands there would be waited for.
    if let Some(path) = files_of(worktree).into_iter().find(|path| path.metadata().is_ok_and(|it| !it.is_file())) {
        return Err(format!("`{}` is not a regular file", path.display()).into());
    }
    let head = git_directory(worktree).join("HEAD");
    if head.is_symlink() && !head.exists() {
        return Err(Problem {
            what: format!("`{}` is a link that leads to no file, which is not supported here", head.display()),
            hint: "run `git symbolic-ref HEAD \"$(git symbolic-ref HEAD)\"` there, which makes a file of it",
            is_known: true,
        });
    }
    // Whose the directory is may change, and nothing that the configuration names is run here.
    let options = gix::open::Options::isolated().with(gix::sec::Trust::Full);
    let repository: gix::Repository = options.open(worktree).map_err(|error| error.to_string())?.into();
    if is_reftable(&repository) {
        return Err(Problem {
            what: "its references are kept as a reftable, which is not supported here".into(),
            hint: "run `git refs migrate --ref-format=files` there, with git 2.49 or newer",
            is_known: true,
        });
    }
    Ok(repository)
}

/// Where what belongs to this worktree alone is.
fn git_directory(worktree: &Path) -> PathBuf {
    let pointer = worktree.join(".git");
    match files::read_to_string(&pointer) {
        Ok(text) => worktree.join(text.strip_prefix("gitdir:").unwrap_or_default().trim()),
        Err(_) => pointer,
    }
}

/// Where what belongs to all worktrees of the repository is, by the directory of one of them.
fn common_directory(git: &Path) -> PathBuf {
    files::read_to_string(&git.join("commondir")).map_or_else(|_| git.to_owned(), |common| git.join(common.trim()))
}

/// The files that change when the commit or the branch at HEAD does, there or not.
pub(crate) fn head_files(worktree: &Path) -> Vec<PathBuf> {
    let packed = common_directory(&git_directory(worktree)).join("packed-refs");
    head_and_branch(worktree).into_iter().chain([packed]).collect()
}

/// The files that tell nothing but the commit and the branch at HEAD, there or not.
pub(crate) fn head_and_branch(worktree: &Path) -> Vec<PathBuf> {
    let git = git_directory(worktree);
    let head = git.join("HEAD");
    let text = files::read_to_string(&head).unwrap_or_default();
    let reference = text.strip_prefix("ref:").map(|name| common_directory(&git).join(name.trim()));
    [head].into_iter().chain(reference).collect()
}

/// Those of git's own files that are read first.
fn files_of(worktree: &Path) -> Vec<PathBuf> {
    let git = git_directory(worktree);
    let common = common_directory(&git);
    let of_worktree = ["HEAD", "commondir", "config.worktree", "index"].map(|name| git.join(name));
    let of_repository = ["config", "packed-refs"].map(|name| common.join(name));
    of_worktree.into_iter().chain(of_repository).collect()
}

pub(crate) fn unusable(path: &Path, problem: impl Into<Problem>) -> Error {
    let Problem { what, hint, .. } = problem.into();
    Error::NotACheckout {
        path: path.to_owned(),
        problem: format!("git's files cannot be read: {what}"),
        hint: hint.into(),
    }
}

/// What HEAD stands for.
pub(crate) struct Head {
    /// None when there is none yet.
    pub(crate) commit: Option<String>,
    /// The references that it stands for, one after the other.
    names: Vec<gix::refs::FullName>,
}

/// HEAD, over as many symbolic references as lead to its commit.
pub(crate) fn head(repository: &gix::Repository) -> Result<Head, String> {
    let mut head = Head { commit: None, names: Vec::new() };
    let mut next = match linked(repository) {
        Some(name) => Some(gix::refs::Target::Symbolic(name)),
        None => match repository.head().map_err(|error| error.to_string())?.kind {
            gix::head::Kind::Detached { target, .. } => Some(gix::refs::Target::Object(target)),
            gix::head::Kind::Unborn(name) => Some(gix::refs::Target::Symbolic(name)),
            gix::head::Kind::Symbolic(reference) => {
                head.names.push(reference.name);
                Some(reference.target)
            }
        },
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

impl Head {
    /// The branch that is checked out, whether it has a commit yet or not.
    pub(crate) fn branch(&self) -> Option<&gix::refs::FullName> {
        self.names.first()
    }
}

/// The reference that HEAD is a symbolic link to, as git made it before it had files for that.
///
/// <https://git-scm.com/docs/git-symbolic-ref#_notes>
fn linked(repository: &gix::Repository) -> Option<gix::refs::FullName> {
    let target = std::fs::read_link(repository.git_dir().join("HEAD")).ok()?;
    let name = gix::path::into_bstr(target).ok()?;
    if name.starts_with(b"refs/") { gix::refs::FullName::try_from(name.as_ref()).ok() } else { None }
}

/// Every file that HEAD, and the rules that hold in the whole repository come from, but for those of its configuration.
pub(crate) fn seen(repository: &gix::Repository, head: &Head, worktree: &Path) -> Vec<WatchedPath> {
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
    paths.sort();
    paths.dedup();
    // Without these it is no repository. Their times tell of objects and references, which are none of our business.
    let needed = [git.to_owned(), common.join("objects"), common.join("refs")];
    let needed = needed.iter().map(|path| WatchedPath::place(path));
    // Where a link leads nowhere, it is not seen to lead elsewhere.
    let linked = git.join("HEAD").is_symlink().then(WatchedPath::never);
    paths.iter().map(|path| WatchedPath::at(path)).chain(needed).chain(linked).collect()
}

fn path_of(bytes: &BStr) -> Option<PathBuf> {
    gix::path::from_bstr(bytes).ok().map(|path| path.into_owned())
}
