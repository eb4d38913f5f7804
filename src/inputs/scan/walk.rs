//! Lists the paths of a checkout that count: tracked ones, and untracked ones that git does not ignore.
//!
//! Promises: the answer is that of `git ls-files` and `git ls-files --others --exclude-standard`, with four differences that
//! a build needs. A tracked path counts whatever the index says of it (assume-unchanged, skip-worktree, intent-to-add).
//! Repositories inside the checkout, submodules or not, are entered, each under its own ignore rules. In a directory that
//! a valid `CACHEDIR.TAG` marks, only tracked files count, ignored or not: cargo's target directory does not, and neither
//! does its tag before it is written. The lock file and the manifest at the root count even when they are ignored.
//! Does not promise: to look at content. The index is read and never refreshed; nothing is written.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use gix::bstr::{BStr, BString, ByteSlice};

use super::cachedir;
use super::crate_scope::{CrateScope, MANIFEST};
use super::directory::Directory;
use super::exclude::Exclude;
use super::listing::{Listed, ListedDirectory, Listing};
use super::place::{FileType, RootDir, too_long};
use super::subject::Subject;
use super::walk_state::{Counts, ParentState, Repository, State, Visit};
use crate::error::{Error, Result};
use crate::inputs::git::config::GitConfig;
use crate::inputs::git::ignore::{GITIGNORE, Rules};
use crate::inputs::git::index::Index;
use crate::inputs::git::repository::{self, unusable};
use crate::inputs::git::tracked::Tracked;
use crate::inputs::git::worktree::{self, Worktree};
use crate::inputs::remember::dependency::SeenPath;
use crate::model::cancellation::Cancellation;
use crate::model::tree::{Heads, TreePath};
use crate::request::Environment;

/// Files that cargo reads from the root, whatever git thinks of them.
const ALWAYS: [&str; 2] = ["Cargo.lock", "Cargo.toml"];

/// The files of one directory that count.
pub(crate) struct Files {
    pub(crate) path: TreePath,
    pub(crate) directory: Directory,
    /// The numbers of the files in the directory's entries, each with its [`Listed::slot`].
    pub(crate) slots: Slots,
}

/// The numbers of files in their directory's entries, each with its [`Listed::slot`].
type Slots = Vec<(usize, usize)>;

/// Lists what `subject` has on disk. Passes files that count to `found` during the walk, unless a scope may leave some
/// of them out in the end.
pub(crate) fn list(
    subject: &Subject,
    root: &RootDir,
    cancellation: &Cancellation,
    found: &dyn Fn(Files),
) -> Result<Listing> {
    let Subject { exclude, crate_scope, git, .. } = subject;
    let exclude = Exclude::of(exclude);
    let listing = Listing {
        heads: Heads::new(),
        branch: None,
        paths: Vec::new(),
        directories: Vec::new(),
        seen: Vec::new(),
        indices: Vec::new(),
        rules_not_fetched: Vec::new(),
    };
    let (crate_scope, full) = (crate_scope.as_ref(), BString::default());
    let mut walk = Walk { root, exclude, git, crate_scope, cancellation, found, full, slots: 0, listing };
    let around = ParentState { ignored: false, belongs: crate_scope.is_none(), parent: None };
    walk.listing.seen.extend(worktree::seen(root.path()));
    match worktree::around(root.path()) {
        Some(Worktree { top, lead }) => {
            let repository = repository::open(&top).map_err(|error| unusable(&top, error))?;
            walk.repository(&repository, &top, &lead, around)?;
        }
        None => walk.plain(around)?,
    }
    let mut listing = walk.listing;
    for name in ALWAYS {
        let path = TreePath(name.into());
        // Sorted, except for a repository in a directory in which the outer repository tracks something.
        if listing.paths.binary_search_by(|listed| listed.path.cmp(&path)).is_err() {
            listing.paths.push(Listed { path, directory: None, slot: None, tracked: false });
        }
    }
    if crate_scope.is_some() {
        // In a part of the checkout, the commit is no input.
        listing.heads.clear();
    }
    Ok(listing)
}

struct Walk<'a> {
    root: &'a RootDir,
    exclude: Exclude,
    git: &'a Environment,
    crate_scope: Option<&'a CrateScope>,
    cancellation: &'a Cancellation,
    found: &'a dyn Fn(Files),
    /// The current path, relative to the root.
    full: BString,
    /// The number of files that were passed on so far.
    slots: usize,
    listing: Listing,
}

