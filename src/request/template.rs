//! Where a copy is wanted: a path with names in braces that are filled in when they are known.
//!
//! Promises: a path that passes names a file and has no other braces. Only what was written is filled in, not what it is
//! relative to.
//! Does not promise: that anything can be written there.

use std::path::{Path, PathBuf};

use super::artifact::Kind;
use crate::error::{Error, Result};

/// The triple that is built for.
const TARGET: &str = "{target}";
/// How the names of programs end.
const EXE: &str = "{exe}";

/// A path that is known when it is known what is built for.
#[derive(Clone, Debug)]
pub struct Template {
    /// As it was written.
    text: String,
    /// Where it starts from, if it is relative.
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

    /// True if the triple has to be known.
    #[must_use]
    pub fn asks_for_target(&self) -> bool {
        self.text.contains(TARGET)
    }

    /// The path of what was built for `triple`, or for this machine where that is empty.
    #[must_use]
    pub fn filled_in(&self, triple: &str) -> PathBuf {
        let target = Some(triple).filter(|triple| !triple.is_empty());
        self.base.join(self.text.replace(TARGET, triple).replace(EXE, Kind::Bin.suffix(target)))
    }

    /// The pattern in gitignore syntax of everything that it may come to; none outside `repo`.
    pub(super) fn pattern(&self, repo: &Path) -> Option<String> {
        /// No path has it, so it marks what is filled in.
        const FILLED_IN: &str = "\0";
        let marked = self.text.replace(TARGET, FILLED_IN).replace(EXE, FILLED_IN);
        let path = gix::path::normalize(self.base.join(marked).into(), repo)?.into_owned();
        let below = path.strip_prefix(repo).ok()?.to_string_lossy().replace('\\', "/");
        let literal: String = below.chars().flat_map(escaped).collect();
        Some(format!("/{}", literal.replace(FILLED_IN, "*")))
    }
}

/// A character of a path as it stands in a pattern.
fn escaped(character: char) -> impl Iterator<Item = char> {
    let special = "\\*?[]{}!# ".contains(character).then_some('\\');
    special.into_iter().chain([character])
}
