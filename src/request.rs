//! What was asked for, validated.
//!
//! Promises: a [`Request`] that exists holds only names that cargo would accept, none of which can leave the cache
//! directory when it becomes part of a path or turn into an option when it becomes an argument. Validation does no I/O.
//! Does not promise: that the package, binary or target exists; only the build can tell.

mod environment;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use environment::Environment;
pub(crate) use environment::SAID_OF_EVERY_PACKAGE;

use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::names::{bin_name, feature_name, glibc_version, package_name, profile_name, target_triple};

/// The options of one call as they arrive, with names of the JavaScript surface and nothing checked.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// cargo package.
    pub crate_name: String,
    /// Binary target; default: the package's name.
    pub bin: Option<String>,
    /// Rust target triple, for zigbuild with or without a glibc version behind it; default: the host's.
    pub target: Option<String>,
    /// Run cargo even when an entry exists.
    pub rebuild: bool,
    /// Root of the checkout.
    pub repo: PathBuf,
    /// Features to enable.
    pub features: Vec<String>,
    /// Leave the package's default features out.
    pub no_default_features: bool,
    /// cargo profile; default: `release`.
    pub profile: Option<String>,
    /// `auto`, `cargo` or `zigbuild`; default: `auto`.
    pub builder: Option<String>,
    /// `tree` or `crate`; default: `tree`.
    pub scope: Option<String>,
    /// Patterns in gitignore syntax, relative to `repo`, of paths that are no inputs.
    pub exclude: Vec<String>,
    /// Where entries are kept.
    pub cache_dir: PathBuf,
    /// The caller's environment.
    pub env: BTreeMap<OsString, OsString>,
    /// What the cache may hold, as typed; default: see [`Limits`].
    pub max_size: Option<String>,
    /// How long it is kept after its last use, as typed; default: see [`Limits`].
    pub max_age: Option<String>,
}

/// Which program builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builder {
    /// `cargo build`
    Cargo,
    /// `cargo zigbuild`
    Zigbuild,
}

impl Builder {
    /// The cargo subcommand.
    #[must_use]
    pub fn subcommand(self) -> &'static str {
        match self {
            Self::Cargo => "build",
            Self::Zigbuild => "zigbuild",
        }
    }
}

/// Which files count as inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole checkout.
    Tree,
    /// What an earlier build of the crate was seen to read.
    Crate,
}

impl Scope {
    /// The scope of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Tree, Self::Crate].into_iter().find(|scope| scope.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Crate => "crate",
        }
    }
}

/// A request whose every part can be relied on.
#[derive(Clone, Debug)]
pub struct Request {
    /// cargo package.
    pub package: String,
    /// Binary target.
    pub bin: String,
    /// Rust target triple, if one was named.
    pub target: Option<String>,
    /// Run cargo even when an entry exists.
    pub rebuild: bool,
    /// Root of the checkout, absolute.
    pub repo: PathBuf,
    /// Features, sorted, each once: cargo takes them as a set.
    pub features: Vec<String>,
    /// Leave the package's default features out.
    pub no_default_features: bool,
    /// cargo profile.
    pub profile: String,
    /// Who builds.
    pub builder: Builder,
    /// Which files count as inputs.
    pub scope: Scope,
    /// Patterns of paths that are no inputs, in the order given.
    pub exclude: Vec<String>,
    /// Where entries are kept, absolute.
    pub cache_dir: PathBuf,
    /// The environment of the build.
    pub env: Environment,
    /// What is left of the cache when it is pruned; or what is wrong with the variables that say so, which is no reason
    /// not to build.
    pub limits: Result<Limits, String>,
}

impl TryFrom<Options> for Request {
    type Error = Error;

