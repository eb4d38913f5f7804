//! One look at everything that counts of a checkout.
//!
//! Promises: what comes back is what a reading of every file would give. Where the last look is known, only what has
//! changed since is read; where it is not, everything is, on all cores.
//! Does not promise: one moment in time for the whole tree. Whoever needs that compares two sweeps.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use gix::bstr::ByteSlice;
use rayon::prelude::*;
use serde::Serialize;

use super::checkout::{self, Listing, on_disk};
use super::content::{self, content};
use super::selection::Selection;
use super::snapshot::{Content, Snapshot};
use super::stat_cache::{StatCache, Unsaved};
use crate::cancellation::Cancellation;
use crate::error::Result;
use crate::fingerprint::{Digest, SCHEMA};
use crate::stat::{Stamp, StatIdentity};
use crate::tree::{Tree, TreePath};

/// What a sweep is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The checkout's root, with links resolved.
    pub root: PathBuf,
    /// Patterns of paths that are no inputs.
    pub exclude: Vec<String>,
    /// The part of it that counts; none for all.
    pub selection: Option<Selection>,
}

impl Subject {
    /// Of all this, and of where git finds the user's configuration.
    pub(super) fn key(&self) -> Digest {
        #[derive(Serialize)]
        struct Key<'a> {
            schema: &'a str,
            root: &'a [u8],
            exclude: &'a [String],
            selection: Option<&'a Selection>,
            homes: [Option<Vec<u8>>; 2],
        }
        let variable = |name| std::env::var_os(name).map(|value| value.as_encoded_bytes().to_vec());
        let key = Key {
            schema: SCHEMA,
            root: self.root.as_os_str().as_encoded_bytes(),
            exclude: &self.exclude,
            selection: self.selection.as_ref(),
            homes: ["HOME", "XDG_CONFIG_HOME"].map(variable),
        };
        Digest::of(serde_json::to_vec(&key).expect("bytes and text always become JSON"))
    }
}

/// What a sweep found.
pub struct Swept {
    /// What counts, as it is now.
    pub tree: Tree,
    /// What makes the next sweep quicker.
    pub unsaved: Option<Unsaved>,
}

/// What `subject` holds now. The last look at it is taken from `stat_caches`, a directory that need not be there.
///
/// # Errors
///
/// [`crate::error::Error::NotACheckout`] when git's own files cannot be read,
/// [`crate::error::Error::InputUnreadable`] for any other file.
pub fn sweep(subject: &Subject, stat_caches: &Path, cancellation: &Cancellation) -> Result<Swept> {
    let stamp = Stamp::now();
    let cache = StatCache::new(&subject.root, subject.key(), stat_caches);
    #[cfg_attr(not(unix), expect(unused_mut, reason = "refreshed in place where there is `refresh`"))]
    let mut known = cache.load(&stamp).and_then(|(bytes, start)| Snapshot::parse(bytes, start).ok());
    #[cfg(unix)]
    if let Some(snapshot) = &mut known {
        use super::refresh::{Refreshed, refresh};
        let worth_keeping = match refresh(snapshot, &subject.root, &stamp, cancellation)? {
            Refreshed::Updated { worth_keeping } => Some(worth_keeping),
            Refreshed::Outdated => None,
        };
        if let (Some(worth_keeping), Some(snapshot)) = (worth_keeping, known.take_if(|_| worth_keeping.is_some())) {
            return Ok(swept(snapshot, worth_keeping, cache, stamp));
        }
    }
    let reader = Reader { root: &subject.root, known: known.as_ref().map(Known::of), stamp: &stamp, cancellation };
    let (mut listing, found) = reader.everything(subject)?;
    let was_read = found.iter().any(|found| found.has_settled);
    let contents = found.into_iter().map(|found| found.content).collect();
    let mut worth_keeping = true;
    for seen in &mut listing.seen {
        worth_keeping &= seen.is_settled(&stamp);
        seen.doubt_unless_settled(&stamp);
    }
    worth_keeping &= listing.indices.iter().all(|index| index.is_settled(&stamp));
    Ok(swept(Snapshot::of(listing, contents), worth_keeping || was_read, cache, stamp))
}

