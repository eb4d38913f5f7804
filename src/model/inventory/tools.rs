//! Programs that take part in the build.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fs::identity::StatIdentity;
use crate::model::event::MissReason;
use crate::model::fingerprint::FingerprintBuilder;
use crate::model::maps::differing_by;

/// A program that takes part in the build.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tool {
    /// The path of the real program, behind rustup's proxies. If the program was not found, the name that was looked for.
    pub path: String,
    /// The name of the rustup toolchain, if rustup manages the program.
    pub toolchain: Option<String>,
    /// The program's stat identity; none if it does not exist.
    pub stat: Option<StatIdentity>,
    /// The stat identity that it had when it first took part in a build, if it has another one now and the same bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_as: Option<StatIdentity>,
    /// The version that it prints, as in `rustc 1.95.0 (59807616e 2026-04-14)`. It is known of programs that have built, and
    /// is not part of the fingerprint.
    #[serde(default)]
    pub version: Option<String>,
}

impl Tool {
    /// True if a fingerprint cannot tell the two programs apart.
    #[must_use]
    pub fn is_same_program(&self, other: &Self) -> bool {
        self.path == other.path && self.identity() == other.identity()
    }

    /// Returns the part of it that counts besides its path.
    fn identity(&self) -> Option<[u8; 32]> {
        self.known_as.or(self.stat).map(|stat| stat.portable_bytes())
    }
}

/// Programs, by role.
type Tools = BTreeMap<String, Tool>;

pub(super) fn add_to(hash: &mut FingerprintBuilder, tools: &Tools) {
    hash.section("tools", tools.len());
    for (role, tool) in tools {
        hash.field(role);
        hash.field(&tool.path);
        hash.optional(tool.identity());
    }
}

/// Returns a reason to build for each program that differs.
pub(crate) fn differences(before: &Tools, now: &Tools) -> Vec<MissReason> {
    let mut roles = differing_by(before, now, Tool::is_same_program);
    // Another rustc has another driver in any case.
    if roles.iter().any(|role| role == "rustc") {
        roles.retain(|role| role != "rustc driver");
    }
    let reason = |tool: String| {
        let (from, to) = (before.get(&tool).map(shown), now.get(&tool).map(shown));
        MissReason::Toolchain { tool, from, to }
    };
    roles.into_iter().map(reason).collect()
}

fn shown(tool: &Tool) -> String {
    tool.version.as_ref().or(tool.toolchain.as_ref()).unwrap_or(&tool.path).clone()
}
