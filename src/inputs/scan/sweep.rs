//! Sweeps a checkout.
//!
//! Promises: the result is the same as if every file were read. With the snapshot of an earlier sweep, only changed files
//! are read. Without it, all files are read, on several threads.
//! Does not promise: that all files are seen at one moment. A caller that needs that compares two sweeps.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gix::bstr::{BStr, ByteSlice};

use super::content::{self, Content, content_below, content_in};
use super::listing::{Listed, Listing};
use super::place::RootDir;
#[cfg(unix)]
use super::refresh::{Refreshed, refresh};
use super::snapshot::Snapshot;
use super::subject::Subject;
use super::threads;
use super::walk::{self, Files};
use crate::error::Result;
use crate::fs::identity::{Stamp, StatIdentity};
use crate::inputs::remember::process_cache::ProcessCache;
use crate::inputs::remember::stat_cache::{StatCache, Unsaved};
use crate::model::cancellation::Cancellation;
use crate::model::tree::{Tree, TreePath, split};

/// The snapshots of sweeps that found nothing new. One checkout may have several, and each may take megabytes.
static SNAPSHOTS: ProcessCache<Arc<Snapshot>> = ProcessCache::new(4);

/// The result of a sweep.
pub struct Swept {
    /// The files that count, as they are now.
    pub tree: Tree,
    /// The snapshot for the next sweep, if it is worth saving.
    pub unsaved: Option<Unsaved>,
}

/// Sweeps `subject`. The last snapshot is taken from `stat_caches`, a directory that need not exist.
///
/// # Errors
///
/// [`crate::error::Error::NotACheckout`] when git's own files cannot be read,
/// [`crate::error::Error::InputUnreadable`] for any other file.
pub fn sweep(subject: &Subject, stat_caches: &Path, cancellation: &Cancellation) -> Result<Swept> {
    let stamp = Stamp::now();
    let root = RootDir::open(&subject.root)?;
    let cache = StatCache::new(&subject.root, subject.key(), stat_caches);
    let known = SNAPSHOTS.take(&cache.id(), &stamp).or_else(|| {
        let (bytes, start) = cache.load(&stamp)?;
        Snapshot::parse(bytes, start).ok().map(Arc::new)
    });
    #[cfg(unix)]
    let known = match known {
        None => None,
        Some(snapshot) => match refresh(snapshot, &root, &stamp, cancellation)? {
            Refreshed::Same(snapshot) => {
                SNAPSHOTS.remember(cache.id(), stamp, Arc::clone(&snapshot));
                return Ok(Swept { tree: snapshot.into_tree(), unsaved: None });
            }
            Refreshed::Updated { snapshot, worth_keeping } => return Ok(swept(snapshot, worth_keeping, cache, stamp)),
            Refreshed::Outdated(snapshot) => Some(snapshot),
        },
    };
    let known = known.as_deref().map(Known::of);
    let reader = Reader { root: &root, known, stamp: &stamp, cancellation };
    let (mut listing, found) = reader.everything(subject)?;
    let was_read = found.iter().any(|(_, found)| found.has_settled);
    let files = found.into_iter().filter_map(|(listed, found)| Some((listed, found.content?)));
    let files: Vec<(Listed, Content)> = files.collect();
    let mut worth_keeping = true;
    for seen in &mut listing.seen {
        worth_keeping &= seen.is_settled(&stamp);
        seen.invalidate_unless_settled_at(&stamp);
    }
    worth_keeping &= listing.indices.iter().all(|index| index.is_settled(&stamp));
    let rules_not_fetched = std::mem::take(&mut listing.rules_not_fetched);
    let Swept { tree, unsaved } =
        swept(Arc::new(Snapshot::of(listing, &files)), worth_keeping || was_read, cache, stamp);
    Ok(Swept { tree: tree.without_rules(rules_not_fetched), unsaved })
}

fn swept(snapshot: Arc<Snapshot>, worth_keeping: bool, cache: StatCache, stamp: Stamp) -> Swept {
    let to_save = Arc::clone(&snapshot);
    let unsaved = worth_keeping.then(|| cache.unsaved(stamp, move |settled| to_save.settled(settled)));
    Swept { tree: snapshot.into_tree(), unsaved }
}

/// The number of files, and of directories, at which a share of the work is complete. Either is enough.
const FILES_AT_ONCE: usize = 64;
const DIRECTORIES_AT_ONCE: usize = 8;
/// The limit of open directories. A process may have few files open, so beyond the limit the walking thread reads a share
/// itself.
const MOST_OPEN: usize = 32;
/// The number of directories whose files are still to be read, in all sweeps of this process. Each is open.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Reads files, or takes their content from the last snapshot if their identity is unchanged.
struct Reader<'a> {
    root: &'a RootDir,
    known: Option<Known<'a>>,
    stamp: &'a Stamp,
    cancellation: &'a Cancellation,
}

/// The content at a path.
struct Found {
    content: Option<Content>,
    /// True if the file was read, and its identity has settled.
    has_settled: bool,
}

