//! Finds the inputs of a build outside its checkout: programs, cargo's configuration, and files that flags and
//! configuration name.
//!
//! Promises: it spawns nothing. A toolchain that only a program can tell is returned as [`Shims`], to be asked. A later
//! look checks each file of the last one with one `stat`, and starts again if any differs.
//! Does not promise: to remember the look for a build with zig, which is looked for in more places than can be watched.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::cargo_config;
use super::cargo_config::TARGET_DIRECTORY;
use super::flags;
use super::named::{self, Named};
use super::recognition;
use super::toolchain::{self, Shims};
use crate::error::Result;
use crate::fs::identity::StatIdentity;
use crate::inputs::remember::dependency::Recorder;
use crate::inputs::remember::recall::{Answers, recall};
use crate::inputs::remember::stat_cache::{StatCache, Unsaved};
use crate::model::fingerprint::Digest;
use crate::model::inventory::{NamedFile, Tool};
use crate::model::maps::map_of;
use crate::request::{Builder, Environment, Request};

/// The variables that say where programs and configuration are. `PATH` is left out, since programs are looked up each time.
/// A look is given no other variables, so none can be missing here.
const VARIABLES: [&str; 11] = [
    "HOME",
    "USERPROFILE",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTC",
    "CARGO_BUILD_RUSTC",
    "RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
];

/// Programs by role, digests of cargo's configuration files by path, and the files that these and flags name.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ToolsAndConfig {
    pub(crate) tools: BTreeMap<String, Tool>,
    pub(crate) configs: BTreeMap<String, Digest>,
    pub(crate) named: Vec<NamedFile>,
    /// The outcomes of flags that remap paths, for the checkout's path; empty if no flag changes it.
    pub(crate) remapped: Vec<String>,
    /// The programs among `tools` that must be asked for the toolchain.
    pub(crate) shims: Option<Shims>,
}

/// The answer as it is remembered.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    found: ToolsAndConfig,
    /// The identities of the named files, which an inventory leaves out of its JSON.
    stats: Vec<StatIdentity>,
}

/// The answers of this process. The room is for more environments and checkouts than one process has.
static KNOWN: Answers<Kept> = Answers::new(32);

/// Returns the surroundings of `request` in the checkout at `root`, as they are now. The last look is taken from
/// `stat_caches`.
pub(crate) fn tools_and_config(
    request: &Request,
    root: &Path,
    stat_caches: &Path,
) -> Result<(ToolsAndConfig, Vec<Unsaved>)> {
    if request.builder == Builder::Zigbuild {
        let mut surroundings = found(request, root, &request.env, &Recorder::default())?;
        let unsaved = recognition::recognize(&mut surroundings.tools, stat_caches);
        return Ok((surroundings, unsaved));
    }
    let mut variables = [&VARIABLES[..], &TARGET_DIRECTORY].concat();
    variables.extend(request.env.iter().filter_map(|(name, _)| name.to_str()).filter(|name| flags::is_read(name)));
    let key = key(root, &request.env.only(&variables), &request.excluded());
    let env = request.env.only(&[&variables[..], &["PATH"]].concat());
    let cache = StatCache::new(root, key, stat_caches);
    let mut unsaved = Vec::new();
    let find = |recorder: &Recorder| {
        let mut found = found(request, root, &env, recorder)?;
        unsaved = recognition::recognize(&mut found.tools, stat_caches);
        let stats = found.named.iter().map(|named| named.file.stat).collect();
        Ok(Kept { found, stats })
    };
    let (kept, to_save) = recall(&KNOWN, cache, (&env, root), find)?;
    unsaved.extend(to_save);
    Ok((kept.whole(), unsaved))
}

impl Kept {
    /// Puts the identities back that the JSON leaves out.
    fn whole(mut self) -> ToolsAndConfig {
        for (named, stat) in self.found.named.iter_mut().zip(&self.stats) {
            named.file.stat = *stat;
        }
        self.found
    }
}

fn found(request: &Request, root: &Path, env: &Environment, recorder: &Recorder) -> Result<ToolsAndConfig> {
    let configs = cargo_config::cargo_configs(root, env, recorder)?;
    let Named { files, linkers, remapped } = named::named(&configs, env, &request.excluded(), root, recorder)?;
    let (tools, shims) = toolchain::tools(request, root, env, &configs, &linkers, recorder)?;
    let in_files = configs.into_iter().filter(|config| config.name != cargo_config::COMMAND_LINE);
    let configs = map_of(in_files.filter_map(|config| Some((config.name, config.digest?))));
    Ok(ToolsAndConfig { tools, configs, named: files, remapped, shims })
}

fn key(root: &Path, env: &Environment, exclude: &[String]) -> Digest {
    let bytes = |(name, value): (&'_ OsStr, &'_ OsStr)| [name, value].map(|it| it.as_encoded_bytes().to_vec());
    let variables: Vec<_> = env.iter().map(bytes).collect();
    // Variables are not their only source.
    let homes =
        [env.home(), env.cargo_home()].map(|home| home.map(|home| home.as_os_str().as_encoded_bytes().to_vec()));
    let key = ("surroundings", root.as_os_str().as_encoded_bytes(), variables, homes, exclude, env.configuration());
    Digest::of(serde_json::to_vec(&key).expect("bytes and text always become JSON"))
}
