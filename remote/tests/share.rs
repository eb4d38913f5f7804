//! Publishing and fetching through a directory, among processes.

mod support;

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::{MANIFEST, PROGRAM, Remote, Team, digest, failure, manifest, names, noise, signed};

#[test]
fn what_one_process_publishes_another_has() {
    let team = Team::new();
    let key = team.key("key");
    let (app, library) = (noise(3 << 20), b"library".repeat(1000));
    let files = json!([team.file("app", &app), { "name": "lib.so", "path": team.file("lib.so", &library)["path"] }]);
    let particulars = json!({
        "requires": { "glibc": "2.36", "cpu": ["avx2"] }, "builder": "ci", "builtAt": "2026-01-01T00:00:00Z",
        "extra": { "large": 18_446_744_073_709_551_615_u64 },
    });
    let set = json!({ "names": ["src/main.rs"] });
    let mut publisher = team.publisher(&key);
    let request = json!({ "key": "k", "manifest": particulars, "files": files, "weak": "w", "set": set });
    let sent = publisher.ok("publish", request.clone());
    assert_eq!(sent["blobs"], 2);
    assert!(sent["bytes"].as_u64().is_some_and(|bytes| bytes > 3 << 20));
    assert_eq!(publisher.ok("publish", request), json!({ "blobs": 0, "bytes": 0 }));

    let mut reader = team.reader(&[&key]);
    assert_eq!(reader.ok("sets", json!({ "weak": "w" })), json!({ "sets": [set], "signers": [key.public] }));
    let found = reader.ok("look", json!({ "key": "k" }));
    assert_eq!((&found["found"], &found["signers"]), (&json!(true), &json!([key.public])));
    for field in ["requires", "builder", "builtAt", "extra"] {
        assert_eq!(found["manifest"][field], particulars[field], "{field}");
    }
    let into = team.empty("into");
    let fetched = reader.ok("fetch", json!({ "key": "k", "into": into }));
    assert_eq!(fetched["files"], found["manifest"]["files"]);
    assert_eq!(names(&into), ["app", "lib.so"]);
    assert_eq!(std::fs::read(into.join("app")).expect("it is there"), app);
    assert_eq!(std::fs::read(into.join("lib.so")).expect("it is there"), library);
    let last = &reader.progress.last().expect("there was progress")["progress"];
    assert_eq!(last["bytes"], last["total"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name| std::fs::metadata(into.join(name)).expect("it is there").permissions().mode() & 0o111;
        assert_ne!(mode("app"), 0);
        assert_eq!(mode("lib.so"), 0);
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let team = Team::new();
    let mut reader = team.reader(&[&team.key("key")]);
    assert_eq!(reader.ok("sets", json!({ "weak": "w" })), json!({ "sets": [], "signers": [] }));
    let longest = json!({ "key": "k", "timeoutMs": u64::MAX });
    assert_eq!(reader.ok("look", longest), json!({ "found": false }));
    assert_eq!(reader.fails("fetch", json!({ "key": "k", "into": team.empty("into") })).0, "damaged");
    // Nothing is written by a reader.
    assert_eq!(names(&team.store()), Vec::<String>::new());
}

#[test]
fn requests_run_at_the_same_time_and_answers_have_their_numbers() {
    let team = Team::new();
    let key = team.key("key");
    team.publish(&key, &noise(1 << 20));
    let mut reader = team.reader(&[&key]);
    for round in 0..8 {
        let into = team.empty(&format!("into-{round}"));
        reader.send("fetch", json!({ "key": "k", "into": into }));
    }
    let mut answered = Vec::new();
    while answered.len() < 8 {
        let line = reader.line().expect("the program answers");
        assert!(line.get("error").is_none(), "{line}");
        if line.get("ok").is_some() {
            answered.push(line["id"].as_u64().expect("it is a number"));
        }
    }
    answered.sort_unstable();
    assert_eq!(answered, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_flipped_bit_in_a_blob_is_found_and_nothing_stays() {
    let team = Team::new();
    let key = team.key("key");
    let content = noise(1 << 20);
    team.publish(&key, &content);
    let path = format!("1/blobs/{}", digest(&content));
    let good = team.get(&path);
    let into = team.empty("into");
    for position in [0, good.len() / 2, good.len() - 100] {
        let mut bad = good.clone();
        bad[position] ^= 1;
        team.put(&path, &bad);
        let (kind, _) = team.reader(&[&key]).fails("fetch", json!({ "key": "k", "into": into }));
        assert!(kind == "damaged" || kind == "too-large", "{position}: {kind}");
        assert_eq!(names(&into), Vec::<String>::new(), "{position}");
    }
    for length in [0, 1, good.len() - 100] {
        team.put(&path, &good[..length]);
        let (kind, _) = team.reader(&[&key]).fails("fetch", json!({ "key": "k", "into": into }));
        assert_eq!(kind, "damaged", "{length}");
        assert_eq!(names(&into), Vec::<String>::new(), "{length}");
    }
    // A publisher makes it whole again, also where the length is right.
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    team.put(&path, &bad);
    let request = json!({ "key": "k", "files": [team.file("app", &content)] });
    assert_eq!(team.publisher(&key).ok("publish", request.clone())["blobs"], 0);
    let mut publisher = team.publisher(&key);
    publisher.fails("fetch", json!({ "key": "k", "into": into }));
    assert_eq!(publisher.ok("publish", request.clone())["blobs"], 1);
    team.reader(&[&key]).ok("fetch", json!({ "key": "k", "into": team.empty("first") }));
    team.put(&path, &bad);
    let mut replacing = request;
    replacing["replace"] = json!(true);
    assert_eq!(team.publisher(&key).ok("publish", replacing)["blobs"], 1);
    team.reader(&[&key]).ok("fetch", json!({ "key": "k", "into": into }));
    assert_eq!(std::fs::read(into.join("app")).expect("it is there"), content);
}

#[test]
fn a_flipped_bit_in_a_manifest_or_in_sets_is_never_believed() {
    let team = Team::new();
    let key = team.key("key");
    let request = json!({ "key": "k", "files": [team.file("app", b"app")], "weak": "w", "set": { "a": 1 } });
    team.publisher(&key).ok("publish", request);
    let mut reader = team.reader(&[&key]);
    for (path, op, fields) in
        [("1/keys/k", "look", json!({ "key": "k" })), ("1/sets/w", "sets", json!({ "weak": "w" }))]
    {
        let good = team.get(path);
        let whole = reader.ok(op, fields.clone());
        for position in (0..good.len()).step_by(7) {
            let mut bad = good.clone();
            bad[position] ^= 1;
            team.put(path, &bad);
            let answer = reader.ask(op, fields.clone());
            match answer.get("ok") {
                // The names in it that are not read.
                Some(ok) => assert_eq!(*ok, whole, "{path} {position}"),
                None => {
                    assert!(["damaged", "untrusted"].contains(&&*failure(&answer).0), "{path} {position}: {answer}")
                }
            }
        }
        team.put(path, &good);
    }
}

#[test]
fn a_manifest_under_another_key_is_untrusted() {
    let team = Team::new();
    let key = team.key("key");
    team.publish(&key, b"app");
    team.put("1/keys/other", &team.get("1/keys/k"));
    assert_eq!(team.reader(&[&key]).fails("look", json!({ "key": "other" })).0, "untrusted");
}

#[test]
fn a_manifest_that_nobody_trusted_signed_is_untrusted() {
    let team = Team::new();
    let (key, stranger) = (team.key("key"), team.key("stranger"));
    team.publish(&stranger, b"app");
    assert_eq!(team.reader(&[&key]).fails("look", json!({ "key": "k" })).0, "untrusted");
    // An entry that a look refused is not fetched either.
    let mut reader = team.reader(&[&key]);
    reader.fails("look", json!({ "key": "k" }));
    assert_eq!(reader.fails("fetch", json!({ "key": "k", "into": team.empty("into") })).0, "untrusted");
}

#[test]
fn of_two_signatures_one_trusted_is_enough() {
    let team = Team::new();
    let (old, new, stranger) = (team.key("old"), team.key("new"), team.key("stranger"));
    let config = json!({ "url": team.url(), "mode": "publish", "signingKeyFile": [old.file, new.file] });
    let file = team.file("app", b"app");
    Remote::start(&config).ok("publish", json!({ "key": "k", "files": [file] }));
    for trusted in [&old, &new] {
        let found = team.reader(&[trusted, &stranger]).ok("look", json!({ "key": "k" }));
        assert_eq!(found["signers"], json!([trusted.public]));
    }
    assert_eq!(team.reader(&[&stranger]).fails("look", json!({ "key": "k" })).0, "untrusted");
}

#[test]
fn inflating_stops_at_the_signed_size() {
    let team = Team::new();
    let key = team.key("key");
    // One megabyte that becomes ten gigabytes.
    let bomb: Vec<u8> = zstd::bulk::compress(&vec![0; 100 << 20], 3).expect("zstd works").repeat(100);
    let name = digest(b"whatever");
    team.put(&format!("1/blobs/{name}"), &bomb);
    let payload = manifest("k", &name, 1000, bomb.len() as u64).to_string();
    team.put("1/keys/k", signed(&key, MANIFEST, "k", payload.as_bytes()).to_string().as_bytes());
    let into = team.empty("into");
    let began = std::time::Instant::now();
    let (kind, message) = team.reader(&[&key]).fails("fetch", json!({ "key": "k", "into": into }));
    assert_eq!(kind, "too-large");
    assert!(message.contains("1000 bytes"), "{message}");
    assert!(began.elapsed() < std::time::Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(names(&into), Vec::<String>::new());
}

#[test]
fn a_blob_that_is_missing_is_damage() {
    let team = Team::new();
    let key = team.key("key");
    team.publish(&key, b"app");
    std::fs::remove_file(team.store().join(format!("1/blobs/{}", digest(b"app")))).expect("it is there");
    let mut reader = team.reader(&[&key]);
    assert_eq!(reader.ok("look", json!({ "key": "k" }))["found"], true);
    let (kind, message) = reader.fails("fetch", json!({ "key": "k", "into": team.empty("into") }));
    assert_eq!(kind, "damaged");
    assert!(message.contains("not there"), "{message}");
}

#[test]
fn a_manifest_has_64_kib_at_most() {
    let team = Team::new();
    let key = team.key("key");
    let mut publisher = team.publisher(&key);
    let files = json!([team.file("app", b"app")]);
    let extra = |length| json!({ "extra": "x".repeat(length) });
    publisher.ok("publish", json!({ "key": "k", "manifest": extra(40_000), "files": files }));
    let (kind, _) = publisher.fails("publish", json!({ "key": "l", "manifest": extra(64 << 10), "files": files }));
    assert_eq!(kind, "too-large");
    assert!(!team.store().join("1/keys/l").exists());
    let mut long = team.get("1/keys/k");
    long.resize((64 << 10) + 1, b' ');
    team.put("1/keys/k", &long);
    assert_eq!(team.reader(&[&key]).fails("look", json!({ "key": "k" })).0, "too-large");
}

#[test]
fn a_file_name_of_a_manifest_leaves_its_directory_never() {
    let team = Team::new();
    let key = team.key("key");
    team.publish(&key, b"app");
    let into = team.empty("into");
    for name in ["../app", "/tmp/app", "a/b", "..", "nul", "a\\b"] {
        let blob = team.get(&format!("1/blobs/{}", digest(b"app")));
        let mut payload = manifest("k", &digest(b"app"), 3, blob.len() as u64);
        payload["files"][0]["name"] = json!(name);
        team.put("1/keys/k", signed(&key, MANIFEST, "k", payload.to_string().as_bytes()).to_string().as_bytes());
        let (kind, message) = team.reader(&[&key]).fails("fetch", json!({ "key": "k", "into": into }));
        assert_eq!(kind, "damaged", "{name}");
        assert!(message.contains("plain"), "{message}");
    }
    assert_eq!(names(&into), Vec::<String>::new());
}

#[test]
fn signatures_hold_for_their_domain_alone() {
    let team = Team::new();
    let key = team.key("key");
    let payload = manifest("k", &digest(b"app"), 3, 3).to_string();
    let sealed = signed(&key, "dev-bin-remote/1/set", "k", payload.as_bytes());
    team.put("1/keys/k", sealed.to_string().as_bytes());
    assert_eq!(team.reader(&[&key]).fails("look", json!({ "key": "k" })).0, "untrusted");
    // Unsigned is untrusted, too.
    let unsigned = json!({ "payload": STANDARD.encode(payload), "signatures": [] });
    team.put("1/keys/k", unsigned.to_string().as_bytes());
    assert_eq!(team.reader(&[&key]).fails("look", json!({ "key": "k" })).0, "untrusted");
}

#[test]
fn sets_of_trusted_publishers_are_kept() {
    let team = Team::new();
    let (one, two, stranger) = (team.key("one"), team.key("two"), team.key("stranger"));
    let file = team.file("app", b"app");
    let request = |set: u32| json!({ "key": "k", "files": [file], "weak": "w", "set": { "set": set } });
    team.publisher(&stranger).ok("publish", request(0));
    let config = json!({ "url": team.url(), "mode": "publish", "signingKeyFile": one.file, "keys": [two.public] });
    Remote::start(&config).ok("publish", request(1));
    let config = json!({ "url": team.url(), "mode": "publish", "signingKeyFile": two.file, "keys": [one.public] });
    Remote::start(&config).ok("publish", request(2));
    let sets = |keys: &[&support::Key]| team.reader(keys).ok("sets", json!({ "weak": "w" }))["sets"].clone();
    assert_eq!(sets(&[&one, &two]), json!([{ "set": 2 }, { "set": 1 }]));
    assert_eq!(sets(&[&one]), json!([{ "set": 1 }]));
    assert_eq!(team.reader(&[&stranger]).fails("sets", json!({ "weak": "w" })).0, "untrusted");
}

#[test]
fn what_a_killed_publisher_left_is_removed_after_a_day() {
    let team = Team::new();
    let key = team.key("key");
    team.publish(&key, b"app");
    assert_eq!(names(&team.store().join("1/tmp")), Vec::<String>::new());
    for (name, hours) in [("old", 25), ("new", 23)] {
        team.put(&format!("1/tmp/{name}"), b"half");
        let file =
            std::fs::File::options().write(true).open(team.store().join("1/tmp").join(name)).expect("it is there");
        let time = std::time::SystemTime::now() - std::time::Duration::from_secs(hours * 3600);
        file.set_modified(time).expect("it is ours");
    }
    team.publisher(&key);
    assert_eq!(names(&team.store().join("1/tmp")), ["new"]);
}

#[test]
fn a_reader_publishes_nothing() {
    let team = Team::new();
    let mut reader = team.reader(&[&team.key("key")]);
    let request = json!({ "key": "k", "files": [team.file("app", b"app")] });
    assert_eq!(reader.fails("publish", request).0, "read-only");
    assert_eq!(names(&team.store()), Vec::<String>::new());
}

#[test]
fn requests_that_cannot_be_done_are_answered() {
    let team = Team::new();
    let key = team.key("key");
    team.publish(&key, b"app");
    let mut publisher = team.publisher(&key);
    for (op, fields, kind) in [
        ("sing", json!({}), "request"),
        ("look", json!({ "key": "../k" }), "request"),
        ("publish", json!({ "key": "k", "files": [] }), "request"),
        ("publish", json!({ "key": "k", "files": [{ "name": "a/b", "path": "/" }] }), "request"),
        ("publish", json!({ "key": "k", "files": [{ "name": "a", "path": "/no/such/file" }] }), "local"),
        ("fetch", json!({ "key": "k", "into": "/no/such/directory" }), "local"),
    ] {
        assert_eq!(publisher.fails(op, fields.clone()).0, kind, "{op} {fields}");
    }
    let into = team.empty("into");
    std::fs::write(into.join("app"), "mine").expect("it is ours");
    assert_eq!(publisher.fails("fetch", json!({ "key": "k", "into": into })).0, "local");
    assert_eq!(std::fs::read(into.join("app")).expect("it is there"), b"mine");
    assert_eq!(names(&into), ["app"]);
}

#[test]
fn a_check_writes_reads_and_deletes() {
    let team = Team::new();
    let key = team.key("key");
    let steps = |answer: &Value| -> Vec<String> {
        let steps = answer["steps"].as_array().expect("it is a list");
        steps.iter().map(|step| step["step"].as_str().expect("it is text").to_owned()).collect()
    };
    let checked = team.publisher(&key).ok("check", json!({}));
    assert_eq!(
        (steps(&checked), &checked["failure"]),
        (vec!["put".into(), "get".into(), "delete".into()], &Value::Null)
    );
    assert_eq!(names(&team.store().join("1/check")), Vec::<String>::new());
    let checked = team.reader(&[&key]).ok("check", json!({}));
    assert_eq!((steps(&checked), &checked["failure"]), (vec!["get".into()], &Value::Null));
}

#[test]
fn configuration_that_cannot_be_used_ends_the_program() {
    let team = Team::new();
    let key = team.key("key");
    for (config, kind) in [
        (json!({ "url": "nowhere", "keys": [key.public] }), "config"),
        (json!({ "url": team.url(), "keys": [] }), "config"),
        (json!({ "url": "file:///no/such/directory", "keys": [key.public] }), "unreachable"),
        (json!({ "url": "ghac:///p", "keys": [key.public] }), "credentials"),
    ] {
        let (mut remote, answer) = Remote::configured(&config, &[]);
        assert_eq!(failure(&answer).0, kind, "{answer}");
        assert_eq!(remote.ended().code(), Some(2));
    }
}

#[test]
fn the_end_of_the_standard_input_ends_the_program() {
    let team = Team::new();
    let mut reader = team.reader(&[&team.key("key")]);
    reader.hang_up();
    assert_eq!(reader.ended().code(), Some(0));
}

#[test]
fn keygen_replaces_nothing_and_the_version_is_printed() {
    let team = Team::new();
    let key = team.key("key");
    let again = Command::new(PROGRAM).arg("keygen").arg(&key.file).output().expect("the program starts");
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).starts_with("error: cannot write the private key"));
    let version = Command::new(PROGRAM).arg("--version").output().expect("the program starts");
    assert_eq!(String::from_utf8_lossy(&version.stdout), format!("dev-bin-remote {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(Command::new(PROGRAM).output().expect("the program starts").status.code(), Some(2));
}
