//! Applies git's ignore rules, for one walk of one repository from its top down.
//!
//! Promises: as in git, the nearest `.gitignore` comes first, then `info/exclude`, then the file that `core.excludesFile`
//! names. A `.gitignore` that a sparse checkout leaves out is read from the repository. If the repository does not have it,
//! it is listed as not fetched.
//! Does not promise: to know whether a directory above is ignored, in which no rule can take a path back. The walk knows.
//!
//! gix has the same as `Repository::excludes`. There, patterns that belong to no directory are matched against the root,
//! too: `*` in `info/exclude` hides paths that later lines take back, and `*/` hides all files.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use gix::bstr::{BStr, BString, ByteSlice};
use gix::glob::pattern::Case;
use gix::ignore::search::Ignore;
use gix::index::entry::Flags;

use super::brackets;
use super::config::GitConfig;
use crate::model::tree::TreePath;

pub(crate) const GITIGNORE: &str = ".gitignore";
const PARSE: Ignore = Ignore { support_precious: false };

pub(crate) struct Rules<'a> {
    /// The repository; none outside of one, where only `.gitignore` files on disk count.
    repository: Option<&'a gix::Repository>,
    /// The directory that the walk begins in, below the repository's top. It ends with a slash, or is empty at the top.
    lead: BString,
    /// The lists of patterns, the most important one last.
    search: gix::ignore::Search,
    case: Case,
    /// `.gitignore` files that are tracked and that the user's sparse checkout leaves out.
    left_out: HashMap<&'a BStr, gix::ObjectId>,
    /// The ones of these that git has not fetched either.
    not_fetched: Vec<TreePath>,
    buffer: Vec<u8>,
}

/// The state that [`Rules::leave`] goes back to.
#[must_use]
pub(crate) struct Outside(usize);

impl<'a> Rules<'a> {
    /// Reads the rules that hold in the whole of `repository`, for a walk that begins in `lead` below its top.
    pub(crate) fn of(
        repository: &'a gix::Repository,
        index: &'a gix::index::State,
        config: &GitConfig,
        lead: &BStr,
    ) -> Result<Self, String> {
        // Anything else, such as a FIFO, could block, or cannot be read.
        let of_user = config.excludes_file.clone().filter(|path| path.is_file());
        let of_repository = repository.common_dir().join("info").join("exclude");
        if std::fs::metadata(&of_repository).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(format!("`{}` is not a regular file", of_repository.display()));
        }
        let mut buffer = Vec::new();
        let search = gix::ignore::Search::from_git_dir(repository.common_dir(), of_user, &mut buffer, PARSE)
            .map_err(|error| error.to_string())?;
        let left_out = index
            .entries()
            .iter()
            .filter(|entry| entry.flags.contains(Flags::SKIP_WORKTREE))
            .map(|entry| (entry.path(index), entry.id))
            .filter(|(path, _)| path.rsplit_str("/").next() == Some(GITIGNORE.as_bytes()))
            .collect();
        let case = if config.ignore_case { Case::Fold } else { Case::Sensitive };
        let (repository, lead) = (Some(repository), lead.to_owned());
        let mut rules = Self { repository, lead, search, case, left_out, not_fetched: Vec::new(), buffer };
        rules.spell_out_from(0);
        Ok(rules)
    }

    /// Returns the rules for a directory in no repository.
    pub(crate) fn none() -> Self {
        Self {
            repository: None,
            lead: BString::default(),
            search: gix::ignore::Search::default(),
            case: Case::Sensitive,
            left_out: HashMap::new(),
            not_fetched: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// Adds the rules of the directories from the top of the repository, at `root`, to the start of the walk. Returns true
    /// if git ignores one of these directories.
    pub(crate) fn enter_lead(&mut self, root: &Path) -> io::Result<bool> {
        let lead = std::mem::take(&mut self.lead);
        let slashes: Vec<usize> = lead.find_iter("/").collect();
        let mut is_ignored = false;
        for (start, end) in [0].into_iter().chain(slashes.iter().map(|slash| slash + 1)).zip(&slashes) {
            let above = lead[..start].trim_end_with(|character| character == '/').as_bstr();
            let directory = root.join(gix::path::from_bstr(above).map_err(io::Error::other)?);
            let has_file = directory.join(GITIGNORE).is_file();
            // The walk never leaves these directories.
            let _ = self.enter(root, &directory, above, has_file)?;
            is_ignored |= self.ignore(lead[..*end].as_bstr(), true);
        }
        self.lead = lead;
        Ok(is_ignored)
    }

    /// Spells out the brackets in the lists from number `first` on, so that gix reads them as git does.
    fn spell_out_from(&mut self, first: usize) {
        for pattern in self.search.patterns[first..].iter_mut().flat_map(|list| &mut list.patterns) {
            if pattern.pattern.text.contains(&b'[') {
                pattern.pattern.text = brackets::spelled_out(&pattern.pattern.text, self.case == Case::Fold);
            }
        }
    }

    /// Adds the rules of `directory`, which is in the directory entered last. `root` is the repository's own; `has_file` is
    /// true if `directory` has an ignore file.
    pub(crate) fn enter(
        &mut self,
        root: &Path,
        directory: &Path,
        relative: &BStr,
        has_file: bool,
    ) -> io::Result<Outside> {
        let outside = Outside(self.search.patterns.len());
        let file = directory.join(GITIGNORE);
        let lists = &mut self.search.patterns;
        let found = has_file
            && gix::glob::search::add_patterns_file(lists, file.clone(), false, Some(root), &mut self.buffer, PARSE)?;
        let mut path = self.below_top(relative);
        if !path.is_empty() && !path.ends_with(b"/") {
            path.push(b'/');
        }
        path.extend_from_slice(GITIGNORE.as_bytes());
        if !found
            && let Some(repository) = self.repository
            && let Some(id) = self.left_out.get(path.as_bstr())
        {
            match repository.try_find_object(*id).map_err(|error| io::Error::other(error.to_string()))? {
                Some(blob) => self.search.add_patterns_buffer(&blob.data, file, Some(root), PARSE)?,
                None => self.not_fetched.push(TreePath(path)),
            }
        }
        self.spell_out_from(outside.0);
        Ok(outside)
    }

    /// Returns the ignore files that exist neither on disk nor in the repository, as in a partial clone, relative to the
    /// repository. Without them, more paths count than with git.
    pub(crate) fn not_fetched(&self) -> &[TreePath] {
        &self.not_fetched
    }

    /// Removes the rules that [`Rules::enter`] added.
    pub(crate) fn leave(&mut self, outside: Outside) {
        self.search.patterns.truncate(outside.0);
    }

    /// Returns `path`, which is relative to the start of the walk, relative to the repository's top.
    fn below_top(&self, path: &BStr) -> BString {
        let mut below = self.lead.clone();
        below.extend_from_slice(path);
        below
    }

    /// True if git ignores `path`, which is in the directory entered last.
    pub(crate) fn ignore(&self, path: &BStr, is_dir: bool) -> bool {
        let below;
        let path = if self.lead.is_empty() {
            path
        } else {
            below = self.below_top(path);
            below.as_bstr()
        };
        self.search
            .pattern_matching_relative_path(path, Some(is_dir), self.case)
            .is_some_and(|found| !found.pattern.is_negative())
    }
}
