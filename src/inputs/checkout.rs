//! Which paths of a checkout count: tracked ones, and untracked ones that git does not ignore.
//!
//! Promises: the answer is that of `git ls-files` and `git ls-files --others --exclude-standard`, with four
//! differences that a build needs. A tracked path counts whatever the index says of it (assume-unchanged,
//! skip-worktree, intent-to-add). Repositories inside the checkout, submodules or not, are entered, each under its
//! own ignore rules. Directories that a valid `CACHEDIR.TAG` marks are not entered, so cargo's target directory never
//! counts, ignored or not. The lock file and the manifest at the root count even when they are ignored.
//! Does not promise: to look at content. The index is read and never refreshed; nothing is written.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use gix::bstr::{BStr, BString, ByteSlice};
use gix::glob::pattern::Case;
use gix::index::entry::Mode;

use crate::cancellation::Cancellation;
use crate::error::{Error, Result};
use crate::inventory::TreePath;

/// Read by cargo from the root whatever git thinks of them.
const ALWAYS: [&str; 2] = ["Cargo.lock", "Cargo.toml"];

/// <https://bford.info/cachedir/>
const CACHEDIR_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// The paths that count.
pub(super) struct Listing {
    /// HEAD's commit, by the repository's path.
    pub(super) heads: BTreeMap<TreePath, Option<String>>,
    pub(super) paths: Vec<Listed>,
}

pub(super) struct Listed {
    pub(super) path: TreePath,
    /// A tracked path counts as absent when nothing is there; any other path is just not there.
    pub(super) tracked: bool,
}

pub(super) fn list(root: &Path, exclude: &[String], cancellation: &Cancellation) -> Result<Listing> {
    let exclude = gix::ignore::Search::from_overrides(exclude, gix::ignore::search::Ignore { support_precious: false });
    let mut walk = Walk { root, exclude, cancellation, heads: BTreeMap::new(), paths: Vec::new() };
    let repository = open(root).map_err(|error| unusable(root, error))?;
    walk.repository(&repository, BString::default())?;
    for name in ALWAYS {
        walk.paths.push(Listed { path: TreePath(name.into()), tracked: false });
    }
    let mut paths = walk.paths;
    paths.sort_by(|a, b| a.path.cmp(&b.path).then(b.tracked.cmp(&a.tracked)));
    paths.dedup_by(|later, earlier| later.path == earlier.path);
    Ok(Listing { heads: walk.heads, paths })
}

/// Opens the repository of a worktree without spawning git and without heeding variables that redirect it.
fn open(worktree: &Path) -> Result<gix::Repository, String> {
    let mut permissions = gix::open::Permissions::isolated();
    permissions.config =
        gix::open::permissions::Config { git_binary: false, env: false, ..gix::open::permissions::Config::all() };
    permissions.env.home = gix::sec::Permission::Allow;
    permissions.env.xdg_config_home = gix::sec::Permission::Allow;
    let options = gix::open::Options::default().permissions(permissions);
    options.open(worktree).map(Into::into).map_err(|error| error.to_string())
}

fn unusable(path: &Path, problem: impl ToString) -> Error {
    Error::NotACheckout {
        path: path.to_owned(),
        problem: format!("git's files cannot be read: {}", problem.to_string()),
        hint: "see whether `git status` works there".into(),
    }
}

struct Walk<'a> {
    root: &'a Path,
    exclude: gix::ignore::Search,
    cancellation: &'a Cancellation,
    heads: BTreeMap<TreePath, Option<String>>,
    paths: Vec<Listed>,
}

/// One repository during the walk; paths in it are relative to its own worktree.
struct Repository<'a> {
    /// Where its worktree stands below the checkout's root: empty, or ending in `/`.
    prefix: BString,
    ignored: gix::AttributeStack<'a>,
    tracked: HashSet<&'a BStr>,
    /// Every directory that holds something tracked, and every submodule.
    tracked_directories: HashSet<&'a BStr>,
}

