//! Which paths of a checkout count: tracked ones, and untracked ones that git does not ignore.
//!
//! Promises: the answer is that of `git ls-files` and `git ls-files --others --exclude-standard`, with four
//! differences that a build needs. A tracked path counts whatever the index says of it (assume-unchanged,
//! skip-worktree, intent-to-add). Repositories inside the checkout, submodules or not, are entered, each under its
//! own ignore rules. Directories that a valid `CACHEDIR.TAG` marks are not entered, so cargo's target directory never
//! counts, ignored or not. The lock file and the manifest at the root count even when they are ignored.
//! Does not promise: to look at content. The index is read and never refreshed; nothing is written.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gix::bstr::{BStr, BString, ByteSlice};
use gix::glob::pattern::Case;
use gix::index::entry::Mode;

use super::Subject;
use super::ignore::{GITIGNORE, Rules};
use super::index::Index;
use super::repository::{self, unusable};
use super::seen::Seen;
use super::selection::{MANIFEST, Selection};
use crate::cancellation::Cancellation;
use crate::error::{Error, Result};
use crate::files;
use crate::fingerprint::Digest;
use crate::stat::StatIdentity;
use crate::tree::{Heads, TreePath};

/// Read by cargo from the root whatever git thinks of them.
const ALWAYS: [&str; 2] = ["Cargo.lock", "Cargo.toml"];

/// <https://bford.info/cachedir/>
pub(super) const CACHEDIR_TAG: &str = "CACHEDIR.TAG";
const CACHEDIR_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// The paths that count, and where that comes from.
pub(super) struct Listing {
    pub(super) heads: Heads,
    /// Sorted by bytes.
    pub(super) paths: Vec<Listed>,
    /// Those that were looked into.
    pub(super) directories: Vec<Directory>,
    /// Files that decide what counts, and what git's own files were.
    pub(super) seen: Vec<Seen>,
    /// Those of all repositories.
    pub(super) indices: Vec<Index>,
}

/// A directory as it was before it was looked into.
pub(super) struct Directory {
    pub(super) path: TreePath,
    pub(super) stat: StatIdentity,
    /// Of the names in it and what each is, whether it counts or not.
    pub(super) names: Digest,
}

pub(super) struct Listed {
    pub(super) path: TreePath,
    /// A tracked path counts as absent when nothing is there; any other path is just not there.
    pub(super) tracked: bool,
}

/// What `subject` has on disk. `ahead` hears of paths that count before directories are looked into, as far as that is
/// known by then.
pub(super) fn list(subject: &Subject, cancellation: &Cancellation, ahead: &dyn Fn(Vec<TreePath>)) -> Result<Listing> {
    let Subject { root, exclude, selection } = subject;
    let exclude = gix::ignore::Search::from_overrides(exclude, gix::ignore::search::Ignore { support_precious: false });
    let listing = Listing {
        heads: Heads::new(),
        paths: Vec::new(),
        directories: Vec::new(),
        seen: Vec::new(),
        indices: Vec::new(),
    };
    let mut walk = Walk { root, exclude, selection: selection.as_ref(), cancellation, ahead, listing };
    let repository = repository::open(root).map_err(|error| repository::unusable(root, error))?;
    walk.repository(&repository, BString::default(), selection.is_none())?;
    let mut listing = walk.listing;
    let paths = &mut listing.paths;
    paths.extend(ALWAYS.map(|name| Listed { path: TreePath(name.into()), tracked: false }));
    paths.sort_by(|a, b| a.path.cmp(&b.path).then(b.tracked.cmp(&a.tracked)));
    paths.dedup_by(|later, earlier| later.path == earlier.path);
    if let Some(selection) = selection {
        selection.narrow(paths, |listed| listed.path.0.as_bstr());
        // The commit is no input of a part.
        listing.heads.clear();
    }
    Ok(listing)
}

struct Walk<'a> {
    root: &'a Path,
    exclude: gix::ignore::Search,
    selection: Option<&'a Selection>,
    cancellation: &'a Cancellation,
    ahead: &'a dyn Fn(Vec<TreePath>),
    listing: Listing,
}

/// One repository during the walk; paths in it are relative to its own worktree.
struct Repository<'a> {
    /// Where its worktree stands below the checkout's root: empty, or ending in `/`.
    prefix: BString,
    root: PathBuf,
    rules: Rules<'a>,
    tracked: HashSet<&'a BStr>,
    /// Every directory that holds something tracked, and every submodule.
    tracked_directories: HashSet<&'a BStr>,
}

