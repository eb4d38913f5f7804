//! Where a copy is wanted: a path with names in braces that are filled in when they are known.
//!
//! Promises: a path that passes names a file, is absolute, and has no other braces.
//! Does not promise: that anything can be written there.

use std::path::Path;

use super::{Kind, absolute};
use crate::error::{Error, Result};

/// In `out`, the triple that is built for.
pub(crate) const TARGET: &str = "{target}";
/// In `out`, how the names of programs end.
const EXE: &str = "{exe}";

/// Where a copy is wanted, as it was given.
pub(super) fn checked(path: &Path) -> Result<String> {
    let path = absolute("out", path)?;
    let text = path.to_str().ok_or_else(|| Error::option("out", format!("`{}` is not UTF-8", path.display())))?;
    let rest = text.replace(TARGET, "").replace(EXE, "");
    if let Some(braces) = rest.find('{').and_then(|start| rest[start..].find('}').map(|end| &rest[start..=start + end]))
    {
        let problem = format!("`{braces}` in `{text}` stands for nothing; there are `{TARGET}` and `{EXE}`");
        return Err(Error::option("out", problem));
    }
    if text.ends_with(['/', std::path::MAIN_SEPARATOR]) || path.file_name().is_none() {
        return Err(Error::option("out", format!("`{text}` is a directory; name a file in it")));
    }
    Ok(text.to_owned())
}

/// `template` for a file that was built for `triple`, or for this machine where that is empty.
pub(crate) fn file_names(template: &str, triple: &str) -> String {
    let target = Some(triple).filter(|triple| !triple.is_empty());
    template.replace(TARGET, triple).replace(EXE, Kind::Bin.suffix(target))
}

/// A character of a path as it stands in a pattern.
fn escaped(character: char) -> impl Iterator<Item = char> {
    let special = "\\*?[]{}!# ".contains(character).then_some('\\');
    special.into_iter().chain([character])
}

/// The pattern in gitignore syntax of everything that `template` may come to; none outside `repo`.
pub(super) fn pattern(template: &str, repo: &Path) -> Option<String> {
    let below = Path::new(template).strip_prefix(repo).ok()?.to_string_lossy().replace('\\', "/");
    let literal: String = below.chars().flat_map(escaped).collect();
    Some(format!("/{}", literal.replace(r"\{target\}", "*").replace(r"\{exe\}", "*")))
}
