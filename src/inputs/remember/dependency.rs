//! Telling later, with one `stat` each, whether what was looked at is still as it was.
//!
//! Promises: if every [`WatchedPath`] of a look [`holds`](WatchedPath::holds), and each was settled when it was taken, the same look
//! would find the same again. A path where nothing was counts as long as nothing is there.
//! Does not promise: to see a link that leads to the same file by another way, except where its target counts.

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

/// A path, and what stood behind it when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WatchedPath {
    path: TreePath,
    stat: Option<StatIdentity>,
    /// What the path leads to, where that counts by its name, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<TreePath>,
    /// True if only which file it is counts, and not what happened to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    place_only: bool,
    /// True if what stands at the path itself counts, and not what it leads to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_link: bool,
}

impl WatchedPath {
    /// What stands at `path`, or at what it leads to.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: bytes_of(path), stat: identity(path), target: None, place_only: false, is_link: false }
    }

    /// What stands at `path`, or at what it leads to, and what that is called.
    pub(crate) fn with_target(path: &Path) -> Self {
        Self { target: target(path), ..Self::at(path) }
    }

    /// What stands at `path` itself; of a directory, which one.
    pub(crate) fn of_link(path: &Path) -> Self {
        let found = fs::symlink_metadata(path).ok();
        let place_only = found.as_ref().is_some_and(fs::Metadata::is_dir);
        let stat = found.map(|found| StatIdentity::of(&found));
        let stat = if place_only { stat.map(StatIdentity::file_id) } else { stat };
        Self { path: bytes_of(path), stat, target: None, place_only, is_link: true }
    }

    /// That there is something at `path`, and which directory or file.
    pub(crate) fn place(path: &Path) -> Self {
        Self {
            path: bytes_of(path),
            stat: identity(path).map(StatIdentity::file_id),
            target: None,
            place_only: true,
            is_link: false,
        }
    }

    /// A look that cannot be relied on.
    pub(crate) fn never() -> Self {
        let path = TreePath(BString::default());
        Self { path, stat: Some(StatIdentity::default()), target: None, place_only: false, is_link: false }
    }

    pub(crate) fn on_disk(&self) -> Option<PathBuf> {
        gix::path::from_bstr(self.path.0.as_bstr()).ok().map(|path| path.into_owned())
    }

    /// True if it is as it was.
    pub(crate) fn holds(&self) -> bool {
        self.on_disk().is_some_and(|path| {
            let now = if self.is_link { identity_of_link(&path) } else { identity(&path) };
            let now = if self.place_only { now.map(StatIdentity::file_id) } else { now };
            now == self.stat && (self.target.is_none() || target(&path) == self.target)
        })
    }

    /// True if it would show if it were not; `stamp` was taken before the look.
    pub(crate) fn is_settled(&self, stamp: &Stamp) -> bool {
        self.place_only || self.stat.is_none_or(|stat| stat.is_settled(stamp))
    }

    /// Never holds, if a change to it might not show.
    pub(crate) fn doubt_unless(&mut self, settled: &mut Settled) {
        let path = self.path.0.as_bstr();
        // What a link leads to may be gone or elsewhere.
        let path =
            if self.is_link { path.rfind_byte(b'/').map_or(path, |slash| path[..slash].as_bstr()) } else { path };
        if let Some(stat) = self.stat
            && !(self.place_only || settled.is(&stat, path))
        {
            self.stat = Some(StatIdentity::default());
        }
    }

    /// Never holds, if a change to it might not show.
    pub(crate) fn doubt_unless_settled(&mut self, stamp: &Stamp) {
        if !self.is_settled(stamp) {
            *self = Self::never();
        }
    }
}

/// The same as `seen` with fewer looks: that nothing is in a directory, the directory tells, where several things are not in
/// it. In the checkout at `root` directories change too often for that.
pub(crate) fn gathered(seen: Vec<WatchedPath>, root: &Path) -> Vec<WatchedPath> {
    /// Fewer are no gain.
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

/// A program that was looked for, and where it was found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ProgramLookup {
    name: String,
    found: Option<TreePath>,
}

impl ProgramLookup {
    /// True if it is still found there, by a look for it in `root`.
    pub(crate) fn holds(&self, env: &Environment, root: &Path) -> bool {
        env.find_program(&self.name, root).map(|path| bytes_of(&path)) == self.found
    }
}

/// Takes down what a look depends on, while it is made.
#[derive(Default)]
pub(crate) struct Recorder {
    seen: RefCell<Vec<WatchedPath>>,
    sought: RefCell<Vec<ProgramLookup>>,
}

impl Recorder {
    /// Before `path` is looked at in whatever way.
    pub(crate) fn at(&self, path: &Path) {
        self.seen.borrow_mut().push(WatchedPath::at(path));
    }

    /// Before it is read where the link at `path` leads.
    pub(crate) fn of_link(&self, path: &Path) {
        self.seen.borrow_mut().push(WatchedPath::of_link(path));
    }

    /// Before `path` is looked at, links to it are followed, and where they lead is part of what is found.
    pub(crate) fn with_target(&self, path: &Path) {
        self.seen.borrow_mut().push(WatchedPath::with_target(path));
    }

    /// After a program was looked for.
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
