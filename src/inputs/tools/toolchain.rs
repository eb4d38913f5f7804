//! Which programs build, found without running one.
//!
//! Promises: the real cargo and rustc behind rustup's proxies, chosen by rustup's own rules, linkers that flags and the
//! configuration name, and, when zig builds, zig and cargo-zigbuild, each by path and `stat`. A toolchain that is
//! updated, linked elsewhere or rebuilt in place is another one; one that has the same bytes is not, see `recognition`. Programs that choose a toolchain by rules of their own, as those
//! of mise and asdf do, and scripts, are known for that by having no compiler beside them: what is behind these
//! [`Shims`], they must be asked.
//! Does not promise: the system's linker and C compiler. Variables and configuration that choose them do count.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cargo_config::CargoConfig;
use super::program_search::ProgramSearch;
use super::rustup::{self, Rustup, Toolchain};
use crate::error::{Error, Result};
use crate::fs::files;
use crate::inputs::remember::dependency::Recorder;
use crate::model::inventory::Tool;
use crate::request::{Builder, Environment, Request};

/// Programs that choose a toolchain by rules that are not known.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shims {
    /// What a cargo in the checkout runs as rustc.
    pub rustc: PathBuf,
    /// True if cargo is one, so that what it gives to rustc is not known either.
    pub cargo: bool,
    /// The rustup toolchain of a cargo that is none.
    pub toolchain: Option<String>,
}

/// What programs that were asked say of the toolchain behind them.
#[derive(Clone, Debug)]
pub struct RealToolchain {
    /// The directory of the compiler.
    pub sysroot: PathBuf,
    /// The cargo that really builds, where cargo is a shim.
    pub cargo: Option<PathBuf>,
}

/// Every program that takes part in the build of `request`, by role, `linkers` among them; and what must be asked for
/// those that are behind others.
pub(crate) fn tools(
    request: &Request,
    root: &Path,
    env: &Environment,
    configs: &[CargoConfig],
    linkers: &[PathBuf],
    recorder: &Recorder,
) -> Result<(BTreeMap<String, Tool>, Option<Shims>)> {
    let search = ProgramSearch { env, root, recorder };
    let mut tools = BTreeMap::new();
    let cargo = search.find("cargo").ok_or_else(|| Error::ToolNotFound {
        what: "cargo is not on the PATH".into(),
        hint: "install Rust from https://rustup.rs, or put cargo's directory on the PATH".into(),
    })?;
    let rustup = Rustup::behind(&cargo, search);
    let toolchain = rustup.as_ref().map(Rustup::toolchain);
    tools.insert("cargo".to_owned(), real(search, &cargo, toolchain.as_ref()));

    let rustc = chosen(env, configs, &["RUSTC", "CARGO_BUILD_RUSTC"], "rustc");
    let rustc = rustc.map_or_else(|| PathBuf::from("rustc"), PathBuf::from);
    let located = search.located(&rustc);
    tools.insert("rustc".to_owned(), real(search, &located, toolchain.as_ref()));
    let driver = compiler_library(search, &tools["rustc"].path);
    let shims = shims(search, &tools, driver.is_some()).map(|cargo| Shims {
        rustc: if cargo { rustc } else { located },
        cargo,
        toolchain: toolchain.map(Toolchain::into_name),
    });
    if let Some(driver) = driver {
        tools.insert("rustc driver".to_owned(), driver);
    }
    for (role, variables, key) in [
        ("rustc wrapper", ["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"], "rustc-wrapper"),
        (
            "workspace wrapper",
            ["RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER"],
            "rustc-workspace-wrapper",
        ),
    ] {
        if let Some(wrapper) = chosen(env, configs, &variables, key) {
            tools.insert(role.to_owned(), search.tool(&search.located(Path::new(&wrapper)), None));
        }
    }
    for linker in linkers {
        let found = search.tool(&search.located(linker), None);
        let count = tools.keys().filter(|role| role.starts_with(LINKER)).count();
        let role = if count == 0 { LINKER.to_owned() } else { format!("{LINKER} {}", count + 1) };
        if !tools.iter().any(|(role, known)| role.starts_with(LINKER) && known.path == found.path) {
            tools.insert(role, found);
        }
    }
    if request.builder == Builder::Zigbuild {
        zig(request, search, &mut tools)?;
    }
    Ok((tools, shims))
}

