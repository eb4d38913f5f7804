//! Takes over the environment of a call as JavaScript hands it over.
//!
//! Promises: a variable that is not text reaches the build as it is, although JavaScript shows it only in part.
//! Does not promise: that for an environment that is not the process's own.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::types::NativeRequest;
use crate::model::maps::map_of;

/// Splits a block of names and values, each followed by a NUL.
pub(super) fn variables(block: &str) -> BTreeMap<OsString, OsString> {
    let mut parts = block.split('\0');
    let next = || Some((parts.next()?.into(), parts.next()?.into()));
    map_of(std::iter::from_fn(next))
}

/// The variables of this process that are not text, to replace what JavaScript made of them.
pub(super) struct Originals(Vec<(OsString, OsString)>);

impl Originals {
    /// Collects the variables that `request` may have taken over. Only the thread that JavaScript runs in may call it:
    /// `process.env` changes the environment that is read here.
    pub(super) fn for_request(request: &NativeRequest) -> Self {
        let is_lossy = request.env.contains(char::REPLACEMENT_CHARACTER);
        let is_text = |(name, value): &(OsString, OsString)| name.to_str().is_some() && value.to_str().is_some();
        Self(if is_lossy { std::env::vars_os().filter(|it| !is_text(it)).collect() } else { Vec::new() })
    }

    /// Replaces each variable that JavaScript could show only in part with the original.
    pub(super) fn put_back(self, env: &mut BTreeMap<OsString, OsString>) {
        for (name, value) in self.0 {
            let shown: Vec<_> = env
                .iter()
                .filter(|it| is_shown(&name, it.0) && is_shown(&value, it.1))
                .map(|it| it.0.clone())
                .collect();
            for shown in shown {
                env.remove(&shown);
                env.insert(name.clone(), value.clone());
            }
        }
    }
}

/// True if JavaScript shows `original` as `text`. The number of replacement characters for a run of bytes varies.
fn is_shown(original: &OsStr, text: &OsStr) -> bool {
    let squeezed = |text: &OsStr| {
        let mut squeezed = String::new();
        for char in text.to_string_lossy().chars() {
            if char != char::REPLACEMENT_CHARACTER || !squeezed.ends_with(char) {
                squeezed.push(char);
            }
        }
        squeezed
    };
    original == text || squeezed(original) == squeezed(text)
}
