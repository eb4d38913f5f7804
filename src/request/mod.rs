//! Validates the options of a call.
//!
//! Promises: each name in a [`Request`] is one that cargo would accept. As part of a path, it cannot lead out of the cache
//! directory. As an argument, it cannot become an option. Validation does no I/O.
//! Does not promise: that the package, binary or target exists. Only the build can tell.

mod artifact;
mod builder;
mod cargo_arguments;
mod credentials;
mod environment;
pub mod limits;
pub(crate) mod names;
mod options;
mod remote;
mod template;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use artifact::Kind;
pub use builder::Builder;
pub(crate) use builder::HOST_TUPLE;
pub use cargo_arguments::CargoArguments;
pub use environment::Environment;
pub(crate) use environment::SAID_OF_EVERY_PACKAGE;
pub use options::Options;
pub use remote::{Publish, Remote, RemoteMode, RemoteOptions};
pub use template::Template;

use crate::error::{Error, Result};
use artifact::without_suffix;
use limits::Limits;
use names::{bin_name, feature_name, glibc_version, package_name, profile_name, target_triple};

/// The variable that says if builds are observed, where the option does not.
pub const SWITCH: &str = "DEV_BIN_OBSERVE";

/// The files that count as inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All files of the checkout that git would track.
    Tree,
    /// The files that an earlier build of the crate was seen to read.
    Crate,
}

impl Scope {
    /// Returns the scope of that name.
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

/// A request whose every part is valid.
#[derive(Clone, Debug)]
pub struct Request {
    /// The cargo package.
    pub package: String,
    /// The name of the target.
    pub bin: String,
    /// The kind of the target.
    pub kind: Kind,
    /// Other binaries of the package, which are put beside the first, sorted and without duplicates.
    pub with: Vec<String>,
    /// The Rust target triple, if one was named.
    pub target: Option<String>,
    /// True to run cargo even if an entry exists.
    pub rebuild: bool,
    /// False to fail where cargo would have to run.
    pub may_build: bool,
    /// The root of the checkout, absolute.
    pub repo: PathBuf,
    /// Features, sorted and without duplicates: cargo takes them as a set.
    pub features: Vec<String>,
    /// True to leave the package's default features out.
    pub no_default_features: bool,
    /// The cargo profile.
    pub profile: String,
    /// The program that builds.
    pub builder: Builder,
    /// The files that count as inputs.
    pub scope: Scope,
    /// Patterns of paths that are no inputs, in the given order.
    pub exclude: Vec<String>,
    /// True if builds are observed where the system allows it. This changes how much is known of a build, and never its
    /// result.
    pub observe: bool,
    /// The directory of the cache, absolute.
    pub cache_dir: PathBuf,
    /// The path of a copy.
    pub out: Option<Template>,
    /// Further arguments for cargo.
    pub cargo: CargoArguments,
    /// The environment of the build.
    pub env: Environment,
    /// The team's store, if there is one.
    pub remote: Option<Remote>,
    /// How much lower than this process's the priority of builds is, 0 to 19.
    pub nice: u32,
    /// The limits for pruning, or the problem with the variables that set them. That problem does not prevent a build.
    pub limits: Result<Limits, String>,
}

impl TryFrom<Options> for Request {
    type Error = Error;

