//! Looking whether what a snapshot says is still so.
//!
//! Promises: one `stat` for each directory and file, on as many threads as the number of paths pays for; nothing is
//! opened or read while nothing has changed. A directory that has changed is read again; if the names in it are the
//! same, it says nothing new. A file that has changed is read again.
//! Does not promise: to find out what follows when names come or go, or when a file changes that decides what counts.
//! Then everything is listed anew.

use std::ffi::CStr;
use std::ops::Range;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use gix::bstr::{BStr, ByteSlice};
use rayon::prelude::*;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::checkout::{names_in, on_disk};
use super::content::{self, content};
use super::seen::Seen;
use super::snapshot::{Content, Snapshot};
use crate::cancellation::Cancellation;
use crate::error::{Error, Result};
use crate::stat::{Stamp, StatIdentity};
use crate::tree::Kind;

/// For fewer, the first thread is done before another has begun.
const PATHS_PER_THREAD: usize = 800;
/// Beyond this, threads wait for each other in the kernel.
const MOST_THREADS: usize = 8;
/// What a thread takes at a time, so that none has much left when the others are done.
const PATHS_AT_ONCE: usize = 256;
/// Fewer files are read sooner than a pool of threads wakes up.
const FILES_FOR_A_POOL: usize = 8;

/// What has become of a snapshot.
pub(super) enum Refreshed {
    /// The files that count are the same ones; what has changed was read again.
    Updated {
        /// Whether any of that has settled, so that it is worth keeping.
        worth_keeping: bool,
    },
    /// Other files may count now.
    Outdated,
}

/// Brings `snapshot` of the checkout at `root` up to date.
pub(super) fn refresh(
    snapshot: &mut Snapshot,
    root: &Path,
    stamp: &Stamp,
    cancellation: &Cancellation,
) -> Result<Refreshed> {
    if !snapshot.seen().iter().all(Seen::holds) {
        return Ok(Refreshed::Outdated);
    }
    let mut worth_keeping = false;
    for at in 0..snapshot.indices().len() {
        let index = &snapshot.indices()[at];
        if !index.holds() {
            let Some(now) = index.read_again() else { return Ok(Refreshed::Outdated) };
            worth_keeping |= now.is_settled(stamp) || now.differs(index);
            snapshot.replace_index(at, now);
        }
    }
    let differing = differing(snapshot, root, cancellation)?;
    let count = snapshot.directories().len();
    let (directories, files) = differing.split_at(differing.partition_point(|index| *index < count));
    if differing.is_empty() {
        return Ok(Refreshed::Updated { worth_keeping });
    }
    let mut stats = Vec::with_capacity(directories.len());
    for index in directories {
        let directory = &snapshot.directories()[*index];
        let path = on_disk(root, snapshot.path_of_directory(directory))?;
        let Some((stat, names)) = names_in(&path)? else { return Ok(Refreshed::Outdated) };
        if names != directory.names() {
            return Ok(Refreshed::Outdated);
        }
        stats.push((*index, stat));
    }
    let read = |index: &usize| {
        cancellation.check()?;
        let index = index - count;
        let mut path = Vec::new();
        snapshot.path_of(&snapshot.files()[index], &mut path);
        Ok((index, content(&on_disk(root, path.as_bstr())?, false)?))
    };
    let found: Vec<(usize, Option<Content>)> = if files.len() < FILES_FOR_A_POOL {
        files.iter().map(read).collect::<Result<_>>()?
    } else {
        files.par_iter().map(read).collect::<Result<_>>()?
    };
    let mut contents = Vec::with_capacity(found.len());
    for (index, content) in found {
        match content {
            Some(content) => contents.push((index, content)),
            None if snapshot.files()[index].is_tracked() => contents.push((index, content::nothing())),
            None => return Ok(Refreshed::Outdated),
        }
    }
    snapshot.update(&stats, &contents);
    let identities = stats.iter().map(|(_, stat)| stat).chain(contents.iter().map(|(_, content)| &content.stat));
    worth_keeping |= identities.into_iter().any(|stat| stat.is_settled(stamp));
    Ok(Refreshed::Updated { worth_keeping })
}

/// The directories, and behind them the files, that are not as they were, in order.
fn differing(snapshot: &Snapshot, root: &Path, cancellation: &Cancellation) -> Result<Vec<usize>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory =
        rustix::fs::open(root, flags, Mode::empty()).map_err(|error| Error::unreadable(root, error.into()))?;
    let count = snapshot.directories().len() + snapshot.files().len();
    let next = AtomicUsize::new(0);
    let look = || -> Result<Vec<usize>> {
        let mut look = Look { snapshot, root, directory: &directory, path: Vec::new(), found: Vec::new() };
        loop {
            let start = next.fetch_add(PATHS_AT_ONCE, Ordering::Relaxed);
            if start >= count {
                return Ok(look.found);
            }
            cancellation.check()?;
            look.at(start..count.min(start + PATHS_AT_ONCE))?;
        }
    };
    let threads = threads_for(count);
    let mut found = thread::scope(|scope| {
        // A thread that cannot be started leaves its part to the others.
        let others: Vec<_> =
            (1..threads).filter_map(|_| thread::Builder::new().spawn_scoped(scope, look).ok()).collect();
        let mut found = look()?;
        for other in others {
            found.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok::<_, Error>(found)
    })?;
    found.sort_unstable();
    Ok(found)
}

fn threads_for(paths: usize) -> usize {
    // Asking reads several files, where a container limits it.
    static CORES: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from));
    let most = paths / PATHS_PER_THREAD;
    if most < 2 { 1 } else { most.min(MOST_THREADS).min(*CORES) }
}

/// One thread's part of a look.
struct Look<'a> {
    snapshot: &'a Snapshot,
    root: &'a Path,
    directory: &'a rustix::fd::OwnedFd,
    /// The path at hand, with a NUL behind it.
    path: Vec<u8>,
    found: Vec<usize>,
}

impl Look<'_> {
    fn at(&mut self, range: Range<usize>) -> Result<()> {
        let (directories, files) = (self.snapshot.directories(), self.snapshot.files());
        for index in range {
            let is_same = match directories.get(index) {
                Some(directory) if !directory.is_listed() => true,
                Some(directory) => {
                    self.path.clear();
                    self.path.extend_from_slice(self.snapshot.path_of_directory(directory));
                    self.identity()?.is_some_and(|stat| stat.to_bytes() == directory.stat)
                }
                None => {
                    let file = &files[index - directories.len()];
                    self.snapshot.path_of(file, &mut self.path);
                    match self.identity()? {
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

    /// Of what stands at the path at hand.
    fn identity(&mut self) -> Result<Option<StatIdentity>> {
        if self.path.is_empty() {
            self.path.push(b'.');
        }
        self.path.push(0);
        let unreadable = |path: &[u8], error: Errno| {
            let path: &BStr = path.strip_suffix(b"\0").unwrap_or(path).as_bstr();
            Error::unreadable(on_disk(self.root, path).unwrap_or_else(|_| self.root.to_owned()), error.into())
        };
        let Ok(path) = CStr::from_bytes_with_nul(&self.path) else {
            return Err(unreadable(&self.path, Errno::INVAL));
        };
        match rustix::fs::statat(self.directory, path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(StatIdentity::of_stat(&stat))),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(unreadable(&self.path, error)),
        }
    }
}
