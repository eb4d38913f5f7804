//! What a build depends on besides its checkout: programs and cargo's configuration.
//!
//! Promises: nothing is spawned. What was found out once in a process is looked at again with one `stat` a file, and
//! found out anew when any of them differs.
//! Does not promise: to remember what is said of zig, which is looked for in more places than can be watched.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::seen::{Seen, Watch};
use super::{environment, toolchain};
use crate::error::Result;
use crate::fingerprint::Digest;
use crate::inventory::Tool;
use crate::request::{Builder, Request};
use crate::stat::Stamp;

/// Programs by role, and digests of cargo's configuration files by path.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) tools: BTreeMap<String, Tool>,
    pub(super) configs: BTreeMap<String, Digest>,
}

struct Known {
    surroundings: Surroundings,
    seen: Vec<Seen>,
}

/// More environments than one process asks with, by a wide margin.
const MOST_KNOWN: usize = 32;

static KNOWN: LazyLock<Mutex<HashMap<Digest, Arc<Known>>>> = LazyLock::new(Mutex::default);

/// Those of `request` in the checkout at `root`, as they are now.
pub(super) fn surroundings(request: &Request, root: &Path) -> Result<Surroundings> {
    if request.builder == Builder::Zigbuild {
        return look(request, root, &Watch::default());
    }
    let key = key(request, root);
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let last = known().get(&key).cloned();
    if let Some(last) = last.filter(|last| last.seen.iter().all(Seen::holds)) {
        return Ok(last.surroundings.clone());
    }
    let (stamp, watch) = (Stamp::now(), Watch::default());
    let surroundings = look(request, root, &watch)?;
    let seen = watch.into_seen();
    if seen.iter().all(|seen| seen.is_settled(&stamp)) {
        let mut known = known();
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(key, Arc::new(Known { surroundings: surroundings.clone(), seen }));
    }
    Ok(surroundings)
}

fn look(request: &Request, root: &Path, watch: &Watch) -> Result<Surroundings> {
    let configs = environment::cargo_configs(root, &request.env, watch)?;
    let tools = toolchain::tools(request, root, &configs, watch)?;
    let configs = configs.into_iter().map(|config| (config.name, config.digest)).collect();
    Ok(Surroundings { tools, configs })
}

/// Any variable may say where something is.
fn key(request: &Request, root: &Path) -> Digest {
    let mut bytes = root.as_os_str().as_encoded_bytes().to_vec();
    for (name, value) in request.env.iter() {
        // Neither a path nor a variable holds it.
        for part in [name, value] {
            bytes.push(0);
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    Digest::of(bytes)
}