impl Walk<'_> {
    /// Walks the current path as a part of `repository`. The worktree has its `top` at this path or above; `lead` is the
    /// path between them.
    fn repository(&mut self, repository: &gix::Repository, top: &Path, lead: &Path, around: ParentState) -> Result<()> {
        let at = self.full.clone();
        let head = repository::head(repository).map_err(|error| unusable(top, error))?;
        let config = GitConfig::of(repository, head.branch(), top, self.git).map_err(|error| unusable(top, error))?;
        self.listing.seen.extend(repository::seen(repository, &head, top).into_iter().chain(config.seen()));
        if self.full.is_empty() {
            self.listing.branch = head.branch().map(|name| name.shorten().to_string());
        }
        self.listing.heads.insert(TreePath(self.full.clone()), head.commit);

        let (index, file) = Index::read(repository).map_err(|error| unusable(top, error))?;
        self.listing.indices.push(index);
        let lead = worktree::in_git_form(lead);
        let mut rules = Rules::of(repository, &file, &config, lead.as_bstr()).map_err(|error| unusable(top, error))?;
        self.listing.seen.extend(worktree::rules_above(top, lead.as_bstr()));
        let ignored = rules.enter_lead(top).map_err(|error| Error::unreadable(top.join(GITIGNORE), error))?;
        let tracked = Tracked::of(&file, lead.as_bstr());
        if ignored && tracked.is_empty() {
            // git ignores the checkout with everything in it. It is walked as one without git.
            self.listing.heads.remove(&TreePath(self.full.clone()));
            self.listing.branch = self.listing.branch.take().filter(|_| !self.full.is_empty());
            return self.plain(around);
        }
        let prefix = if self.full.is_empty() { 0 } else { self.full.len() + 1 };
        let all = tracked.all();
        let mut inside = Repository { prefix, root: top.to_owned(), rules, tracked };
        self.directory(&mut inside, all, ParentState { ignored, ..around })?;
        for path in inside.rules.not_fetched() {
            // git may fetch it without a change to any file that is kept here.
            self.listing.seen.push(SeenPath::never());
            let mut full = at.clone();
            push_name(&mut full, path.0.as_bstr());
            self.listing.rules_not_fetched.push(TreePath(full));
        }
        Ok(())
    }

    /// Walks the root without a repository: all that its own ignore files do not name counts.
    fn plain(&mut self, around: ParentState) -> Result<()> {
        let root = self.root.path().to_owned();
        let mut inside = Repository { prefix: 0, root, rules: Rules::none(), tracked: Tracked::none() };
        self.directory(&mut inside, 0..0, around)
    }

    /// Walks the directory at the current path, in which git tracks `tracked`.
    fn directory(
        &mut self,
        repository: &mut Repository<'_>,
        mut tracked: Range<usize>,
        around: ParentState,
    ) -> Result<()> {
        self.cancellation.check()?;
        let Some(directory) = Directory::read(self.root, self.full.as_bstr())? else {
            let Some(parent) = around.parent else {
                return Err(Error::unreadable(self.root.path(), io::ErrorKind::NotFound.into()));
            };
            self.listing.directories[parent].invalidate();
            self.not_there(repository, tracked);
            return Ok(());
        };
        let relative = BString::from(self.full.get(repository.prefix..).unwrap_or_default());
        let is_root = relative.is_empty();
        if !is_root
            && directory.entry(".git").is_some()
            && let Some(nested) = self.nested(&directory)?
        {
            self.not_there(repository, tracked);
            let top = self.root.on_disk(self.full.as_bstr())?;
            return self.repository(&nested, &top, Path::new(""), ParentState { ignored: false, ..around });
        }
        let number = self.listed(&directory);
        let has_rules = directory.entry(GITIGNORE).is_some_and(|entry| entry.file_type == FileType::Regular);
        let tag = directory.entry(cachedir::TAG).map(|_| cachedir::start_of_tag(directory.path())).transpose()?;
        let only_tracked = around.ignored || (!is_root && tag.as_deref().is_some_and(cachedir::marks));
        let has_unfinished_tag = tag.is_some_and(|tag| tag.is_empty());
        let outside = repository
            .rules
            .enter(&repository.root, directory.path(), relative.as_bstr(), has_rules)
            .map_err(|error| Error::unreadable(directory.path().join(GITIGNORE), error))?;
        let is_package = |scope: &CrateScope| scope.is_package(self.full.as_bstr());
        let belongs = self.crate_scope.is_none_or(is_package)
            || (around.belongs && !self.begins_package(repository, &directory, relative.as_bstr(), only_tracked));
        let state = State { only_tracked, has_unfinished_tag, belongs };
        let (visits, slots) = self.visits(repository, &directory, &mut tracked, state)?;
        // The receiver closes the directory after reading its files, so that it is not open while the walk is below it.
        let entries = Arc::clone(&directory.entries);
        if slots.is_empty() {
            drop(directory);
        } else {
            (self.found)(Files { path: TreePath(self.full.clone()), directory, slots });
        }
        let length = self.full.len();
        for Visit { gone, entry, counts } in visits {
            self.not_there(repository, gone);
            push_name(&mut self.full, entries[entry].name.as_bstr());
            match counts {
                Counts::Nothing => {}
                Counts::File { slot, is_tracked } => {
                    let path = TreePath(self.full.clone());
                    self.listing.paths.push(Listed { path, directory: Some(number), slot, tracked: is_tracked });
                }
                Counts::Below(below) => {
                    let around = ParentState { ignored: only_tracked, belongs, parent: Some(number) };
                    self.subdirectory(repository, below, around)?;
                }
            }
            self.full.truncate(length);
        }
        self.not_there(repository, tracked);
        repository.rules.leave(outside);
        Ok(())
    }

    /// Returns the repository that has its worktree in `directory`, which holds a `.git`; none if that is no repository.
    fn nested(&mut self, directory: &Directory) -> Result<Option<gix::Repository>> {
        match repository::open(directory.path()) {
            Ok(nested) if nested.workdir().is_some() => Ok(Some(nested)),
            Err(problem) if problem.is_known => Err(unusable(directory.path(), problem)),
            // It may become a repository without a change to any file that is kept here.
            _ => {
                cachedir::out_of_descriptors(&directory.path().join(".git"))?;
                self.listing.seen.push(SeenPath::never());
                Ok(None)
            }
        }
    }

    /// Adds `directory`, which is at the current path, to the listing, with the files in it that decide what counts. Returns
    /// its number.
    fn listed(&mut self, directory: &Directory) -> usize {
        for name in [cachedir::TAG, GITIGNORE].into_iter().filter(|name| directory.entry(name).is_some()) {
            self.listing.seen.push(SeenPath::at(&directory.path().join(name)));
        }
        let (path, stat, names) = (TreePath(self.full.clone()), directory.stat, directory.names());
        self.listing.directories.push(ListedDirectory { path, stat, names });
        self.listing.directories.len() - 1
    }

    /// Decides for each entry of `directory`, which is at the current path, whether it counts. Takes the paths in it out of
    /// `tracked`. Returns the entries in their order, and the files among them that are passed on now.
    fn visits(
        &mut self,
        repository: &mut Repository<'_>,
        directory: &Directory,
        tracked: &mut Range<usize>,
        state: State,
    ) -> Result<(Vec<Visit>, Slots)> {
        let length = self.full.len();
        let mut slots = Vec::new();
        let mut visits = Vec::with_capacity(directory.entries.len());
        for (at, entry) in directory.entries.iter().enumerate().filter(|(_, entry)| entry.name != ".git") {
            self.full.truncate(length);
            push_name(&mut self.full, entry.name.as_bstr());
            if entry.is_directory() {
                self.full.push(b'/');
                let path = self.full[repository.prefix..].as_bstr();
                let gone = repository.tracked.take_before(tracked, path);
                let below = repository.tracked.take_below(tracked, path);
                visits.push(Visit { gone, entry: at, counts: Counts::Below(below) });
                continue;
            }
            let path = self.full[repository.prefix..].as_bstr();
            let gone = repository.tracked.take_before(tracked, path);
            let is_tracked = repository.tracked.take_file(tracked, path);
            // cargo makes its target directory under another name, which nothing ignores, and renames it when the tag is
            // written. A sweep at that moment must not take the tag for an input.
            let is_unfinished_tag = state.has_unfinished_tag && entry.name == cachedir::TAG;
            let counts = if is_tracked {
                self.tracked_counts()
            } else {
                !is_unfinished_tag && !state.only_tracked && self.untracked_counts(repository, state.belongs)
            };
            // The file can be read from its directory now, but its path from the root is too long for a later look.
            if let Some(error) = too_long(&self.full).filter(|_| counts) {
                return Err(Error::unreadable(self.root.on_disk(self.full.as_bstr())?, error));
            }
            let slot = (counts && self.crate_scope.is_none()).then_some(self.slots);
            if let Some(slot) = slot {
                self.slots += 1;
                slots.push((at, slot));
            }
            let counts = if counts { Counts::File { slot, is_tracked } } else { Counts::Nothing };
            visits.push(Visit { gone, entry: at, counts });
        }
        self.full.truncate(length);
        Ok((visits, slots))
    }

    /// Walks the directory at the current path, if it can count. `around` is known from the directory that holds it; git
    /// tracks `below` in it.
    fn subdirectory(
        &mut self,
        repository: &mut Repository<'_>,
        below: Range<usize>,
        around: ParentState,
    ) -> Result<()> {
        let path = self.full[repository.prefix..].as_bstr();
        let holds_tracked = !below.is_empty() || repository.tracked.is_submodule(path);
        let is_outside = |scope: &CrateScope| !around.belongs && !scope.leads_to(self.full.as_bstr());
        let is_passed = (around.ignored && !holds_tracked)
            || self.exclude.names(self.full.as_bstr(), true)
            || self.crate_scope.is_some_and(is_outside);
        let ignored = around.ignored || (!is_passed && repository.rules.ignore(path, true));
        if is_passed || (ignored && !holds_tracked) {
            self.not_there(repository, below);
            return Ok(());
        }
        self.directory(repository, below, ParentState { ignored, ..around })
    }

    /// Adds the paths of `tracked` that count to the listing. The walk does not come past them.
    fn not_there(&mut self, repository: &Repository<'_>, tracked: Range<usize>) {
        if tracked.is_empty() {
            return;
        }
        let here = self.full.clone();
        for path in repository.tracked.files(tracked) {
            self.full.truncate(repository.prefix.saturating_sub(1));
            push_name(&mut self.full, path);
            if self.tracked_counts() {
                let path = TreePath(self.full.clone());
                self.listing.paths.push(Listed { path, directory: None, slot: None, tracked: true });
            }
        }
        self.full = here;
    }

    /// True if the current path counts when git tracks it.
    fn tracked_counts(&self) -> bool {
        let full = self.full.as_bstr();
        self.crate_scope.is_none_or(|scope| scope.may_count(full)) && !self.exclude.covers(full)
    }

    /// True if the untracked file at the current path counts. `belongs` says whether the directory that holds it counts.
    fn untracked_counts(&self, repository: &Repository<'_>, belongs: bool) -> bool {
        let full = self.full.as_bstr();
        let names = |scope: &CrateScope| scope.names(full) || full.rsplit_str("/").next() == Some(MANIFEST);
        (belongs || self.crate_scope.is_none_or(names))
            && !self.exclude.names(full, false)
            && !repository.rules.ignore(full[repository.prefix..].as_bstr(), false)
    }

    /// True if a package begins in `directory`, which is at the current path.
    fn begins_package(
        &self,
        repository: &Repository<'_>,
        directory: &Directory,
        relative: &BStr,
        only_tracked: bool,
    ) -> bool {
        let in_directory = |directory: &BStr| {
            let mut path = directory.to_owned();
            push_name(&mut path, MANIFEST.as_bstr());
            path
        };
        let (manifest, full) = (in_directory(relative), in_directory(self.full.as_bstr()));
        let is_there = || {
            let on_disk = directory.entries.iter().any(|entry| entry.name == MANIFEST && !entry.is_directory());
            on_disk && !only_tracked && !repository.rules.ignore(manifest.as_bstr(), false)
        };
        (repository.tracked.is_file(manifest.as_bstr()) || is_there()) && !self.exclude.covers(full.as_bstr())
    }
}

/// Appends `name` to the path of a directory.
fn push_name(path: &mut BString, name: &BStr) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}
