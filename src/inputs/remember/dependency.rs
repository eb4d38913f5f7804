//! Records what a look depends on, so that one `stat` each tells later whether the look would find the same.
//!
//! Promises: if every [`WatchedPath`] of a look [`holds`](WatchedPath::holds), and each had settled when it was taken, the same look
//! finds the same again. An absent path holds as long as it is absent.
//! Does not promise: to notice that a link leads to the same file by another way, except where its target counts.

use std::cell::RefCell;
use std::collections::BTreeMap;
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
pub(crate) struct WatchedPath {
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

impl WatchedPath {
    /// Records the file at `path`, with links followed.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: bytes_of(path), stat: identity(path), target: None, place_only: false, is_link: false }
    }

    /// Records the file at `path`, with links followed, and its resolved path.
    pub(crate) fn with_target(path: &Path) -> Self {
        Self { target: target(path), ..Self::at(path) }
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
        self.on_disk().is_some_and(|path| {
            let now = if self.is_link { identity_of_link(&path) } else { identity(&path) };
            let now = if self.place_only { now.map(StatIdentity::file_id) } else { now };
            now == self.stat && (self.target.is_none() || target(&path) == self.target)
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

/// Replaces absent paths of one directory, if there are several, by the directory itself. Its identity changes when a name
/// appears in it, so one look is enough. Paths in the checkout at `root` stay, since its directories change too often.
pub(crate) fn gathered(seen: Vec<WatchedPath>, root: &Path) -> Vec<WatchedPath> {
    /// The number of absent paths from which on this pays.
    const GATHERED: usize = 3;
    let (mut absent, mut rest): (BTreeMap<PathBuf, Vec<WatchedPath>>, Vec<WatchedPath>) = Default::default();
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
            rest.push(WatchedPath::at(&directory));
        }
    }
    rest.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    rest.dedup();
    rest
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
    seen: RefCell<Vec<WatchedPath>>,
    sought: RefCell<Vec<ProgramLookup>>,
}

impl Recorder {
    /// Records the file at `path`. The caller looks at it afterwards.
    pub(crate) fn at(&self, path: &Path) {
        self.seen.borrow_mut().push(WatchedPath::at(path));
    }

    /// Records the link at `path` itself. The caller reads its target afterwards.
    pub(crate) fn of_link(&self, path: &Path) {
        self.seen.borrow_mut().push(WatchedPath::of_link(path));
    }

    /// Records the file at `path` and its resolved path. The caller resolves it afterwards.
    pub(crate) fn with_target(&self, path: &Path) {
        self.seen.borrow_mut().push(WatchedPath::with_target(path));
    }

    /// Records the result of looking up the program `name`.
    pub(crate) fn sought(&self, name: &str, found: Option<&Path>) {
        self.sought.borrow_mut().push(ProgramLookup { name: name.to_owned(), found: found.map(bytes_of) });
    }

    pub(crate) fn into_parts(self) -> (Vec<WatchedPath>, Vec<ProgramLookup>) {
        (self.seen.into_inner(), self.sought.into_inner())
    }
}

fn bytes_of(path: &Path) -> TreePath {
    TreePath(path.as_os_str().as_encoded_bytes().into())
}

fn target(path: &Path) -> Option<TreePath> {
    dunce::canonicalize(path).ok().map(|target| bytes_of(&target))
}

fn identity(path: &Path) -> Option<StatIdentity> {
    fs::metadata(path).ok().map(|metadata| StatIdentity::of(&metadata))
}

fn identity_of_link(path: &Path) -> Option<StatIdentity> {
    fs::symlink_metadata(path).ok().map(|metadata| StatIdentity::of(&metadata))
}
