//! Holds the variables of a build.
//!
//! Promises: names and values are the system's bytes, even if they are not text. Two kinds of variables are left out, since
//! they are about another build: those that git gives its hooks about their own repository, and those that cargo gives a
//! build script or a program about its package. All code takes variables from here, so that a fingerprint and its build see
//! the same.
//! Does not promise: to recognize variables that `cargo run` passes from `cargo::rustc-env`, or the directories that cargo
//! adds to the loader's search path. They look like the user's own.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::model::maps::map_of;

/// Variables that say which repository a git command is about. Hooks, aliases and `git rebase --exec` have them.
///
/// The list is that of `git rev-parse --local-env-vars`, with those of older versions and those that a receiving repository
/// adds: <https://github.com/git/git/blob/v2.50.0/environment.c#L94-L112>
const OF_ANOTHER_REPOSITORY: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// The beginnings of the variables that `GIT_CONFIG_COUNT` counts.
const OF_ANOTHER_REPOSITORY_PREFIXES: &[&str] = &["GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"];

/// Variables that always come from cargo.
///
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-crates>
const OF_ANOTHER_PACKAGE: &[&str] = &[
    "CARGO",
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MAKEFLAGS",
    "CARGO_MANIFEST_LINKS",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_RUSTC_CURRENT_DIR",
    "CARGO_SBOM_PATH",
    "CARGO_TARGET_TMPDIR",
    "OUT_DIR",
];

const OF_ANOTHER_PACKAGE_PREFIXES: &[&str] = &["CARGO_BIN_EXE_", "CARGO_CFG_", "CARGO_FEATURE_", "DEP_"];

/// Variables that cargo gives rustc, build scripts and programs alike. Other names with the same beginning are the
/// caller's.
pub(crate) const SAID_OF_EVERY_PACKAGE: &[&str] = &[
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
    "CARGO_PKG_AUTHORS",
    "CARGO_PKG_NAME",
    "CARGO_PKG_DESCRIPTION",
    "CARGO_PKG_HOMEPAGE",
    "CARGO_PKG_REPOSITORY",
    "CARGO_PKG_LICENSE",
    "CARGO_PKG_LICENSE_FILE",
    "CARGO_PKG_RUST_VERSION",
    "CARGO_PKG_README",
];

/// Variables that are all set in a build script. A program that cargo runs has at most the manifest's directory.
///
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-sets-for-build-scripts>
const MARKS_OF_A_BUILD_SCRIPT: &[&str] = &["CARGO_MANIFEST_DIR", "HOST", "OUT_DIR", "TARGET"];

/// Variables that cargo sets in a build script, and that elsewhere may come from the user.
const OF_A_BUILD_SCRIPT: &[&str] = &[
    "CARGO_ENCODED_RUSTFLAGS",
    "DEBUG",
    "HOST",
    "NUM_JOBS",
    "OPT_LEVEL",
    "PROFILE",
    "RUSTC",
    "RUSTC_LINKER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOC",
    "TARGET",
];

/// The variables of a build, and the values of `--config` on cargo's command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    configuration: Vec<String>,
}

impl From<BTreeMap<OsString, OsString>> for Environment {
    fn from(variables: BTreeMap<OsString, OsString>) -> Self {
        Self { variables, configuration: Vec::new() }
    }
}

impl Environment {
    /// Returns the variables that a build takes from its caller's.
    #[must_use]
    pub fn of_build(caller: BTreeMap<OsString, OsString>) -> Self {
        let mut env = Self::from(caller);
        let of_build_script = MARKS_OF_A_BUILD_SCRIPT.iter().all(|name| env.get(name).is_some());
        env.variables.retain(|name, _| !name.to_str().is_some_and(|name| is_of_another(name, of_build_script)));
        if let Some(path) = env.get("PATH").and_then(without_programs_of_git) {
            env.set("PATH", &path);
        }
        env
    }

    /// Returns the same environment with values of `--config`.
    #[must_use]
    pub fn configured(self, configuration: &[String]) -> Self {
        Self { configuration: configuration.to_vec(), ..self }
    }

    /// Returns the values of `--config`. Later ones override earlier ones.
    ///
    /// <https://doc.rust-lang.org/cargo/reference/config.html#command-line-overrides>
    #[must_use]
    pub fn configuration(&self) -> &[String] {
        &self.configuration
    }

