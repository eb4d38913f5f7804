//! HTTP for OpenDAL.
//!
//! Promises: a missing certificate store is an error and not a panic. Proxies come from the environment and the system. An
//! answer of 429 or 503 is tried once more, after what `Retry-After` says if that is short. So is a request whose connection
//! the server ends, where it may have kept an idle connection no longer. A store's words when it refuses, and every byte that
//! goes either way, are noted in the request's [`Pulse`].
//! Does not promise: deadlines, which are the caller's.
//!
//! OpenDAL's own transport shows neither the progress of an upload nor what a store answered.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use opendal::raw::{Timestamp, parse_content_encoding, parse_content_length};
use opendal::{Buffer, Error, ErrorKind, HttpBody, HttpTransport};

use crate::classify::{Broken, innermost};
use crate::deadline::{Pulse, Seen};
use crate::error::{self, Error as Failure};

/// The longest `Retry-After` that is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// The time before the second try where the store names none.
const PAUSE: Duration = Duration::from_millis(250);
/// The most bytes of a refusal that are read.
const REFUSAL: usize = 64 * 1024;
/// The bytes of an upload that are handed out at once.
const PIECE: usize = 64 * 1024;

/// The connections of this process.
#[derive(Clone)]
pub(crate) struct Connections {
    client: reqwest::Client,
    proxies: Arc<Matcher>,
    /// True once there was an answer, so that a request may go over a connection that is kept.
    answered: Arc<AtomicBool>,
    /// The reason why there are no certificates. A store that is spoken to in the clear needs none.
    bare: Option<Arc<str>>,
}

impl Connections {
    /// Prepares connections.
    ///
    /// # Errors
    ///
    /// [`Failure::Local`] when the file that `SSL_CERT_FILE` names cannot be read, on some systems.
    pub(crate) fn new() -> error::Result<Self> {
        // Fails only if there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || reqwest::Client::builder().user_agent(concat!("dev-bin-remote/", env!("CARGO_PKG_VERSION")));
        let (proxies, answered) = (Arc::new(Matcher::from_system()), Arc::default());
        let error = match trusting(builder())?.build() {
            Ok(client) => return Ok(Self { client, proxies, answered, bare: None }),
            Err(error) => innermost(&error),
        };
        let client = builder().tls_certs_only([]).build();
        let client = client.map_err(|error| Failure::Internal(format!("no connections: {}", innermost(&error))))?;
        Ok(Self { client, proxies, answered, bare: Some(error.into()) })
    }

    /// Returns the transport of one request.
    pub(crate) fn transport(&self, pulse: &Arc<Pulse>) -> Transport {
        Transport { connections: self.clone(), pulse: Arc::clone(pulse) }
    }
}

/// Trusts what `SSL_CERT_FILE` names also where the system's verifier does not look at it.
#[cfg(any(target_vendor = "apple", windows))]
fn trusting(builder: reqwest::ClientBuilder) -> error::Result<reqwest::ClientBuilder> {
    let Some(path) = std::env::var_os("SSL_CERT_FILE").map(std::path::PathBuf::from) else { return Ok(builder) };
    let failed = |error| Failure::local("read the certificates", &path, error);
    let pem = std::fs::read(&path).map_err(failed)?;
    let certificates =
        reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| failed(std::io::Error::other(error)))?;
    Ok(builder.tls_certs_merge(certificates))
}

#[cfg(not(any(target_vendor = "apple", windows)))]
#[expect(clippy::unnecessary_wraps, reason = "it fails on other systems")]
fn trusting(builder: reqwest::ClientBuilder) -> error::Result<reqwest::ClientBuilder> {
    Ok(builder)
}

/// The transport of one request.
pub(crate) struct Transport {
    connections: Connections,
    pulse: Arc<Pulse>,
}

impl HttpTransport for Transport {
    async fn fetch(&self, request: Request<Buffer>) -> opendal::Result<Response<HttpBody>> {
        let (parts, body) = request.into_parts();
        let answer = self.send(&parts, body.clone()).await?;
        let Some(pause) = pause(&answer) else { return self.handed_out(parts, answer).await };
        drop(answer);
        tokio::time::sleep(pause).await;
        let answer = self.send(&parts, body).await?;
        self.handed_out(parts, answer).await
    }
}

impl Transport {
    async fn send(&self, parts: &http::request::Parts, body: Buffer) -> opendal::Result<reqwest::Response> {
        let url = reqwest::Url::parse(&parts.uri.to_string())
            .map_err(|error| Error::new(ErrorKind::ConfigInvalid, "the store's URL is none").set_source(error))?;
        if let Some(reason) = self.connections.bare.as_ref().filter(|_| url.scheme() == "https") {
            let broken = Broken::NoCertificates(reason.to_string());
            return Err(Error::new(ErrorKind::Unexpected, "there are no certificates").set_source(broken));
        }
        let request = || {
            let request = self.connections.client.request(parts.method.clone(), url.clone());
            let request = request.headers(parts.headers.clone());
            if body.is_empty() {
                return request;
            }
            request.body(reqwest::Body::wrap(Upload { rest: body.clone(), pulse: Arc::clone(&self.pulse) }))
        };
        let answered = &self.connections.answered;
        let answer = match request().send().await {
            // A server may end an idle connection in the moment in which the next request is sent over it.
            Err(error) if answered.load(Ordering::Relaxed) && may_be_repeated(&parts.method, &error) => {
                request().send().await
            }
            answer => answer,
        };
        answered.fetch_or(answer.is_ok(), Ordering::Relaxed);
        answer.map_err(|error| self.broken(&parts.uri, &error))
    }

