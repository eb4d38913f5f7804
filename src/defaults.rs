//! Chooses the package and the target where a call leaves them out.
//!
//! Promises: the choice is that of `cargo run` in the directory of the workspace: its default members, and the only binary
//! among them, or the one that `default-run` names. If the package has several binaries and no `default-run`, the binary
//! called like the package is chosen. A package that has no binary and whose library is a `cdylib` means that library. If
//! nothing can be chosen, the error lists the candidates.
//! Does not promise: that the chosen target can be built.

use crate::afterwards::Afterwards;
use crate::error::nearest::offered;
use crate::error::{Error, Result, listed};
use crate::inputs::{self, Asked, Library, Targets};
use crate::request::{self, Kind, Options};
use crate::store::Store;

/// The number of names that a message lists. A user would not read more.
const MOST_NAMES: usize = 20;

/// Returns `options` with package, kind and target filled in, as far as they follow from the manifests of the workspace.
/// Reads the manifests only if something is left out, and saves what it learned of them `afterwards`.
///
/// # Errors
///
/// [`Error::InvalidOption`] if there are several candidates, or none; [`Error::NotACheckout`] without a workspace;
/// [`Error::InputUnreadable`] for a broken manifest; [`Error::CacheUnusable`].
pub fn fill_in(mut options: Options, afterwards: &Afterwards) -> Result<Options> {
    let kind = options.kind.as_deref().map(Kind::named).transpose()?;
    let is_library = kind.is_some_and(Kind::is_library);
    if is_library && options.bin.is_some() {
        return Err(Error::option("bin", "a package has one library, which is asked for by no name"));
    }
    if options.crate_name.is_some() && options.bin.is_some() {
        return Ok(options);
    }
    if options.crate_name.is_none() {
        inputs::checkout_root(&options.repo)?;
    } else if !options.repo.join("Cargo.toml").is_file() {
        // The call itself reports the missing workspace, after it has checked the other options.
        return Ok(options);
    }
    let store = Store::open(&request::absolute("cacheDir", &options.cache_dir)?)?;
    let packages = |asked: Asked<'_>| {
        let (found, unsaved) = inputs::packages(&options.repo, asked, &store.stat_caches());
        if let Some(unsaved) = unsaved {
            let store = store.clone();
            afterwards.add(move || {
                store.prepare_stat_caches();
                unsaved.save();
            });
        }
        found
    };
    let Some(name) = &options.crate_name else {
        let candidates = packages(Asked::Default);
        let package = only_package(&candidates, kind, options.bin.as_deref()).map_err(|error| {
            match inputs::broken_manifest(&options.repo) {
                Some((path, problem)) => Error::unreadable(path, std::io::Error::other(problem)),
                None => error,
            }
        })?;
        options.crate_name = Some(package.package.clone());
        return target(options, kind, package);
    };
    match packages(Asked::Named(name)).pop() {
        Some(package) => target(options, kind, &package),
        // cargo reports a package that does not exist.
        None => Ok(options),
    }
}

