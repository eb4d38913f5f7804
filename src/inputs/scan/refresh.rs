//! Brings a snapshot up to date.
//!
//! Promises: each directory and file costs one `stat`, on as many threads as the number of paths is worth. Nothing is read
//! if nothing has changed. A directory with several files is opened once, so that the system does not walk its path for
//! each of them. A changed directory is read again, and if it has the same names the snapshot stays usable. A changed file
//! is read again.
//! Does not promise: to find out what follows when names come or go, or when a file changes that decides what counts. Then
//! the checkout has to be listed again.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gix::bstr::ByteSlice;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Stat};
use rustix::io::Errno;

use super::content::{self, Content, content_below};
use super::directory::{Directory, is_gone};
use super::place::{RootDir, open_to_look_from};
use super::records::{DirectoryRecord, FileRecord};
use super::snapshot::Snapshot;
use super::threads;
use crate::error::{Error, Result};
use crate::fs::identity::{Stamp, StatIdentity};
use crate::inputs::remember::dependency::all_hold;
use crate::model::cancellation::Cancellation;
use crate::model::tree::Kind;

/// The number of paths for each thread. With fewer, the first thread is done before another has begun.
const PATHS_PER_THREAD: usize = 800;
/// The number of paths that a thread takes at a time. It is small, so that the threads end at about the same time.
const PATHS_AT_ONCE: usize = 128;
/// The number of files in a directory from which on the directory is opened. For fewer, opening and closing it costs more
/// than walking its path again.
const FILES_TO_OPEN_FOR: usize = 2;

/// The outcome of [`refresh`].
pub(crate) enum Refreshed {
    /// Nothing has changed, and each identity in it had settled.
    Same(Arc<Snapshot>),
    /// The same files count, and the ones that changed were read again.
    Updated {
        snapshot: Arc<Snapshot>,
        /// True if one of the changes has settled, so that saving the snapshot saves reads later.
        worth_keeping: bool,
    },
    /// Other files may count now.
    Outdated(Arc<Snapshot>),
}

/// Brings `snapshot` of the checkout at `root` up to date.
pub(crate) fn refresh(
    mut snapshot: Arc<Snapshot>,
    root: &RootDir,
    stamp: &Stamp,
    cancellation: &Cancellation,
) -> Result<Refreshed> {
    if !all_hold(snapshot.seen()) {
        return Ok(Refreshed::Outdated(snapshot));
    }
    let mut worth_keeping = false;
    let mut indices = Vec::new();
    for (at, index) in snapshot.indices().iter().enumerate() {
        if !index.holds() {
            let Some(now) = index.read_again() else { return Ok(Refreshed::Outdated(snapshot)) };
            worth_keeping |= now.is_settled(stamp) || now.differs(index);
            indices.push((at, now));
        }
    }
    let differing = differing(&snapshot, root, cancellation)?;
    if differing.is_empty() && indices.is_empty() {
        return Ok(Refreshed::Same(snapshot));
    }
    let count = snapshot.directories().len();
    let (directories, files) = differing.split_at(differing.partition_point(|index| *index < count));
    let mut stats = Vec::with_capacity(directories.len());
    for index in directories {
        let directory = &snapshot.directories()[*index];
        let now = Directory::read(root, snapshot.path_of_directory(directory))?;
        match now.filter(|now| now.names() == directory.names()) {
            Some(now) => stats.push((*index, now.stat)),
            None => return Ok(Refreshed::Outdated(snapshot)),
        }
    }
    let read = |index: usize| {
        cancellation.check()?;
        let index = index - count;
        let mut path = Vec::new();
        snapshot.path_of(&snapshot.files()[index], &mut path);
        Ok((index, content_below(root, path.as_bstr())?))
    };
    let found: Vec<(usize, Option<Content>)> =
        threads::each(files.to_vec(), read).into_iter().collect::<Result<_>>()?;
    let mut contents = Vec::with_capacity(found.len());
    for (index, content) in found {
        match content {
            Some(content) => contents.push((index, content)),
            None if snapshot.files()[index].is_tracked() => contents.push((index, content::nothing())),
            None => return Ok(Refreshed::Outdated(snapshot)),
        }
    }
    let identities = stats.iter().map(|(_, stat)| stat).chain(contents.iter().map(|(_, content)| &content.stat));
    worth_keeping |= identities.into_iter().any(|stat| stat.is_settled(stamp));
    let changed = Arc::make_mut(&mut snapshot);
    for (at, index) in indices {
        changed.replace_index(at, index);
    }
    changed.update(&stats, &contents);
    Ok(Refreshed::Updated { snapshot, worth_keeping })
}

