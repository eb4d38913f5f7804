//! Records what a look depends on, so that one `stat` each tells later whether the look would find the same.
//!
//! Promises: if every [`SeenPath`] of a look [`holds`](SeenPath::holds), and each had settled when it was taken, the same
//! look finds the same again. An absent path holds as long as it is absent.
//! Does not promise: to notice that a link leads to the same file by another way, except where its target counts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use gix::bstr::{BString, ByteSlice};
use serde::{Deserialize, Serialize};

use super::stat_cache::Settled;
use crate::fs::identity::{Stamp, StatIdentity};
use crate::model::tree::TreePath;
use crate::request::Environment;

/// A path, and the stat identity that it had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SeenPath {
    path: TreePath,
    stat: Option<StatIdentity>,
    /// The resolved path, where that counts, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<TreePath>,
    /// True if only the place counts, which is the file's number, device and type, and not its content or times.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    place_only: bool,
    /// True if the link at the path counts, and not the file that it leads to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_link: bool,
}

impl SeenPath {
    /// Records the file at `path`, with links followed.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: bytes_of(path), stat: identity(path), target: None, place_only: false, is_link: false }
    }

    /// Records the file at `path`, with links followed, and its resolved path.
    pub(crate) fn with_target(path: &Path) -> Self {
        Self { target: Resolver::default().resolve(path).map(|target| bytes_of(&target)), ..Self::at(path) }
    }

    /// Records the file or link at `path` itself; for a directory, only its place.
    pub(crate) fn of_link(path: &Path) -> Self {
        let found = fs::symlink_metadata(path).ok();
        let place_only = found.as_ref().is_some_and(fs::Metadata::is_dir);
        let stat = found.map(|found| StatIdentity::of(&found));
        let stat = if place_only { stat.map(StatIdentity::file_id) } else { stat };
        Self { path: bytes_of(path), stat, target: None, place_only, is_link: true }
    }

    /// Records which file or directory is at `path`, with links followed, but not its times.
    pub(crate) fn place(path: &Path) -> Self {
        Self {
            path: bytes_of(path),
            stat: identity(path).map(StatIdentity::file_id),
            target: None,
            place_only: true,
            is_link: false,
        }
    }

    /// Returns a record that never holds.
    pub(crate) fn never() -> Self {
        let path = TreePath(BString::default());
        Self { path, stat: Some(StatIdentity::default()), target: None, place_only: false, is_link: false }
    }

    pub(crate) fn on_disk(&self) -> Option<PathBuf> {
        gix::path::from_bstr(self.path.0.as_bstr()).ok().map(|path| path.into_owned())
    }

    /// True if the file is the one that was seen.
    pub(crate) fn holds(&self) -> bool {
        self.holds_by(&mut Resolver::default())
    }

    /// As [`Self::holds`], for one of several records, which resolve each directory once.
    fn holds_by(&self, resolver: &mut Resolver) -> bool {
        self.on_disk().is_some_and(|path| {
            let now = if self.is_link { identity_of_link(&path) } else { identity(&path) };
            let now = if self.place_only { now.map(StatIdentity::file_id) } else { now };
            let leads_there = |target: &TreePath| resolver.resolve(&path).is_some_and(|now| bytes_of(&now) == *target);
            now == self.stat && self.target.as_ref().is_none_or(leads_there)
        })
    }

    /// True if any change to the file is certain to show. `stamp` was taken before the look.
    pub(crate) fn is_settled(&self, stamp: &Stamp) -> bool {
        self.place_only || self.stat.is_none_or(|stat| stat.is_settled(stamp))
    }

    /// Makes this record fail to hold, unless a change to the file is certain to show.
    pub(crate) fn invalidate_unless_settled(&mut self, settled: &mut Settled) {
        let path = self.path.0.as_bstr();
        // The target of a link may be gone or lie on another file system. The link's own directory does not.
        let path =
            if self.is_link { path.rfind_byte(b'/').map_or(path, |slash| path[..slash].as_bstr()) } else { path };
        if let Some(stat) = self.stat
            && !(self.place_only || settled.is(&stat, path))
        {
            self.stat = Some(StatIdentity::default());
        }
    }

    /// Makes this record fail to hold, unless a change to the file is certain to show.
    pub(crate) fn invalidate_unless_settled_at(&mut self, stamp: &Stamp) {
        if !self.is_settled(stamp) {
            *self = Self::never();
        }
    }
}

/// True if all files are the ones that were seen.
pub(crate) fn all_hold(seen: &[SeenPath]) -> bool {
    let mut resolver = Resolver::default();
    seen.iter().all(|path| path.holds_by(&mut resolver))
}