impl Walk<'_> {
    /// `belongs` says whether what is around the repository counts.
    fn repository(&mut self, repository: &gix::Repository, prefix: BString, belongs: bool) -> Result<()> {
        let here = on_disk(self.root, prefix.as_bstr())?;
        let head = repository::head(repository).map_err(|error| unusable(&here, error))?;
        self.listing.seen.extend(repository::seen(repository, &head, &here));
        self.listing.heads.insert(TreePath(prefix.trim_end_with(|character| character == '/').into()), head.commit);

        let index = repository.index_or_empty().map_err(|error| unusable(&here, error))?;
        self.listing.indices.push(Index::of(repository, &index));
        let rules = Rules::of(repository, &index).map_err(|error| unusable(&here, error))?;
        let mut tracked = HashSet::with_capacity(index.entries().len());
        let mut tracked_directories = HashSet::new();
        for entry in index.entries() {
            let path = entry.path(&index);
            if entry.mode.contains(Mode::COMMIT) {
                tracked_directories.insert(path);
            } else if !entry.mode.contains(Mode::DIR) {
                tracked.insert(path);
            }
            let mut rest = path;
            while let Some(slash) = rest.rfind_byte(b'/') {
                rest = &rest[..slash];
                if !tracked_directories.insert(rest) {
                    break;
                }
            }
        }
        let mut counting = Vec::with_capacity(tracked.len());
        // In the index's own order, which is nearly that of the result.
        for path in index.entries().iter().map(|entry| entry.path(&index)).filter(|path| tracked.contains(path)) {
            let full = joined(prefix.as_bstr(), path);
            let may_count = self.selection.is_none_or(|selection| selection.may_count(full.as_bstr()));
            if may_count && !self.is_excluded_below_root(full.as_bstr()) {
                counting.push(TreePath(full));
            }
        }
        self.listing.paths.extend(counting.iter().map(|path| Listed { path: path.clone(), tracked: true }));
        if self.selection.is_none() {
            (self.ahead)(counting);
        }
        let mut inside = Repository { prefix, root: here, rules, tracked, tracked_directories };
        self.directory(&mut inside, BString::default(), false, belongs)
    }

    /// `belongs` says whether what is around the directory counts.
    fn directory(
        &mut self,
        repository: &mut Repository<'_>,
        relative: BString,
        ignored: bool,
        belongs: bool,
    ) -> Result<()> {
        self.cancellation.check()?;
        let full = joined(repository.prefix.as_bstr(), relative.as_bstr());
        let full = full.trim_end_with(|character| character == '/').as_bstr();
        let directory = on_disk(self.root, full)?;
        let Some((stat, entries)) = entries_of(&directory)? else { return Ok(()) };
        let is_root = relative.is_empty();
        let has = |name: &str| entries.iter().any(|(entry, _)| entry == name);
        if !is_root && has(".git") {
            match repository::open(&directory) {
                Ok(nested) if nested.workdir().is_some() => {
                    let mut prefix = full.to_owned();
                    prefix.push(b'/');
                    return self.repository(&nested, prefix, belongs);
                }
                // It may become one without a change to anything that is known to belong to it.
                _ => self.listing.seen.push(Seen::never()),
            }
        }
        for name in [CACHEDIR_TAG, GITIGNORE].into_iter().filter(|name| has(name)) {
            self.listing.seen.push(Seen::at(&directory.join(name)));
        }
        let names = digest_of_names(&entries);
        self.listing.directories.push(Directory { path: TreePath(full.to_owned()), stat, names });
        let has_rules = entries.iter().any(|(name, file_type)| name == GITIGNORE && file_type.is_file());
        let tag = has(CACHEDIR_TAG).then(|| start_of_tag(&directory));
        let only_tracked = ignored || (!is_root && tag.as_deref() == Some(CACHEDIR_SIGNATURE));
        let unfinished_tag = tag.is_some_and(|tag| tag.is_empty());
        let outside = repository
            .rules
            .enter(&repository.root, &directory, relative.as_bstr(), has_rules)
            .map_err(|error| Error::unreadable(directory.join(GITIGNORE), error))?;
        let belongs = match self.selection {
            None => true,
            Some(selection) => {
                let manifest = joined_directory(relative.as_bstr(), MANIFEST.as_bstr());
                let is_there = || {
                    let on_disk = entries.iter().any(|(name, file_type)| name == MANIFEST && !file_type.is_dir());
                    on_disk && !only_tracked && !repository.rules.ignore(manifest.as_bstr(), false)
                };
                let is_excluded = || {
                    let manifest = joined_directory(full, MANIFEST.as_bstr());
                    self.is_excluded_below_root(manifest.as_bstr())
                };
                let begins_package =
                    || (repository.tracked.contains(manifest.as_bstr()) || is_there()) && !is_excluded();
                selection.is_package(full) || (belongs && !begins_package())
            }
        };
        for (name, file_type) in entries {
            if name == ".git" {
                continue;
            }
            let path = joined_directory(relative.as_bstr(), name.as_bstr());
            let is_dir = file_type.is_dir();
            if !is_dir && repository.tracked.contains(path.as_bstr()) {
                continue;
            }
            // cargo makes its target directory under another name, which nothing ignores, and renames it when this is
            // written. A sweep of that moment must not take it for an input.
            if unfinished_tag && name == CACHEDIR_TAG {
                continue;
            }
            let holds_tracked = is_dir && repository.tracked_directories.contains(path.as_bstr());
            if only_tracked && !holds_tracked {
                continue;
            }
            let full = joined(repository.prefix.as_bstr(), path.as_bstr());
            let is_outside = |selection: &Selection| {
                let full = full.as_bstr();
                !belongs && !(if is_dir { selection.leads_to(full) } else { name == MANIFEST || selection.names(full) })
            };
            if self.is_excluded(full.as_bstr(), is_dir) || self.selection.is_some_and(is_outside) {
                continue;
            }
            let ignored = only_tracked || repository.rules.ignore(path.as_bstr(), is_dir);
            if is_dir {
                if !ignored || holds_tracked {
                    self.directory(repository, path, ignored, belongs)?;
                }
            } else if !ignored {
                self.listing.paths.push(Listed { path: TreePath(full), tracked: false });
            }
        }
        repository.rules.leave(outside);
        Ok(())
    }

    /// Whether the caller's patterns name this very path.
    fn is_excluded(&self, full: &BStr, is_dir: bool) -> bool {
        self.exclude
            .pattern_matching_relative_path(full, Some(is_dir), Case::Sensitive)
            .is_some_and(|found| !found.pattern.is_negative())
    }

    /// Whether the caller's patterns name this path or a directory it lies in.
    fn is_excluded_below_root(&self, full: &BStr) -> bool {
        if self.exclude.patterns.iter().all(|list| list.patterns.is_empty()) {
            return false;
        }
        let parents = full.find_iter("/").any(|slash| self.is_excluded(full[..slash].as_bstr(), true));
        parents || self.is_excluded(full, false)
    }
}

