//! Reads the variables and configuration files that steer a build.
//!
//! Promises: a variable that cargo, rustc, `cc` or the usual build scripts read to decide what they build is an input.
//! Tokens, job counts, terminals, sessions and output directories are not, since they cannot change a binary. cargo's
//! configuration counts as cargo reads it: from its command line, from the checkout up to `/`, then from its home, with
//! includes followed.
//! Does not promise: to know the variables that one project's build scripts read. A build is observed for these, and they
//! join as a path set.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::config_tables;
use crate::error::{Error, Result};
use crate::fs::files;
use crate::inputs::remember::dependency::Recorder;
use crate::inputs::scan::directory::is_gone;
use crate::model::fingerprint::Digest;
use crate::model::maps::map_of;
use crate::request::{Builder, Environment};

/// Names of variables that count.
///
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html>
/// <https://reproducible-builds.org/specs/source-date-epoch/>
const NAMES: &[&str] = &[
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "LIBCLANG_PATH",
    "LLVM_CONFIG_PATH",
    "CLANG_PATH",
    "PROTOC",
    "PROTOC_INCLUDE",
    "SDKROOT",
    "MACOSX_DEPLOYMENT_TARGET",
    "SOURCE_DATE_EPOCH",
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "LIBRARY_PATH",
];

/// Beginnings of names that count.
const PREFIXES: &[&str] = &[
    "RUSTC",
    "CARGO_BUILD_",
    "CARGO_PROFILE_",
    "CARGO_TARGET_",
    "CARGO_UNSTABLE_",
    "BINDGEN_",
    "PKG_CONFIG",
    "CMAKE_",
];

/// Names that cc-rs and its kin read bare, with a target behind (`CC_x86_64-unknown-linux-gnu`), or with `HOST_` or
/// `TARGET_` before.
///
/// <https://docs.rs/cc/latest/cc/#external-configuration-via-environment-variables>
const COMPILER_NAMES: &[&str] = &[
    "CC",
    "CXX",
    "AR",
    "ARFLAGS",
    "RANLIB",
    "RANLIBFLAGS",
    "CFLAGS",
    "CXXFLAGS",
    "CPPFLAGS",
    "LDFLAGS",
    "CXXSTDLIB",
    "CMAKE",
];

/// Names that do not count although the rules above match them: they decide how fast, how loud or where a build runs, and
/// never what it makes.
const NOISE: &[&str] = &[
    "CARGO_BUILD_JOBS",
    "CARGO_BUILD_WARNINGS",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_TARGET_DIR",
    "CARGO_TARGET_TMPDIR",
    "CMAKE_BUILD_PARALLEL_LEVEL",
    "CMAKE_COLOR_DIAGNOSTICS",
];

/// Returns the digests of the variables that are set and can change what is built, by name.
pub(crate) fn steering_variables(env: &Environment, builder: Builder) -> BTreeMap<String, Digest> {
    let names = env.iter().filter_map(|(name, value)| Some((name.to_str()?, value)));
    let steering =
        names.filter(|(name, _)| steers(name) || (builder == Builder::Zigbuild && name.starts_with("CARGO_ZIGBUILD_")));
    map_of(steering.map(|(name, value)| (name.to_owned(), Digest::of(value.as_encoded_bytes()))))
}

