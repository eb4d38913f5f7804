//! Reads cargo's output to stderr.
//!
//! There are three kinds of lines: the progress line, which ends in a carriage return; status lines, whose verb ends in the
//! twelfth column; and everything else, which is a message to a person.
//!
//! Promises: a message stays whole, with its line breaks.
//! Does not promise: to recognize the lines of every version of cargo.

use crate::model::event::{Event, WaitingFor};

/// Splits the stream into lines, and tells the meaning of each.
#[derive(Default)]
pub(super) struct Reader {
    pending: Vec<u8>,
    message: String,
    progress: String,
}

/// The numbers and names in a progress line.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) done: u32,
    pub(super) total: u32,
    pub(super) compiling: Vec<String>,
}

/// The meaning of one or more lines.
#[derive(Debug)]
pub(super) enum Said {
    Event(Event),
    Progress(Progress),
    /// A whole message to a person, with its line breaks.
    Message(String),
}

impl Reader {
    pub(super) fn feed(&mut self, bytes: &[u8], mut say: impl FnMut(Said)) {
        for &byte in bytes {
            if byte == b'\n' || byte == b'\r' {
                let line = String::from_utf8_lossy(&self.pending).into_owned();
                self.pending.clear();
                self.line(&line, byte == b'\r', &mut say);
            } else {
                self.pending.push(byte);
            }
        }
    }

    /// Reports the rest when the stream ends.
    pub(super) fn finish(mut self, mut say: impl FnMut(Said)) {
        let line = String::from_utf8_lossy(&self.pending).into_owned();
        self.line(&line, false, &mut say);
        self.flush(&mut say);
    }

    fn line(&mut self, line: &str, returned: bool, say: &mut impl FnMut(Said)) {
        // cargo clears the progress line with spaces or an escape sequence before it prints another line.
        let line = console::strip_ansi_codes(line);
        let line = line.trim_end();
        if let Some(progress) = progress(line) {
            self.flush(say);
            if self.progress != line {
                line.clone_into(&mut self.progress);
                say(Said::Progress(progress));
            }
        } else if let Some((verb, rest)) = status(line) {
            self.flush(say);
            if verb == "Blocking" && rest.starts_with("waiting for file lock") {
                say(Said::Event(Event::Waiting { on: WaitingFor::Cargo, pid: None, since_ms: None, progress: None }));
            }
        } else if !(line.is_empty() && (returned || self.message.is_empty())) {
            if starts_message(line) {
                self.flush(say);
            }
            self.message.push_str(line);
            self.message.push('\n');
        }
    }

    fn flush(&mut self, say: &mut impl FnMut(Said)) {
        if !self.message.trim().is_empty() {
            say(Said::Message(std::mem::take(&mut self.message)));
        }
        self.message.clear();
    }
}

fn starts_message(line: &str) -> bool {
    line.starts_with("error") || line.starts_with("warning:")
}

/// `    Building [====>    ] 12/345: serde, syn(build)`
fn progress(line: &str) -> Option<Progress> {
    let (_, rest) = line.trim_start().strip_prefix("Building [")?.split_once("] ")?;
    let (counts, names) = rest.split_once(':').unwrap_or((rest, ""));
    let (done, total) = counts.trim().split_once('/')?;
    let compiling = names.split(", ").map(str::trim).filter(|name| !name.is_empty() && *name != "...");
    Some(Progress {
        done: done.parse().ok()?,
        total: total.parse().ok()?,
        compiling: compiling.map(str::to_owned).collect(),
    })
}

/// Parses a line such as `   Compiling serde v1.0.0`: a verb that is padded to end in the twelfth column.
fn status(line: &str) -> Option<(&str, &str)> {
    let verb_and_rest = line.trim_start();
    let (verb, rest) = verb_and_rest.split_once(' ')?;
    let column = line.len() - verb_and_rest.len() + verb.len();
    let is_verb =
        verb.starts_with(|first: char| first.is_ascii_uppercase()) && verb.chars().all(|c| c.is_ascii_alphabetic());
    (column == 12 && is_verb).then_some((verb, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        let mut heard = Vec::new();
        let mut reader = Reader::default();
        // A pipe splits the stream anywhere.
        for piece in text.as_bytes().chunks(7) {
            reader.feed(piece, |said| heard.push(format!("{said:?}")));
        }
        reader.finish(|said| heard.push(format!("{said:?}")));
        heard
    }

    #[test]
    fn progress_lines_become_events_and_repeat_none() {
        let heard = said(
            "   Compiling a v0.1.0\n    Building [=>   ] 1/3: a, b(build)   \r    Building [=>   ] 1/3: a, b(build)\r\
             \u{1b}[K    Building [==>  ] 2/3: c\r    Finished `release` profile\n",
        );
        assert_eq!(heard.len(), 2, "{heard:?}");
        assert!(heard[0].contains("done: 1, total: 3, compiling: [\"a\", \"b(build)\"]"), "{heard:?}");
        assert!(heard[1].contains("done: 2, total: 3, compiling: [\"c\"]"), "{heard:?}");
    }

    #[test]
    fn messages_stay_whole_and_apart_from_status_lines() {
        let heard = said(
            "warning: unused manifest key: x\n   Compiling a v0.1.0\nerror: failed to run custom build command\n\n\
             Caused by:\n  process didn't exit successfully\n    Building [] 1/1\r",
        );
        assert_eq!(heard.len(), 3, "{heard:?}");
        assert!(heard[0].contains("unused manifest key"));
        assert!(heard[1].contains("Caused by") && heard[1].contains("didn't exit"), "{heard:?}");
    }

    #[test]
    fn cargos_own_lock_is_a_wait() {
        let heard = said("    Blocking waiting for file lock on build directory\n");
        assert!(matches!(heard.as_slice(), [only] if only.contains("Waiting") && only.contains("Cargo")), "{heard:?}");
    }
}
