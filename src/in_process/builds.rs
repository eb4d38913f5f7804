//! Remembers the builds that this process has published.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Shared;
use super::moment::Moment;
use crate::model::fingerprint::Fingerprint;

static BUILDS: LazyLock<Shared<HashMap<Fingerprint, Moment>>> = LazyLock::new(Shared::default);

/// Records that a build of `fingerprint`, which began at `began`, was published.
pub(crate) fn note_build(fingerprint: Fingerprint, began: Moment) {
    BUILDS.lock().insert(fingerprint, began);
}

/// True if this process has published a build of `fingerprint` that began after `since`.
pub(crate) fn was_built_since(fingerprint: &Fingerprint, since: Moment) -> bool {
    BUILDS.lock().get(fingerprint).is_some_and(|began| *began > since)
}
