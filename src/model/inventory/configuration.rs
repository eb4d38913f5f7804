//! The files of cargo's configuration.

use std::collections::BTreeMap;

use crate::model::event::MissReason;
use crate::model::fingerprint::{Digest, FingerprintBuilder};
use crate::model::maps::differing;

/// Digests of the files, by path.
type Configs = BTreeMap<String, Digest>;

pub(super) fn add_to(hash: &mut FingerprintBuilder, configs: &Configs) {
    hash.section("configs", configs.len());
    for (path, digest) in configs {
        hash.field(path);
        hash.field(digest.as_bytes());
    }
}

/// Returns the reason to build; none if the files are equal.
pub(crate) fn difference(before: &Configs, now: &Configs) -> Option<MissReason> {
    let files = differing(before, now);
    (!files.is_empty()).then_some(MissReason::CargoConfig { files })
}
