//! The lines that are spoken over the pipes: JSON, one object each.
//!
//! Promises: each request is answered by any number of `progress` lines and then by one of `ok` or `error`, all with its `id`.
//! The configuration is answered as request 0. Lines do not mix.
//! Does not promise: an order among answers to different requests.
//!
//! The first line is the configuration, as [`crate::config`] has it:
//!
//! ```json
//! {"url":"s3://bucket/prefix","keys":["ed25519:…"],"mode":"publish","signingKeyFile":"/path","timeoutMs":60000}
//! {"id":0,"ok":{"version":"0.1.0","url":"s3://bucket/prefix","service":"s3","mode":"publish","signers":["ed25519:…"]}}
//! ```
//!
//! An error there ends the program with exit status 2. Every request may have a `timeoutMs` of its own:
//!
//! ```json
//! {"id":1,"op":"sets","weak":"w"}
//! {"id":1,"ok":{"sets":[{…}],"signers":["ed25519:…"]}}
//!
//! {"id":2,"op":"look","key":"k"}
//! {"id":2,"ok":{"found":false}}
//! {"id":2,"ok":{"found":true,"signers":["ed25519:…"],"manifest":{"format":1,"key":"k","files":[{"name":"app","sha256":"…",
//!   "size":3,"encodedSize":12,"encoding":"zstd","executable":true}],"requires":{…},"builder":…,"builtAt":…,"extra":{…}}}}
//!
//! {"id":3,"op":"fetch","key":"k","into":"/directory"}
//! {"id":3,"progress":{"bytes":12,"total":12}}
//! {"id":3,"ok":{"files":[{"name":"app",…}]}}
//!
//! {"id":4,"op":"publish","key":"k","manifest":{"requires":{…},"builder":…,"builtAt":…,"extra":{…}},
//!   "files":[{"name":"app","path":"/file","executable":true}],"weak":"w","set":{…},"replace":false}
//! {"id":4,"progress":{"bytes":12,"total":12}}
//! {"id":4,"ok":{"blobs":1,"bytes":12}}
//!
//! {"id":5,"op":"check"}
//! {"id":5,"ok":{"steps":[{"step":"put","ms":1.5},{"step":"get","ms":1.5},{"step":"delete","ms":1.5,"note":"…"}],
//!   "failure":null}}
//! {"id":5,"ok":{"steps":[],"failure":{"step":"put","error":{"kind":"credentials","message":"…"}}}}
//!
//! {"id":6,"error":{"kind":"timeout","message":"…"}}
//! ```

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{Error, Kind, Result};
use crate::manifest::{Particulars, is_key};
use crate::upload::Source;

/// The most bytes of a line: a request to publish has a path set in it.
pub(crate) const LINE: usize = 16 << 20;

/// The time between two lines of progress.
const PROGRESS: Duration = Duration::from_millis(100);

/// A request.
#[derive(Deserialize)]
pub(crate) struct Request {
    /// The number that its answers have.
    pub(crate) id: u64,
    /// The milliseconds that it may take, if not as long as the configuration says.
    #[serde(default, rename = "timeoutMs")]
    pub(crate) timeout_ms: Option<u64>,
    /// The operation.
    #[serde(flatten)]
    pub(crate) op: Op,
}

/// The operations.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub(crate) enum Op {
    /// The path sets of a weak key.
    Sets {
        /// The weak key.
        weak: String,
    },
    /// The manifest of a team key.
    Look {
        /// The team key.
        key: String,
    },
    /// The files of a team key.
    Fetch {
        /// The team key.
        key: String,
        /// The directory for the files.
        into: PathBuf,
    },
    /// Files, and what is known of them, for a team key.
    Publish {
        /// The team key.
        key: String,
        /// The addon's part of the manifest.
        #[serde(default)]
        manifest: Particulars,
        /// The files.
        files: Vec<Source>,
        /// The weak key.
        weak: Option<String>,
        /// The path set.
        set: Option<Value>,
        /// True to send blobs also where some of their length are there: a fetch found one damaged.
        #[serde(default)]
        replace: bool,
    },
    /// A trial of the store.
    Check,
}

