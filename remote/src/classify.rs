//! From OpenDAL's errors to this program's.
//!
//! Promises: a failure is named by its cause, the first that is known of: the connection, the store's own answer, the
//! credentials. No message has an URL with a query in it, or a header.
//! Does not promise: the store's wording.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use opendal::ErrorKind;

use crate::address::Address;
use crate::deadline::Seen;
use crate::error::Error;

/// The seconds that clocks may differ. Amazon allows 15 minutes, and Azure, too.
const SKEW: i64 = 300;

/// A connection that could not be made, or that broke off.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The certificate is not trusted.
    Certificate(String),
    /// There are no certificates to check it with.
    NoCertificates(String),
    /// The proxy, which is named, fails.
    Proxy(String),
    /// Anything else.
    Connection(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Certificate(problem)
        | Self::NoCertificates(problem)
        | Self::Proxy(problem)
        | Self::Connection(problem)) = self;
        formatter.write_str(problem)
    }
}

impl StdError for Broken {}

impl Broken {
    /// Reads an error of a connection. `proxy` is the proxy that the request goes through.
    pub(crate) fn new(error: &reqwest::Error, proxy: Option<String>) -> Self {
        if let Some(problem) = certificate(error) {
            return Self::Certificate(problem);
        }
        let words = innermost(error);
        let tunnel = causes(error).map(ToString::to_string).find(|text| text.starts_with("tunnel error: "));
        match (proxy, tunnel) {
            (Some(proxy), Some(tunnel)) => Self::Proxy(format!("`{proxy}`, {tunnel}")),
            (None, Some(tunnel)) => Self::Proxy(tunnel),
            (Some(proxy), None) if error.is_connect() => Self::Proxy(format!("`{proxy}`, {words}")),
            _ if error.is_connect() => Self::Connection(words),
            _ => Self::Connection(format!("the connection broke off, {words}")),
        }
    }
}

/// Returns the verifier's words if a certificate is at fault.
fn certificate(error: &(dyn StdError + 'static)) -> Option<String> {
    causes(error).find_map(|cause| match cause.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(problem)) => Some(problem.to_string()),
        _ => None,
    })
}

/// Returns an error and what caused it, the innermost last.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        // `source` of an `io::Error` skips the error that it wraps.
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}