    /// Returns the value of `name`. On Windows, the case of the name does not matter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        let exact = self.variables.get(OsStr::new(name));
        let found = if cfg!(windows) && exact.is_none() {
            self.variables.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        } else {
            exact
        };
        found.map(OsString::as_os_str)
    }

    /// Returns the value of `name` unless it is empty, for variables where empty means unset.
    #[must_use]
    pub fn non_empty(&self, name: &str) -> Option<&OsStr> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Returns the value of `name` if it is text and not empty, for variables that hold words.
    #[must_use]
    pub fn word(&self, name: &str) -> Option<&str> {
        self.non_empty(name).and_then(OsStr::to_str)
    }

    /// Returns every variable, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Returns these variables alone, with the values of `--config`.
    #[must_use]
    pub fn only(&self, names: &[&str]) -> Self {
        let variable = |name: &&str| Some(((*name).into(), self.get(name)?.to_owned()));
        let variables = map_of(names.iter().filter_map(variable));
        Self { variables, configuration: self.configuration.clone() }
    }

    /// Returns the same environment without the credentials of a team's store.
    #[must_use]
    pub(super) fn without_credentials(mut self) -> Self {
        self.variables.retain(|name, _| !name.to_str().is_some_and(super::credentials::is_credential));
        self
    }

    /// Sets a variable.
    pub(super) fn set(&mut self, name: &str, value: &OsStr) {
        self.variables.insert(name.into(), value.to_owned());
    }

    /// Returns the home directory: `HOME`, or `USERPROFILE` on Windows, or else the account's.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        let variable = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        self.non_empty(variable).map(PathBuf::from).or_else(std::env::home_dir)
    }

    /// Returns cargo's home: `CARGO_HOME`, or else `.cargo` in the home directory.
    ///
    /// <https://doc.rust-lang.org/cargo/guide/cargo-home.html>
    #[must_use]
    pub fn cargo_home(&self) -> Option<PathBuf> {
        self.non_empty("CARGO_HOME").map(PathBuf::from).or_else(|| self.home().map(|home| home.join(".cargo")))
    }

    /// Returns the directories in which a shell in `directory` looks for programs, in order.
    pub(crate) fn search_path(&self, directory: &Path) -> impl Iterator<Item = PathBuf> {
        let path = self.get("PATH").into_iter().flat_map(std::env::split_paths);
        path.map(|on_path| directory.join(on_path))
    }

    /// Finds a program as a shell in `directory` would.
    #[must_use]
    pub fn find_program(&self, name: impl AsRef<OsStr>, directory: &Path) -> Option<PathBuf> {
        which::which_in(name, self.get("PATH"), directory).ok()
    }
}

/// Returns the search path `path` without the directory of git's own programs, which git puts first for hooks, aliases and
/// `git rebase --exec`; none if it is not there. Outside of git, programs are not looked for in it.
///
/// <https://github.com/git/git/blob/v2.50.0/exec-cmd.c#L342-L360>
fn without_programs_of_git(path: &OsStr) -> Option<OsString> {
    let is_of_git = |directory: &PathBuf| directory.ends_with("git-core");
    std::env::split_paths(path).next().filter(is_of_git)?;
    std::env::join_paths(std::env::split_paths(path).skip_while(is_of_git)).ok()
}

/// True if `name` is about another repository or package than the one that is built.
fn is_of_another(name: &str, of_build_script: bool) -> bool {
    let upper = cfg!(windows).then(|| name.to_ascii_uppercase());
    let name = upper.as_deref().unwrap_or(name);
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    OF_ANOTHER_REPOSITORY.contains(&name)
        || OF_ANOTHER_PACKAGE.contains(&name)
        || SAID_OF_EVERY_PACKAGE.contains(&name)
        || begins(OF_ANOTHER_REPOSITORY_PREFIXES)
        || begins(OF_ANOTHER_PACKAGE_PREFIXES)
        || (of_build_script && OF_A_BUILD_SCRIPT.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_of(names: &[&str]) -> Vec<String> {
        let caller = names.iter().map(|name| ((*name).into(), "x".into())).collect();
        Environment::of_build(caller).iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn every_variable_that_git_calls_local_is_left_out() {
        let listed = std::process::Command::new("git").args(["rev-parse", "--local-env-vars"]).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(listed.contains("GIT_DIR"));
        assert!(left_of(&listed.lines().collect::<Vec<_>>()).is_empty());
        assert!(left_of(&["GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0"]).is_empty());
    }

    #[test]
    #[cfg(unix)]
    fn where_git_looks_first_for_its_own_programs_is_left_out() {
        let path = |path: &str| {
            let env = Environment::of_build([("PATH".into(), path.into())].into());
            env.word("PATH").map(str::to_owned).unwrap_or_default()
        };
        assert_eq!(path("/usr/lib/git-core:/home/me/bin:/usr/bin"), "/home/me/bin:/usr/bin");
        assert_eq!(path("/usr/libexec/git-core:/usr/lib/git-core:/bin"), "/bin");
        for others in ["/usr/bin:/usr/lib/git-core", "/opt/git-core/bin:/bin", "", ":/bin"] {
            assert_eq!(path(others), others);
        }
    }

    #[test]
    fn what_says_how_git_works_for_its_user_stays() {
        let names = ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_SYSTEM", "GIT_SSH_COMMAND"];
        assert_eq!(left_of(&names), names);
    }

    #[test]
    fn what_cargo_says_of_a_package_is_left_out() {
        let names = [
            "CARGO",
            "CARGO_CFG_UNIX",
            "CARGO_FEATURE_FAST",
            "CARGO_MANIFEST_DIR",
            "CARGO_MANIFEST_LINKS",
            "CARGO_PKG_VERSION",
            "DEP_Z_ROOT",
            "OUT_DIR",
        ];
        assert!(left_of(&names).is_empty());
        let of_user =
            ["CARGO_BUILD_TARGET", "CARGO_HOME", "CARGO_PKG_BUILD_ID", "CARGO_PROFILE_DEV_LTO", "DEPLOY", "RUSTFLAGS"];
        assert_eq!(left_of(&of_user), of_user);
    }

    #[test]
    fn names_that_anybody_may_use_are_left_out_of_a_build_scripts_environment_alone() {
        let names = ["CARGO_ENCODED_RUSTFLAGS", "DEBUG", "HOST", "PROFILE", "RUSTC", "RUSTC_WRAPPER", "TARGET"];
        assert_eq!(left_of(&names), names);
        assert_eq!(left_of(&[&names[..], &["CARGO_MANIFEST_DIR"]].concat()), names, "a program that cargo runs");
        assert!(left_of(&[&names[..], &["CARGO_MANIFEST_DIR", "OUT_DIR"]].concat()).is_empty());
    }
}
