//! Defines the manifest of a published binary.
//!
//! Promises: a manifest of an earlier version of this format can be read, since each later field has a default.
//! Does not promise: that its files are still as it says. `entry` checks them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::fs::identity::StatIdentity;
use crate::model::fingerprint::{Digest, Fingerprint};
use crate::request::Request;

/// Changes when a field changes its meaning. A manifest of another format counts as none.
pub const MANIFEST_FORMAT: u32 = 1;

/// The JSON file beside a binary.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_FORMAT`].
    pub format: u32,
    /// The whole fingerprint. The directory's name is the start of it.
    pub fingerprint: Fingerprint,
    /// The cargo package.
    pub package: String,
    /// The binary target.
    pub bin: String,
    /// The target triple, if the request named one.
    pub target: Option<String>,
    /// The checkout that it was built in.
    pub checkout: PathBuf,
    /// The commit that was checked out there.
    #[serde(default)]
    pub commit: Option<String>,
    /// The options of the request that are inputs.
    #[serde(default)]
    pub request: BTreeMap<String, String>,
    /// The SHA-256 of the binary.
    pub sha256: Digest,
    /// The size of the binary in bytes.
    pub size: u64,
    /// The stat identity of the binary after it was published.
    pub stat: StatIdentity,
    /// Milliseconds since 1970 at publication.
    pub published_ms: u64,
    /// Milliseconds that cargo took.
    pub build_ms: u64,
    /// True if the binary shares its blocks on disk with those of other entries that are equal.
    #[serde(default)]
    pub cloned: bool,
    /// Shared libraries of the build, and other binaries of the package, which lie beside the binary.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<PublishedLibrary>,
    /// Other checkouts that it was served to, each with the milliseconds since 1970 of the first time. Pruning keeps the
    /// newest entry of each checkout, and this entry may be that of several.
    #[serde(default)]
    pub served_to: BTreeMap<PathBuf, u64>,
    /// The team's store that it was taken from; none if it was built here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Milliseconds since 1970 when its checkout was found to have built another entry for the same request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_ms: Option<u64>,
}

/// The team's store that a binary was taken from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The store's URL.
    pub url: String,
    /// The trusted keys that had signed it.
    pub signers: Vec<String>,
}

/// The source of a binary that is published.
#[derive(Debug)]
pub struct Provenance<'a> {
    /// The checkout whose inputs it is of.
    pub checkout: &'a Path,
    /// The commit that it was built from.
    pub commit: Option<String>,
    /// Milliseconds that the build took.
    pub build_ms: u64,
    /// The team's store that it was taken from; none if it was built here.
    pub origin: Option<Origin>,
}

/// A file that was published with a binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedLibrary {
    /// Its file name.
    pub name: String,
    /// SHA-256 of it.
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its stat identity after it was published.
    pub stat: StatIdentity,
    /// True if it shares its blocks on disk with those of other entries that are equal.
    #[serde(default)]
    pub cloned: bool,
}

impl Manifest {
    /// Makes the manifest of a binary of `request` that is not in its place yet.
    pub(super) fn begun(request: &Request, checkout: &Path, fingerprint: Fingerprint, build_ms: u64) -> Self {
        Self {
            format: MANIFEST_FORMAT,
            fingerprint,
            package: request.package.clone(),
            bin: request.bin.clone(),
            target: request.target.clone(),
            checkout: checkout.to_owned(),
            commit: None,
            request: request.inputs(),
            sha256: Digest::of(""),
            size: 0,
            stat: StatIdentity::default(),
            published_ms: now_ms(),
            build_ms,
            cloned: false,
            libraries: Vec::new(),
            served_to: BTreeMap::new(),
            origin: None,
            superseded_ms: None,
        }
    }

    /// Returns the checkouts that it was built in or served to, each with the milliseconds since 1970 of the first time.
    pub fn checkouts(&self) -> impl Iterator<Item = (&Path, u64)> {
        let built = (self.checkout.as_path(), self.published_ms);
        std::iter::once(built).chain(self.served_to.iter().map(|(checkout, since)| (checkout.as_path(), *since)))
    }

    /// True if `checkout` built it or was served it.
    #[must_use]
    pub fn knows(&self, checkout: &Path) -> bool {
        self.checkouts().any(|(known, _)| known == checkout)
    }
}

/// Returns the current time in milliseconds since 1970, UTC.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