/// Returns the words of the innermost cause.
pub(crate) fn innermost(error: &(dyn StdError + 'static)) -> String {
    let last = causes(error).last().unwrap_or(error);
    // Without its context, which has URLs and headers.
    let text = last.downcast_ref::<opendal::Error>().map_or_else(|| last.to_string(), |own| own.message().to_owned());
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

/// Names the cause of a failed operation. `seen` is what the store last said.
pub(crate) fn classified(address: &Address, error: &opendal::Error, seen: &Seen) -> Error {
    let store = address.to_string();
    let variables = address.service.variables();
    if let Some(broken) = causes(error).find_map(|cause| cause.downcast_ref::<Broken>()) {
        return match broken {
            Broken::Certificate(problem) => Error::Certificate { store, problem: problem.clone() },
            Broken::NoCertificates(problem) => Error::NoCertificates(problem.clone()),
            Broken::Proxy(problem) => Error::Proxy { store, problem: problem.clone() },
            Broken::Connection(problem) => Error::Unreachable { store, problem: problem.clone() },
        };
    }
    let words = innermost(error);
    // The client of Redis hands on no more than the words.
    let verifier = words.strip_prefix("invalid peer certificate: ").map(str::to_owned);
    if let Some(problem) = certificate(error).or(verifier) {
        return Error::Certificate { store, problem };
    }
    if error.kind() == ErrorKind::AlreadyExists {
        return Error::Exists(store);
    }
    if let Some(status) = seen.status {
        return refused(address, status, seen);
    }
    if causes(error).any(|cause| cause.is::<reqsign_core::Error>()) {
        return Error::NoCredentials { store, variables };
    }
    if let Some(error) = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()) {
        return match error.kind() {
            io::ErrorKind::PermissionDenied => Error::Credentials { store, answer: words, variables },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::ReadOnlyFilesystem => {
                Error::Server { store, answer: words }
            }
            _ => Error::Unreachable { store, problem: words },
        };
    }
    other(address, error, words)
}

/// Names the cause where the store answered with a status that refuses.
fn refused(address: &Address, status: u16, seen: &Seen) -> Error {
    let store = address.to_string();
    let variables = address.service.variables();
    let code = seen.code.as_deref().unwrap_or_default();
    let answer = format!("{status} {code}").trim_end().to_owned();
    match (status, code) {
        (_, "RequestTimeTooSkewed" | "RequestExpired") => Error::Clock { store, seconds: seen.ahead },
        (401 | 403, _) if seen.ahead.is_some_and(|ahead| ahead.abs() > SKEW) => {
            Error::Clock { store, seconds: seen.ahead }
        }
        (401 | 403, _) | (_, "ExpiredToken" | "InvalidToken" | "InvalidAccessKeyId" | "SignatureDoesNotMatch") => {
            Error::Credentials { store, answer, variables }
        }
        (407, _) => Error::Proxy { store, problem: answer },
        (404, _) => {
            Error::Config(format!("`{store}` has no such bucket, container or directory ({answer}): create it"))
        }
        (301 | 307 | 400, "PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed") => {
            Error::Config(format!("the bucket of `{store}` is in another region ({answer}): name it with `?region=`"))
        }
        _ => Error::Server { store, answer },
    }
}

/// Names the cause where there is no status: Redis and what OpenDAL finds by itself.
fn other(address: &Address, error: &opendal::Error, words: String) -> Error {
    let store = address.to_string();
    let variables = address.service.variables();
    // Redis: <https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/>.
    let login = ["NOAUTH", "WRONGPASS", "NOPERM", "uthentication"].iter().any(|word| words.contains(word));
    match error.kind() {
        _ if login => Error::Credentials { store, answer: words, variables },
        ErrorKind::PermissionDenied => Error::Credentials { store, answer: words, variables },
        ErrorKind::ConfigInvalid => Error::Config(format!("`{store}` cannot be used: {}", error.message())),
        ErrorKind::Unexpected if error.is_temporary() => Error::Unreachable { store, problem: words },
        _ if words == error.message() => Error::Server { store, answer: words },
        _ => Error::Server { store, answer: format!("{}, {words}", error.message()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn error(kind: ErrorKind) -> opendal::Error {
        opendal::Error::new(kind, "words").with_context("uri", "https://host/p?sig=secret")
    }

    fn seen(status: u16, code: &str, ahead: Option<i64>) -> Seen {
        Seen { status: Some(status), code: (!code.is_empty()).then(|| code.to_owned()), ahead }
    }

    #[test]
    fn refusals_are_named_by_status_and_code() {
        let address = Address::parse("s3://bucket/p").expect("it is a URL");
        for (seen, kind) in [
            (seen(401, "", None), Kind::Credentials),
            (seen(403, "AccessDenied", Some(2)), Kind::Credentials),
            (seen(403, "SignatureDoesNotMatch", None), Kind::Credentials),
            (seen(400, "ExpiredToken", None), Kind::Credentials),
            (seen(403, "RequestTimeTooSkewed", None), Kind::Clock),
            (seen(403, "", Some(-4000)), Kind::Clock),
            (seen(500, "", Some(-4000)), Kind::Server),
            (seen(407, "", None), Kind::Proxy),
            (seen(404, "NoSuchBucket", None), Kind::Config),
            (seen(400, "AuthorizationHeaderMalformed", None), Kind::Config),
            (seen(409, "", None), Kind::Server),
            (seen(429, "", None), Kind::Server),
            (seen(500, "InternalError", None), Kind::Server),
            (seen(503, "SlowDown", None), Kind::Server),
        ] {
            let classified = classified(&address, &error(ErrorKind::Unexpected), &seen);
            assert_eq!(classified.kind(), kind, "{seen:?}");
            assert!(!classified.to_string().contains("secret"), "{classified}");
        }
    }

    #[test]
    fn failures_without_an_answer_are_named_by_their_cause() {
        let address = Address::parse("redis://host/p").expect("it is a URL");
        let io = |kind: io::ErrorKind| error(ErrorKind::Unexpected).set_source(io::Error::from(kind));
        let said = |text: &str| error(ErrorKind::Unexpected).set_source(io::Error::other(text.to_owned()));
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        for (error, kind) in [
            (error(ErrorKind::Unexpected).set_source(Broken::Certificate("c".into())), Kind::Certificate),
            (error(ErrorKind::Unexpected).set_source(Broken::Proxy("p".into())), Kind::Proxy),
            (error(ErrorKind::Unexpected).set_source(Broken::Connection("c".into())), Kind::Unreachable),
            (error(ErrorKind::Unexpected).set_source(io::Error::other(tls)), Kind::Certificate),
            (
                error(ErrorKind::Unexpected).set_source(reqsign_core::Error::credential_invalid("none")),
                Kind::Credentials,
            ),
            (io(io::ErrorKind::ConnectionRefused), Kind::Unreachable),
            (io(io::ErrorKind::PermissionDenied), Kind::Credentials),
            (io(io::ErrorKind::StorageFull), Kind::Server),
            (error(ErrorKind::PermissionDenied), Kind::Credentials),
            (error(ErrorKind::ConfigInvalid), Kind::Config),
            (error(ErrorKind::Unsupported), Kind::Server),
            (error(ErrorKind::Unexpected).set_temporary(), Kind::Unreachable),
            (said("it broke"), Kind::Unreachable),
            (said("invalid peer certificate: UnknownIssuer"), Kind::Certificate),
            (error(ErrorKind::AlreadyExists), Kind::Server),
        ] {
            let classified = classified(&address, &error, &Seen::default());
            assert_eq!(classified.kind(), kind, "{error}");
            assert!(!classified.to_string().contains("secret"), "{classified}");
        }
    }
}
