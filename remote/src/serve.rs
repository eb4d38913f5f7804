//! `dev-bin-remote serve`: answers requests until its caller goes.
//!
//! Promises: the end of the standard input, and a signal to end, end the process at once, also in the middle of a transfer,
//! and leave no incomplete file. A panic is an answer and exit status 101. Requests run at the same time.
//! Does not promise: to finish what was begun.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{BufRead, Read};
use std::process::ExitCode;
use std::rc::Rc;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet, LocalSet};

use crate::check::check;
use crate::config::{Config, Mode, within_a_day};
use crate::deadline::Pace;
use crate::download;
use crate::error::{Error, Kind, Result};
use crate::keys::PublicKey;
use crate::manifest::{self, Manifest};
use crate::protocol::{self, LINE, Op, Request, answer};
use crate::sets;
use crate::store::{Session, Store};
use crate::unfinished;
use crate::upload::{self, Publication};

/// The exit status after a panic, which is that of Rust's own.
const PANICKED: i32 = 101;

/// Answers the requests on the standard input.
pub(crate) fn serve() -> ExitCode {
    let (sender, lines) = mpsc::unbounded_channel();
    // A thread of its own, which ends the process whatever the others do.
    std::thread::spawn(move || read_lines(&sender));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => LocalSet::new().block_on(&runtime, answer_all(lines)),
        Err(error) => {
            answer(0, Err(Error::Internal(format!("no runtime: {error}"))));
            ExitCode::FAILURE
        }
    }
}

/// Ends the process without leaving incomplete files.
pub(crate) fn end(status: i32) -> ! {
    unfinished::remove_all();
    std::process::exit(status)
}

/// Hands on the lines of the standard input, and ends the process at its end.
fn read_lines(lines: &mpsc::UnboundedSender<String>) {
    let mut input = std::io::stdin().lock();
    loop {
        let mut line = Vec::new();
        let read = (&mut input).take(LINE as u64).read_until(b'\n', &mut line);
        match read {
            Ok(1..) if line.ends_with(b"\n") => {}
            Ok(LINE) => {
                answer(0, Err(Error::Request(format!("a line has more than {LINE} bytes"))));
                end(2);
            }
            _ => end(0),
        }
        if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
            return;
        }
    }
}

/// The state that the requests share.
struct Shared {
    store: Store,
    /// The manifests that were looked at.
    looked: RefCell<HashMap<String, Rc<Manifest>>>,
    /// True once a fetch found something damaged, which a publication is then to replace.
    damaged: Cell<bool>,
}

async fn answer_all(mut lines: mpsc::UnboundedReceiver<String>) -> ExitCode {
    let signal = ended_by_signal();
    tokio::pin!(signal);
    let first = tokio::select! {
        line = lines.recv() => line.unwrap_or_default(),
        status = &mut signal => end(status),
    };
    let store = match Config::parse(&first).and_then(Store::open) {
        Ok(store) => store,
        Err(error) => {
            answer(0, Err(error));
            return ExitCode::from(2);
        }
    };
    answer(0, Ok(greeting(&store.config)));
    let shared = Rc::new(Shared { store, looked: RefCell::default(), damaged: Cell::new(false) });
    let mut running: JoinSet<()> = JoinSet::new();
    let mut numbers: HashMap<Id, u64> = HashMap::new();
    loop {
        tokio::select! {
            Some(line) = lines.recv() => match Request::parse(&line) {
                Ok(Request { id, timeout_ms, op }) => {
                    let shared = Rc::clone(&shared);
                    let handle = running.spawn_local(async move { answer(id, perform(&shared, id, timeout_ms, op).await) });
                    numbers.insert(handle.id(), id);
                }
                Err((id, error)) => answer(id, Err(error)),
            },
            Some(ended) = running.join_next_with_id() => match ended {
                Ok((task, ())) => drop(numbers.remove(&task)),
                Err(error) => {
                    answer(numbers.get(&error.id()).copied().unwrap_or(0), Err(panicked(error)));
                    end(PANICKED);
                }
            },
            status = &mut signal => end(status),
        }
    }
}

/// Returns the answer to the configuration.
fn greeting(config: &Config) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "url": config.address.to_string(),
        "service": config.address.service.name(),
        "mode": config.mode,
        "signers": config.signers.iter().map(|signer| signer.public().to_string()).collect::<Vec<_>>(),
    })
}

