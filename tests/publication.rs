//! Tests publication while another process empties the cache.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use openlock_dev_bin::fs::identity::StatIdentity;
use openlock_dev_bin::model::cancellation::Cancellation;
use openlock_dev_bin::model::companions::Companions;
use openlock_dev_bin::model::inventory::Inventory;
use openlock_dev_bin::request::limits::Limits;
use openlock_dev_bin::request::{Options, Request};
use openlock_dev_bin::store::{LookUp, Provenance, Pruning, Store};

const ROUNDS: u32 = 300;

#[test]
fn an_entry_is_published_beside_one_who_removes_all_of_them() {
    let guard = tempfile::tempdir().unwrap();
    let root = dunce::canonicalize(guard.path()).unwrap();
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
    fs::write(&executable, "a binary").unwrap();
    let stat = StatIdentity::of(&fs::metadata(&executable).unwrap());
    let cancellation = Cancellation::default();
    let pruning = Pruning { limits: Limits::default(), all: true, dry_run: false };
    let provenance = || Provenance { checkout: &root, commit: None, build_ms: 1, origin: None };
    let is_done = AtomicBool::new(false);

    thread::scope(|scope| {
        let pruning = scope.spawn(|| {
            let mut removed = 0;
            while !is_done.load(Ordering::Relaxed) {
                let pruned = store.prune(&pruning, &cancellation).unwrap();
                assert_eq!(pruned.problems, Vec::<String>::new());
                removed += pruned.removed.len();
            }
            removed
        });
        // All rounds have the same inputs, so that each publishes where another one is removed.
        let published: Vec<_> = (0..ROUNDS)
            .map(|_| {
                let staged = store.stage(&executable, &stat, &Companions::default(), &[]).unwrap().unwrap();
                store.publish(staged, &request, provenance(), &Inventory::default(), &cancellation)
            })
            .collect();
        is_done.store(true, Ordering::Relaxed);
        let removed = pruning.join().unwrap();
        for entry in &published {
            assert!(entry.is_ok(), "{entry:?}");
        }
        assert!(removed > 1, "{removed} entries were removed, which puts nothing to the test");
    });
    let staged = store.stage(&executable, &stat, &Companions::default(), &[]).unwrap().unwrap();
    let entry = store.publish(staged, &request, provenance(), &Inventory::default(), &cancellation).unwrap();
    assert!(matches!(store.look_up(&entry.manifest.fingerprint, "hello"), LookUp::Hit(_)));
}
