//! One look at everything that counts of a checkout.
//!
//! Promises: what comes back is what a reading of every file would give. Where the last look is known, only what has
//! changed since is read; where it is not, everything is, on all cores.
//! Does not promise: one moment in time for the whole tree. Whoever needs that compares two sweeps.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::bstr::{BString, ByteSlice};
use rayon::prelude::*;
use serde::Serialize;

use super::checkout::{self, Listed, on_disk};
use super::content::{self, content};
use super::selection::Selection;
use super::snapshot::{Content, Snapshot};
use super::stat_cache::{StatCache, Unsaved};
use crate::cancellation::Cancellation;
use crate::error::Result;
use crate::fingerprint::{Digest, SCHEMA};
use crate::inventory::Tree;
use crate::stat::{Stamp, StatIdentity};

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
    let mut known = cache.load(&stamp).and_then(|(bytes, start)| Snapshot::parse(bytes, start).ok());
    #[cfg(unix)]
    if let Some(snapshot) = &mut known {
        use super::refresh::{Refreshed, refresh};
        let worth_keeping = match refresh(snapshot, &subject.root, &stamp, cancellation)? {
            Refreshed::Same => Some(false),
            Refreshed::Updated { worth_keeping } => Some(worth_keeping),
            Refreshed::Outdated => None,
        };
        if let (Some(worth_keeping), Some(snapshot)) = (worth_keeping, known.take_if(|_| worth_keeping.is_some())) {
            return Ok(swept(snapshot, worth_keeping, cache, stamp));
        }
    }
    let mut listing = checkout::list(subject, cancellation)?;
    let (contents, was_read) = read(&subject.root, &listing.paths, known.as_ref(), &stamp, cancellation)?;
    let mut worth_keeping = true;
    for seen in &mut listing.seen {
        worth_keeping &= seen.is_settled(&stamp);
        seen.doubt_unless_settled(&stamp);
    }
    Ok(swept(Snapshot::of(listing, contents), worth_keeping || was_read, cache, stamp))
}

fn swept(snapshot: Snapshot, worth_keeping: bool, cache: StatCache, stamp: Stamp) -> Swept {
    let snapshot = Arc::new(snapshot);
    let to_save = Arc::clone(&snapshot);
    let unsaved = worth_keeping.then(|| cache.unsaved(stamp, move |settled| to_save.settled(settled)));
    Swept { tree: snapshot.into_tree(), unsaved }
}

/// What stands at each of `paths`, from `known` where that still holds, and whether anything that has settled was read.
fn read(
    root: &Path,
    paths: &[Listed],
    known: Option<&Snapshot>,
    stamp: &Stamp,
    cancellation: &Cancellation,
) -> Result<(Vec<Option<Content>>, bool)> {
    let known = known.map(Known::of).unwrap_or_default();
    let contents: Vec<(Option<Content>, bool)> = paths
        .par_iter()
        .map_init(content::buffer, |buffer, listed| {
            cancellation.check()?;
            let path = on_disk(root, listed.path.0.as_bstr())?;
            if let Some(content) = known.content(listed, &path) {
                return Ok((Some(content), false));
            }
            let content = match content(&path, false, buffer)? {
                None if listed.tracked => Some(content::nothing()),
                found => found,
            };
            let has_settled = content.as_ref().is_some_and(|content| content.stat.is_settled(stamp));
            Ok((content, has_settled))
        })
        .collect::<Result<_>>()?;
    let was_read = contents.iter().any(|(_, has_settled)| *has_settled);
    Ok((contents.into_iter().map(|(content, _)| content).collect(), was_read))
}

/// What is known of files, by path.
#[derive(Default)]
struct Known(HashMap<BString, Content>);

impl Known {
    fn of(snapshot: &Snapshot) -> Self {
        let mut path = Vec::new();
        let file = |record: &super::snapshot::FileRecord| {
            snapshot.path_of(record, &mut path);
            let stat = StatIdentity::from_bytes(&record.stat);
            (BString::from(path.clone()), Content { kind: record.kind(), digest: record.digest(), stat })
        };
        Self(snapshot.files().iter().map(file).collect())
    }

    fn content(&self, listed: &Listed, path: &Path) -> Option<Content> {
        let known = self.0.get(&listed.path.0)?;
        let now = StatIdentity::of(&std::fs::symlink_metadata(path).ok()?);
        (known.stat == now).then_some(Content { kind: known.kind, digest: known.digest, stat: now })
    }
}
