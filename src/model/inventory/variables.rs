//! Variables: those that steer any build, and those that a path set names.

use std::collections::BTreeMap;

use crate::model::event::MissReason;
use crate::model::fingerprint::{Digest, FingerprintBuilder};
use crate::model::maps::differing;

/// Digests of the values of variables that are set, by name.
type Steering = BTreeMap<String, Digest>;
/// Digests of the values of variables, by name; none for a variable that is not set.
type Read = BTreeMap<String, Option<Digest>>;

pub(super) fn add_steering_to(hash: &mut FingerprintBuilder, variables: &Steering) {
    hash.section("variables", variables.len());
    for (name, digest) in variables {
        hash.field(name);
        hash.field(digest.as_bytes());
    }
}

pub(super) fn add_read_to(hash: &mut FingerprintBuilder, variables: &Read) {
    hash.section("observed", variables.len());
    for (name, digest) in variables {
        hash.field(name);
        hash.optional(digest.map(|digest| *digest.as_bytes()));
    }
}

/// Returns the reason to build; none if the variables have equal values.
pub(crate) fn difference(before: (&Steering, &Read), now: (&Steering, &Read)) -> Option<MissReason> {
    let mut names = differing(before.0, now.0);
    names.extend(differing(before.1, now.1));
    names.sort();
    names.dedup();
    (!names.is_empty()).then_some(MissReason::Environment { names })
}
