//! Finds the git worktree that a cargo workspace lies in.
//!
//! Promises: it is the nearest directory, from the workspace upwards, that git would take for the top of a worktree. The
//! search ends at the root of the file system that the workspace lies on. The workspace itself is the top if it has
//! anything called `.git`.
//! Does not promise: to follow `GIT_CEILING_DIRECTORIES`; no variable redirects the search.
//!
//! <https://git-scm.com/docs/git#Documentation/git.txt-codeGITDISCOVERYACROSSFILESYSTEMcode>

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use gix::bstr::{BStr, BString, ByteSlice};

use super::ignore::GITIGNORE;
use crate::inputs::remember::dependency::SeenPath;

/// A worktree, and the place of the workspace in it.
pub(crate) struct Worktree {
    /// The top directory.
    pub(crate) top: PathBuf,
    /// The workspace's path below the top; empty if it is the top.
    pub(crate) lead: PathBuf,
}

/// Returns the worktree around the workspace at `root`; none without git.
pub(crate) fn around(root: &Path) -> Option<Worktree> {
    let device = root.metadata().ok().map(|metadata| device(&metadata));
    let on_one_device = |above: &&Path| above.metadata().ok().map(|metadata| self::device(&metadata)) == device;
    let is_top = |above: &&Path| if *above == root { has_git(above) } else { is_repository(&above.join(".git")) };
    let top = root.ancestors().take_while(on_one_device).find(is_top)?;
    let lead = root.strip_prefix(top).ok()?.to_owned();
    Some(Worktree { top: top.to_owned(), lead })
}

/// Records everything that decides which worktree it is: the `.git` of each directory from the workspace to the top, there
/// or not.
pub(crate) fn seen(root: &Path) -> Vec<SeenPath> {
    let top = around(root).map(|worktree| worktree.top);
    let inside = root.ancestors().take_while(|above| Some(*above) != top.as_deref());
    let absent = inside.map(|above| SeenPath::at(&above.join(".git")));
    absent.chain(top.as_ref().map(|top| SeenPath::place(&top.join(".git")))).collect()
}

/// Returns a path in git's form, with a slash at the end unless it is empty.
pub(crate) fn in_git_form(path: &Path) -> BString {
    let bytes = BString::from(path.as_os_str().as_encoded_bytes());
    let mut path = gix::path::to_unix_separators_on_windows(bytes).into_owned();
    if !path.is_empty() {
        path.push(b'/');
    }
    path
}

/// Records the ignore files above a workspace in its worktree, there or not.
pub(crate) fn rules_above(top: &Path, lead: &BStr) -> Vec<SeenPath> {
    let directories = lead.find_iter("/").scan(0, |start, slash| {
        let above = lead[..*start].as_bstr();
        *start = slash + 1;
        Some(above)
    });
    let on_disk = |above| gix::path::from_bstr(above).ok().map(|above| top.join(above).join(GITIGNORE));
    directories.filter_map(on_disk).map(|path| SeenPath::at(&path)).collect()
}

/// True if `directory` has anything called `.git`.
fn has_git(directory: &Path) -> bool {
    directory.join(".git").symlink_metadata().is_ok()
}

/// True if git would take `path` for a repository: a file that names one, or a directory with the files that each has.
///
/// <https://git-scm.com/docs/gitrepository-layout>
fn is_repository(path: &Path) -> bool {
    path.is_file() || (path.join("HEAD").symlink_metadata().is_ok() && path.join("objects").is_dir())
}

#[cfg(unix)]
fn device(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    metadata.dev()
}

/// Returns the same number for all paths, since each drive has a root of its own.
#[cfg(not(unix))]
fn device(_: &Metadata) -> u64 {
    0
}
