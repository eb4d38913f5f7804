//! What programs are made of, for whoever has to tell a changed one from one that was touched, linked or moved.
//!
//! Promises: a program whose identity is known with its digest is not read again.
//! Does not promise: a digest for a program that is not there or cannot be read. That a known digest was taken when the
//! file had settled is for the caller to see to, by [`StatIdentity::is_settled`].

use std::collections::BTreeMap;
use std::path::Path;

use super::content::content;
use crate::fingerprint::Digest;
use crate::inventory::Tool;
use crate::stat::StatIdentity;

/// SHA-256 of each program of `tools`, by its path, with the identity that it had when it was read. It is taken from
/// `known` where that has the same identity.
#[must_use]
pub fn tool_contents(
    tools: &BTreeMap<String, Tool>,
    known: &BTreeMap<String, (StatIdentity, Digest)>,
) -> BTreeMap<String, (StatIdentity, Digest)> {
    let mut found = BTreeMap::new();
    for tool in tools.values() {
        let is_same = |known: &&(StatIdentity, Digest)| Some(known.0) == tool.stat;
        let read = || {
            let content = content(Path::new(&tool.path), true).ok().flatten()?;
            Some((content.stat, content.digest))
        };
        if !found.contains_key(&tool.path)
            && let Some(content) = known.get(&tool.path).filter(is_same).copied().or_else(read)
        {
            found.insert(tool.path.clone(), content);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tools(path: &Path) -> BTreeMap<String, Tool> {
        let stat = fs::metadata(path).ok().map(|metadata| StatIdentity::of(&metadata));
        let path = path.to_string_lossy().into_owned();
        let tool = Tool { path, toolchain: None, stat, version: None, content: None };
        BTreeMap::from([("rustc".to_owned(), tool.clone()), ("rustc wrapper".to_owned(), tool)])
    }

    #[test]
    fn a_program_is_read_once_as_long_as_it_is_the_same_file() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("rustc");
        fs::write(&program, "one").unwrap();
        let path = program.to_str().unwrap();
        let first = tool_contents(&tools(&program), &BTreeMap::new());
        assert_eq!(first[path].1, Digest::of("one"));
        assert_eq!(first.len(), 1);

        let mut known = first.clone();
        known.get_mut(path).unwrap().1 = Digest::of("not read");
        assert_eq!(tool_contents(&tools(&program), &known)[path].1, Digest::of("not read"));
        fs::write(&program, "three").unwrap();
        assert_eq!(tool_contents(&tools(&program), &known)[path].1, Digest::of("three"));
        fs::remove_file(&program).unwrap();
        assert_eq!(tool_contents(&tools(&program), &known), BTreeMap::new());
    }
}