/// Returns the numbers of the directories and, behind them, of the files whose identity has changed, in order.
fn differing(snapshot: &Snapshot, root: &RootDir, cancellation: &Cancellation) -> Result<Vec<usize>> {
    let visits = snapshot.visits();
    let next = AtomicUsize::new(0);
    let look = || -> Result<Vec<usize>> {
        let mut look = Checker { snapshot, root, directory: None, path: Vec::new(), found: Vec::new() };
        loop {
            let start = next.fetch_add(PATHS_AT_ONCE, Ordering::Relaxed);
            if start >= visits.len() {
                return Ok(look.found);
            }
            cancellation.check()?;
            look.at(start..visits.len().min(start + PATHS_AT_ONCE))?;
        }
    };
    let threads = visits.len() / PATHS_PER_THREAD;
    let mut found = threads::together(threads, look).into_iter().collect::<Result<Vec<_>>>()?.concat();
    found.sort_unstable();
    Ok(found)
}

/// The share of a look that one thread does.
struct Checker<'a> {
    snapshot: &'a Snapshot,
    root: &'a RootDir,
    /// The current directory: its number, and its handle if opening it pays and succeeded.
    directory: Option<(usize, Option<OwnedFd>)>,
    /// A buffer for paths.
    path: Vec<u8>,
    found: Vec<usize>,
}

impl Checker<'_> {
    fn at(&mut self, range: Range<usize>) -> Result<()> {
        let (directories, files, visits) = (self.snapshot.directories(), self.snapshot.files(), self.snapshot.visits());
        for at in range {
            let index = visits[at].get() as usize;
            let is_same = match index.checked_sub(directories.len()) {
                None => {
                    self.enter(index, at);
                    let directory = &directories[index];
                    !directory.is_listed()
                        || self.identity_of_directory(directory)?.is_some_and(|stat| stat.to_bytes() == directory.stat)
                }
                Some(number) => {
                    let file = &files[number];
                    self.enter(file.directory(), at);
                    match self.identity_of_file(file)? {
                        Some(stat) => stat.to_bytes() == file.stat,
                        None => file.kind() == Kind::Absent,
                    }
                }
            };
            if !is_same {
                self.found.push(index);
            }
        }
        Ok(())
    }

    /// Makes the directory of number `index` the current one. `at` is the first visit in it.
    fn enter(&mut self, index: usize, at: usize) {
        if self.directory.as_ref().is_some_and(|(at_hand, _)| *at_hand == index) {
            return;
        }
        let (directories, visits) = (self.snapshot.directories(), self.snapshot.visits());
        let ahead = visits.get(at + FILES_TO_OPEN_FOR);
        let ahead = ahead.and_then(|visit| (visit.get() as usize).checked_sub(directories.len()));
        let pays = ahead.is_some_and(|file| self.snapshot.files()[file].directory() == index);
        let path = self.snapshot.system_path_of_directory(&directories[index]);
        // A directory that cannot be opened is looked at by its path, which gives the error.
        let opened = path.filter(|_| pays).and_then(|path| open_to_look_from(self.root, path).ok());
        self.directory = Some((index, opened));
    }

    fn identity_of_directory(&self, directory: &DirectoryRecord) -> Result<Option<StatIdentity>> {
        let found = match (&self.directory, self.snapshot.system_path_of_directory(directory)) {
            (Some((_, Some(directory))), _) => rustix::fs::fstat(directory),
            (_, Some(path)) => rustix::fs::statat(self.root, path, AtFlags::SYMLINK_NOFOLLOW),
            (_, None) => Err(Errno::INVAL),
        };
        self.identity(found, |snapshot, path| path.extend_from_slice(snapshot.path_of_directory(directory)))
    }

    fn identity_of_file(&mut self, file: &FileRecord) -> Result<Option<StatIdentity>> {
        let found = match (&self.directory, self.snapshot.system_name_of(file)) {
            (Some((_, Some(directory))), Some(name)) => rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW),
            (_, Some(_)) => {
                self.snapshot.path_of(file, &mut self.path);
                rustix::fs::statat(self.root, self.path.as_slice(), AtFlags::SYMLINK_NOFOLLOW)
            }
            (_, None) => Err(Errno::INVAL),
        };
        self.identity(found, |snapshot, path| snapshot.path_of(file, path))
    }

    fn identity(
        &self,
        found: rustix::io::Result<Stat>,
        put_path: impl FnOnce(&Snapshot, &mut Vec<u8>),
    ) -> Result<Option<StatIdentity>> {
        match found {
            Ok(stat) => Ok(Some(StatIdentity::of_stat(&stat))),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(_) => {
                let mut path = Vec::new();
                put_path(self.snapshot, &mut path);
                let path = path.as_bstr();
                match self.root.place(path)?.look(false) {
                    Ok(look) => Ok(Some(look.identity)),
                    Err(error) if is_gone(&error) => Ok(None),
                    Err(error) => Err(Error::unreadable(self.root.on_disk(path)?, error)),
                }
            }
        }
    }
}