    fn try_from(options: Options) -> Result<Self> {
        let package = package_name(options.crate_name)?;
        let bin = options.bin.map(bin_name).transpose()?.unwrap_or_else(|| package.clone());
        let target = options.target.map(target_triple).transpose()?;
        let builder = builder(options.builder.as_deref(), target.as_deref())?;
        let scope = options.scope.as_deref().unwrap_or("tree");
        let unknown = || Error::option("scope", format!("{scope:?} is not `tree` or `crate`"));
        let scope = Scope::named(scope).ok_or_else(unknown)?;
        let mut features = options.features.into_iter().map(feature_name).collect::<Result<Vec<_>>>()?;
        features.sort();
        features.dedup();
        if let Some(pattern) = options.exclude.iter().find(|pattern| pattern.contains(['\0', '\n'])) {
            return Err(Error::option("exclude", format!("{pattern:?} holds a line break or a NUL character")));
        }
        for (name, value) in &options.env {
            let (bytes, value) = (name.as_encoded_bytes(), value.as_encoded_bytes());
            if bytes.is_empty() || bytes.iter().any(|byte| b"=\0".contains(byte)) || value.contains(&0) {
                return Err(Error::option("env", format!("the variable {name:?} cannot be given to a process")));
            }
        }
        let env = Environment::of_build(options.env);
        Ok(Self {
            package,
            bin,
            target,
            rebuild: options.rebuild,
            repo: absolute("repo", &options.repo)?,
            features,
            no_default_features: options.no_default_features,
            profile: profile_name(options.profile.unwrap_or_else(|| "release".into()))?,
            builder,
            scope,
            exclude: options.exclude,
            cache_dir: absolute("cacheDir", &options.cache_dir)?,
            limits: limits(options.max_size.as_deref(), options.max_age.as_deref(), &env)?,
            env,
        })
    }
}

fn limits(max_size: Option<&str>, max_age: Option<&str>, env: &Environment) -> Result<Result<Limits, String>> {
    Limits::chosen(max_size, max_age, &Environment::default())?;
    Ok(Limits::chosen(max_size, max_age, env).map_err(|error| error.to_string()))
}

impl Request {
    /// The file name of the binary in its entry: `<bin>[-<target>]`, with the suffix the target's system wants.
    #[must_use]
    pub fn binary_name(&self) -> String {
        let suffix = match &self.target {
            Some(target) if target.contains("windows") => ".exe",
            Some(target) if target.starts_with("wasm") => ".wasm",
            Some(_) => "",
            None => std::env::consts::EXE_SUFFIX,
        };
        match &self.target {
            Some(target) => format!("{}-{target}{suffix}", self.bin),
            None => format!("{}{suffix}", self.bin),
        }
    }

    /// The same request for `target` alone, whatever cargo's configuration names.
    #[must_use]
    pub fn building_for(&self, target: String) -> Self {
        Self { target: Some(target), ..self.clone() }
    }

