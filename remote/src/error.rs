//! Every way in which a request can fail.
//!
//! Promises: each error has a [`Kind`] that callers may match on, and a message that says what failed, with what, and what to
//! do next. No message has a secret in it: stores are named by their redacted URL.
//! Does not promise: stable wording.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

/// A result of this program.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// The kinds of errors, as the protocol names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The store does not accept the credentials, or there are none.
    Credentials,
    /// This machine's clock differs too much from the store's.
    Clock,
    /// The store's certificate is not trusted, or there is no certificate store.
    Certificate,
    /// A proxy stands between, and fails.
    Proxy,
    /// No connection, or one that broke off.
    Unreachable,
    /// An answer, progress or the end took too long.
    Timeout,
    /// The store says that it cannot.
    Server,
    /// An object is not what its signature or its digest says.
    Damaged,
    /// No trusted key signed an object.
    Untrusted,
    /// An object is larger than it may be.
    TooLarge,
    /// The URL, the keys or the bucket are wrong.
    Config,
    /// Something was to be published, and the mode is not `publish`.
    ReadOnly,
    /// A file of this machine cannot be read or written.
    Local,
    /// A request that this program does not understand.
    Request,
    /// A defect of this program.
    Internal,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Configuration that cannot be used.
    #[error("{0}")]
    Config(String),
    /// The store refused the credentials.
    #[error("`{store}` refuses the credentials ({answer}): check {variables}")]
    Credentials {
        /// The store's redacted URL.
        store: String,
        /// The store's status and code.
        answer: String,
        /// The places that the store's credentials come from.
        variables: &'static str,
    },
    /// There are no credentials, or they cannot be loaded.
    #[error("there are no credentials for `{store}`: set {variables}")]
    NoCredentials {
        /// The store's redacted URL.
        store: String,
        /// The places that the store's credentials come from.
        variables: &'static str,
    },
    /// The clocks differ.
    #[error("`{store}` refuses the request because the clocks differ{}: set this machine's clock", apart(*.seconds))]
    Clock {
        /// The store's redacted URL.
        store: String,
        /// The seconds between the store's clock and this machine's.
        seconds: Option<i64>,
    },
    /// The certificate is not trusted.
    #[error(
        "the certificate of `{store}` is not trusted ({problem}): add its authority to the system's certificates, or name a file with it in `SSL_CERT_FILE`"
    )]
    Certificate {
        /// The store's redacted URL.
        store: String,
        /// The verifier's words.
        problem: String,
    },
    /// The system has no certificates.
    #[error(
        "this machine has no certificates to check a store's with ({0}): install `ca-certificates`, or name a file with them in `SSL_CERT_FILE`"
    )]
    NoCertificates(String),
    /// A proxy fails.
    #[error("the proxy in front of `{store}` fails ({problem}): check `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`")]
    Proxy {
        /// The store's redacted URL.
        store: String,
        /// The proxy, and what it says.
        problem: String,
    },
    /// No connection.
    #[error("`{store}` cannot be reached ({problem}): check the URL and the network")]
    Unreachable {
        /// The store's redacted URL.
        store: String,
        /// The system's words.
        problem: String,
    },
    /// It took too long.
    #[error("`{store}` {lapse} within {}: try again later, or check the network", spoken(*.limit))]
    Timeout {
        /// The store's redacted URL.
        store: String,
        /// The thing that did not happen.
        lapse: &'static str,
        /// The time that there was.
        limit: Duration,
    },
    /// The store cannot.
    #[error("`{store}` cannot serve the request ({answer}): ask those who run it")]
    Server {
        /// The store's redacted URL.
        store: String,
        /// The store's status and code, or its words.
        answer: String,
    },
    /// An object is there, and the store replaces none.
    #[error("an object of `{0}` is there already, and stores of this kind replace nothing: delete it there")]
    Exists(String),
    /// An object is not what it should be.
    #[error("`{object}` is damaged: {problem}")]
    Damaged {
        /// The object's path in the store.
        object: String,
        /// The problem with it.
        problem: String,
    },
    /// No trusted signature.
    #[error("`{0}` is not signed by a key that is trusted here")]
    Untrusted(String),
    /// An object is too large.
    #[error("`{object}` is larger than {limit} bytes")]
    TooLarge {
        /// The object's path in the store, or its name.
        object: String,
        /// The most bytes that it may have.
        limit: u64,
    },
    /// Not in mode `publish`.
    #[error("nothing is published in mode `read`: set the mode to `publish`")]
    ReadOnly,
    /// A file of this machine.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Local {
        /// The thing that was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A request that is not understood.
    #[error("a request cannot be understood: {0}")]
    Request(String),
    /// A defect.
    #[error("defect of dev-bin-remote: {0}")]
    Internal(String),
}

impl Error {
    /// Returns the kind that the protocol names.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Config(_) => Kind::Config,
            Self::Credentials { .. } | Self::NoCredentials { .. } => Kind::Credentials,
            Self::Clock { .. } => Kind::Clock,
            Self::Certificate { .. } | Self::NoCertificates(_) => Kind::Certificate,
            Self::Proxy { .. } => Kind::Proxy,
            Self::Unreachable { .. } => Kind::Unreachable,
            Self::Timeout { .. } => Kind::Timeout,
            Self::Server { .. } | Self::Exists(_) => Kind::Server,
            Self::Damaged { .. } => Kind::Damaged,
            Self::Untrusted(_) => Kind::Untrusted,
            Self::TooLarge { .. } => Kind::TooLarge,
            Self::ReadOnly => Kind::ReadOnly,
            Self::Local { .. } => Kind::Local,
            Self::Request(_) => Kind::Request,
            Self::Internal(_) => Kind::Internal,
        }
    }

    /// Returns the error of an object that is not what it should be.
    pub(crate) fn damaged(object: &str, problem: impl ToString) -> Self {
        Self::Damaged { object: object.to_owned(), problem: problem.to_string() }
    }

    /// Returns the error of a file of this machine.
    pub(crate) fn local(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Local { action, path: path.to_owned(), source }
    }
}

/// Returns the part of a message that says how far the clocks are apart.
fn apart(seconds: Option<i64>) -> String {
    seconds.map_or_else(String::new, |seconds| format!(" by {} s", seconds.unsigned_abs()))
}

/// Returns a time in words.
fn spoken(limit: Duration) -> String {
    if limit.subsec_millis() == 0 { format!("{} s", limit.as_secs()) } else { format!("{} ms", limit.as_millis()) }
}
