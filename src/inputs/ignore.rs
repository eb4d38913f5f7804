//! git's ignore rules, for one walk of one repository from its top down.
//!
//! Promises: as git has it, the nearest `.gitignore` comes first, then `info/exclude`, then the file that
//! `core.excludesFile` names; a `.gitignore` that a sparse checkout leaves out is read from the
//! repository, and said where that does not have it.
//! Does not promise: to know whether a directory above is ignored, in which nothing can be taken back. The walk does.
//!
//! gix has the same as `Repository::excludes`. There the patterns that belong to no directory are held against the root
//! too, so that `*` in `info/exclude` hides what the lines behind it take back, and `*/` hides all files.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use gix::bstr::{BStr, BString, ByteSlice};
use gix::glob::pattern::Case;
use gix::ignore::search::Ignore;
use gix::index::entry::Flags;

use super::brackets;
use super::git_config::GitConfig;
use crate::tree::TreePath;

pub(super) const GITIGNORE: &str = ".gitignore";
const PARSE: Ignore = Ignore { support_precious: false };

pub(super) struct Rules<'a> {
    repository: &'a gix::Repository,
    /// The most important one last.
    search: gix::ignore::Search,
    case: Case,
    /// `.gitignore` files that are tracked and, by the user's wish, not on disk.
    left_out: HashMap<&'a BStr, gix::ObjectId>,
    /// Those of them that git has not fetched either.
    not_fetched: Vec<TreePath>,
    buffer: Vec<u8>,
}

/// What [`Rules::leave`] goes back to.
#[must_use]
pub(super) struct Outside(usize);

impl<'a> Rules<'a> {
    /// Those that hold in the whole repository.
    pub(super) fn of(
        repository: &'a gix::Repository,
        index: &'a gix::index::State,
        config: &GitConfig,
    ) -> Result<Self, String> {
        // Anything else would be waited for, or is nothing to read.
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
        let mut rules = Self { repository, search, case, left_out, not_fetched: Vec::new(), buffer };
        rules.spell_out_from(0);
        Ok(rules)
    }

    /// Makes the brackets in the lists from the one of number `first` on what they are to git.
    fn spell_out_from(&mut self, first: usize) {
        for pattern in self.search.patterns[first..].iter_mut().flat_map(|list| &mut list.patterns) {
            if pattern.pattern.text.contains(&b'[') {
                pattern.pattern.text = brackets::spelled_out(&pattern.pattern.text, self.case == Case::Fold);
            }
        }
    }

    /// Adds the rules of a directory in the one entered last; `root` is the repository's own, and `has_file` says whether
    /// there is a file of rules in `directory`.
    pub(super) fn enter(
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
        let mut path = BString::from(relative);
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(GITIGNORE.as_bytes());
        if !found && let Some(id) = self.left_out.get(path.as_bstr()) {
            match self.repository.try_find_object(*id).map_err(|error| io::Error::other(error.to_string()))? {
                Some(blob) => self.search.add_patterns_buffer(&blob.data, file, Some(root), PARSE)?,
                None => self.not_fetched.push(TreePath(path)),
            }
        }
        self.spell_out_from(outside.0);
        Ok(outside)
    }

    /// Files of rules that were looked for and are in no place that can be read, as in a partial clone: so more counts than
    /// git would have it. Relative to the repository.
    pub(super) fn not_fetched(&self) -> &[TreePath] {
        &self.not_fetched
    }

    /// Takes back what [`Rules::enter`] added.
    pub(super) fn leave(&mut self, outside: Outside) {
        self.search.patterns.truncate(outside.0);
    }

    /// Whether a path in the directory entered last is ignored.
    pub(super) fn ignore(&self, path: &BStr, is_dir: bool) -> bool {
        self.search
            .pattern_matching_relative_path(path, Some(is_dir), self.case)
            .is_some_and(|found| !found.pattern.is_negative())
    }
}
