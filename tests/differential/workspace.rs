//! Describes a workspace for walks, as data: its files, and the forms that steps may give them.

use super::form::Thing;

/// A workspace: the changes that steps may make, and the inputs of its binary.
pub(crate) struct Workspace {
    pub(crate) name: &'static str,
    /// Files that no step changes, by their paths from each checkout.
    pub(crate) fixed: Vec<(String, String)>,
    pub(crate) things: Vec<Thing>,
    pub(crate) variables: Vec<Variable>,
    /// Its features, all of which are enabled, or none.
    pub(crate) features: &'static [&'static str],
    /// Pairs of paths that may change places.
    pub(crate) swaps: &'static [[&'static str; 2]],
    /// Pairs of paths. The content of the first may go to the second.
    pub(crate) moves: &'static [[&'static str; 2]],
    /// The checkouts. The first is made, and the others come from it.
    pub(crate) checkouts: &'static [Checkout],
    /// The files of a crate in a git repository, one list for each commit. `{fetched}` stands for the repository's URL.
    pub(crate) fetched: Vec<Vec<(&'static str, String)>>,
    /// True if the name of the branch counts.
    pub(crate) knows_branch: bool,
    /// True if the place of the checkout counts.
    pub(crate) knows_place: bool,
    /// True if each checkout may be served the binary of any other.
    pub(crate) is_shared: bool,
    /// True if most steps make builds read other files, so that earlier path sets are dropped.
    pub(crate) varies: bool,
}

/// The origin of a checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checkout {
    Made,
    Cloned,
    LinkedWorktree,
}

/// A variable of the build's environment.
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    /// Its values. The first is set at the beginning. `{base}` stands for the directory that holds everything, and `{repo}`
    /// for the checkout.
    pub(crate) values: Vec<Option<&'static str>>,
    pub(crate) counts: bool,
    pub(crate) weight: u32,
}

impl Variable {
    pub(crate) fn new(name: &'static str, values: &[Option<&'static str>]) -> Self {
        Self { name, values: values.to_vec(), counts: true, weight: 2 }
    }

    /// Returns a variable that no build depends on.
    pub(crate) fn noise() -> Self {
        Self { name: "NOISE", values: vec![None, Some("1"), Some("2")], counts: false, weight: 1 }
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Self {
            name: "",
            fixed: Vec::new(),
            things: Vec::new(),
            variables: vec![Variable::noise()],
            features: &[],
            swaps: &[],
            moves: &[],
            checkouts: &[Checkout::Made, Checkout::Cloned],
            fetched: Vec::new(),
            knows_branch: false,
            knows_place: false,
            is_shared: false,
            varies: false,
        }
    }
}

/// Returns files that no step changes, each with its path.
pub(crate) fn fixed(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// Returns the manifest of a workspace with `members`. Builds of it are as quick as they can be.
pub(crate) fn root_manifest(members: &[&str], more: &str) -> String {
    format!(
        "[workspace]\nmembers = {members:?}\nresolver = \"3\"\n\n{more}\n[profile.release]\nopt-level = 0\ncodegen-units = 1\n"
    )
}

/// Returns the manifest of a package.
pub(crate) fn manifest(name: &str, rest: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{rest}")
}
