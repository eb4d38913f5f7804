//! Tests what the store serves of a published entry after something happened to its files, as a table.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use openlock_dev_bin::fs::identity::StatIdentity;
use openlock_dev_bin::model::cancellation::Cancellation;
use openlock_dev_bin::model::companions::Companions;
use openlock_dev_bin::model::inventory::Inventory;
use openlock_dev_bin::request::{Options, Request};
use openlock_dev_bin::store::{LookUp, Provenance, Store};

/// Publishes `content` as `hello` in a new cache below `directory`, and returns the store and the path of the binary.
fn published(directory: &Path, content: &str) -> (Store, PathBuf) {
    let root = dunce::canonicalize(directory).unwrap();
    let cache_dir = root.join("cache");
    let options = Options {
        crate_name: Some("hello".into()),
        repo: root.clone(),
        cache_dir: cache_dir.clone(),
        ..Options::default()
    };
    let request = Request::try_from(options).unwrap();
    let store = Store::open(&cache_dir).unwrap();
    store.prepare().unwrap();
    let executable = root.join("hello");
    fs::write(&executable, content).unwrap();
    let stat = StatIdentity::of(&fs::metadata(&executable).unwrap());
    let staged = store.stage(&executable, &stat, &Companions::default(), &[]).unwrap().unwrap();
    let inventory = Inventory::default();
    let provenance = Provenance { checkout: &root, commit: None, build_ms: 1, origin: None };
    let entry = store.publish(staged, &request, provenance, &inventory, &Cancellation::default()).unwrap();
    (store, entry.path)
}

#[test]
fn an_entry_is_served_as_it_was_published_and_not_otherwise() {
    type Change = fn(&Path, &Path);
    let cases: [(&str, Change, &str); 11] = [
        ("nothing", |_, _| {}, "hit"),
        ("a new time", |binary, _| fs::File::open(binary).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap(), "hit"),
        ("another name", |binary, _| fs::hard_link(binary, binary.with_file_name("other")).unwrap(), "hit"),
        ("other bytes", |binary, _| fs::write(binary, "other!").unwrap(), "has other bytes than were published"),
        ("more bytes", |binary, _| fs::write(binary, "more bytes").unwrap(), "has 10 bytes instead of 6"),
        (
            "another mode",
            |binary, _| fs::set_permissions(binary, fs::Permissions::from_mode(0o644)).unwrap(),
            "has mode 644 instead of 755",
        ),
        ("no binary", |binary, _| fs::remove_file(binary).unwrap(), "is missing"),
        (
            "a link",
            |binary, _| {
                fs::rename(binary, binary.with_file_name("other")).unwrap();
                symlink("other", binary).unwrap();
            },
            "is not a regular file",
        ),
        ("no manifest", |_, manifest| fs::remove_file(manifest).unwrap(), "has no manifest"),
        ("a torn manifest", |_, manifest| fs::write(manifest, "{").unwrap(), "has a manifest that cannot be parsed"),
        (
            "nothing left",
            |binary, manifest| {
                fs::remove_file(binary).unwrap();
                fs::remove_file(manifest).unwrap();
            },
            "absent",
        ),
    ];
    for (what, change, expected) in cases {
        let directory = tempfile::tempdir().unwrap();
        let (store, binary) = published(directory.path(), "binary");
        change(&binary, &binary.with_file_name("hello.json"));
        let found = match store.look_up(&Inventory::default().fingerprint(), "hello") {
            LookUp::Hit(_) => "hit".to_owned(),
            LookUp::Absent => "absent".to_owned(),
            LookUp::Damaged(detail) => detail,
        };
        assert!(found.ends_with(expected), "{what}: {found}");
    }
}
