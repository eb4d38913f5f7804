//! The settings of a team's store.
//!
//! Promises: settings that are taken have a store, and a key to trust or to sign with. They are no inputs: a binary is the
//! same wherever it comes from.
//! Does not promise: that the store exists, or that the keys are well-formed. The program that speaks to it finds out.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::Environment;
use crate::error::{Error, Result};

/// The longest time that a download may take, unless a build took longer.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The longest one. A moment that is further away may be none that the system can name.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// The use that a call makes of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteMode {
    /// It takes binaries from it.
    Read,
    /// It puts what it builds into it, too.
    Publish,
}

/// The time at which a binary is put into the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publish {
    /// After the answer.
    Later,
    /// Before the answer.
    First,
    /// Before the answer, also if the binary was in the cache.
    Always,
}

/// The settings as they arrive.
#[derive(Clone, Debug, Default)]
pub struct RemoteOptions {
    /// The URL of the store.
    pub url: String,
    /// The public keys that are trusted, as text.
    pub keys: Vec<String>,
    /// `read` or `publish`; default: `read`.
    pub mode: Option<String>,
    /// The files with the private keys that sign.
    pub signing_key_files: Vec<PathBuf>,
    /// The longest time that a download may take, in milliseconds.
    pub timeout_ms: Option<f64>,
    /// `later`, `wait` or `always`; default: `later`.
    pub publish: Option<String>,
    /// The program that speaks to the store; none if it is not installed.
    pub program: Option<PathBuf>,
    /// The command that installs it.
    pub install: String,
}

/// The settings of a team's store.
#[derive(Clone, Debug)]
pub struct Remote {
    /// The URL of the store.
    pub url: String,
    /// The public keys that are trusted.
    pub keys: Vec<String>,
    /// The use that is made of it.
    pub mode: RemoteMode,
    /// The files with the private keys that sign.
    pub signing_key_files: Vec<PathBuf>,
    /// The longest time that a download may take.
    pub timeout: Duration,
    /// The time at which a binary is put into the store.
    pub publish: Publish,
    /// The program that speaks to the store; none if it is not installed.
    pub program: Option<PathBuf>,
    /// The command that installs it.
    pub install: String,
    /// The variables that the program gets: all of the caller's.
    pub env: Vec<(OsString, OsString)>,
}

impl Remote {
    /// True if a call with these settings trusts one of `signers`.
    #[must_use]
    pub fn trusts(&self, signers: &[String]) -> bool {
        signers.iter().any(|signer| self.keys.contains(signer))
    }

    /// Returns the URL of the store for messages and records: without a name, a password and a query, which may be secret.
    #[must_use]
    pub fn name(&self) -> String {
        let url = self.url.split(['?', '#']).next().unwrap_or_default();
        let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| *scheme != "file") else {
            return url.to_owned();
        };
        // A password may have a slash in it, so everything before the last `@` goes.
        format!("{scheme}://{}", rest.rsplit('@').next().unwrap_or_default())
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`].
    pub(super) fn of(options: RemoteOptions, env: &Environment) -> Result<Self> {
        let invalid = |problem: String| Error::option("remote", problem);
        let RemoteOptions { url, keys, mode, signing_key_files, timeout_ms, publish, program, install } = options;
        let mode = match mode.as_deref() {
            None | Some("read") => RemoteMode::Read,
            Some("publish") => RemoteMode::Publish,
            Some(other) => return Err(invalid(format!("the mode {other:?} is not `off`, `read` or `publish`"))),
        };
        if keys.is_empty() && (mode == RemoteMode::Read || signing_key_files.is_empty()) {
            return Err(invalid("no key is trusted; name one in `keys` or DEV_BIN_REMOTE_KEYS".to_owned()));
        }
        if mode == RemoteMode::Publish && signing_key_files.is_empty() {
            let hint = "name its file in `signingKeyFile` or DEV_BIN_REMOTE_SIGNING_KEY_FILE";
            return Err(invalid(format!("the mode `publish` needs a key that signs; {hint}")));
        }
        let publish = match publish.as_deref() {
            None | Some("later") => Publish::Later,
            Some("wait") => Publish::First,
            Some("always") => Publish::Always,
            Some(other) => {
                return Err(invalid(format!("`publish` is {other:?}, and not `later`, `wait` or `always`")));
            }
        };
        let timeout = match timeout_ms {
            None => TIMEOUT,
            Some(milliseconds) => Duration::try_from_secs_f64(milliseconds / 1000.0)
                .map_err(|_| invalid(format!("the timeout {milliseconds} is no number of milliseconds")))?,
        };
        let timeout = timeout.min(LONGEST_TIMEOUT);
        // A file with a key ends with a newline.
        let keys = keys.iter().map(|key| key.trim().to_owned()).filter(|key| !key.is_empty()).collect();
        let env = env.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Self { url, keys, mode, signing_key_files, timeout, publish, program, install, env })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_store_has_no_secret() {
        for (url, expected) in [
            ("file:///mnt/it@s/store", "file:///mnt/it@s/store"),
            ("s3://b/p?endpoint=http://h&secret_access_key=s", "s3://b/p"),
            ("http://ada:s3cr3t@h:9/dav", "http://h:9/dav"),
            ("redis://:a/b@h", "redis://h"),
            ("ftp://u:p@h#x", "ftp://h"),
        ] {
            let options = RemoteOptions { url: url.into(), keys: vec![" k\n".into()], ..RemoteOptions::default() };
            let remote = Remote::of(options, &Environment::default()).unwrap();
            assert_eq!(remote.name(), expected, "{url}");
            assert!(remote.trusts(&["k".to_owned()]));
        }
    }

    #[test]
    fn settings_have_what_their_mode_needs() {
        let trusted = || RemoteOptions { url: "s3://b".into(), keys: vec!["k".into()], ..RemoteOptions::default() };
        let signing = || RemoteOptions { signing_key_files: vec!["/key".into()], ..trusted() };
        let mode = |mode: &str, options: RemoteOptions| RemoteOptions { mode: Some(mode.into()), ..options };
        for (options, is_taken) in [
            (trusted(), true),
            (mode("read", trusted()), true),
            (mode("publish", signing()), true),
            (mode("publish", RemoteOptions { keys: Vec::new(), ..signing() }), true),
            (mode("publish", trusted()), false),
            (mode("write", signing()), false),
            (RemoteOptions { keys: Vec::new(), ..trusted() }, false),
            (RemoteOptions { publish: Some("wait".into()), ..trusted() }, true),
            (RemoteOptions { publish: Some("now".into()), ..trusted() }, false),
            (RemoteOptions { timeout_ms: Some(-1.0), ..trusted() }, false),
        ] {
            assert_eq!(Remote::of(options.clone(), &Environment::default()).is_ok(), is_taken, "{options:?}");
        }
    }
}