fn steers(name: &str) -> bool {
    if NOISE.contains(&name) || (name.starts_with("CARGO_TARGET_") && name.ends_with("_RUNNER")) {
        return false;
    }
    let bare = name.strip_prefix("HOST_").or_else(|| name.strip_prefix("TARGET_")).unwrap_or(name);
    let compiler = COMPILER_NAMES
        .iter()
        .any(|known| bare.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')));
    compiler || NAMES.contains(&name) || PREFIXES.iter().any(|prefix| bare.starts_with(prefix))
}

/// One of cargo's configuration files.
pub(crate) struct CargoConfig {
    /// Its name in the inventory: its relative path in the checkout, so that clones agree; its full path elsewhere.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// The digest of the parts that can change a binary; none if there are none.
    pub(crate) digest: Option<Digest>,
    /// The directory from which relative paths to programs in it start: the parent of its `.cargo`.
    pub(crate) base: PathBuf,
    /// Its content; empty if it cannot be parsed, since cargo will complain about that.
    pub(crate) table: toml::Table,
}

/// The name of configuration that is given on the command line instead of in a file.
pub(crate) const COMMAND_LINE: &str = "--config";

/// Returns every configuration file that a cargo started in `root` reads, the most important one first.
///
/// <https://doc.rust-lang.org/cargo/reference/config.html#hierarchical-structure>
pub(crate) fn cargo_configs(root: &Path, env: &Environment, recorder: &Recorder) -> Result<Vec<CargoConfig>> {
    let mut chain = Chain { root, recorder, found: Vec::new(), seen: HashSet::new() };
    for value in env.configuration().iter().rev() {
        chain.of_command_line(value)?;
    }
    for directory in root.ancestors() {
        chain.either(&directory.join(".cargo"))?;
    }
    if let Some(home) = env.cargo_home() {
        chain.either(&root.join(home))?;
    }
    Ok(chain.found)
}

/// Returns the directory in which a cargo started in `root` builds, with links resolved.
///
/// <https://doc.rust-lang.org/cargo/reference/config.html#buildtarget-dir>
///
/// # Errors
///
/// [`Error::InputUnreadable`] for a configuration file that cannot be read.
pub fn target_directory(root: &Path, env: &Environment) -> Result<PathBuf> {
    Ok(target_directory_of(&cargo_configs(root, env, &Recorder::default())?, root, env))
}

/// Does what [`target_directory`] does, if the configuration is known.
pub(crate) fn target_directory_of(configs: &[CargoConfig], root: &Path, env: &Environment) -> PathBuf {
    let chosen = TARGET_DIRECTORY.iter().find_map(|name| env.non_empty(name)).map(|path| root.join(path));
    let configured =
        |config: &CargoConfig| Some(config.base.join(config.table.get("build")?.get("target-dir")?.as_str()?));
    let directory = chosen.or_else(|| configs.iter().find_map(configured)).unwrap_or_else(|| root.join("target"));
    dunce::canonicalize(&directory).unwrap_or(directory)
}

/// The variables that say where cargo builds, the most important one first.
pub(crate) const TARGET_DIRECTORY: [&str; 2] = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"];

/// Returns the targets that a cargo started in `root` builds for if the request names none, as they are written; none for
/// the host alone. The variable replaces a single target, and joins a list.
///
/// <https://doc.rust-lang.org/cargo/reference/config.html#buildtarget>
///
/// # Errors
///
/// [`Error::InputUnreadable`] for a configuration file that cannot be read.
pub fn configured_targets(root: &Path, env: &Environment) -> Result<Vec<String>> {
    let configs = cargo_configs(root, env, &Recorder::default())?;
    let named: Vec<&toml::Value> =
        configs.iter().filter_map(|config| config.table.get("build")?.get("target")).collect();
    let variable = env.get("CARGO_BUILD_TARGET").and_then(OsStr::to_str);
    let lists = || named.iter().filter_map(|target| target.as_array()).flatten();
    let mut targets: Vec<String> = if named.iter().any(|target| target.is_array()) {
        let added = variable.into_iter().flat_map(str::split_whitespace);
        lists().filter_map(toml::Value::as_str).chain(added).map(str::to_owned).collect()
    } else {
        variable.or_else(|| named.first()?.as_str()).map(str::to_owned).into_iter().collect()
    };
    targets.sort();
    targets.dedup();
    Ok(targets)
}

/// Returns the profiles that cargo's configuration defines for a cargo started in `root`, and `asked`, if variables define
/// it.
///
/// <https://doc.rust-lang.org/cargo/reference/config.html#profile>
///
/// # Errors
///
/// [`Error::InputUnreadable`] for a configuration file that cannot be read.
pub fn configured_profiles(root: &Path, env: &Environment, asked: &str) -> Result<BTreeSet<String>> {
    let configs = cargo_configs(root, env, &Recorder::default())?;
    let tables = configs.iter().filter_map(|config| config.table.get("profile")?.as_table());
    let prefix = format!("CARGO_PROFILE_{}_", asked.to_uppercase().replace('-', "_"));
    let is_asked = env.iter().any(|(name, _)| name.to_str().is_some_and(|name| name.starts_with(&prefix)));
    Ok(tables.flat_map(toml::Table::keys).cloned().chain(is_asked.then(|| asked.to_owned())).collect())
}

/// Returns the digests of the parts of cargo's configuration that can change a binary, by file, with each text in them as
/// `portable` writes it, for a cargo started in `root`.
///
/// # Errors
///
/// [`Error::InputUnreadable`] for a configuration file that cannot be read.
pub fn portable_configuration(
    root: &Path,
    env: &Environment,
    portable: &dyn Fn(&str) -> String,
) -> Result<BTreeMap<String, Digest>> {
    let configs = cargo_configs(root, env, &Recorder::default())?;
    let in_files = configs.into_iter().filter(|config| config.name != COMMAND_LINE);
    let digest = |CargoConfig { name, digest, table, .. }: CargoConfig| {
        let digest = config_tables::portable_digest(&table, portable).or(digest)?;
        Some((portable(&name), digest))
    };
    Ok(map_of(in_files.filter_map(digest)))
}

/// A variable that cargo's configuration sets.
#[derive(Clone, Debug)]
pub struct Configured {
    /// The digest of its value, as the file has it.
    pub digest: Digest,
    /// The file that sets it.
    pub file: PathBuf,
}

/// Returns the variables that cargo's configuration gives to rustc and build scripts, by name, for a cargo started in
/// `root`. A change to one of them does not make cargo itself build again.
///
/// <https://doc.rust-lang.org/cargo/reference/config.html#env>
///
/// # Errors
///
/// [`Error::InputUnreadable`] for a configuration file that cannot be read.
pub fn configured_variables(root: &Path, env: &Environment) -> Result<BTreeMap<String, Configured>> {
    let mut variables = BTreeMap::new();
    for config in cargo_configs(root, env, &Recorder::default())? {
        let Some(table) = config.table.get("env").and_then(toml::Value::as_table) else { continue };
        for (name, value) in table {
            let is_forced = value.get("force").and_then(toml::Value::as_bool).unwrap_or(false);
            if is_forced || env.get(name).is_none() {
                let configured = || Configured { digest: Digest::of(format!("{value:?}")), file: config.path.clone() };
                variables.entry(name.clone()).or_insert_with(configured);
            }
        }
    }
    Ok(variables)
}

struct Chain<'a> {
    root: &'a Path,
    recorder: &'a Recorder,
    found: Vec<CargoConfig>,
    seen: HashSet<PathBuf>,
}

