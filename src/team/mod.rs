//! Takes binaries that a team has built from its store, and puts binaries there.
//!
//! Promises: the store is asked after a miss alone. A failure of the store is a warning, and the build goes on. A binary is
//! taken only with a manifest that a trusted key signed, and with the bytes that the manifest names. What was taken is an
//! entry like any other, and remembers who signed it.
//! Does not promise: that the store has what a colleague has built. Path sets and entries may be removed from it.

mod client;
mod key;
mod places;
mod requires;
mod rest;
mod sharing;

use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::client::{Client, Failure};
pub(crate) use self::key::Portable;
use self::requires::Requires;
use self::rest::Rest;
pub(crate) use self::sharing::{Limit, Sharing, limits};
use crate::error::{Error, Result};
use crate::model::cancellation::Cancellation;
use crate::model::event::Event;
use crate::model::inventory::Inventory;
use crate::model::path_set::PathSet;
use crate::request::{Remote, RemoteMode, Request};
use crate::search::{Search, Survey};
use crate::store::{Entry, Origin, Provenance, Staged, Store};

/// The parts of a team's manifest that this package fills in and reads.
#[derive(Default, Deserialize)]
struct Found {
    #[serde(default)]
    found: bool,
    #[serde(default)]
    signers: Vec<String>,
    #[serde(default)]
    manifest: TeamManifest,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TeamManifest {
    files: Vec<TeamFile>,
    requires: Requires,
    extra: Extra,
}

#[derive(Deserialize)]
struct TeamFile {
    name: String,
    sha256: String,
    size: u64,
}

/// Facts about an entry that do not affect whether it may be used.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Extra {
    /// Milliseconds that its build took.
    build_ms: u64,
    /// The commit that it was built from.
    commit: Option<String>,
}

/// True if a miss of `request` asks a team's store. A call that only publishes trusts no key, and one without time for a
/// download gets none.
pub(crate) fn is_asked_by(request: &Request) -> bool {
    let may_ask = |remote: &Remote| !remote.keys.is_empty() && !remote.timeout.is_zero();
    !request.rebuild && request.remote.as_ref().is_some_and(may_ask)
}

/// Returns the entry for `survey` from the team's store; none if there is no store or it has no such entry. Reports a failure
/// of the store as a warning.
pub(crate) fn download(search: &Search<'_>, survey: &Survey) -> Result<Option<Entry>> {
    let Some(remote) = search.request.remote.as_ref().filter(|_| is_asked_by(search.request)) else { return Ok(None) };
    if !survey.knows_toolchain() {
        return Ok(None);
    }
    let rest = Rest::of(&remote.url, &search.store);
    if rest.is_on() {
        tracing::debug!(url = remote.name(), "the team's store rests after a failure");
        return Ok(None);
    }
    let timeout = search.store.nearest_build(search.request, &search.root).map_or(remote.timeout, |took| {
        // A download that takes longer than the build is none to wait for.
        took.max(SHORTEST).min(remote.timeout)
    });
    let asked = ask(search, survey, remote, timeout);
    // The digests of the toolchain are among them, which take seconds the first time.
    search.save_system_contents();
    match asked {
        Ok(entry) => {
            rest.end();
            Ok(entry)
        }
        Err(Stop::Call(error)) => Err(error),
        Err(Stop::Store(Failure::Cancelled)) => Err(Error::Aborted),
        Err(Stop::Store(Failure::Store { kind, message })) => {
            tracing::debug!(kind, "the team's store failed");
            let time = match &*kind {
                // The store answers. It may have other binaries whole, and the next publication may replace this one.
                "damaged" | "too-large" | "untrusted" => {
                    rest.note_damage();
                    Some("this binary".to_owned())
                }
                // The store is not to blame, and the next call may have mended it.
                "config" | "local" => Some("this call".to_owned()),
                _ => rest.begin().map(|length| humantime::format_duration(length).to_string()),
            };
            if let Some(time) = time {
                let message = format!("the team's store `{}` is not used for {time}: {message}", remote.name());
                (search.call.emit)(Event::Warning { message });
            }
            Ok(None)
        }
    }
}

/// The least time that a download may take, however quick the last build was.
const SHORTEST: Duration = Duration::from_secs(5);

