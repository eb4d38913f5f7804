//! Builds and compares ordered maps.
//!
//! Promises: [`map_of`] makes the same map as `collect`. `collect` adds a stable sort for each type of pair, about seven
//! kilobytes of code in the addon. Inserting pair by pair needs no new code.
//! Does not promise: to be as fast for thousands of pairs. The maps here have tens.

use std::collections::{BTreeMap, BTreeSet};

/// Returns a map of `pairs`; of two with the same key, the later one counts.
pub(crate) fn map_of<K: Ord, V>(pairs: impl Iterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(pairs);
    map
}

/// Returns the names whose values differ, or that only one map has.
pub(crate) fn differing<T: PartialEq>(before: &BTreeMap<String, T>, now: &BTreeMap<String, T>) -> Vec<String> {
    differing_by(before, now, T::eq)
}

/// Returns the names whose values are not the `same`, or that only one map has.
pub(crate) fn differing_by<T>(
    before: &BTreeMap<String, T>,
    now: &BTreeMap<String, T>,
    same: impl Fn(&T, &T) -> bool,
) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let is_same = |name: &String| match (before.get(name), now.get(name)) {
        (Some(then), Some(now)) => same(then, now),
        _ => false,
    };
    names.into_iter().filter(|name| !is_same(name)).cloned().collect()
}
