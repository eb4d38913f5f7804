//! Building ordered maps.
//!
//! Promises: the map that `collect` would give. `collect` brings a stable sort along for each type of pair, of about seven
//! kilobytes of code in the addon; this inserts pair by pair, with code that is there already.
//! Does not promise: to be as fast for thousands of pairs. The maps here have tens.

use std::collections::BTreeMap;

/// Returns a map of `pairs`; of two with the same key, the later one counts.
pub(crate) fn map_of<K: Ord, V>(pairs: impl Iterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(pairs);
    map
}