    /// Turns an answer into OpenDAL's form, and notes what it says.
    async fn handed_out(
        &self,
        parts: http::request::Parts,
        mut answer: reqwest::Response,
    ) -> opendal::Result<Response<HttpBody>> {
        let uri = parts.uri;
        let mut seen = Seen::default();
        if refuses(answer.status()) {
            seen.status = Some(answer.status().as_u16());
            seen.ahead = ahead(answer.headers());
            seen.code = header(answer.headers(), "x-ms-error-code");
        }
        self.pulse.answer(seen.clone());
        let mut response = Response::builder().status(answer.status()).version(answer.version()).extension(uri.clone());
        if let Some(headers) = response.headers_mut() {
            *headers = answer.headers().clone();
        }
        let body = if seen.status.is_some() && parts.method != Method::HEAD {
            let text = self.refusal(&uri, &mut answer).await?;
            seen.code = seen.code.or_else(|| code(&String::from_utf8_lossy(&text)));
            self.pulse.answer(seen);
            HttpBody::new(stream::iter([Ok(Buffer::from(text))]), None)
        } else {
            let encoded = parse_content_encoding(answer.headers())?.is_some();
            let length = parse_content_length(answer.headers())?.filter(|_| !encoded && parts.method != Method::HEAD);
            HttpBody::new(self.body(uri, answer), length)
        };
        response.body(body).map_err(|error| Error::new(ErrorKind::Unexpected, error.to_string()))
    }

    fn body(
        &self,
        uri: Uri,
        answer: reqwest::Response,
    ) -> impl futures_util::Stream<Item = opendal::Result<Buffer>> + Send + Sync + Unpin + 'static {
        let (pulse, transport) = (Arc::clone(&self.pulse), self.connections.transport(&self.pulse));
        answer
            .bytes_stream()
            // An empty buffer would mean the end.
            .try_filter(|bytes| std::future::ready(!bytes.is_empty()))
            .inspect(move |_| pulse.beat())
            .map_ok(Buffer::from)
            .map_err(move |error| transport.broken(&uri, &error))
    }

    async fn refusal(&self, uri: &Uri, answer: &mut reqwest::Response) -> opendal::Result<Bytes> {
        let mut text = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| self.broken(uri, &error))? {
            self.pulse.beat();
            text.extend_from_slice(&piece[..piece.len().min(REFUSAL - text.len())]);
            if text.len() == REFUSAL {
                break;
            }
        }
        Ok(text.into())
    }

    fn broken(&self, uri: &Uri, error: &reqwest::Error) -> Error {
        let proxy = self.connections.proxies.intercept(uri);
        // Without the user and the password that it may have.
        let proxy = proxy.and_then(|proxy| Some(format!("{}:{}", proxy.uri().host()?, proxy.uri().port_u16()?)));
        Error::new(ErrorKind::Unexpected, "the connection failed").set_source(Broken::new(error, proxy))
    }
}

/// Returns true if a request that was not answered may be sent again.
fn may_be_repeated(method: &Method, error: &reqwest::Error) -> bool {
    *method != Method::POST && error.is_request() && !error.is_connect()
}

/// Returns true if an answer is a refusal. What a read does not find is none.
fn refuses(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// Returns the time before a request is tried again, if it may be.
fn pause(answer: &reqwest::Response) -> Option<Duration> {
    if !matches!(answer.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    match header(answer.headers(), "retry-after") {
        Some(seconds) => seconds.parse().ok().map(Duration::from_secs).filter(|pause| *pause <= PATIENCE),
        None => Some(PAUSE),
    }
}

fn header(headers: &http::HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Returns by how many seconds the store's clock is ahead.
fn ahead(headers: &http::HeaderMap) -> Option<i64> {
    let date = Timestamp::parse_rfc2822(&header(headers, "date")?).ok()?;
    Some(date.into_inner().as_second() - Timestamp::now().into_inner().as_second())
}

/// Returns the code in a refusal of S3, Azure, Google (`<Code>X</Code>`) or GitHub (`"code":"x"`).
fn code(text: &str) -> Option<String> {
    let between = |begin: &str, end: &str| Some(text.split_once(begin)?.1.split_once(end)?.0.trim().to_owned());
    let code = between("<Code>", "</Code>").or_else(|| between("\"code\":\"", "\""))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!code.is_empty() && code.len() <= 64 && code.chars().all(plain)).then_some(code)
}

/// A body that notes what is taken of it.
struct Upload {
    rest: Buffer,
    pulse: Arc<Pulse>,
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        self.pulse.beat();
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.rest.chunk().len().min(PIECE);
        let piece = self.rest.copy_to_bytes(length);
        Poll::Ready(Some(Ok(http_body::Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_a_refusal_is_found_and_is_one_word() {
        for (text, found) in [
            (
                "<?xml?><Error><Code>RequestTimeTooSkewed</Code><Message>m</Message></Error>",
                Some("RequestTimeTooSkewed"),
            ),
            (r#"{"code":"unauthenticated","msg":"m"}"#, Some("unauthenticated")),
            ("<Error><Code></Code></Error>", None),
            ("<Error><Code>a secret in words</Code></Error>", None),
            ("<html>502 Bad Gateway</html>", None),
            ("", None),
        ] {
            assert_eq!(code(text).as_deref(), found, "{text}");
        }
    }

    #[test]
    fn a_clock_is_compared_with_the_date_of_an_answer() {
        let mut headers = http::HeaderMap::new();
        assert_eq!(ahead(&headers), None);
        headers.insert("date", http::HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert!(ahead(&headers).is_some_and(|seconds| seconds < -1_000_000));
    }
}
