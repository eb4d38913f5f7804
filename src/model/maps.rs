//! Builds ordered maps.
//!
//! Promises: the same map that `collect` makes. `collect` adds a stable sort for each type of pair, about seven kilobytes of
//! code in the addon. Inserting pair by pair needs no new code.
//! Does not promise: to be as fast for thousands of pairs. The maps here have tens.

use std::collections::BTreeMap;

/// Returns a map of `pairs`; of two with the same key, the later one counts.
pub(crate) fn map_of<K: Ord, V>(pairs: impl Iterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(pairs);
    map
}
