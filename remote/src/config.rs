//! The first line that this program reads.
//!
//! Promises: configuration that is taken has a store of a known kind, the keys that its mode needs, and a deadline.
//! Does not promise: that the store is there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::error::{Error, Result};
use crate::keys::{PrivateKey, PublicKey};

/// The deadline of a request that has none of its own.
const DEADLINE: Duration = Duration::from_secs(60);

/// The use that a caller may make of the store.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Nothing.
    Off,
    /// Look and fetch.
    Read,
    /// Publish, too.
    Publish,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    url: String,
    #[serde(default)]
    keys: Vec<String>,
    mode: Option<Mode>,
    #[serde(default)]
    signing_key_file: Files,
    timeout_ms: Option<u64>,
}

/// One file, several during a rotation, or none.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Files {
    One(PathBuf),
    Several(Vec<PathBuf>),
    #[default]
    None,
}

/// Configuration that can be used.
pub(crate) struct Config {
    /// Where the store is.
    pub(crate) address: Address,
    /// The use that the caller may make of the store.
    pub(crate) mode: Mode,
    /// The keys that are trusted, the caller's own among them.
    pub(crate) trusted: Vec<PublicKey>,
    /// The keys that sign, in mode `publish`.
    pub(crate) signers: Vec<PrivateKey>,
    /// The time that a request may take if it does not say.
    pub(crate) deadline: Duration,
}

impl Config {
    /// Reads a line of JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Config`], and [`Error::Local`] when a private key cannot be read.
    pub(crate) fn parse(line: &str) -> Result<Self> {
        let settings: Settings = serde_json::from_str(line)
            .map_err(|error| Error::Config(format!("the configuration cannot be read: {error}")))?;
        let address = Address::parse(&settings.url)?;
        let mode = settings.mode.unwrap_or(Mode::Read);
        if mode == Mode::Off {
            return Err(Error::Config("the mode is `off`: set it to `read` or `publish`".to_owned()));
        }
        let mut trusted = settings.keys.iter().map(|key| PublicKey::parse(key)).collect::<Result<Vec<_>>>()?;
        let signers = if mode == Mode::Publish { signers(&settings.signing_key_file)? } else { Vec::new() };
        trusted.extend(signers.iter().map(PrivateKey::public));
        if trusted.is_empty() {
            return Err(Error::Config("no key is trusted: name one in `keys`".to_owned()));
        }
        let deadline = settings.timeout_ms.map_or(DEADLINE, within_a_day);
        Ok(Self { address, mode, trusted, signers, deadline })
    }
}

/// Returns a deadline. A longer one than a day is a mistake, and too long for a clock to count.
pub(crate) fn within_a_day(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds).min(Duration::from_secs(24 * 3600))
}

fn signers(files: &Files) -> Result<Vec<PrivateKey>> {
    let files: Vec<&Path> = match files {
        Files::One(file) => vec![file],
        Files::Several(files) => files.iter().map(PathBuf::as_path).collect(),
        Files::None => Vec::new(),
    };
    if files.is_empty() {
        return Err(Error::Config(
            "the mode is `publish`, and nothing signs: name a file in `signingKeyFile`, which `dev-bin-remote keygen FILE` writes"
                .to_owned(),
        ));
    }
    files.into_iter().map(PrivateKey::read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn configuration_has_what_its_mode_needs() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let file = directory.path().join("key");
        let key = PrivateKey::create(&file).expect("the file is new").public().to_string();
        let url = "s3://bucket";
        for (config, problem) in [
            (json!({ "url": url, "keys": [key] }), None),
            (json!({ "url": url, "keys": [key], "mode": "read", "signingKeyFile": "/no/such/file" }), None),
            (json!({ "url": url, "mode": "publish", "signingKeyFile": file }), None),
            (json!({ "url": url, "mode": "publish", "signingKeyFile": [file, file], "timeoutMs": u64::MAX }), None),
            (json!({ "url": url, "keys": [key], "signingKeyFile": null, "timeoutMs": null, "mode": null }), None),
            (json!({ "url": url, "keys": [] }), Some("no key is trusted")),
            (json!({ "url": url, "keys": ["ed25519:x"] }), Some("no public key")),
            (json!({ "url": url, "keys": [key], "mode": "off" }), Some("`off`")),
            (json!({ "url": url, "keys": [key], "mode": "write" }), Some("write")),
            (json!({ "url": url, "keys": [key], "mode": "publish" }), Some("nothing signs")),
            (json!({ "url": url, "mode": "publish", "signingKeyFile": "/no/such/file" }), Some("/no/such/file")),
            (json!({ "url": "nowhere", "keys": [key] }), Some("s3://BUCKET")),
            (json!({ "keys": [key] }), Some("url")),
            (json!([]), Some("cannot be read")),
        ] {
            let parsed = Config::parse(&config.to_string()).map(|_| ()).map_err(|error| error.to_string());
            match problem {
                None => assert_eq!(parsed, Ok(()), "{config}"),
                Some(problem) => {
                    assert!(parsed.as_ref().is_err_and(|error| error.contains(problem)), "{config}: {parsed:?}")
                }
            }
        }
    }
}
