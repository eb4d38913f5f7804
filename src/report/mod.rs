//! Shows the progress of a call on stderr; stdout is never written.
//!
//! Promises: on a terminal, there is one live line, which warnings do not tear at any width. Elsewhere, there are plain
//! lines, and one more for every ten seconds of a build or of a wait for one. `NO_COLOR` and a `dumb` terminal are
//! respected. A failure to write is no error.
//! Does not promise: that all events are shown.

mod live;

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytesize::ByteSize;
use console::Term;
use indicatif::{MultiProgress, ProgressDrawTarget};
use live::{duration, far, rest, taken};

use crate::model::event::{Compiling, Event, MissReason, Standing, WaitingFor};
use crate::request::Environment;

/// The interval at which a build without a live line says that it goes on.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// Writes a log of this crate to stderr, for its maintainers, if `DEV_BIN_LOG` names a level (`debug`, `trace`).
pub fn log_as_asked(env: &Environment) {
    let Some(level) =
        env.word("DEV_BIN_LOG").and_then(|level| level.parse::<tracing::level_filters::LevelFilter>().ok())
    else {
        return;
    };
    let subscriber = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).finish();
    // A process has one log. The first call that asks for it decides.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// The form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// A live line on a terminal, plain lines elsewhere.
    #[default]
    Auto,
    /// Plain lines.
    Plain,
    /// Nothing.
    Silent,
}

/// The live lines of all calls of the process, so that they do not overwrite each other.
static LINES: LazyLock<MultiProgress> = LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));

/// The number of calls of the process that draw live lines.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// Shows the events of one call.
pub struct Report {
    silent: bool,
    colour: bool,
    live: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    reasons: Vec<MissReason>,
    last_line: Option<Instant>,
    build: Option<live::Build>,
    wait: Option<live::Wait>,
    /// True once the report has said that the binary comes from the team's store.
    is_downloading: bool,
}

impl Report {
    /// Makes a report to this process's stderr.
    #[must_use]
    pub fn new(mode: Mode, env: &Environment) -> Self {
        let terminal = mode != Mode::Silent && Term::stderr().is_term();
        let dumb = env.get("TERM").is_some_and(|term| term == "dumb");
        let live = mode == Mode::Auto && terminal && !dumb;
        LIVE.fetch_add(usize::from(live), Ordering::Relaxed);
        Self {
            silent: mode == Mode::Silent,
            colour: terminal && !dumb && env.non_empty("NO_COLOR").is_none(),
            live,
            state: Mutex::default(),
        }
    }

