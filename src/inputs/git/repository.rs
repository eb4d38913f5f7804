//! Reads git's own files: the repository of a worktree, and its HEAD.
//!
//! Promises: it spawns nothing, writes nothing, and follows no variable that redirects git. [`seen`] lists every file that
//! the answers depend on, so that they need not be read again while all of these are unchanged.
//! Does not promise: to read repositories that keep their references as a `reftable`, or whose HEAD is a link that leads to
//! no file. For these, [`open`] returns a problem that says so.

use std::path::{Path, PathBuf};

use gix::bstr::BStr;

use crate::error::Error;
use crate::fs::files;
use crate::inputs::remember::dependency::SeenPath;

/// A limit against circles. No repository has as many symbolic references in a row.
const MOST_REFERENCES: usize = 5;

/// The reason why a repository cannot be read, and the remedy.
#[derive(Debug)]
pub(crate) struct Problem {
    what: String,
    hint: &'static str,
    /// True if git itself can read the repository.
    pub(crate) is_known: bool,
}

impl From<String> for Problem {
    fn from(what: String) -> Self {
        Self { what, hint: "see whether `git status` works there", is_known: false }
    }
}

/// True if the repository keeps its references as a reftable.
///
/// <https://git-scm.com/docs/reftable>
fn is_reftable(repository: &gix::Repository) -> bool {
    let format = repository.config_snapshot().string("extensions.refStorage");
    format.is_some_and(|format| format.eq_ignore_ascii_case(b"reftable"))
}

/// Opens the repository of a worktree. It spawns no git, and reads no variable that redirects git and no configuration but
/// the repository's own.
pub(crate) fn open(worktree: &Path) -> Result<gix::Repository, Problem> {
    // Opening a FIFO would wait for its other end.
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
    // Trusting the directory whatever its owner is safe: nothing that its configuration names is run here.
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

/// Returns the directory with the files of this worktree alone.
fn git_directory(worktree: &Path) -> PathBuf {
    let pointer = worktree.join(".git");
    match files::read_to_string(&pointer) {
        Ok(text) => worktree.join(text.strip_prefix("gitdir:").unwrap_or_default().trim()),
        Err(_) => pointer,
    }
}

/// Returns the directory with the files of all worktrees of a repository; `git` is the directory of one worktree.
fn common_directory(git: &Path) -> PathBuf {
    files::read_to_string(&git.join("commondir")).map_or_else(|_| git.to_owned(), |common| git.join(common.trim()))
}

/// Returns the files that change when the commit or the branch at HEAD does, there or not.
pub(crate) fn head_files(worktree: &Path) -> Vec<PathBuf> {
    let packed = common_directory(&git_directory(worktree)).join("packed-refs");
    head_and_branch(worktree).into_iter().chain([packed]).collect()
}

/// Returns the files that hold nothing but the commit and the branch at HEAD, there or not.
pub(crate) fn head_and_branch(worktree: &Path) -> Vec<PathBuf> {
    let git = git_directory(worktree);
    let head = git.join("HEAD");
    let text = files::read_to_string(&head).unwrap_or_default();
    let reference = text.strip_prefix("ref:").map(|name| common_directory(&git).join(name.trim()));
    [head].into_iter().chain(reference).collect()
}

/// Returns the files of git that opening a repository reads.
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

/// The commit and the references at HEAD.
pub(crate) struct Head {
    /// None before the first commit.
    pub(crate) commit: Option<String>,
    /// The symbolic references from HEAD on, each of which names the next.
    names: Vec<gix::refs::FullName>,
}

/// Follows HEAD over symbolic references to its commit.
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
    /// Returns the branch that is checked out, even if it has no commit yet.
    pub(crate) fn branch(&self) -> Option<&gix::refs::FullName> {
        self.names.first()
    }
}

/// Returns the reference that HEAD links to, if HEAD is a symbolic link, as early versions of git made it.
///
/// <https://git-scm.com/docs/git-symbolic-ref#_notes>
fn linked(repository: &gix::Repository) -> Option<gix::refs::FullName> {
    let target = std::fs::read_link(repository.git_dir().join("HEAD")).ok()?;
    let name = gix::path::into_bstr(target).ok()?;
    if name.starts_with(b"refs/") { gix::refs::FullName::try_from(name.as_ref()).ok() } else { None }
}

/// Returns the files that HEAD and the rules of the whole repository come from. `git_config` lists the files that the
/// configuration includes.
pub(crate) fn seen(repository: &gix::Repository, head: &Head, worktree: &Path) -> Vec<SeenPath> {
    let (git, common) = (repository.git_dir(), repository.common_dir());
    let mut paths = vec![
        git.join("HEAD"),
        git.join("commondir"),
        git.join("config.worktree"),
        common.join("config"),
        common.join("info").join("exclude"),
        common.join("packed-refs"),
    ];
    // If `.git` is a directory, its times change with every lock that git takes in it.
    let pointer = worktree.join(".git");
    if pointer.is_file() {
        paths.push(pointer);
    }
    let names = head.names.iter().filter_map(|name| path_of(name.as_bstr()));
    paths.extend(names.flat_map(|name| [git.join(&name), common.join(&name)]));
    paths.sort();
    paths.dedup();
    // Without these it is no repository. Only their place is kept, since their times change with each object and
    // reference.
    let needed = [git.to_owned(), common.join("objects"), common.join("refs")];
    let needed = needed.iter().map(|path| SeenPath::place(path));
    // A link that leads to no file says nothing about later changes to its target.
    let linked = git.join("HEAD").is_symlink().then(SeenPath::never);
    paths.iter().map(|path| SeenPath::at(path)).chain(needed).chain(linked).collect()
}

fn path_of(bytes: &BStr) -> Option<PathBuf> {
    gix::path::from_bstr(bytes).ok().map(|path| path.into_owned())
}
