//! Matches paths against the caller's patterns for paths that are no inputs.
//!
//! Promises: a pattern in gitignore syntax excludes a path below the checkout, and everything in a directory that it names.
//! A path outside the checkout is excluded if the pattern is that path, as errors and reasons show it, or a directory above
//! it.
//! Does not promise: that no build reads an excluded path.

use gix::bstr::{BStr, ByteSlice};
use gix::glob::pattern::Case;

/// The patterns, parsed.
pub(crate) struct Exclude {
    search: gix::ignore::Search,
    texts: Vec<String>,
}

impl Exclude {
    pub(crate) fn of(patterns: &[String]) -> Self {
        let parse = gix::ignore::search::Ignore { support_precious: false };
        Self { search: gix::ignore::Search::from_overrides(patterns, parse), texts: patterns.to_vec() }
    }

    fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// True if a pattern names `path` itself, which is below the checkout.
    pub(crate) fn names(&self, path: &BStr, is_dir: bool) -> bool {
        self.search
            .pattern_matching_relative_path(path, Some(is_dir), Case::Sensitive)
            .is_some_and(|found| !found.pattern.is_negative())
    }

    /// True if a pattern names `path`, in the checkout or outside it, or a directory that holds it.
    pub(crate) fn covers(&self, path: &BStr) -> bool {
        if self.is_empty() {
            return false;
        }
        let is_absolute = gix::path::from_bstr(path).is_ok_and(|path| path.is_absolute());
        if is_absolute || path.starts_with(b"../") {
            let is_named = |text: &String| {
                let text = text.trim_end_matches('/').as_bytes();
                path.strip_prefix(text).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
            };
            return self.texts.iter().any(is_named);
        }
        let parents = path.find_iter("/").any(|slash| self.names(path[..slash].as_bstr(), true));
        parents || self.names(path, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_excluded_as_they_are_shown() {
        let exclude = Exclude::of(&["/gen".into(), "*.tmp".into(), "../shared/x".into(), "/etc/app/".into()]);
        let covers = |path: &str| exclude.covers(path.as_bytes().as_bstr());
        for path in ["gen", "gen/a.rs", "deep/x.tmp", "../shared/x", "../shared/x/y", "/etc/app/conf"] {
            assert!(covers(path), "{path}");
        }
        for path in ["deep/gen", "x.tmpl", "../shared/xy", "../other", "/etc/application", "other/app/conf"] {
            assert!(!covers(path), "{path}");
        }
    }
}