    /// Shows `event`.
    pub fn draw(&self, event: &Event) {
        if self.silent {
            return;
        }
        let state = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Hit { bin, fingerprint } => {
                state.end();
                self.line(state, &format!("Using cached {bin} ({})", fingerprint.get(..16).unwrap_or(fingerprint)));
            }
            Event::Miss { reasons, .. } => state.reasons.clone_from(reasons),
            Event::Waiting { on, pid, since_ms, progress } => {
                self.waiting(state, (*on, *pid, *since_ms), progress.as_ref());
            }
            Event::Building { bin, command, expected } => {
                tracing::debug!(command, "running");
                state.end();
                let why = state.reasons.iter().map(MissReason::summary).collect::<Vec<_>>().join("; ");
                let why = if why.is_empty() { why } else { format!(": {why}") };
                self.line(state, &format!("Building {bin}{why}"));
                state.last_line = Some(Instant::now());
                if self.live {
                    state.build = Some(live::Build::start(&LINES, bin, *expected));
                }
            }
            Event::Progress { done, total, slowest, elapsed, left, .. } => {
                self.progress(state, (*done, *total), slowest.as_ref(), *elapsed, *left);
            }
            Event::Diagnostic { rendered, .. } => {
                let plain;
                let text = if self.colour {
                    rendered.as_str()
                } else {
                    plain = console::strip_ansi_codes(rendered);
                    &plain
                };
                self.line(state, text.trim_end());
            }
            Event::Built { .. } => state.end(),
            Event::Published { bin, path, size, build_ms, .. } => {
                let time = taken(*build_ms);
                self.line(state, &format!("Built {bin} in {time}, {}: {}", ByteSize(*size), path.display()));
            }
            Event::Downloading { bin, total, .. } => {
                if !std::mem::replace(&mut state.is_downloading, true) {
                    self.line(state, &format!("Downloading {bin} ({})", ByteSize(*total)));
                }
            }
            Event::Downloaded { bin, path, size, elapsed_ms, .. } => {
                let time = taken(*elapsed_ms);
                self.line(state, &format!("Downloaded {bin} in {time}, {}: {}", ByteSize(*size), path.display()));
            }
            Event::Shared { bin, url, bytes } => {
                self.line(state, &format!("Shared {bin} in `{url}` ({} sent)", ByteSize(*bytes)));
            }
            Event::Warning { message } => self.line(state, &format!("warning: {message}")),
        }
    }

    fn waiting(
        &self,
        state: &mut State,
        (on, pid, since_ms): (WaitingFor, Option<u32>, Option<u64>),
        progress: Option<&Standing>,
    ) {
        // The call of this process that builds in the checkout shows a line already.
        if on == WaitingFor::Checkout && self.live && LIVE.load(Ordering::Relaxed) > 1 {
            return;
        }
        match (progress, &state.wait) {
            (Some(progress), Some(wait)) => return wait.progress(progress),
            (Some(progress), None) => return self.sign_of_life(state, || far(progress)),
            (None, _) => {}
        }
        let mut text = "for ".to_owned();
        match (on, pid) {
            (WaitingFor::Cargo, _) => {
                text.push_str("another cargo, which holds the lock of the build directory or the package cache")
            }
            (WaitingFor::Checkout, _) => text.push_str("another build in the same checkout"),
            (WaitingFor::Zigbuild, Some(pid)) => _ = write!(text, "process {pid}, which runs zig"),
            (WaitingFor::Zigbuild, None) => text.push_str("another process, which runs zig"),
            (WaitingFor::Entry, Some(pid)) => _ = write!(text, "process {pid}, which builds the same binary"),
            (WaitingFor::Entry, None) => text.push_str("another process, which builds the same binary"),
        }
        let mut since = String::new();
        if let Some(since_ms) = since_ms {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let ago = now.saturating_sub(Duration::from_millis(since_ms));
            let _ = write!(since, " (began {} ago)", duration(ago));
        }
        if !self.live {
            return self.line(state, &format!("Waiting {text}{since}"));
        }
        // cargo may wait within a build. Then this line appears below the line of the build.
        if let Some(wait) = state.wait.replace(live::Wait::start(&LINES, text, since)) {
            wait.end(&LINES);
        }
    }

    fn progress(
        &self,
        state: &mut State,
        (done, total): (u32, u32),
        slowest: Option<&Compiling>,
        elapsed: Duration,
        left: Option<Duration>,
    ) {
        state.end_wait();
        if let Some(build) = &state.build {
            build.progress(done, total, slowest);
        } else {
            let slowest = slowest.map(|slowest| format!("{} for {}", slowest.unit, duration(slowest.elapsed)));
            self.sign_of_life(state, || rest((done, total), elapsed, left, slowest.as_deref()));
        }
    }

    /// Writes a line if there was none for a while.
    fn sign_of_life(&self, state: &mut State, text: impl FnOnce() -> String) {
        if state.last_line.is_some_and(|last| last.elapsed() >= SIGN_OF_LIFE) {
            self.line(state, &format!("  {}", text()));
        }
    }

    fn line(&self, state: &mut State, text: &str) {
        state.last_line = Some(Instant::now());
        let write = || writeln!(std::io::stderr().lock(), "{text}");
        // A closed or full stderr must not fail a build.
        let _ = if self.live { LINES.suspend(write) } else { write() };
    }
}

impl State {
    fn end(&mut self) {
        self.end_wait();
        if let Some(build) = self.build.take() {
            build.end(&LINES);
        }
    }

    fn end_wait(&mut self) {
        if let Some(wait) = self.wait.take() {
            wait.end(&LINES);
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        LIVE.fetch_sub(usize::from(self.live), Ordering::Relaxed);
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner).end();
    }
}
