//! Tries a store: write, read, compare, delete.
//!
//! Promises: each step is named with its time, and the step that fails with its cause. Nothing is written in mode `read`.
//! Does not promise: that larger objects fit.

use bytes::Bytes;
use serde::Serialize;
use tokio::time::Instant;

use crate::config::Mode;
use crate::deadline::Pace;
use crate::error::{Error, Result};
use crate::store::Session;

/// A step of a check.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    step: &'static str,
    ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// The steps of a check, and the failure that ended it.
#[derive(Default)]
pub(crate) struct Checked {
    /// The steps that were done.
    pub(crate) steps: Vec<Step>,
    /// The step that failed, and why.
    pub(crate) failure: Option<(&'static str, Error)>,
}

/// Tries a store with a small object.
pub(crate) async fn check(session: &Session<'_>) -> Checked {
    let mut checked = Checked::default();
    let mut name = [0; 16];
    if let Err(error) = getrandom::fill(&mut name) {
        checked.failure = Some(("begin", Error::Internal(format!("no random bytes: {error}"))));
        return checked;
    }
    let path = format!("1/check/{}", hex::encode(name));
    let steps: &[&'static str] = match session.store.config.mode {
        Mode::Publish => &["put", "get", "delete"],
        Mode::Read | Mode::Off => &["get"],
    };
    for step in steps {
        let began = Instant::now();
        match one(session, step, &path, &name).await {
            Ok(note) => {
                let ms = (began.elapsed().as_secs_f64() * 10_000.0).round() / 10.0;
                checked.steps.push(Step { step, ms, note });
            }
            Err(error) => {
                checked.failure = Some((step, error));
                break;
            }
        }
    }
    checked
}

/// Takes one step. Returns a remark on it, if there is one.
async fn one(session: &Session<'_>, step: &str, path: &str, content: &[u8]) -> Result<Option<String>> {
    let writes = session.store.config.mode == Mode::Publish;
    match step {
        "put" => session.write(path, Bytes::copy_from_slice(content)).await.map(|()| None),
        "delete" => {
            let deleted = session.delete(path).await?;
            Ok((!deleted).then(|| format!("stores of this kind delete nothing: `{path}` stays")))
        }
        _ => match session.read(path, 1024, Pace::Answer).await? {
            Some(object) if object == content => Ok(None),
            Some(_) => Err(Error::damaged(path, "what was read is not what was written")),
            None if writes => Err(Error::damaged(path, "what was written is not there")),
            None => Ok(Some("nothing was read, since nothing is written in mode `read`".to_owned())),
        },
    }
}
