//! Speaks to the program that speaks to a team's store, in lines of JSON over its pipes.
//!
//! Promises: the program is started for a miss alone, and has ended when its [`Client`] is gone. It gets all of the caller's
//! variables, credentials included. No answer is waited for longer than the deadline, whatever the program does, and a
//! cancelled call waits no longer than a few milliseconds.
//! Does not promise: that the program answers. A program that ends or says what cannot be read is a failure of the store.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::cancellation::Cancellation;
use crate::request::{Remote, RemoteMode};

/// The interval at which a wait checks whether its call was cancelled.
const POLL: Duration = Duration::from_millis(20);
/// The time that the program has to report that a deadline has passed, before it is given up.
const GRACE: Duration = Duration::from_millis(250);

/// The reason why a request to the store has no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The call was cancelled.
    Cancelled,
    /// The store, or the way to it, failed.
    Store {
        /// The kind of failure, as the program names it.
        kind: String,
        /// The failure, and the remedy.
        message: String,
    },
}

impl Failure {
    fn of(kind: &str, message: impl Into<String>) -> Self {
        Self::Store { kind: kind.to_owned(), message: message.into() }
    }
}

/// A line of the program.
#[derive(Deserialize)]
struct Line {
    id: u64,
    progress: Option<Progress>,
    ok: Option<Value>,
    error: Option<Problem>,
}

#[derive(Deserialize)]
struct Progress {
    bytes: u64,
    total: u64,
}

#[derive(Deserialize)]
struct Problem {
    kind: String,
    message: String,
}

/// A running program.
pub(crate) struct Client<'a> {
    child: Child,
    requests: Option<ChildStdin>,
    lines: Receiver<Line>,
    cancellation: &'a Cancellation,
    deadline: Instant,
    last: u64,
}

impl<'a> Client<'a> {
    /// Starts the program for the store of `remote`. All of its answers come within `timeout`.
    pub(crate) fn start(
        remote: &Remote,
        mode: RemoteMode,
        timeout: Duration,
        cancellation: &'a Cancellation,
    ) -> Result<Self, Failure> {
        let Some(program) = &remote.program else {
            let problem = format!("the program for it is not installed; run `{}`", remote.install);
            return Err(Failure::of("program", problem));
        };
        let mut command = Command::new(program);
        command.arg("serve").env_clear().envs(remote.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let not_started = |error| Failure::of("program", format!("`{}` cannot be started: {error}", program.display()));
        let mut child = command.spawn().map_err(not_started)?;
        let answers = BufReader::new(child.stdout.take().expect("it has a pipe"));
        let requests = child.stdin.take();
        let (send, lines) = sync_channel(64);
        let deadline = Instant::now() + timeout;
        let mut client = Self { child, requests, lines, cancellation, deadline, last: 0 };
        let read = move || {
            for line in answers.lines().map_while(Result::ok) {
                let Ok(line) = serde_json::from_slice(line.as_bytes()) else { return };
                if send.send(line).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("dev-bin-remote".into());
        thread.spawn(read).map_err(|error| Failure::of("program", format!("no thread can be started: {error}")))?;
        let keys = &remote.signing_key_files;
        let signing = if mode == RemoteMode::Publish { keys.as_slice() } else { &[] };
        let settings = json!({
            "url": remote.url,
            "keys": remote.keys,
            "mode": if mode == RemoteMode::Publish { "publish" } else { "read" },
            "signingKeyFile": signing,
            "timeoutMs": u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        });
        client.send(&settings)?;
        client.answer(0, &mut |_, _| {})?;
        Ok(client)
    }

    /// Makes a request, and returns its result. `progress` gets the bytes that are there, and all that will be.
    pub(crate) fn ask(&mut self, mut request: Value, progress: &mut dyn FnMut(u64, u64)) -> Result<Value, Failure> {
        self.last += 1;
        request["id"] = self.last.into();
        // The program counts anew for each request, and names what took too long.
        let left = self.deadline.saturating_duration_since(Instant::now());
        request["timeoutMs"] = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).into();
        self.send(&request)?;
        self.answer(self.last, progress)
    }

    fn send(&mut self, line: &Value) -> Result<(), Failure> {
        let ended = |error| Failure::of("program", format!("`dev-bin-remote` ended: {error}"));
        let requests = self.requests.as_mut().expect("the pipe is closed last");
        requests.write_all(format!("{line}\n").as_bytes()).and_then(|()| requests.flush()).map_err(ended)
    }

    fn answer(&self, id: u64, progress: &mut dyn FnMut(u64, u64)) -> Result<Value, Failure> {
        loop {
            if self.cancellation.is_cancelled() {
                return Err(Failure::Cancelled);
            }
            match self.lines.recv_timeout(POLL) {
                Ok(Line { error: Some(Problem { kind, message }), id: of, .. }) if of == id || of == 0 => {
                    return Err(Failure::Store { kind, message });
                }
                Ok(Line { ok: Some(ok), id: of, .. }) if of == id => return Ok(ok),
                Ok(Line { progress: Some(Progress { bytes, total }), id: of, .. }) if of == id => {
                    progress(bytes, total)
                }
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) if Instant::now() > self.deadline + GRACE => {
                    return Err(Failure::of("timeout", "it did not answer in time"));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::of("program", "`dev-bin-remote` ended without an answer"));
                }
            }
        }
    }
}

impl Drop for Client<'_> {
    fn drop(&mut self) {
        // The program ends when its input does. It holds nothing that it would have to put in order.
        drop(self.requests.take());
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