impl Walk<'_> {
    fn repository(&mut self, repository: &gix::Repository, prefix: BString) -> Result<()> {
        let here = on_disk(self.root, prefix.as_bstr())?;
        let head = repository.head().map_err(|error| unusable(&here, error))?;
        let commit = head.id().map(|id| id.to_string());
        self.heads.insert(TreePath(prefix.trim_end_with(|character| character == '/').into()), commit);

        let index = repository.index_or_empty().map_err(|error| unusable(&here, error))?;
        let ignored = repository
            .excludes(&index, None, gix::worktree::stack::state::ignore::Source::WorktreeThenIdMappingIfNotSkipped)
            .map_err(|error| unusable(&here, error))?;
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
        for path in &tracked {
            let full = joined(prefix.as_bstr(), path);
            if !self.is_excluded_below_root(full.as_bstr()) {
                self.paths.push(Listed { path: TreePath(full), tracked: true });
            }
        }
        let mut inside = Repository { prefix, ignored, tracked, tracked_directories };
        self.directory(&mut inside, BString::default(), false)
    }

    fn directory(&mut self, repository: &mut Repository<'_>, relative: BString, ignored: bool) -> Result<()> {
        self.cancellation.check()?;
        let full = joined(repository.prefix.as_bstr(), relative.as_bstr());
        let directory = on_disk(self.root, full.as_bstr())?;
        let Some(entries) = entries_of(&directory)? else { return Ok(()) };
        let is_root = relative.is_empty();
        let has = |name: &str| entries.iter().any(|(entry, _)| entry == name);
        if !is_root
            && has(".git")
            && let Ok(nested) = open(&directory)
            && nested.workdir().is_some()
        {
            let mut prefix = full;
            prefix.push(b'/');
            return self.repository(&nested, prefix);
        }
        let only_tracked = ignored || (!is_root && has("CACHEDIR.TAG") && is_cache(&directory));
        for (name, file_type) in entries {
            if name == ".git" {
                continue;
            }
            let path = joined_directory(relative.as_bstr(), name.as_bstr());
            let is_dir = file_type.is_dir();
            if !is_dir && repository.tracked.contains(path.as_bstr()) {
                continue;
            }
            let holds_tracked = is_dir && repository.tracked_directories.contains(path.as_bstr());
            if only_tracked && !holds_tracked {
                continue;
            }
            let full = joined(repository.prefix.as_bstr(), path.as_bstr());
            if self.is_excluded(full.as_bstr(), is_dir) {
                continue;
            }
            let ignored = only_tracked || is_ignored(&mut repository.ignored, path.as_bstr(), is_dir, &directory)?;
            if is_dir {
                if !ignored || holds_tracked {
                    self.directory(repository, path, ignored)?;
                }
            } else if !ignored {
                self.paths.push(Listed { path: TreePath(full), tracked: false });
            }
        }
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

fn is_ignored(stack: &mut gix::AttributeStack<'_>, path: &BStr, is_dir: bool, directory: &Path) -> Result<bool> {
    let mode = if is_dir { Mode::DIR } else { Mode::FILE };
    let platform = stack
        .at_entry(path, Some(mode))
        .map_err(|error| Error::unreadable(directory, io::Error::other(error.to_string())))?;
    Ok(platform.is_excluded())
}

/// The names in a directory; none when it is gone.
fn entries_of(directory: &Path) -> Result<Option<Vec<(BString, fs::FileType)>>> {
    let unreadable = |error| Error::unreadable(directory, error);
    let listing = match fs::read_dir(directory) {
        Ok(listing) => listing,
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
    Ok(Some(entries))
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

pub(super) fn is_cache(directory: &Path) -> bool {
    let mut start = [0; CACHEDIR_SIGNATURE.len()];
    fs::File::open(directory.join("CACHEDIR.TAG")).and_then(|mut tag| tag.read_exact(&mut start)).is_ok()
        && start == CACHEDIR_SIGNATURE
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
