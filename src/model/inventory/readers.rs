//! The runs of the build that read the inputs. They are no input.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::tree::TreePath;

/// A run of rustc or of a build script, and the inputs that it read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reader {
    /// The cargo package.
    pub package: String,
    /// True if the run is the package's build script, and not rustc.
    pub is_script: bool,
    /// The paths of inputs, and of directories that it read with everything in them.
    pub inputs: BTreeSet<TreePath>,
    /// Variables that it read.
    pub variables: BTreeSet<String>,
    /// The reason why the run is opaque, if it is.
    pub opaque: Option<String>,
}

impl Reader {
    /// Returns the run in words.
    #[must_use]
    pub fn name(&self) -> String {
        format!("the {} of `{}`", if self.is_script { "build script" } else { "compilation" }, self.package)
    }

    /// True if it read the file at `path`, or a directory around it.
    #[must_use]
    pub fn reads(&self, path: &TreePath) -> bool {
        let is_around = |input: &TreePath| {
            let below = path.0.strip_prefix(input.0.as_slice());
            below.is_some_and(|below| input.0.is_empty() || below.first() == Some(&b'/'))
        };
        self.inputs.contains(path) || self.inputs.iter().any(is_around)
    }
}