/// Does what a request asks for.
async fn perform(shared: &Shared, id: u64, timeout_ms: Option<u64>, op: Op) -> Result<Value> {
    let session = shared.store.begin(timeout_ms.map_or(shared.store.config.deadline, within_a_day));
    match op {
        Op::Sets { weak } => look_for_sets(&session, &weak).await,
        Op::Look { key } => {
            shared.looked.borrow_mut().remove(&key);
            match look(&session, &key).await? {
                Some((manifest, signers)) => {
                    let answer = json!({ "found": true, "manifest": manifest, "signers": texts(&signers) });
                    shared.looked.borrow_mut().insert(key, Rc::new(manifest));
                    Ok(answer)
                }
                None => Ok(json!({ "found": false })),
            }
        }
        Op::Fetch { key, into } => {
            let looked = shared.looked.borrow().get(&key).cloned();
            let manifest = match looked {
                Some(manifest) => manifest,
                None => match look(&session, &key).await? {
                    Some((manifest, _)) => Rc::new(manifest),
                    None => return Err(Error::damaged(&manifest::path(&key), "it is not there")),
                },
            };
            let fetched = download::fetch(&session, &manifest, &into, protocol::progress(id)).await;
            let damaged = fetched.as_ref().is_err_and(|error| matches!(error.kind(), Kind::Damaged | Kind::TooLarge));
            shared.damaged.set(shared.damaged.get() || damaged);
            fetched?;
            Ok(json!({ "files": manifest.files }))
        }
        Op::Publish { key, manifest, files, weak, set, replace } => {
            if shared.store.config.mode != Mode::Publish {
                return Err(Error::ReadOnly);
            }
            let replace = replace || shared.damaged.get();
            let publication = Publication { key, particulars: manifest, files, set: weak.zip(set), replace };
            let sent = upload::publish(&session, publication, protocol::progress(id)).await?;
            Ok(json!({ "blobs": sent.blobs, "bytes": sent.bytes }))
        }
        Op::Check => {
            let checked = check(&session).await;
            let failure =
                checked.failure.map(|(step, error)| json!({ "step": step, "error": protocol::described(&error) }));
            Ok(json!({ "steps": checked.steps, "failure": failure }))
        }
    }
}

async fn look_for_sets(session: &Session<'_>, weak: &str) -> Result<Value> {
    let found = sets::read(session, weak).await?;
    let mut signers: Vec<_> = found.iter().flat_map(|set| set.signers.iter().map(PublicKey::to_string)).collect();
    signers.sort_unstable();
    signers.dedup();
    Ok(json!({ "sets": found.into_iter().map(|set| set.value).collect::<Vec<_>>(), "signers": signers }))
}

async fn look(session: &Session<'_>, key: &str) -> Result<Option<(Manifest, Vec<PublicKey>)>> {
    let object = session.read(&manifest::path(key), manifest::LIMIT, Pace::Answer).await?;
    object.map(|object| Manifest::open(&object, key, &session.store.config.trusted)).transpose()
}

fn texts(keys: &[PublicKey]) -> Vec<String> {
    keys.iter().map(PublicKey::to_string).collect()
}

/// Returns the error of a request that panicked.
fn panicked(error: JoinError) -> Error {
    let words = match error.try_into_panic() {
        Ok(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
        }
        Err(error) => error.to_string(),
    };
    Error::Internal(words)
}

/// Waits for a signal that ends programs. Returns the exit status.
#[cfg(unix)]
async fn ended_by_signal() -> i32 {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)] = kinds.map(signal) else {
        return std::future::pending().await;
    };
    let number = tokio::select! {
        _ = terminate.recv() => kinds[0].as_raw_value(),
        _ = interrupt.recv() => kinds[1].as_raw_value(),
        _ = hangup.recv() => kinds[2].as_raw_value(),
    };
    128 + number
}

#[cfg(not(unix))]
async fn ended_by_signal() -> i32 {
    match tokio::signal::ctrl_c().await {
        Ok(()) => 130,
        Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_words() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
        for (panic, words) in
            [(|| panic!("number {}", 7)) as fn(), (|| panic!("words")) as fn()].into_iter().zip(["number 7", "words"])
        {
            let ended = runtime.block_on(async { tokio::task::spawn_blocking(panic).await });
            let error = panicked(ended.expect_err("it panics"));
            assert_eq!(error.kind(), crate::error::Kind::Internal);
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
