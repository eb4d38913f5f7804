//! The doubt that cargo rightly kept the earlier results of packages.
//!
//! Promises: a doubt names all packages that it is about, and its reason.
//! Does not promise: to find doubts. `freshness` does.

use crate::inputs::Observation;
use crate::model::build_units::Package;

/// Packages that cargo took for fresh and that have to be built again.
pub(crate) struct Doubt {
    /// The packages.
    pub(crate) packages: Vec<Package>,
    /// True if these are all packages of the build.
    pub(crate) is_everything: bool,
    /// The reason, as the second half of a sentence.
    pub(crate) reason: String,
}

impl Doubt {
    pub(super) fn of_all(observation: &Observation, reason: String) -> Vec<Self> {
        let packages = observation.packages.values().map(|reads| reads.package.clone()).collect();
        vec![Self { packages, is_everything: true, reason }]
    }

    /// Returns one sentence for a person.
    pub(crate) fn summary(&self) -> String {
        match self.packages.as_slice() {
            [package] if !self.is_everything => {
                let name = package.name();
                format!("cargo takes `{name}` for fresh, but {}; cleaning it and building again", self.reason)
            }
            all => {
                let (count, reason) = (all.len(), &self.reason);
                format!(
                    "cargo takes the last build for fresh, but {reason}; cleaning all {count} packages and building again"
                )
            }
        }
    }
}