/// The role of a linker; a second one is `linker 2`.
const LINKER: &str = "linker";

/// Puts what is `behind` the `shims` among `tools` in their place. Whether the compiler is known then; otherwise nothing is
/// changed.
pub(crate) fn replace_shims(
    tools: &mut BTreeMap<String, Tool>,
    shims: &Shims,
    behind: &RealToolchain,
    env: &Environment,
    root: &Path,
) -> bool {
    let search = ProgramSearch { env, root, recorder: &Recorder::default() };
    let program = |name: &str| behind.sysroot.join("bin").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let rustc = search.tool(&program("rustc"), None);
    let Some(driver) = compiler_library(search, &rustc.path).filter(|_| rustc.stat.is_some()) else { return false };
    let cargo = shims.cargo.then(|| search.tool(&behind.cargo.clone().unwrap_or_else(|| program("cargo")), None));
    tools.insert("rustc driver".to_owned(), driver);
    for (role, tool) in [("rustc", Some(rustc)), ("cargo", cargo)] {
        let Some(tool) = tool else { continue };
        let path = tool.path.clone();
        if let Some(shim) = tools.insert(role.to_owned(), tool).filter(|shim| shim.path != path) {
            tools.insert(format!("{role} shim"), shim);
        }
    }
    true
}

/// The rustup toolchain that was chosen for `tools`, if it is not installed.
#[must_use]
pub fn missing_toolchain(tools: &BTreeMap<String, Tool>) -> Option<&str> {
    let installation = |tool: &Tool| Path::new(&tool.path).parent().and_then(Path::parent).map(Path::to_owned);
    let is_missing = |tool: &&Tool| installation(tool).is_some_and(|directory| !directory.is_dir());
    let of_rustup = tools.values().filter(|tool| tool.toolchain.is_some());
    of_rustup.filter(is_missing).find_map(|tool| tool.toolchain.as_deref())
}

/// A variable overrides the configuration; in the configuration, the nearest file does. An empty value means none.
fn chosen(env: &Environment, configs: &[CargoConfig], variables: &[&str], key: &str) -> Option<OsString> {
    if let Some(value) = variables.iter().find_map(|name| env.get(name)) {
        return Some(value.to_owned()).filter(|value| !value.is_empty());
    }
    configs.iter().find_map(|config| {
        let program = config.table.get("build")?.get(key)?.as_str()?;
        // A bare name is looked up on the PATH, anything else starts from the file's base directory.
        // https://doc.rust-lang.org/cargo/reference/config.html#executable-paths-with-arguments
        let is_bare = !program.contains(['/', '\\']);
        Some(if is_bare { program.into() } else { config.base.join(program).into_os_string() })
    })
}

/// `program` itself, or what stands behind it when it is a proxy of the rustup that chose `toolchain`.
fn real(search: ProgramSearch<'_>, program: &Path, toolchain: Option<&Toolchain>) -> Tool {
    match toolchain {
        Some(toolchain) if rustup::is_proxy(program, search.recorder) => {
            let name = program.file_name().unwrap_or(program.as_os_str());
            search.tool(&toolchain.directory.join("bin").join(name), Some(&toolchain.name))
        }
        _ => search.tool(program, None),
    }
}

/// `librustc_driver`, which holds the compiler: `rustc` itself is a small program that a rebuild of the compiler
/// leaves as it was.
fn compiler_library(search: ProgramSearch<'_>, rustc: &str) -> Option<Tool> {
    let installation = Path::new(rustc).parent()?.parent()?;
    let driver = LIBRARIES.iter().find_map(|name| {
        let directory = installation.join(name);
        search.recorder.at(&directory);
        let mut drivers: Vec<PathBuf> = fs::read_dir(directory)
            .ok()?
            .flatten()
            .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.contains("rustc_driver-")))
            .map(|entry| entry.path())
            .collect();
        drivers.sort();
        drivers.into_iter().next()
    });
    driver.map(|driver| search.tool(&driver, None))
}

