//! Stores that answer badly, or not at all.

#[path = "support/server.rs"]
mod server;
mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::{Request, Server, reset};
use support::{Key, MANIFEST, Remote, Team, digest, failure, manifest, names, noise, signed};

/// Starts a reader of a server's bucket.
fn reader(server: &Server, key: &Key, timeout: u64) -> Remote {
    Remote::start(&json!({ "url": server.s3(), "keys": [key.public], "timeoutMs": timeout }))
}

/// Looks for a key. Returns the kind, the message, and how long it took.
fn refused(server: &Server, op: &str, fields: Value) -> (String, String, Duration) {
    let team = Team::new();
    let mut reader = reader(server, &team.key("key"), 60_000);
    let began = Instant::now();
    let (kind, message) = reader.fails(op, fields);
    (kind, message, began.elapsed())
}

fn key() -> Value {
    json!({ "key": "k" })
}

#[test]
fn a_server_that_answers_nothing_is_given_up_after_3_seconds() {
    std::thread::scope(|scope| {
        for (op, fields) in [("look", key()), ("sets", json!({ "weak": "w" }))] {
            scope.spawn(move || {
                let (kind, message, took) = refused(&Server::start(Request::hang), op, fields);
                assert_eq!(kind, "timeout", "{op}");
                assert!(message.contains("did not answer within 3 s"), "{message}");
                assert!((2900..3500).contains(&took.as_millis()), "{op}: {took:?}");
            });
        }
    });
}

#[test]
fn a_manifest_that_drips_is_given_up_after_3_seconds() {
    let in_the_head = |request: &mut Request| {
        request.raw(b"HTTP/1.1 200 OK\r\nx-drip: ");
        request.drip();
    };
    let in_the_body = |request: &mut Request| {
        request.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
        request.drip();
    };
    std::thread::scope(|scope| {
        for server in [Server::start(in_the_head), Server::start(in_the_body)] {
            scope.spawn(move || {
                let (kind, _, took) = refused(&server, "look", key());
                assert_eq!(kind, "timeout");
                assert!((2900..3500).contains(&took.as_millis()), "{took:?}");
            });
        }
    });
}

/// Serves a manifest of one file, and its blob as `blob` does.
fn store(key: &Key, content: &[u8], blob: impl Fn(&mut Request, &[u8]) + Send + Sync + 'static) -> Server {
    let compressed = zstd::bulk::compress(content, 3).expect("zstd works");
    let payload = manifest("k", &digest(content), content.len() as u64, compressed.len() as u64).to_string();
    let manifest = signed(key, MANIFEST, "k", payload.as_bytes()).to_string();
    Server::start(move |request| match &request.line {
        line if line.contains("/keys/k") => request.answer("200 OK", &[], manifest.as_bytes()),
        _ => blob(request, &compressed),
    })
}