type Entries = Vec<(BString, fs::FileType)>;

/// What a [`Directory`] has now; none when it is gone.
#[cfg(unix)]
pub(super) fn names_in(directory: &Path) -> Result<Option<(StatIdentity, Digest)>> {
    Ok(entries_of(directory)?.map(|(stat, entries)| (stat, digest_of_names(&entries))))
}

fn digest_of_names(entries: &Entries) -> Digest {
    let kind = |file_type: &fs::FileType| match () {
        () if file_type.is_dir() => b'd',
        () if file_type.is_symlink() => b'l',
        () if file_type.is_file() => b'f',
        () => b's',
    };
    let mut names: Vec<_> = entries.iter().map(|(name, file_type)| (name.as_bstr(), kind(file_type))).collect();
    names.sort_unstable();
    let mut bytes = Vec::with_capacity(names.iter().map(|(name, _)| name.len() + 2).sum());
    for (name, kind) in names {
        bytes.extend_from_slice(name);
        // No name holds it.
        bytes.extend_from_slice(&[0, kind]);
    }
    Digest::of(bytes)
}

/// A directory as it was before it was read, and the names in it; none when it is gone.
fn entries_of(directory: &Path) -> Result<Option<(StatIdentity, Entries)>> {
    let unreadable = |error| Error::unreadable(directory, error);
    let read = || Ok((StatIdentity::of(&fs::symlink_metadata(directory)?), fs::read_dir(directory)?));
    let (stat, listing) = match read() {
        Ok(read) => read,
        Err(error) if is_gone(&error) => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut entries = Vec::new();
    for entry in listing {
        let entry = entry.map_err(unreadable)?;
        let name = gix::path::os_string_into_bstring(entry.file_name())
            .map_err(|error| unreadable(io::Error::other(error.to_string())))?;
        match entry.file_type() {
            Ok(file_type) => entries.push((name, file_type)),
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    Ok(Some((stat, entries)))
}

/// Whether a path that was there a moment ago has gone, or lies below something that is no directory any more.
pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The path below `root` in the system's own form; every path has one but for ill-formed ones on Windows.
pub(super) fn on_disk(root: &Path, full: &BStr) -> Result<PathBuf> {
    match gix::path::from_bstr(full) {
        Ok(relative) => Ok(root.join(relative)),
        Err(error) => {
            Err(Error::unreadable(root.join(full.to_str_lossy().as_ref()), io::Error::other(error.to_string())))
        }
    }
}

/// Whether a valid tag says that everything in `directory` can be made again.
pub(super) fn is_cache(directory: &Path) -> bool {
    start_of_tag(directory) == CACHEDIR_SIGNATURE
}

/// As much of a directory's tag as tells whether it is one; nothing when it is empty or has gone meanwhile.
fn start_of_tag(directory: &Path) -> Vec<u8> {
    let mut start = files::read(&directory.join(CACHEDIR_TAG)).unwrap_or_default();
    start.truncate(CACHEDIR_SIGNATURE.len());
    start
}

/// `prefix` is empty or ends in a slash.
fn joined(prefix: &BStr, path: &BStr) -> BString {
    let mut full = BString::new(Vec::with_capacity(prefix.len() + path.len()));
    full.extend_from_slice(prefix);
    full.extend_from_slice(path);
    full
}

fn joined_directory(directory: &BStr, name: &BStr) -> BString {
    if directory.is_empty() {
        return name.into();
    }
    let mut path = BString::new(Vec::with_capacity(directory.len() + 1 + name.len()));
    path.extend_from_slice(directory);
    path.push(b'/');
    path.extend_from_slice(name);
    path
}