/// The reason why nothing was taken from the store.
enum Stop {
    Call(Error),
    Store(Failure),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Store(failure)
    }
}

fn ask(
    search: &Search<'_>,
    survey: &Survey,
    remote: &Remote,
    timeout: Duration,
) -> std::result::Result<Option<Entry>, Stop> {
    let Search { request, root, call, store, .. } = search;
    let began = Instant::now();
    let portable = Portable::of(search);
    // Before the store's time begins: the digests of a toolchain take seconds the first time.
    let weak = portable.weak_key(survey.known())?;
    let mut client = Client::start(remote, RemoteMode::Read, timeout, call.cancellation)?;
    let answer = client.ask(json!({ "op": "sets", "weak": weak }), &mut |_, _| {})?;
    for set in path_sets(&portable, answer, root) {
        let looked = search.inventory_under(survey, &set).and_then(|inputs| Ok((portable.team_key(&inputs)?, inputs)));
        let (key, inputs) = match looked {
            Ok(looked) => looked,
            Err(Error::Aborted) => return Err(Error::Aborted.into()),
            // Another machine could read what this one cannot.
            Err(error) => {
                tracing::debug!(%error, "a path set of the team's store cannot be looked at");
                continue;
            }
        };
        let answer = client.ask(json!({ "op": "look", "key": key }), &mut |_, _| {})?;
        let Ok(found) = serde_json::from_slice::<Found>(answer.to_string().as_bytes()) else { continue };
        if !found.found {
            continue;
        }
        if let Some(problem) = found.manifest.requires.unmet(request) {
            let message = format!("the team's `{}` cannot run here, and is built: {problem}", request.bin);
            (call.emit)(Event::Warning { message });
            continue;
        }
        let directory = store.private_directory()?;
        let mut progress = |bytes, total| (call.emit)(Event::Downloading { bin: request.bin.clone(), bytes, total });
        client.ask(json!({ "op": "fetch", "key": key, "into": directory.path() }), &mut progress)?;
        let Some(staged) = staged(search, directory.path(), &found.manifest)? else { continue };
        let origin = Origin { url: remote.name(), signers: found.signers };
        let entry = enter(search, staged, &inputs, &found.manifest.extra, origin)?;
        let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (bin, path) = (request.bin.clone(), entry.path.clone());
        (call.emit)(Event::Downloaded { bin, path, size: entry.manifest.size, url: remote.name(), elapsed_ms });
        return Ok(Some(entry));
    }
    Ok(None)
}

/// Returns the path sets of an answer that can be looked at here.
fn path_sets(portable: &Portable<'_>, answer: Value, root: &Path) -> Vec<PathSet> {
    let Some(Value::Array(sets)) = answer.get("sets").cloned() else { return Vec::new() };
    let sets = sets.into_iter().filter_map(|set| portable.places.set_here(set));
    // A program with a directory in its name is looked for there, and not on the PATH.
    let names_programs = |set: &PathSet| !set.programs.iter().any(|program| program.contains(['/', '\\']));
    let is_usable = |set: &PathSet| set.unknown.is_none() && names_programs(set);
    sets.filter(|set| is_usable(set) && portable.places.foreign(set, root).next().is_none()).collect()
}

/// Takes over the files of a manifest; none if they are not those of the request.
fn staged(search: &Search<'_>, directory: &Path, manifest: &TeamManifest) -> Result<Option<Staged>> {
    let name = search.request.binary_name();
    let mut files = Vec::with_capacity(manifest.files.len());
    for TeamFile { name, sha256, size } in &manifest.files {
        let Ok(sha256) = sha256.parse() else { return Ok(None) };
        // The cache keeps its own files by such names.
        if name.ends_with(".json") {
            return Ok(None);
        }
        files.push((name.clone(), sha256, *size));
    }
    search.store.take_over(directory, &name, files)
}

/// Makes an entry of downloaded files.
fn enter(search: &Search<'_>, staged: Staged, inputs: &Inventory, extra: &Extra, origin: Origin) -> Result<Entry> {
    let Search { request, root, store, call, .. } = search;
    store.remember_path_set(&inputs.weak_key(), &inputs.path_set, root)?;
    let (commit, build_ms, origin) = (extra.commit.clone(), extra.build_ms, Some(origin));
    let provenance = Provenance { checkout: root, commit, build_ms, origin };
    let entry = store.publish(staged, request, provenance, inputs, call.cancellation)?;
    store.remember_path_set(&inputs.weak_key(), &inputs.path_set, root)?;
    store.supersede(&entry, request, root);
    Ok(entry)
}