impl Chain<'_> {
    /// Reads the value of `--config`: a file if there is one, and otherwise a piece of TOML, which counts as a part of the
    /// request.
    fn of_command_line(&mut self, value: &str) -> Result<()> {
        if self.read(&self.root.join(value))? {
            return Ok(());
        }
        let table = value.parse().unwrap_or_default();
        let (name, path, digest) = (COMMAND_LINE.to_owned(), self.root.to_owned(), Some(Digest::of(value)));
        self.found.push(CargoConfig { name, path, digest, base: self.root.to_owned(), table });
        Ok(())
    }

    /// Reads the configuration in `directory`. If both files exist, cargo reads the one without the extension.
    fn either(&mut self, directory: &Path) -> Result<()> {
        if self.read(&directory.join("config"))? {
            return Ok(());
        }
        self.read(&directory.join("config.toml")).map(drop)
    }

    fn read(&mut self, path: &Path) -> Result<bool> {
        self.recorder.at(path);
        let bytes = match files::read(path) {
            Ok(bytes) => bytes,
            Err(error) if is_gone(&error) || path.is_dir() => return Ok(false),
            Err(error) => return Err(Error::unreadable(path, error)),
        };
        if !self.seen.insert(path.to_owned()) {
            return Ok(true);
        }
        let parsed = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse::<toml::Table>().ok());
        let digest = config_tables::digest(&bytes, parsed.as_ref());
        let table = parsed.unwrap_or_default();
        let includes = included(&table);
        let directory = path.parent().unwrap_or(self.root);
        self.found.push(CargoConfig {
            name: path.strip_prefix(self.root).unwrap_or(path).to_string_lossy().into_owned(),
            path: path.to_owned(),
            digest,
            base: directory.parent().unwrap_or(directory).to_owned(),
            table,
        });
        for include in includes {
            // The path has no `..` in it, so that one file has one name and a circle of includes ends. cargo does the same.
            let path = directory.join(include);
            self.read(&gix::path::normalize(path.as_path().into(), self.root).unwrap_or(path.as_path().into()))?;
        }
        Ok(true)
    }
}

/// Returns the paths under the key `include`: a string, or a list of strings and of tables with `path`.
///
/// <https://doc.rust-lang.org/cargo/reference/config.html#including-extra-configuration-files>
fn included(table: &toml::Table) -> Vec<String> {
    let path = |value: &toml::Value| value.as_str().or_else(|| value.get("path")?.as_str()).map(str::to_owned);
    match table.get("include") {
        Some(toml::Value::Array(list)) => list.iter().filter_map(path).collect(),
        Some(single) => path(single).into_iter().collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_choose_what_is_built_count() {
        for name in [
            "RUSTFLAGS",
            "RUSTC_WRAPPER",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
            "CARGO_BUILD_RUSTFLAGS",
            "CC",
            "CC_x86_64-unknown-linux-gnu",
            "TARGET_CFLAGS",
            "HOST_PKG_CONFIG_PATH",
            "PKG_CONFIG_PATH",
            "BINDGEN_EXTRA_CLANG_ARGS",
            "SOURCE_DATE_EPOCH",
            "LDFLAGS",
        ] {
            assert!(steers(name), "{name} can change a binary");
        }
    }

    #[test]
    fn secrets_job_counts_terminals_and_places_do_not() {
        for name in [
            "CARGO_REGISTRY_TOKEN",
            "CARGO_REGISTRIES_MINE_TOKEN",
            "CARGO_BUILD_JOBS",
            "CARGO_BUILD_WARNINGS",
            "CARGO_MAKEFLAGS",
            "CARGO_TARGET_DIR",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER",
            "CARGO_TERM_COLOR",
            "CCACHE_DIR",
            "ARCH",
            "TERM",
            "PWD",
            "SSH_AUTH_SOCK",
            "NUM_JOBS",
        ] {
            assert!(!steers(name), "{name} cannot change a binary");
        }
    }
}
