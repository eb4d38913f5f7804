//! Telling later, with one `stat` each, whether what was looked at is still as it was.
//!
//! Promises: if every [`Seen`] of a look [`holds`](Seen::holds), and each was settled when it was taken, the same look
//! would find the same again. A path where nothing was counts as long as nothing is there.
//! Does not promise: to see through a link. What stands behind it is what is compared, wherever it has moved to.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;
use serde::{Deserialize, Serialize};

use super::stat_cache::Settled;
use crate::inventory::TreePath;
use crate::stat::{Stamp, StatIdentity};

/// A path, and what stood behind it when it was looked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Seen {
    path: TreePath,
    stat: Option<StatIdentity>,
}

impl Seen {
    /// What stands at `path`, or at what it leads to.
    pub(super) fn at(path: &Path) -> Self {
        Self { path: TreePath(path.as_os_str().as_encoded_bytes().into()), stat: identity(path) }
    }

    fn on_disk(&self) -> Option<PathBuf> {
        gix::path::from_bstr(self.path.0.as_bstr()).ok().map(|path| path.into_owned())
    }

    /// Whether it is as it was.
    pub(super) fn holds(&self) -> bool {
        self.on_disk().is_some_and(|path| identity(&path) == self.stat)
    }

    /// Whether it would show if it were not; `stamp` was taken before the look.
    pub(super) fn is_settled(&self, stamp: &Stamp) -> bool {
        self.stat.is_none_or(|stat| stat.is_settled(stamp))
    }

    /// Never holds, if a change to it might not show.
    pub(super) fn doubt_unless(&mut self, settled: &mut Settled) {
        if let Some(stat) = self.stat
            && !settled.is(&stat, self.path.0.as_bstr())
        {
            self.stat = Some(StatIdentity::default());
        }
    }

    /// Never holds, if a change to it might not show.
    pub(super) fn doubt_unless_settled(&mut self, stamp: &Stamp) {
        if !self.is_settled(stamp) {
            self.stat = Some(StatIdentity::default());
        }
    }
}

/// Takes down what a look depends on, while it is made.
#[derive(Default)]
pub(super) struct Watch(RefCell<Vec<Seen>>);

impl Watch {
    /// Before `path` is looked at in whatever way.
    pub(super) fn at(&self, path: &Path) {
        self.0.borrow_mut().push(Seen::at(path));
    }

    pub(super) fn into_seen(self) -> Vec<Seen> {
        self.0.into_inner()
    }
}

fn identity(path: &Path) -> Option<StatIdentity> {
    fs::metadata(path).ok().map(|metadata| StatIdentity::of(&metadata))
}