fn swept(snapshot: Snapshot, worth_keeping: bool, cache: StatCache, stamp: Stamp) -> Swept {
    let snapshot = Arc::new(snapshot);
    let to_save = Arc::clone(&snapshot);
    let unsaved = worth_keeping.then(|| cache.unsaved(stamp, move |settled| to_save.settled(settled)));
    Swept { tree: snapshot.into_tree(), unsaved }
}

/// How many files a thread takes at a time.
const FILES_AT_ONCE: usize = 64;

/// Reads what stands at paths, or takes it from the last look where that still holds.
struct Reader<'a> {
    root: &'a Path,
    known: Option<Known>,
    stamp: &'a Stamp,
    cancellation: &'a Cancellation,
}

/// What stands at a path.
struct Found {
    content: Option<Content>,
    /// Whether it was read, and will be known by its identity.
    has_settled: bool,
}

impl Reader<'_> {
    /// All of `subject`, and what stands at each path. What git tracks is read on other threads while this one walks.
    fn everything(&self, subject: &Subject) -> Result<(Listing, Vec<Found>)> {
        let ahead: Mutex<HashMap<TreePath, Result<Found>>> = Mutex::default();
        let listing = rayon::in_place_scope(|scope| {
            checkout::list(subject, self.cancellation, &|paths| {
                let mut paths = paths.into_iter().peekable();
                while paths.peek().is_some() {
                    let share: Vec<TreePath> = paths.by_ref().take(FILES_AT_ONCE).collect();
                    let ahead = &ahead;
                    scope.spawn(move |_| {
                        let found: Vec<_> = share.into_iter().map(|path| (self.tracked(&path), path)).collect();
                        let mut ahead = ahead.lock().unwrap_or_else(PoisonError::into_inner);
                        ahead.extend(found.into_iter().map(|(found, path)| (path, found)));
                    });
                }
            })
        })?;
        let mut ahead = ahead.into_inner().unwrap_or_else(PoisonError::into_inner);
        let ahead: Vec<_> = listing.paths.iter().map(|listed| (listed, ahead.remove(&listed.path))).collect();
        let found = ahead.into_par_iter().map(|(listed, found)| match found {
            Some(found) => found,
            None if listed.tracked => self.tracked(&listed.path),
            None => self.found(&listed.path),
        });
        let found = found.collect::<Result<_>>()?;
        Ok((listing, found))
    }

    /// A path that git tracks counts, whether something is there or not.
    fn tracked(&self, path: &TreePath) -> Result<Found> {
        let found = self.found(path)?;
        Ok(Found { content: found.content.or_else(|| Some(content::nothing())), ..found })
    }

    fn found(&self, path: &TreePath) -> Result<Found> {
        self.cancellation.check()?;
        let on_disk = on_disk(self.root, path.0.as_bstr())?;
        if let Some(content) = self.known.as_ref().and_then(|known| known.content(path, &on_disk)) {
            return Ok(Found { content: Some(content), has_settled: false });
        }
        let content = content(&on_disk, false)?;
        let has_settled = content.as_ref().is_some_and(|content| content.stat.is_settled(self.stamp));
        Ok(Found { content, has_settled })
    }
}

/// What is known of files, by path.
struct Known(HashMap<TreePath, Content>);

impl Known {
    fn of(snapshot: &Snapshot) -> Self {
        let mut path = Vec::new();
        let file = |record: &super::snapshot::FileRecord| {
            snapshot.path_of(record, &mut path);
            let stat = StatIdentity::from_bytes(&record.stat);
            (TreePath(path.as_bstr().to_owned()), Content { kind: record.kind(), digest: record.digest(), stat })
        };
        Self(snapshot.files().iter().map(file).collect())
    }

    fn content(&self, path: &TreePath, on_disk: &Path) -> Option<Content> {
        let known = self.0.get(path)?;
        let now = StatIdentity::of(&std::fs::symlink_metadata(on_disk).ok()?);
        (known.stat == now).then_some(Content { kind: known.kind, digest: known.digest, stat: now })
    }
}
