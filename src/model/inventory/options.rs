//! The parts of the request that count.

use std::collections::BTreeMap;

use crate::model::event::MissReason;
use crate::model::fingerprint::FingerprintBuilder;
use crate::model::maps::differing;

/// The values of options, by name.
type Options = BTreeMap<String, String>;

pub(super) fn add_to(hash: &mut FingerprintBuilder, options: &Options) {
    hash.section("request", options.len());
    for (option, value) in options {
        hash.field(option);
        hash.field(value);
    }
}

/// Returns the reason to build; none if the options are equal.
pub(crate) fn difference(before: &Options, now: &Options) -> Option<MissReason> {
    let options = differing(before, now);
    (!options.is_empty()).then_some(MissReason::Request { options })
}

/// True if both ask for the same scope.
pub(crate) fn are_of_same_scope(before: &Options, now: &Options) -> bool {
    before.get("scope") == now.get("scope")
}