    /// The same request with another target directory.
    #[must_use]
    pub fn building_in(&self, target_directory: &Path) -> Self {
        let mut other = self.clone();
        for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_BUILD_DIR"] {
            other.env.set(name, target_directory.as_os_str());
        }
        other
    }

    /// The same request for a cargo that is only asked: it installs no toolchain and fetches nothing.
    #[must_use]
    pub fn asking(&self) -> Self {
        let mut other = self.clone();
        for (name, value) in [("RUSTUP_AUTO_INSTALL", "0"), ("CARGO_NET_OFFLINE", "true")] {
            other.env.set(name, value.as_ref());
        }
        other
    }

    /// What counts of the request, by the name of the option; the rest says where things are, not what they are.
    #[must_use]
    pub fn inputs(&self) -> BTreeMap<String, String> {
        [
            ("crate", self.package.clone()),
            ("bin", self.bin.clone()),
            ("target", self.target.clone().unwrap_or_default()),
            ("profile", self.profile.clone()),
            ("features", self.features.join(",")),
            ("noDefaultFeatures", self.no_default_features.to_string()),
            ("builder", self.builder.subcommand().to_owned()),
            ("scope", self.scope.name().to_owned()),
            ("exclude", self.exclude.join("\n")),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

/// A path that a process can be in another directory for.
pub(crate) fn absolute(option: &'static str, path: &Path) -> Result<PathBuf> {
    let text = path.to_string_lossy();
    if text.is_empty() || text.contains('\0') {
        return Err(Error::option(option, format!("{text:?} is not a path")));
    }
    std::path::absolute(path).map_err(|error| Error::option(option, format!("`{text}`: {error}")))
}

fn builder(name: Option<&str>, target: Option<&str>) -> Result<Builder> {
    match (name, target) {
        (Some("zigbuild"), _) => Ok(Builder::Zigbuild),
        (Some("cargo"), Some(target)) if glibc_version(target).is_some() => Err(Error::option(
            "target",
            format!("{target:?} names a glibc version, which only `builder: 'zigbuild'` understands"),
        )),
        (Some("cargo"), _) | (None | Some("auto"), None) => Ok(Builder::Cargo),
        (None | Some("auto"), Some(target)) if is_foreign(target) || glibc_version(target).is_some() => {
            Ok(Builder::Zigbuild)
        }
        (None | Some("auto"), Some(_)) => Ok(Builder::Cargo),
        (Some(other), _) => Err(Error::option("builder", format!("{other:?} is not `auto`, `cargo` or `zigbuild`"))),
    }
}

/// Whether a target's operating system or architecture is not this machine's.
fn is_foreign(target: &str) -> bool {
    let architecture = target.split('-').next().unwrap_or_default();
    let architecture = match architecture {
        "i386" | "i586" | "i686" => "x86",
        "arm64" | "arm64e" => "aarch64",
        other if other.starts_with("armv") || other.starts_with("thumbv") => "arm",
        other if other.starts_with("riscv32") => "riscv32",
        other if other.starts_with("riscv64") => "riscv64",
        "powerpc64le" => "powerpc64",
        other => other,
    };
    let system = match std::env::consts::OS {
        "macos" => "apple-darwin",
        other => other,
    };
    architecture != std::env::consts::ARCH || !target.contains(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(change: impl FnOnce(&mut Options)) -> Result<Request> {
        let mut options = Options {
            crate_name: "openshell-server".into(),
            repo: "/checkout".into(),
            cache_dir: "/cache".into(),
            ..Options::default()
        };
        change(&mut options);
        Request::try_from(options)
    }

    fn refused(option: &str, change: impl FnOnce(&mut Options)) {
        match request(change) {
            Err(Error::InvalidOption { option: found, .. }) => assert_eq!(found, option),
            other => panic!("`{option}` must be refused, got {other:?}"),
        }
    }

    #[test]
    fn names_that_could_leave_the_cache_or_become_options_are_refused() {
        for bad in ["", "..", "../x", "a/b", "-p", "a\0b", "1a", "a b"] {
            refused("crate", |options| options.crate_name = bad.into());
        }
        for bad in ["", " ", "..", "../x", "a/b", "a\\b", "-p", "a\0b", ".hidden"] {
            refused("bin", |options| options.bin = Some(bad.into()));
        }
        for bad in ["", "..", "x/y-z", "-linux", "a-b\0", "a-..-b", "linux", "my-target.json"] {
            refused("target", |options| options.target = Some(bad.into()));
        }
        for bad in ["", "a,b", "-x", "a b", "/x", "a/b/c"] {
            refused("features", |options| options.features = vec![bad.into()]);
        }
        for bad in ["", "-x", "a/b", "a.b", "debug"] {
            refused("profile", |options| options.profile = Some(bad.into()));
        }
        refused("builder", |options| options.builder = Some("make".into()));
        refused("scope", |options| options.scope = Some("world".into()));
    }

    #[test]
    fn features_are_a_set() {
        let of = |names: &[&str]| {
            let names = names.iter().map(ToString::to_string).collect();
            request(|options| options.features = names).unwrap().inputs()
        };
        assert_eq!(of(&["b", "a", "b"]), of(&["a", "b"]));
        assert_ne!(of(&["a"]), of(&["a", "b"]));
    }

    #[test]
    fn zigbuild_is_chosen_for_what_the_host_cannot_link() {
        let builder = |target: &str| request(|options| options.target = Some(target.into())).unwrap().builder;
        let host = format!("{}-unknown-{}-gnu", std::env::consts::ARCH, std::env::consts::OS);
        if cfg!(target_os = "linux") {
            assert_eq!(builder(&host), Builder::Cargo);
            assert_eq!(builder(&format!("{host}.2.28")), Builder::Zigbuild);
        }
        assert_eq!(builder("s390x-unknown-linux-gnu"), Builder::Zigbuild);
        refused("target", |options| {
            options.builder = Some("cargo".into());
            options.target = Some("x86_64-unknown-linux-gnu.2.28".into());
        });
    }

    #[test]
    fn the_binary_is_named_after_bin_and_target() {
        let name = |bin: &str, target: Option<&str>| {
            request(|options| {
                options.bin = Some(bin.into());
                options.target = target.map(Into::into);
            })
            .unwrap()
            .binary_name()
        };
        assert_eq!(name("gw", Some("aarch64-unknown-linux-gnu")), "gw-aarch64-unknown-linux-gnu");
        assert_eq!(name("gw", Some("x86_64-pc-windows-msvc")), "gw-x86_64-pc-windows-msvc.exe");
        assert_eq!(name("gw", None), format!("gw{}", std::env::consts::EXE_SUFFIX));
    }
}
