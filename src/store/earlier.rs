//! Finds the entries of earlier builds, to compare a request with them.
//!
//! Promises: it finds all entries of the same package and binary, whatever their other options. Entries that the checkout
//! built or was served come first. Then come the ones with fewer different options, then the newer ones.
//! Does not promise: that an entry is whole, or that it belongs to the checkout. Another checkout may have the same names
//! in it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::directory::Store;
use super::layout::{inputs_path, manifests};
use super::manifest::{MANIFEST_FORMAT, Manifest};
use crate::model::inventory::Inventory;
use crate::request::Request;

/// Options, apart from the names of package and binary, that change how long a build takes.
const TAKE_TIME: [&str; 5] = ["target", "profile", "features", "noDefaultFeatures", "builder"];

/// An entry of an earlier build.
#[derive(Clone, Debug)]
pub struct Earlier {
    pub(super) binary: PathBuf,
    /// The manifest of the entry.
    pub manifest: Manifest,
}

impl Earlier {
    /// Returns the inputs of its build, if they are known.
    #[must_use]
    pub fn inventory(&self) -> Option<Inventory> {
        serde_json::from_slice(&crate::fs::files::read(&inputs_path(&self.binary)).ok()?).ok()
    }
}

impl Store {
    /// Returns the entries of earlier builds, the nearest to `request` in `checkout` first.
    #[must_use]
    pub fn earlier(&self, request: &Request, checkout: &Path) -> Vec<Earlier> {
        let asked = request.inputs();
        let is_same = |manifest: &Manifest| {
            manifest.format == MANIFEST_FORMAT && manifest.package == request.package && manifest.bin == request.bin
        };
        let found = manifests(&self.root).filter(|(_, manifest)| is_same(manifest));
        let mut earlier: Vec<_> = found.map(|(binary, manifest)| Earlier { binary, manifest }).collect();
        earlier.sort_by_cached_key(|Earlier { manifest, .. }| {
            let own = manifest.checkouts().find(|(known, _)| *known == checkout);
            let since = own.map_or(manifest.published_ms, |(_, since)| since);
            (own.is_none(), differences(&manifest.request, &asked), Reverse(since))
        });
        earlier
    }

    /// Returns how long the nearest earlier build took, with the same profile, features, target and builder.
    #[must_use]
    pub fn nearest_build(&self, request: &Request, checkout: &Path) -> Option<Duration> {
        let asked = request.inputs();
        // The scope is not compared, since it makes no difference to cargo.
        let is_alike =
            |manifest: &Manifest| TAKE_TIME.iter().all(|option| manifest.request.get(*option) == asked.get(*option));
        let earlier = self.earlier(request, checkout);
        let manifest = earlier.iter().map(|earlier| &earlier.manifest).find(|manifest| is_alike(manifest))?;
        Some(Duration::from_millis(manifest.build_ms))
    }
}

/// Returns the number of options in which two requests differ.
fn differences(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> usize {
    let missing = one.keys().filter(|option| !other.contains_key(*option)).count();
    missing + other.iter().filter(|(option, value)| one.get(*option) != Some(value)).count()
}