impl Reader<'_> {
    /// Lists `subject`. Returns with the listing what stands in each of its slots. Other threads read while this one walks.
    fn walk(&self, subject: &Subject) -> Result<(Listing, Vec<Option<Found>>)> {
        let found = Mutex::new(Vec::new());
        let read = |share: Vec<Files>| {
            let mut read = Vec::new();
            for files in share {
                read.extend(files.slots.iter().map(|(at, slot)| (*slot, self.in_directory(&files, *at))));
                drop(files);
                OPEN.fetch_sub(1, Ordering::Relaxed);
            }
            found.lock().unwrap_or_else(PoisonError::into_inner).extend(read);
        };
        let find = |hand_out: &dyn Fn(Vec<Files>)| {
            let share = RefCell::new((Vec::new(), 0));
            let listing = walk::list(subject, self.root, self.cancellation, &|files| {
                let (mut directories, mut count) = share.take();
                count += files.slots.len();
                directories.push(files);
                let open = OPEN.fetch_add(1, Ordering::Relaxed);
                if count < FILES_AT_ONCE && directories.len() < DIRECTORIES_AT_ONCE {
                    share.replace((directories, count));
                } else if open < MOST_OPEN {
                    hand_out(directories);
                } else {
                    read(directories);
                }
            });
            read(share.take().0);
            listing
        };
        let listing = match threads::pool() {
            Some(pool) => pool.in_place_scope(|scope| find(&|share| scope.spawn(|_| read(share))))?,
            None => find(&read)?,
        };
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut by_slot: Vec<Option<Found>> = Vec::new();
        by_slot.resize_with(found.len(), || None);
        for (slot, found) in found {
            by_slot[slot] = Some(found?);
        }
        Ok((listing, by_slot))
    }

    /// Returns all of `subject`, and what stands at each path, sorted.
    fn everything(&self, subject: &Subject) -> Result<(Listing, Vec<(Listed, Found)>)> {
        let (mut listing, mut by_slot) = self.walk(subject)?;
        let with_found = |listed: Listed| {
            let found = listed.slot.and_then(|slot| by_slot[slot].take());
            (listed, found)
        };
        let mut paths: Vec<_> = std::mem::take(&mut listing.paths).into_iter().map(with_found).collect();
        paths.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path).then(b.tracked.cmp(&a.tracked)));
        paths.dedup_by(|(later, _), (earlier, _)| later.path == earlier.path);
        if let Some(crate_scope) = &subject.crate_scope {
            crate_scope.narrow(&mut paths, |(listed, _)| listed.path.0.as_bstr());
        }
        let rest = |(listed, found): (Listed, Option<Found>)| {
            let mut found = match found {
                Some(found) => found,
                None => self.found(&listed.path)?,
            };
            // A path that git tracks counts even if no file is there.
            if listed.tracked && found.content.is_none() {
                found.content = Some(content::nothing());
            }
            Ok((listed, found))
        };
        let paths: Vec<(Listed, Found)> = if paths.iter().all(|(_, found)| found.is_some()) {
            paths.into_iter().map(rest).collect::<Result<_>>()?
        } else {
            threads::each(paths, rest).into_iter().collect::<Result<_>>()?
        };
        for number in
            paths.iter().filter(|(_, found)| found.content.is_none()).filter_map(|(listed, _)| listed.directory)
        {
            listing.directories[number].invalidate();
        }
        Ok((listing, paths))
    }

    fn in_directory(&self, files: &Files, at: usize) -> Result<Found> {
        self.cancellation.check()?;
        let Files { path, directory, .. } = files;
        let entry = &directory.entries[at];
        let known = self.known.as_ref().and_then(|known| known.content(path.0.as_bstr(), entry.name.as_bstr()));
        let is_same = |known: &Content| {
            let now = directory.place_of(entry).and_then(|place| place.look(false));
            now.is_ok_and(|now| now.identity == known.stat)
        };
        match known.filter(is_same) {
            Some(content) => Ok(Found { content: Some(content), has_settled: false }),
            None => Ok(self.read(content_in(directory, entry)?)),
        }
    }

    fn found(&self, path: &TreePath) -> Result<Found> {
        self.cancellation.check()?;
        let place = self.root.place(path.0.as_bstr())?;
        let (directory, name) = split(path.0.as_bstr());
        let known = self.known.as_ref().and_then(|known| known.content(directory, name));
        let is_same = |known: &Content| place.look(false).is_ok_and(|now| now.identity == known.stat);
        match known.filter(is_same) {
            Some(content) => Ok(Found { content: Some(content), has_settled: false }),
            None => Ok(self.read(content_below(self.root, path.0.as_bstr())?)),
        }
    }

    fn read(&self, content: Option<Content>) -> Found {
        let has_settled = content.as_ref().is_some_and(|content| content.stat.is_settled(self.stamp));
        Found { content, has_settled }
    }
}

/// The last snapshot, with the files of each directory by the directory's path.
struct Known<'a> {
    snapshot: &'a Snapshot,
    directories: HashMap<&'a BStr, Range<usize>>,
}

impl<'a> Known<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, directories: snapshot.files_by_directory().collect() }
    }

    fn content(&self, directory: &BStr, name: &BStr) -> Option<Content> {
        let files = self.directories.get(directory)?;
        let file = self.snapshot.file_in(files, name)?;
        Some(Content { kind: file.kind(), digest: file.digest(), stat: StatIdentity::from_bytes(&file.stat) })
    }
}