/// A binary on its way to the team's store.
pub(crate) struct Shipment {
    store: Store,
    remote: Remote,
    timeout: Duration,
    request: Value,
    bin: String,
}

/// Returns the reason if `entry` holds the path of a target directory outside the checkout, as the message of a panic in a
/// generated source does. The key has no such path.
fn held_place(search: &Search<'_>, entry: &Entry) -> Result<Option<String>> {
    let target = crate::inputs::target_directory(&search.root, &search.request.env)?;
    let is_held = !target.starts_with(&search.root) && entry.holds(target.as_os_str().as_encoded_bytes())?;
    Ok(is_held.then(|| format!("it holds the path `{}`, which is this machine's own", target.display())))
}

impl Shipment {
    /// Returns the shipment of `entry`, which was built from `inputs`; none if it is not to be published. A reason that
    /// another machine could not use it is reported.
    pub(crate) fn of(search: &Search<'_>, entry: &Entry, inputs: &Inventory) -> Result<Option<Self>> {
        let Search { request, root, call, store, .. } = search;
        let Some(remote) = request.remote.as_ref().filter(|remote| remote.mode == RemoteMode::Publish) else {
            return Ok(None);
        };
        if let Some(problem) = sharing::refusal(search, inputs)?.or(held_place(search, entry)?) {
            let message = format!("`{}` is not shared with the team: {problem}", request.bin);
            (call.emit)(Event::Warning { message });
            return Ok(None);
        }
        let portable = Portable::of(search);
        let (key, weak) = (portable.team_key(inputs)?, portable.weak_key(inputs)?);
        search.save_system_contents();
        let extra = Extra { build_ms: entry.manifest.build_ms, commit: entry.manifest.commit.clone() };
        let file = |name: &str, path: &Path| json!({ "name": name, "path": path, "executable": true });
        let libraries = entry.manifest.libraries.iter();
        let libraries = libraries.map(|library| file(&library.name, &entry.path.with_file_name(&library.name)));
        let files: Vec<Value> = [file(&request.binary_name(), &entry.path)].into_iter().chain(libraries).collect();
        let built_at = entry.manifest.published_ms;
        let beside: Vec<&str> = entry.manifest.libraries.iter().map(|library| library.name.as_str()).collect();
        let requires = Requires::of(&entry.path, &beside);
        let manifest = json!({ "requires": requires, "extra": extra, "builtAt": built_at });
        let set = portable.places.portable_set(&inputs.path_set, root);
        let publish = json!({
            "op": "publish", "key": key, "manifest": manifest, "files": files, "weak": weak, "set": set,
            "replace": Rest::of(&remote.url, store).is_damaged(),
        });
        let timeout = remote.timeout.max(Duration::from_millis(entry.manifest.build_ms));
        let (store, remote, bin) = (store.clone(), remote.clone(), request.bin.clone());
        Ok(Some(Self { store, remote, timeout, request: publish, bin }))
    }

    /// Does what [`Self::send`] does, for a call that fails if the store does not have the binary.
    pub(crate) fn deliver(self, cancellation: &Cancellation) -> Result<Event> {
        let url = self.remote.name();
        self.send(cancellation).map_err(|failure| match failure {
            Failure::Cancelled => Error::Aborted,
            Failure::Store { message: problem, .. } => Error::Remote { url, problem },
        })
    }

    /// Puts the binary into the store. Returns the event that says so.
    pub(crate) fn send(self, cancellation: &Cancellation) -> std::result::Result<Event, Failure> {
        let Self { store, remote, timeout, request, bin } = self;
        let mut client = Client::start(&remote, RemoteMode::Publish, timeout, cancellation)?;
        let sent = client.ask(request, &mut |_, _| {})?;
        Rest::of(&remote.url, &store).forget();
        let bytes = sent.get("bytes").and_then(Value::as_u64).unwrap_or(0);
        Ok(Event::Shared { bin, url: remote.name(), bytes })
    }
}