impl Request {
    /// Reads a line.
    ///
    /// # Errors
    ///
    /// The number of the request, as far as it can be read, and [`Error::Request`].
    pub(crate) fn parse(line: &str) -> Result<Self, (u64, Error)> {
        let id = || serde_json::from_str::<Value>(line).ok().and_then(|value| value["id"].as_u64()).unwrap_or(0);
        let request: Self = serde_json::from_str(line).map_err(|error| (id(), Error::Request(error.to_string())))?;
        let keys = match &request.op {
            Op::Sets { weak } => vec![weak],
            Op::Look { key } | Op::Fetch { key, .. } => vec![key],
            Op::Publish { key, weak, .. } => std::iter::once(key).chain(weak).collect(),
            Op::Check => Vec::new(),
        };
        match keys.into_iter().find(|key| !is_key(key)) {
            Some(key) => {
                let shown: String = key.chars().take(60).collect();
                Err((request.id, Error::Request(format!("`{}` is no key", shown.escape_default()))))
            }
            None => Ok(request),
        }
    }
}

#[derive(Serialize)]
struct Failure<'a> {
    kind: Kind,
    message: &'a str,
}

/// Answers a request.
pub(crate) fn answer(id: u64, result: Result<Value>) {
    match result {
        Ok(ok) => write(&json!({ "id": id, "ok": ok })),
        Err(error) => {
            write(&json!({ "id": id, "error": Failure { kind: error.kind(), message: &error.to_string() } }));
        }
    }
}

/// Returns an error as an answer has it.
pub(crate) fn described(error: &Error) -> Value {
    json!(Failure { kind: error.kind(), message: &error.to_string() })
}

/// Returns a function that tells how far a request is, a few times a second and at its end.
pub(crate) fn progress(id: u64) -> impl FnMut(u64, u64) {
    let mut last: Option<Instant> = None;
    move |bytes, total| {
        if bytes >= total || last.is_none_or(|last| last.elapsed() >= PROGRESS) {
            last = Some(Instant::now());
            write(&json!({ "id": id, "progress": { "bytes": bytes, "total": total } }));
        }
    }
}

/// Writes a line at once. A caller that does not listen any more has ended, and this process, too.
fn write(value: &Value) {
    let mut line = value.to_string();
    line.push('\n');
    let mut out = std::io::stdout().lock();
    if out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
        crate::serve::end(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_or_refused_with_their_number() {
        for (line, refused) in [
            (r#"{"id":1,"op":"sets","weak":"w"}"#, None),
            (r#"{"id":2,"op":"look","key":"k"}"#, None),
            (r#"{"id":3,"op":"fetch","key":"k","into":"/tmp"}"#, None),
            (r#"{"id":4,"op":"publish","key":"k","files":[]}"#, None),
            (
                r#"{"id":4,"op":"publish","key":"k","manifest":{"requires":{"a":1}},"files":[{"name":"n","path":"/p","executable":true}],"weak":"w","set":{}}"#,
                None,
            ),
            (r#"{"id":5,"op":"check"}"#, None),
            (r#"{"id":6,"op":"sing"}"#, Some(6)),
            (r#"{"id":7,"op":"look"}"#, Some(7)),
            (r#"{"id":8,"op":"look","key":"../k"}"#, Some(8)),
            (r#"{"id":9,"op":"publish","key":"k","files":[],"weak":"a/b"}"#, Some(9)),
            (r#"{"op":"check"}"#, Some(0)),
            ("nonsense", Some(0)),
            ("", Some(0)),
        ] {
            assert_eq!(Request::parse(line).err().map(|(id, _)| id), refused, "{line}");
        }
    }
}