    fn try_from(options: Options) -> Result<Self> {
        let package = options.crate_name.ok_or_else(|| Error::option("crate", "it is required"))?;
        let package = package_name(package)?;
        let kind = options.kind.as_deref().map(Kind::named).transpose()?.unwrap_or_default();
        let target = options.target.map(target_triple).transpose()?;
        let bin = options.bin.map(|name| bin_name("bin", without_suffix(name, target.as_deref()))).transpose()?;
        let bin = bin.unwrap_or_else(|| package.clone());
        let with = siblings(options.with, &bin, kind)?;
        if let Some(name) =
            options.out.as_ref().and_then(|out| with.iter().find(|name| out.file_name() == Some(name.as_ref())))
        {
            let problem = format!("its name is that of the other binary `{name}`, which is put beside it");
            return Err(Error::option("out", problem));
        }
        let builder = Builder::chosen(options.builder.as_deref(), target.as_deref())?;
        let scope = options.scope.as_deref().unwrap_or("crate");
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
        let cargo = CargoArguments::of(options.cargo_args)?;
        let caller = Environment::of_build(options.env).configured(&cargo.configuration);
        let remote = options.remote.map(|remote| Remote::of(remote, &caller)).transpose()?;
        let env = if remote.is_some() { caller.without_credentials() } else { caller };
        Ok(Self {
            package,
            bin,
            kind,
            with,
            target,
            rebuild: options.rebuild,
            may_build: options.build.unwrap_or(true),
            out: options.out.map(|path| Template::of(&path, &options.working_directory)).transpose()?,
            repo: absolute("repo", &options.repo)?,
            features,
            no_default_features: options.no_default_features,
            profile: profile_name(options.profile.unwrap_or_else(|| "release".into()))?,
            builder,
            scope,
            exclude: options.exclude,
            observe: observe(options.observe.as_deref(), &env)?,
            cache_dir: absolute("cacheDir", &options.cache_dir)?,
            cargo,
            remote,
            nice: options.nice,
            limits: limits(options.max_size.as_deref(), options.max_age.as_deref(), &env)?,
            env,
        })
    }
}

fn observe(option: Option<&str>, env: &Environment) -> Result<bool> {
    let variable = env.get(SWITCH).filter(|value| !value.is_empty()).map(|value| value.to_string_lossy().into_owned());
    match option.or(variable.as_deref()) {
        None | Some("auto") => Ok(true),
        Some("off") => Ok(false),
        Some(other) if option.is_some() => Err(Error::option("observe", format!("{other:?} is not `auto` or `off`"))),
        Some(other) => Err(Error::option("observe", format!("{SWITCH} is {other:?}, and not `auto` or `off`"))),
    }
}

/// Checks the names of binaries that lie beside `bin`.
fn siblings(names: Vec<String>, bin: &str, kind: Kind) -> Result<Vec<String>> {
    if !names.is_empty() && kind != Kind::Bin {
        return Err(Error::option("with", format!("other binaries lie beside a binary, not beside a {}", kind.name())));
    }
    let mut names = names.into_iter().map(|name| bin_name("with", name)).collect::<Result<Vec<_>>>()?;
    names.retain(|name| name != bin);
    names.sort();
    names.dedup();
    Ok(names)
}

fn limits(max_size: Option<&str>, max_age: Option<&str>, env: &Environment) -> Result<Result<Limits, String>> {
    Limits::chosen(max_size, max_age, &Environment::default())?;
    Ok(Limits::chosen(max_size, max_age, env).map_err(|error| error.to_string()))
}

impl Request {
    /// Returns the file name of the binary in its entry: `<bin>[-<target>]`, with the parts that the target's system adds
    /// before and after it.
    #[must_use]
    pub fn binary_name(&self) -> String {
        self.kind.file_name(&self.bin, self.target.as_deref())
    }

    /// Returns the file name in the entry of `bin`, one of the binaries in `with`. It has no target in it, since the first
    /// binary looks for it by this name.
    #[must_use]
    pub fn sibling_name(&self, bin: &str) -> String {
        let name = Kind::Bin.file_name(bin, self.target.as_deref());
        let of_target = self.target.as_ref().map(|target| format!("{bin}-{target}"));
        of_target.and_then(|prefix| Some(format!("{bin}{}", name.strip_prefix(&prefix)?))).unwrap_or(name)
    }

    /// Returns patterns of paths that are no inputs: the given ones, and one for the copies at `out`.
    #[must_use]
    pub fn excluded(&self) -> Vec<String> {
        let own = self.out.as_ref().and_then(|out| out.pattern(&self.repo));
        self.exclude.iter().cloned().chain(own).collect()
    }