/// Replaces absent paths of one directory, if there are several, by the directory itself. Its identity changes when a name
/// appears in it, so one look is enough. Paths in the checkout at `root` stay, since its directories change too often.
pub(crate) fn gathered(seen: Vec<SeenPath>, root: &Path) -> Vec<SeenPath> {
    /// The number of absent paths from which on this pays.
    const GATHERED: usize = 3;
    let (mut absent, mut rest): (BTreeMap<PathBuf, Vec<SeenPath>>, Vec<SeenPath>) = Default::default();
    for one in seen {
        let directory = one.on_disk().filter(|_| one.stat.is_none() && !one.is_link);
        match directory.as_deref().and_then(Path::parent).filter(|directory| !directory.starts_with(root)) {
            Some(directory) => absent.entry(directory.to_owned()).or_default().push(one),
            None => rest.push(one),
        }
    }
    for (directory, within) in absent {
        if within.len() < GATHERED {
            rest.extend(within);
        } else {
            rest.push(SeenPath::at(&directory));
        }
    }
    each_once(rest)
}

fn each_once(mut seen: Vec<SeenPath>) -> Vec<SeenPath> {
    seen.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    seen.dedup();
    seen
}

/// A program that was looked up, and its path.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ProgramLookup {
    name: String,
    found: Option<TreePath>,
}

impl ProgramLookup {
    /// True if a look-up in `root` still finds the program at the same path.
    pub(crate) fn holds(&self, env: &Environment, root: &Path) -> bool {
        env.find_program(&self.name, root).map(|path| bytes_of(&path)) == self.found
    }
}

/// Collects what a look depends on, while the look is made.
#[derive(Default)]
pub(crate) struct Recorder {
    seen: RefCell<Vec<SeenPath>>,
    sought: RefCell<Vec<ProgramLookup>>,
}

impl Recorder {
    /// Records the file at `path`. The caller looks at it afterwards.
    pub(crate) fn at(&self, path: &Path) {
        self.seen.borrow_mut().push(SeenPath::at(path));
    }

    /// Records the link at `path` itself. The caller reads its target afterwards.
    pub(crate) fn of_link(&self, path: &Path) {
        self.seen.borrow_mut().push(SeenPath::of_link(path));
    }

    /// Records the file at `path` and its resolved path. The caller resolves it afterwards.
    pub(crate) fn with_target(&self, path: &Path) {
        self.seen.borrow_mut().push(SeenPath::with_target(path));
    }

    /// Records the result of looking up the program `name`.
    pub(crate) fn sought(&self, name: &str, found: Option<&Path>) {
        self.sought.borrow_mut().push(ProgramLookup { name: name.to_owned(), found: found.map(bytes_of) });
    }

    /// Returns each path that was recorded, once, and the programs that were looked up.
    pub(crate) fn into_parts(self) -> (Vec<SeenPath>, Vec<ProgramLookup>) {
        (each_once(self.seen.into_inner()), self.sought.into_inner())
    }
}

fn bytes_of(path: &Path) -> TreePath {
    TreePath(path.as_os_str().as_encoded_bytes().into())
}

/// Resolves the links in paths. It looks at each directory once, since programs lie in few directories, and each part of a
/// path takes a system call.
#[derive(Default)]
struct Resolver {
    known: Vec<(PathBuf, Option<PathBuf>)>,
    links: u32,
}

impl Resolver {
    /// The number of links in one look from which on they may lead in a circle. Linux follows as many in one path.
    const MOST_LINKS: u32 = 40;

    /// Returns `path` with all links resolved, or none if nothing is there.
    fn resolve(&mut self, path: &Path) -> Option<PathBuf> {
        if let Some((_, real)) = self.known.iter().find(|(known, _)| known == path) {
            return real.clone();
        }
        let real = match (path.parent(), path.file_name()) {
            (None, _) => Some(path.to_owned()),
            (Some(directory), Some(name)) => self.resolve(directory).and_then(|directory| self.entry(&directory, name)),
            // The path ends with `..`.
            (Some(_), None) => dunce::canonicalize(path).ok(),
        };
        self.known.push((path.to_owned(), real.clone()));
        real
    }

    fn entry(&mut self, directory: &Path, name: &OsStr) -> Option<PathBuf> {
        let path = directory.join(name);
        if !fs::symlink_metadata(&path).ok()?.is_symlink() {
            return Some(path);
        }
        self.links += 1;
        if self.links > Self::MOST_LINKS {
            dunce::canonicalize(&path).ok()
        } else {
            self.resolve(&directory.join(fs::read_link(&path).ok()?))
        }
    }
}

fn identity(path: &Path) -> Option<StatIdentity> {
    fs::metadata(path).ok().map(|metadata| StatIdentity::of(&metadata))
}

fn identity_of_link(path: &Path) -> Option<StatIdentity> {
    fs::symlink_metadata(path).ok().map(|metadata| StatIdentity::of(&metadata))
}