/// Tells for a toolchain behind shims whether cargo is one. A program that is missing is none: to ask it
/// could be to install it.
fn shims(search: ProgramSearch<'_>, tools: &BTreeMap<String, Tool>, has_driver: bool) -> Option<bool> {
    let (cargo, rustc) = (&tools["cargo"], &tools["rustc"]);
    let directory = |tool: &Tool| Path::new(&tool.path).parent().map(Path::to_owned);
    let is_shim = |tool: &Tool, has_driver: bool| tool.stat.is_some() && (!has_driver || is_script(&tool.path));
    let is_beside = directory(cargo) == directory(rustc);
    let cargo_is = is_shim(cargo, if is_beside { has_driver } else { compiler_library(search, &cargo.path).is_some() });
    (cargo_is || is_shim(rustc, has_driver)).then_some(cargo_is)
}

/// Where an installation keeps the compiler's library; distributions have ideas of their own.
const LIBRARIES: &[&str] = if cfg!(windows) {
    &["bin"]
} else if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
    &["lib", "lib64", "lib/x86_64-linux-gnu"]
} else if cfg!(all(target_os = "linux", target_arch = "aarch64")) {
    &["lib", "lib64", "lib/aarch64-linux-gnu"]
} else {
    &["lib", "lib64"]
};

/// True if a program is a script, which may run anything.
fn is_script(path: &str) -> bool {
    let mut start = [0; 2];
    let read = files::open(Path::new(path)).and_then(|(mut file, _)| file.read_exact(&mut start));
    read.is_ok() && start == *b"#!"
}

fn zig(request: &Request, search: ProgramSearch<'_>, tools: &mut BTreeMap<String, Tool>) -> Result<()> {
    let env = search.env;
    let in_cargo_home = || {
        let name = format!("cargo-zigbuild{}", std::env::consts::EXE_SUFFIX);
        env.cargo_home().map(|home| home.join("bin").join(name)).filter(|path| path.is_file())
    };
    let zigbuild = search.find("cargo-zigbuild").or_else(in_cargo_home).ok_or_else(|| Error::ToolNotFound {
        what: format!(
            "cargo-zigbuild is not on the PATH; building `{}`{} needs it",
            request.package,
            request.target.as_ref().map(|target| format!(" for {target}")).unwrap_or_default(),
        ),
        hint: "install it and zig with `pip install cargo-zigbuild ziglang`, or `cargo install cargo-zigbuild` and zig from https://ziglang.org".into(),
    })?;
    tools.insert("cargo-zigbuild".to_owned(), search.tool(&zigbuild, None));

    let python = env.word("CARGO_ZIGBUILD_PYTHON_PATH").unwrap_or("python3");
    let zig = env.word("CARGO_ZIGBUILD_ZIG_PATH").unwrap_or("zig");
    let beside = [Some(zigbuild), search.find(python)].into_iter().flatten().filter_map(|it| python_zig(&it));
    for (index, path) in search.find(zig).into_iter().chain(beside).enumerate() {
        let found = search.tool(&path, None);
        if !tools.values().any(|known| known.path == found.path) {
            tools.insert(format!("zig {index}"), found);
        }
    }
    Ok(())
}

/// The zig that the PyPI package `ziglang` brings, found from a program of the same Python installation.
fn python_zig(program: &Path) -> Option<PathBuf> {
    let library = program.parent()?.parent()?.join("lib");
    let pythons = fs::read_dir(library).ok()?.flatten();
    pythons
        .map(|python| {
            python.path().join("site-packages").join("ziglang").join(format!("zig{}", std::env::consts::EXE_SUFFIX))
        })
        .find(|zig| zig.is_file())
}
