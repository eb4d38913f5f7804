//! What is known of a published binary.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::fingerprint::{Digest, Fingerprint};
use crate::stat::StatIdentity;

/// Raised when a field changes its meaning; a manifest of another format is no manifest.
pub const MANIFEST_FORMAT: u32 = 1;

/// The JSON beside a binary.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_FORMAT`].
    pub format: u32,
    /// The whole fingerprint, of which the directory's name is the start.
    pub fingerprint: Fingerprint,
    /// cargo package.
    pub package: String,
    /// Binary target.
    pub bin: String,
    /// Target triple, if one was named.
    pub target: Option<String>,
    /// The checkout it was built in.
    pub checkout: PathBuf,
    /// SHA-256 of the binary.
    pub sha256: Digest,
    /// Size of the binary in bytes.
    pub size: u64,
    /// `stat` of the binary after it was published.
    pub stat: StatIdentity,
    /// Milliseconds since 1970 at publication.
    pub published_ms: u64,
    /// Milliseconds that cargo took.
    pub build_ms: u64,
    /// Whether the binary shares its blocks on disk with those of other entries that are equal.
    #[serde(default)]
    pub cloned: bool,
}
