//! Draws the lines of a terminal that change.
//!
//! Promises: a line fits into the width that the terminal has when it is drawn, since a line that wraps cannot be erased.
//! It is erased before anything else is written.
//! Does not promise: anything if stderr is no terminal.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use console::{Term, measure_text_width, truncate_str};
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::model::event::{Compiling, Standing};

const TICK: Duration = Duration::from_millis(200);
/// The shortest rest of a build that is shown.
const LEAST_LEFT: Duration = Duration::from_secs(1);
/// The width from which on a line shows everything.
const WIDE: u16 = 70;

/// The part of a build's line besides its counts.
#[derive(Clone, Default)]
struct Now {
    /// The unit that has been compiling longest, and its beginning.
    slowest: Option<(String, Instant)>,
    /// The time at which the build would end if it took as long as the last one.
    end: Option<Instant>,
}

/// The line of a build.
pub(super) struct Build {
    bar: ProgressBar,
    now: Arc<Mutex<Now>>,
}

impl Build {
    pub(super) fn start(lines: &MultiProgress, bin: &str, expected: Option<Duration>) -> Self {
        let end = expected.map(|expected| Instant::now() + expected);
        let now = Arc::new(Mutex::new(Now { end, ..Now::default() }));
        let (shown, bin) = (Arc::clone(&now), bin.to_owned());
        let line = move |state: &ProgressState, out: &mut dyn Write| {
            let now = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let _ = out.write_str(&line(&bin, state.pos(), state.len().unwrap_or(0), state.elapsed(), &now));
        };
        let style = ProgressStyle::with_template("{line}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = lines.add(ProgressBar::new(0)).with_style(style.with_key("line", line));
        bar.enable_steady_tick(TICK);
        Self { bar, now }
    }

    pub(super) fn progress(&self, done: u32, total: u32, slowest: Option<&Compiling>) {
        let began = |unit: &Compiling| Instant::now().checked_sub(unit.elapsed).unwrap_or_else(Instant::now);
        let slowest = slowest.map(|unit| (unit.unit.clone(), began(unit)));
        self.now.lock().unwrap_or_else(PoisonError::into_inner).slowest = slowest;
        self.bar.set_length(u64::from(total));
        self.bar.set_position(u64::from(done));
    }

    pub(super) fn end(&self, lines: &MultiProgress) {
        self.bar.finish_and_clear();
        lines.remove(&self.bar);
    }
}

/// The line of a wait: the holder of a lock, how far that one is, and how long the call has waited for it.
pub(super) struct Wait {
    bar: ProgressBar,
    standing: Arc<Mutex<Option<Standing>>>,
}

impl Wait {
    /// Shows that the call waits for `on`, and `since` until it is known how far that one is.
    pub(super) fn start(lines: &MultiProgress, on: String, since: String) -> Self {
        let standing = Arc::new(Mutex::new(None));
        let shown = Arc::clone(&standing);
        let line = move |state: &ProgressState, out: &mut dyn Write| {
            let waited = duration(state.elapsed());
            let text = match &*shown.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(standing) => format!("Waiting {waited} {on}: {}", far(standing)),
                None => format!("Waiting {waited} {on}{since}"),
            };
            let _ = out.write_str(&fitted(&text));
        };
        let style = ProgressStyle::with_template("{line}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = lines.add(ProgressBar::new_spinner()).with_style(style.with_key("line", line));
        bar.enable_steady_tick(TICK);
        Self { bar, standing }
    }

    /// Shows how far the holder is.
    pub(super) fn progress(&self, standing: &Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = Some(standing.clone());
    }

    pub(super) fn end(&self, lines: &MultiProgress) {
        self.bar.finish_and_clear();
        lines.remove(&self.bar);
    }
}

/// Tells how far the build is that a call waits for, in words.
pub(super) fn far(standing: &Standing) -> String {
    let slowest = standing.compiling.first().map(String::as_str);
    rest((standing.done, standing.total), standing.elapsed(), standing.left(), slowest)
}

/// Tells how far a build is, in words.
pub(super) fn rest(
    (done, total): (u32, u32),
    elapsed: Duration,
    left: Option<Duration>,
    slowest: Option<&str>,
) -> String {
    let mut text = format!("{done}/{total} after {}", duration(elapsed));
    if let Some(left) = left.filter(|left| *left >= LEAST_LEFT) {
        let _ = write!(text, ", about {} left", duration(left));
    }
    if let Some(slowest) = slowest {
        let _ = write!(text, "; {slowest}");
    }
    text
}

fn line(bin: &str, done: u64, total: u64, elapsed: Duration, now: &Now) -> String {
    let width = columns();
    let (cells, name) = if width >= WIDE { (24, format!("{bin} ")) } else { (8, String::new()) };
    let mut text = format!("{name}[{}] {done}/{total} {}", filled(cells, done, total), duration(elapsed));
    let at = Instant::now();
    if let Some(left) = now.end.and_then(|end| end.checked_duration_since(at)).filter(|left| *left >= LEAST_LEFT) {
        let _ = write!(text, ", ~{} left", duration(left));
    }
    if let Some((unit, since)) = &now.slowest {
        let _ = write!(text, "; {unit} {}", duration(at - *since));
    }
    fitted(&text)
}

fn filled(cells: usize, done: u64, total: u64) -> String {
    let share = usize::try_from(done.saturating_mul(cells as u64) / total.max(1)).unwrap_or(cells).min(cells);
    let tip = if share < cells { ">" } else { "" };
    format!("{:<cells$}", format!("{}{tip}", "=".repeat(share)))
}

/// Shortens `text` to the width. The last column stays empty, since some terminals wrap when it is written.
fn fitted(text: &str) -> String {
    let most = usize::from(columns()).saturating_sub(1);
    if measure_text_width(text) <= most { text.to_owned() } else { truncate_str(text, most, "…").into_owned() }
}

fn columns() -> u16 {
    Term::stderr().size().1
}

/// Formats a time that something took as in `1.3 s` or `1m 20s`.
pub(super) fn taken(milliseconds: u64) -> String {
    let time = Duration::from_millis(milliseconds);
    if time.as_secs() < 60 { format!("{:.1} s", time.as_secs_f64()) } else { duration(time) }
}

/// Formats a time as in `1m 20s`, in whole seconds.
pub(super) fn duration(time: Duration) -> String {
    humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
}
