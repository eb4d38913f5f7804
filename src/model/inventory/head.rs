//! The state that is checked out, and its place: the commits at HEAD, the branch, and the place of the checkout.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::model::event::MissReason;
use crate::model::fingerprint::FingerprintBuilder;
use crate::model::tree::Heads;

/// The place of the checkout, and what is checked out there. The tree's digest has the commits.
#[derive(Clone, Copy)]
pub(crate) struct Head<'i> {
    pub(crate) commits: &'i Heads,
    pub(crate) branch: &'i Option<String>,
    pub(crate) location: &'i Option<PathBuf>,
}

pub(super) fn add_location_to(hash: &mut FingerprintBuilder, location: Option<&PathBuf>) {
    hash.section("location", 1);
    hash.optional(location.map(|path| path.as_os_str().as_encoded_bytes()));
}

pub(super) fn add_branch_to(hash: &mut FingerprintBuilder, branch: Option<&str>) {
    hash.section("branch", 1);
    hash.optional(branch);
}

/// Returns a reason to build for each HEAD that moved. They count in scope `tree`, and not in scope `crate`.
pub(crate) fn differences(before: Head<'_>, now: Head<'_>) -> Vec<MissReason> {
    let mut reasons = Vec::new();
    for path in before.commits.keys().chain(now.commits.keys()).collect::<BTreeSet<_>>() {
        let (from, to) = (before.commits.get(path).cloned().flatten(), now.commits.get(path).cloned().flatten());
        if from != to || before.commits.contains_key(path) != now.commits.contains_key(path) {
            reasons.push(MissReason::Head { repository: path.to_string(), from, to });
        }
    }
    // Another worktree has another branch in any case.
    if reasons.is_empty() && before.branch != now.branch && before.location == now.location {
        let (from, to) = (before.branch.clone(), now.branch.clone());
        reasons.push(MissReason::Head { repository: String::new(), from, to });
    }
    reasons
}
