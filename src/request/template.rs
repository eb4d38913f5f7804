//! Reads the path of a copy, in which names in braces are filled in later.
//!
//! Promises: an accepted path names a file and has no other braces. Braces are filled in only in the given text, and not in
//! the directory that it is relative to.
//! Does not promise: that the path can be written.

use std::path::{Path, PathBuf};

use super::artifact::Kind;
use crate::error::{Error, Result};

/// Stands for the triple that is built for.
const TARGET: &str = "{target}";
/// Stands for the end of the file names of programs.
const EXE: &str = "{exe}";

/// A path that is complete once the target is known.
#[derive(Clone, Debug)]
pub struct Template {
    /// The given text.
    text: String,
    /// The directory that a relative path starts from.
    base: PathBuf,
}

impl Template {
    pub(super) fn of(path: &Path, base: &Path) -> Result<Self> {
        let refused = |problem: String| Err(Error::option("out", problem));
        let Some(text) = path.to_str() else { return refused(format!("`{}` is not UTF-8", path.display())) };
        if text.is_empty() || text.contains('\0') {
            return refused(format!("{text:?} is not a path"));
        }
        let rest = text.replace(TARGET, "").replace(EXE, "");
        let braces = rest.find('{').and_then(|start| rest[start..].find('}').map(|end| &rest[start..=start + end]));
        if let Some(braces) = braces {
            return refused(format!("`{braces}` in `{text}` stands for nothing; there are `{TARGET}` and `{EXE}`"));
        }
        if text.ends_with(['/', std::path::MAIN_SEPARATOR]) || path.file_name().is_none() {
            return refused(format!("`{text}` is a directory; name a file in it"));
        }
        Ok(Self { text: text.to_owned(), base: base.to_owned() })
    }

    /// True if the path contains the triple.
    #[must_use]
    pub fn asks_for_target(&self) -> bool {
        self.text.contains(TARGET)
    }

    /// Returns the path for a binary that was built for `triple`; an empty triple is this machine.
    #[must_use]
    pub fn filled_in(&self, triple: &str) -> PathBuf {
        let target = Some(triple).filter(|triple| !triple.is_empty());
        self.base.join(self.text.replace(TARGET, triple).replace(EXE, Kind::Bin.suffix(target)))
    }

    /// Returns a gitignore pattern for every path that this one can become; none outside `repo`.
    pub(super) fn pattern(&self, repo: &Path) -> Option<String> {
        /// Marks the parts that are filled in. No path contains it.
        const FILLED_IN: &str = "\0";
        let marked = self.text.replace(TARGET, FILLED_IN).replace(EXE, FILLED_IN);
        let path = gix::path::normalize(self.base.join(marked).into(), repo)?.into_owned();
        let below = path.strip_prefix(repo).ok()?.to_string_lossy().replace('\\', "/");
        let literal: String = below.chars().flat_map(escaped).collect();
        Some(format!("/{}", literal.replace(FILLED_IN, "*")))
    }
}

/// Returns a character of a path as it is written in a pattern.
fn escaped(character: char) -> impl Iterator<Item = char> {
    let special = "\\*?[]{}!# ".contains(character).then_some('\\');
    special.into_iter().chain([character])
}
