//! Finds the programs that build, without running one.
//!
//! Promises: it finds the real cargo and rustc behind rustup's proxies by rustup's own rules, the linkers that flags and
//! configuration name, and, for a build with zig, zig and cargo-zigbuild. Each counts by path and stat identity. A
//! toolchain that is updated, linked elsewhere or rebuilt in place counts as another one, unless its bytes are the same:
//! see `recognition`. A program that chooses a toolchain by rules of its own, as those of mise and asdf do, is recognized
//! by being a script or by having no compiler library beside it. It is returned as [`Shims`], which the caller must ask.
//! Does not promise: to find the system's linker and C compiler. Variables and configuration that choose them do count.

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

/// Programs that choose a toolchain by rules of their own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shims {
    /// The program that cargo, started in the checkout, runs as rustc.
    pub rustc: PathBuf,
    /// True if cargo is a shim, too. Then the variables that it gives to rustc are unknown.
    pub cargo: bool,
    /// The rustup toolchain, if cargo is rustup's.
    pub toolchain: Option<String>,
}

/// The toolchain behind shims, as the shims told it.
#[derive(Clone, Debug)]
pub struct RealToolchain {
    /// The directory of the compiler's installation.
    pub sysroot: PathBuf,
    /// The cargo that really builds, if cargo is a shim.
    pub cargo: Option<PathBuf>,
}

/// Returns every program that takes part in the build of `request`, by role, `linkers` included, and the shims that must be
/// asked, if there are any.
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

/// The role of the first linker. The second one is `linker 2`.
const LINKER: &str = "linker";

/// Replaces the `shims` among `tools` by the programs `behind` them. Returns false, and changes nothing, if no compiler is
/// found there.
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

/// Returns the rustup toolchain that was chosen for `tools`, if it is not installed.
#[must_use]
pub fn missing_toolchain(tools: &BTreeMap<String, Tool>) -> Option<&str> {
    let installation = |tool: &Tool| Path::new(&tool.path).parent().and_then(Path::parent).map(Path::to_owned);
    let is_missing = |tool: &&Tool| installation(tool).is_some_and(|directory| !directory.is_dir());
    let of_rustup = tools.values().filter(|tool| tool.toolchain.is_some());
    of_rustup.filter(is_missing).find_map(|tool| tool.toolchain.as_deref())
}

/// Returns the program that `variables` name, or else the nearest configuration file under `build.key`. An empty value
/// means none.
fn chosen(env: &Environment, configs: &[CargoConfig], variables: &[&str], key: &str) -> Option<OsString> {
    if let Some(value) = variables.iter().find_map(|name| env.get(name)) {
        return Some(value.to_owned()).filter(|value| !value.is_empty());
    }
    configs.iter().find_map(|config| {
        let program = config.table.get("build")?.get(key)?.as_str()?;
        // cargo looks up a bare name on the PATH. Any other name starts from the base directory of the file.
        // https://doc.rust-lang.org/cargo/reference/config.html#executable-paths-with-arguments
        let is_bare = !program.contains(['/', '\\']);
        Some(if is_bare { program.into() } else { config.base.join(program).into_os_string() })
    })
}

/// Returns `program` itself, or, if it is a proxy of the rustup that chose `toolchain`, the program behind it.
fn real(search: ProgramSearch<'_>, program: &Path, toolchain: Option<&Toolchain>) -> Tool {
    match toolchain {
        Some(toolchain) if rustup::is_proxy(program, search.recorder) => {
            let name = program.file_name().unwrap_or(program.as_os_str());
            search.tool(&toolchain.directory.join("bin").join(name), Some(&toolchain.name))
        }
        _ => search.tool(program, None),
    }
}

/// Returns `librustc_driver`, which holds the compiler. `rustc` is a small program, which a rebuild of the compiler
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

/// Returns the files of the compiler's installation that take part in a compilation for `target`, by directory: its shared
/// libraries, and the standard library.
#[must_use]
pub fn compiler_libraries(rustc: &Path, target: &str) -> Vec<Vec<PathBuf>> {
    let Some(installation) = rustc.parent().and_then(Path::parent) else { return Vec::new() };
    let standard = Path::new("lib/rustlib").join(target).join("lib");
    let directories = LIBRARIES.iter().map(|name| installation.join(name)).chain([installation.join(standard)]);
    let files = directories.map(|directory| {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        files.sort_unstable();
        files
    });
    files.filter(|files| !files.is_empty()).collect()
}

/// Returns none unless cargo or rustc is a shim, and otherwise tells whether cargo is. An absent program is no shim:
/// running it could make a manager install it.
fn shims(search: ProgramSearch<'_>, tools: &BTreeMap<String, Tool>, has_driver: bool) -> Option<bool> {
    let (cargo, rustc) = (&tools["cargo"], &tools["rustc"]);
    let directory = |tool: &Tool| Path::new(&tool.path).parent().map(Path::to_owned);
    let is_shim = |tool: &Tool, has_driver: bool| tool.stat.is_some() && (!has_driver || is_script(&tool.path));
    let is_beside = directory(cargo) == directory(rustc);
    let cargo_is = is_shim(cargo, if is_beside { has_driver } else { compiler_library(search, &cargo.path).is_some() });
    (cargo_is || is_shim(rustc, has_driver)).then_some(cargo_is)
}

/// The directories in which an installation may keep the compiler's library. Some distributions use their own.
const LIBRARIES: &[&str] = if cfg!(windows) {
    &["bin"]
} else if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
    &["lib", "lib64", "lib/x86_64-linux-gnu"]
} else if cfg!(all(target_os = "linux", target_arch = "aarch64")) {
    &["lib", "lib64", "lib/aarch64-linux-gnu"]
} else {
    &["lib", "lib64"]
};

/// True if the file is a script, which may run any program.
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

/// Returns the zig of the PyPI package `ziglang` in the Python installation that `program` belongs to.
fn python_zig(program: &Path) -> Option<PathBuf> {
    let library = program.parent()?.parent()?.join("lib");
    let pythons = fs::read_dir(library).ok()?.flatten();
    pythons
        .map(|python| {
            python.path().join("site-packages").join("ziglang").join(format!("zig{}", std::env::consts::EXE_SUFFIX))
        })
        .find(|zig| zig.is_file())
}