/// Returns the only package of `candidates` that has the requested target, or the only one with a `default-run`.
fn only_package<'p>(candidates: &'p [Targets], kind: Option<Kind>, name: Option<&str>) -> Result<&'p Targets> {
    let has = |package: &&Targets| match name {
        Some(name) => names_of(package, kind.unwrap_or_default()).contains(&name),
        None => !names_of(package, kind.unwrap_or_default()).is_empty(),
    };
    let mut fitting: Vec<&Targets> = candidates.iter().filter(has).collect();
    if fitting.is_empty() && kind.is_none() && name.is_none() {
        fitting = candidates.iter().filter(|package| is_addon(package)).collect();
    }
    let runs = || fitting.iter().filter(|package| package.default_run.is_some()).copied();
    match (fitting.as_slice(), runs().count()) {
        ([only], _) => Ok(only),
        (_, 1) if name.is_none() && kind.unwrap_or_default() == Kind::Bin => {
            Ok(runs().next().expect("one was counted"))
        }
        ([], _) => {
            let all = candidates.iter().flat_map(|package| names_of(package, kind.unwrap_or_default()));
            let all: Vec<String> = all.map(str::to_owned).collect();
            let what = target_word(kind.unwrap_or_default());
            let problem = match (name, all.as_slice()) {
                (Some(name), [_, ..]) => {
                    let there_are = offered(&all, name, "there are");
                    format!("it is left out, and no default package has the {what} `{name}`; {there_are}")
                }
                _ if candidates.is_empty() => {
                    "it is left out, and the manifests name no package; `cargo metadata` says what is wrong with them"
                        .to_owned()
                }
                _ => {
                    let packages: Vec<String> = candidates.iter().map(|package| package.package.clone()).collect();
                    let packages = listed(&packages, MOST_NAMES);
                    format!("it is left out, and no default package has a {what}; default packages: {packages}")
                }
            };
            Err(Error::option("crate", problem))
        }
        _ => {
            let described = |package: &&Targets| {
                let names = names_of(package, kind.unwrap_or_default());
                if names == [package.package.as_str()] {
                    package.package.clone()
                } else {
                    format!("{} ({})", package.package, names.join(", "))
                }
            };
            let packages: Vec<String> = fitting.iter().map(described).collect();
            let packages = listed(&packages, MOST_NAMES);
            Err(Error::option(
                "crate",
                format!("it is left out, and there are several packages to choose from: {packages}"),
            ))
        }
    }
}

/// Returns the words for a target of `kind`.
fn target_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Bin => "binary",
        Kind::Example => "target of the kind `example`",
        Kind::Cdylib | Kind::Staticlib => "library",
    }
}

/// Returns `options` with the target of `package` filled in.
fn target(mut options: Options, kind: Option<Kind>, package: &Targets) -> Result<Options> {
    let kind = match kind {
        Some(kind) => kind,
        None if options.bin.is_none() && is_addon(package) => {
            options.kind = Some(Kind::Cdylib.name().to_owned());
            Kind::Cdylib
        }
        None => Kind::Bin,
    };
    if options.bin.is_some() {
        return Ok(options);
    }
    let names = names_of(package, kind);
    let is_default = |name: &&&str| Some(**name) == package.default_run.as_deref();
    let chosen = match names.as_slice() {
        [only] => Some(*only),
        several if kind == Kind::Bin => {
            several.iter().find(is_default).or_else(|| several.iter().find(|name| **name == package.package)).copied()
        }
        _ => None,
    };
    let name = &package.package;
    options.bin = match (chosen, names.as_slice()) {
        (Some(chosen), _) => Some(chosen.to_owned()),
        (None, []) if kind.is_library() => {
            return Err(Error::option("kind", format!("package `{name}` has no library")));
        }
        (None, []) if kind == Kind::Example => {
            return Err(Error::option("kind", format!("package `{name}` has no example")));
        }
        // cargo reports that the package has no binary, and which packages have one.
        (None, []) => None,
        (None, several) => {
            let names: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
            let what = if kind == Kind::Example { "examples" } else { "binaries, and no `default-run`" };
            let problem = format!("package `{name}` has several {what}: {}", listed(&names, MOST_NAMES));
            return Err(Error::option("bin", problem));
        }
    };
    Ok(options)
}

/// Returns the names of the targets of `package` of one kind. cargo itself checks whether it makes a library in the
/// requested form.
fn names_of(package: &Targets, kind: Kind) -> Vec<&str> {
    match kind {
        Kind::Bin => package.bins.iter().map(String::as_str).collect(),
        Kind::Example => package.examples.iter().map(String::as_str).collect(),
        Kind::Cdylib | Kind::Staticlib => package.library.iter().map(|library| library.name.as_str()).collect(),
    }
}

/// True if a package has no binary, and a library that other programs load.
fn is_addon(package: &Targets) -> bool {
    let is_cdylib = |library: &Library| library.crate_types.iter().any(|it| it == Kind::Cdylib.name());
    package.bins.is_empty() && package.library.as_ref().is_some_and(is_cdylib)
}