    /// Returns the triple of the named target, without the glibc version, which only zigbuild understands.
    #[must_use]
    pub fn triple(&self) -> Option<&str> {
        self.target.as_deref().map(|target| match glibc_version(target) {
            Some(version) => &target[..target.len() - version.len() - 1],
            None => target,
        })
    }

    /// Returns the names of all requested binaries, the first one first.
    pub fn bins(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.bin).chain(&self.with).map(String::as_str)
    }

    /// Returns the same request for `target` alone, whatever targets cargo's configuration names.
    #[must_use]
    pub fn building_for(&self, target: String) -> Self {
        Self { target: Some(target), ..self.clone() }
    }

    /// Returns the same request with another target directory.
    #[must_use]
    pub fn building_in(&self, target_directory: &Path) -> Self {
        let mut other = self.clone();
        for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_BUILD_DIR"] {
            other.env.set(name, target_directory.as_os_str());
        }
        other
    }

    /// Returns the same request for a cargo that is only asked: it installs no toolchain and fetches nothing.
    #[must_use]
    pub fn asking(&self) -> Self {
        let mut other = self.clone();
        for (name, value) in [("RUSTUP_AUTO_INSTALL", "0"), ("CARGO_NET_OFFLINE", "true")] {
            other.env.set(name, value.as_ref());
        }
        other
    }

    /// Returns the options that are inputs, by name. The other options say where things are, and not what they are.
    #[must_use]
    pub fn inputs(&self) -> BTreeMap<String, String> {
        [
            ("crate", self.package.clone()),
            ("bin", self.bin.clone()),
            ("kind", self.kind.name().to_owned()),
            ("with", self.with.join(",")),
            ("cargoArgs", self.cargo.counting.join(" ")),
            ("target", self.target.clone().unwrap_or_default()),
            ("profile", self.profile.clone()),
            ("features", self.features.join(",")),
            ("noDefaultFeatures", self.no_default_features.to_string()),
            ("builder", self.builder.subcommand().to_owned()),
            ("scope", self.scope.name().to_owned()),
            ("exclude", self.exclude.join("\n")),
        ]
        .into_iter()
        // Less is known of a build that was not observed, so that its binary is none for a call that wants builds observed.
        .chain((!self.observe).then(|| ("observe", "off".to_owned())))
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

/// Makes a path absolute, so that it stays valid when the working directory changes.
pub(crate) fn absolute(option: &'static str, path: &Path) -> Result<PathBuf> {
    let text = path.to_string_lossy();
    if text.is_empty() || text.contains('\0') {
        return Err(Error::option(option, format!("{text:?} is not a path")));
    }
    std::path::absolute(path).map_err(|error| Error::option(option, format!("`{text}`: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(change: impl FnOnce(&mut Options)) -> Result<Request> {
        let mut options = Options {
            crate_name: Some("openshell-server".into()),
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
            refused("crate", |options| options.crate_name = Some(bad.into()));
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
        refused("kind", |options| options.kind = Some("dylib".into()));
        refused("with", |options| options.with = vec!["../x".into()]);
        refused("with", |options| {
            options.kind = Some("cdylib".into());
            options.with = vec!["other".into()];
        });
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
    fn a_target_may_be_written_as_its_file_is_called_on_windows() {
        let bin = |target: &str| {
            let named = request(|options| {
                options.bin = Some("gateway.exe".into());
                options.target = Some(target.into());
            });
            named.unwrap().bin
        };
        assert_eq!(bin("x86_64-pc-windows-msvc"), "gateway");
        assert_eq!(bin("x86_64-unknown-linux-gnu"), "gateway.exe");
    }

    #[test]
    fn siblings_have_the_names_that_they_are_looked_for_by() {
        let request = request(|options| {
            options.target = Some("x86_64-pc-windows-msvc".into());
            options.with = ["b", "a", "b", "openshell-server"].map(Into::into).into();
        })
        .unwrap();
        assert_eq!(request.with, ["a", "b"]);
        assert_eq!(request.sibling_name("a"), "a.exe");
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