/// Answers with the head of a blob, and a part of it.
fn half(request: &mut Request, blob: &[u8]) {
    request.raw(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", blob.len()).as_bytes());
    request.raw(&blob[..blob.len() / 2]);
}

/// Fetches into a new directory, which must be empty after a failure.
fn fetched(server: &Server, team: &Team, key: &Key, timeout: u64) -> (Value, Duration) {
    let into = team.empty("into");
    let mut reader = reader(server, key, timeout);
    reader.ok("look", self::key());
    let began = Instant::now();
    let answer = reader.ask("fetch", json!({ "key": "k", "into": into }));
    if answer.get("error").is_some() {
        assert_eq!(names(&into), Vec::<String>::new());
    }
    (answer, began.elapsed())
}

#[test]
fn a_blob_that_stops_is_given_up_after_5_seconds() {
    let team = Team::new();
    let key = team.key("key");
    let server = store(&key, &noise(1 << 20), |request, blob| {
        half(request, blob);
        request.hang();
    });
    let (answer, took) = fetched(&server, &team, &key, 60_000);
    let (kind, message) = failure(&answer);
    assert_eq!(kind, "timeout");
    assert!(message.contains("made no progress within 5 s"), "{message}");
    assert!((4900..5700).contains(&took.as_millis()), "{took:?}");
}

#[test]
fn a_blob_that_drips_is_given_up_at_the_deadline() {
    let team = Team::new();
    let key = team.key("key");
    let server = store(&key, &noise(1 << 20), |request, blob| {
        half(request, blob);
        for byte in &blob[blob.len() / 2..] {
            if !request.raw(&[*byte]) {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let (answer, took) = fetched(&server, &team, &key, 1500);
    let (kind, message) = failure(&answer);
    assert_eq!(kind, "timeout");
    assert!(message.contains("did not finish within 1500 ms"), "{message}");
    assert!((1400..2200).contains(&took.as_millis()), "{took:?}");
}

#[test]
fn a_request_may_have_a_deadline_of_its_own() {
    let team = Team::new();
    let server = Server::start(Request::hang);
    let mut reader = reader(&server, &team.key("key"), 60_000);
    let (kind, message) = reader.fails("look", json!({ "key": "k", "timeoutMs": 200 }));
    assert_eq!(kind, "timeout");
    assert!(message.contains("200 ms"), "{message}");
}

#[test]
fn a_blob_that_is_cut_off_is_not_reached() {
    let team = Team::new();
    let key = team.key("key");
    let server = store(&key, &noise(1 << 20), half);
    let (kind, message) = failure(&fetched(&server, &team, &key, 60_000).0);
    assert_eq!(kind, "unreachable");
    assert!(message.contains("broke off"), "{message}");
}

#[test]
fn a_blob_that_is_endless_ends_at_the_signed_size() {
    let team = Team::new();
    let key = team.key("key");
    let server = store(&key, b"app", |request, _| {
        request.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
        // A frame that zstd skips: <https://www.rfc-editor.org/rfc/rfc8878#section-3.1.2>.
        request.raw(b"\x50\x2a\x4d\x18\xff\xff\xff\xff");
        let endless = vec![0; 1 << 16];
        while request.raw(&endless) {}
    });
    assert_eq!(failure(&fetched(&server, &team, &key, 60_000).0).0, "too-large");
}

#[test]
fn refusals_are_named() {
    let body =
        |code: &str| format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>secret</Message></Error>");
    for (status, headers, code, kind, words) in [
        ("500 Internal Server Error", &[][..], "InternalError", "server", "500 InternalError"),
        ("502 Bad Gateway", &[], "", "server", "502"),
        ("401 Unauthorized", &[], "", "credentials", "AWS_ACCESS_KEY_ID"),
        ("403 Forbidden", &[], "AccessDenied", "credentials", "403 AccessDenied"),
        ("403 Forbidden", &[], "RequestTimeTooSkewed", "clock", "clock"),
        ("403 Forbidden", &["Date: Sun, 06 Nov 1994 08:49:37 GMT"], "AccessDenied", "clock", "clocks differ by"),
        ("404 Not Found", &[], "NoSuchBucket", "config", "no such bucket"),
        ("400 Bad Request", &[], "AuthorizationHeaderMalformed", "config", "region"),
        ("507 Insufficient Storage", &[], "", "server", "507"),
    ] {
        let text = body(code);
        let server = Server::start(move |request| request.answer(status, headers, text.as_bytes()));
        let (found, message, _) = refused(&server, "look", key());
        assert_eq!(found, kind, "{status} {code}: {message}");
        assert!(message.contains(words), "{status} {code}: {message}");
        assert!(!message.contains("secret") && !message.contains("Authorization:"), "{message}");
        assert_eq!(server.requests(), 1, "{status} {code}");
    }
}

#[test]
fn a_busy_store_is_asked_once_more_if_the_wait_is_short() {
    let team = Team::new();
    let key = team.key("key");
    for (status, headers, requests, works) in [
        ("503 Service Unavailable", &[][..], 2, true),
        ("429 Too Many Requests", &["Retry-After: 1"], 2, true),
        ("503 Service Unavailable", &["Retry-After: 60"], 1, false),
        ("503 Service Unavailable", &["Retry-After: Fri, 31 Dec 2100 23:59:59 GMT"], 1, false),
    ] {
        let server = Server::start(move |request| match request.number {
            0 => request.answer(status, headers, b""),
            _ => request.answer("404 Not Found", &[], b"<Error><Code>NoSuchKey</Code></Error>"),
        });
        let answer = reader(&server, &key, 60_000).ask("look", self::key());
        match works {
            true => assert_eq!(answer["ok"]["found"], false, "{answer}"),
            false => assert_eq!(failure(&answer).0, "server", "{answer}"),
        }
        assert_eq!(server.requests(), requests, "{status} {headers:?}");
    }
    let server = Server::start(|request| request.answer("503 Slow Down", &[], b""));
    assert_eq!(reader(&server, &key, 60_000).fails("look", self::key()).0, "server");
    assert_eq!(server.requests(), 2);
}

#[test]
fn connections_that_fail_are_unreachable() {
    let silent = Server::start(|request| drop(request.stream.shutdown(std::net::Shutdown::Both)));
    let resetting = Server::start(|request| reset(&request.stream));
    let nonsense = Server::start(|request| assert!(request.raw(b"SSH-2.0-server\r\n\r\n")));
    for server in [silent, resetting, nonsense] {
        let (kind, message, took) = refused(&server, "look", key());
        assert_eq!(kind, "unreachable", "{message}");
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
    let team = Team::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let closed = closed.expect("there is a free port");
    let keys = json!([team.key("key").public]);
    for url in
        [format!("s3://bucket?endpoint=http://{closed}"), format!("webdav://{closed}/p"), format!("redis://{closed}/p")]
    {
        let (kind, message) = Remote::start(&json!({ "url": url, "keys": keys })).fails("look", key());
        assert_eq!(kind, "unreachable", "{url}: {message}");
    }
}

#[test]
fn a_connection_that_its_server_ends_when_it_is_used_again_is_no_failure() {
    let server = Server::start(|request| {
        assert!(request.raw(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
        // The next request comes over this connection, and the connection ends.
        let _ = request.stream.peek(&mut [0]);
    });
    let mut reader = reader(&server, &Team::new().key("key"), 60_000);
    for requests in 1..4 {
        assert_eq!(reader.ok("look", key())["found"], false);
        assert_eq!(server.requests(), requests);
    }
    let once = Server::start(|request| match request.number {
        0 => request.answer("404 Not Found", &[], b""),
        _ => reset(&request.stream),
    });
    let mut reader = self::reader(&once, &Team::new().key("key"), 60_000);
    assert_eq!(reader.ok("look", key())["found"], false);
    assert_eq!(reader.fails("look", key()).0, "unreachable");
    assert_eq!(once.requests(), 3);
}

#[test]
fn a_proxy_that_fails_is_named_without_its_password() {
    let team = Team::new();
    let key = team.key("key");
    let refusing = Server::start(|request| request.answer("407 Proxy Authentication Required", &[], b""));
    let proxy = format!("http://user:secret@{}", refusing.address);
    for (endpoint, variable) in [("http://store.invalid", "HTTP_PROXY"), ("https://store.invalid", "HTTPS_PROXY")] {
        let config = json!({ "url": format!("s3://bucket?endpoint={endpoint}"), "keys": [key.public] });
        let lower = variable.to_lowercase();
        let (mut remote, _) = Remote::configured(&config, &[(variable, &proxy), (&lower, &proxy)]);
        let (kind, message) = remote.fails("look", self::key());
        assert_eq!(kind, "proxy", "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_machine_without_certificates_is_told_so() {
    let team = Team::new();
    let key = team.key("key");
    let none = [("SSL_CERT_FILE", "/no/such/file"), ("SSL_CERT_DIR", "/no/such/directory")];
    let config = json!({ "url": "s3://bucket?endpoint=https://127.0.0.1:1", "keys": [key.public] });
    let (mut remote, _) = Remote::configured(&config, &none);
    let (kind, message) = remote.fails("look", self::key());
    assert_eq!(kind, "certificate");
    assert!(message.contains("ca-certificates"), "{message}");
    // A connection in the clear needs none.
    let server = Server::start(|request| request.answer("404 Not Found", &[], b""));
    let config = json!({ "url": server.s3(), "keys": [key.public] });
    let (mut remote, _) = Remote::configured(&config, &none);
    assert_eq!(remote.ok("look", self::key())["found"], false);
}

#[test]
fn metadata_is_not_asked_for_credentials() {
    let team = Team::new();
    let server = Server::start(|request| request.answer("404 Not Found", &[], b""));
    let config = json!({ "url": server.s3(), "keys": [team.key("key").public] });
    let proxy = format!("http://{}", server.address);
    // Every request to elsewhere would go to this server, too.
    let variables =
        [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("HTTP_PROXY", &*proxy), ("http_proxy", &proxy)];
    let (mut remote, _) = Remote::configured(&config, &variables);
    let (kind, message) = remote.fails("look", key());
    assert_eq!(kind, "credentials", "{message}");
    assert!(message.starts_with("there are no credentials"), "{message}");
    assert_eq!(server.requests(), 0);
}

/// Starts a fetch of a blob that does not end. Returns once some of it is there.
fn in_the_middle(team: &Team, into: &Path) -> (Server, Remote) {
    let key = team.key("key");
    let server = store(&key, &noise(1 << 20), |request, blob| {
        half(request, blob);
        request.drip();
    });
    let mut remote = reader(&server, &key, 60_000);
    remote.ok("look", self::key());
    remote.send("fetch", json!({ "key": "k", "into": into }));
    assert!(remote.line().expect("there is progress").get("progress").is_some());
    assert_eq!(names(into).len(), 1);
    (server, remote)
}

#[test]
fn the_end_of_the_standard_input_ends_a_transfer_and_leaves_nothing() {
    let team = Team::new();
    let into = team.empty("into");
    let (_server, mut remote) = in_the_middle(&team, &into);
    remote.hang_up();
    assert_eq!(remote.ended().code(), Some(0));
    assert_eq!(names(&into), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_transfer_and_leaves_nothing() {
    for (signal, status) in [("TERM", 143), ("INT", 130)] {
        let team = Team::new();
        let into = team.empty("into");
        let (_server, mut remote) = in_the_middle(&team, &into);
        let kill =
            std::process::Command::new("kill").arg(format!("-{signal}")).arg(remote.child.id().to_string()).status();
        assert!(kill.expect("kill is there").success());
        assert_eq!(remote.ended().code(), Some(status));
        assert_eq!(names(&into), Vec::<String>::new());
    }
}

#[test]
fn an_upload_that_is_not_taken_is_given_up_after_5_seconds() {
    let team = Team::new();
    let key = team.key("key");
    let server = Server::start(|request| match request.line.split(' ').next() {
        Some("HEAD") => request.answer("404 Not Found", &[], b""),
        _ => request.stall(),
    });
    let config = json!({ "url": server.s3(), "mode": "publish", "signingKeyFile": key.file });
    let mut publisher = Remote::start(&config);
    let file = team.file("app", &noise(32 << 20));
    let (kind, message) = publisher.fails("publish", json!({ "key": "k", "files": [file] }));
    assert_eq!(kind, "timeout");
    assert!(message.contains("made no progress within 5 s"), "{message}");
}

#[test]
fn an_upload_that_is_refused_writes_no_manifest() {
    let team = Team::new();
    let key = team.key("key");
    let server = Server::start(|request| match request.line.split(' ').next() {
        Some("HEAD" | "GET") => request.answer("404 Not Found", &[], b""),
        _ => request.answer("403 Forbidden", &[], b"<Error><Code>AccessDenied</Code></Error>"),
    });
    let config = json!({ "url": server.s3(), "mode": "publish", "signingKeyFile": key.file });
    let mut publisher = Remote::start(&config);
    let request = json!({ "key": "k", "files": [team.file("app", b"app")], "weak": "w", "set": {} });
    assert_eq!(publisher.fails("publish", request).0, "credentials");
    let seen = server.seen.lock().expect("no test panics in it");
    assert!(seen.iter().any(|line| line.starts_with("PUT") && line.contains("/blobs/")), "{seen:?}");
    assert!(!seen.iter().any(|line| line.contains("/keys/") || line.contains("/sets/")), "{seen:?}");
}
