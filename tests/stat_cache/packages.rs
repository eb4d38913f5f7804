//! Sweeps of the packages that a path set names.

use std::fs;

use openlock_dev_bin::inputs::{self, CrateScope};
use openlock_dev_bin::model::path_set::PathSet;
use openlock_dev_bin::model::portable_path::PortablePath;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed};

use super::checkout::{Checkout, described};

fn tree_of_packages() -> impl Strategy<Value = Vec<(String, bool)>> {
    let name = select(&["a", "b", "crates", "Cargo.toml", "Cargo.lock", "x.rs", "ignored", ".gitignore"]);
    let path = proptest::collection::vec(name, 1..5).prop_map(|parts| parts.join("/"));
    proptest::collection::vec((path, any::<bool>()), 1..50)
}

proptest! {
    #![proptest_config(Config {
        cases: 64,
        rng_seed: RngSeed::Fixed(0x0063_6163_6865),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn walking_a_part_finds_what_is_left_of_the_whole(
        leaves in tree_of_packages(),
        packages in proptest::collection::btree_set(select(&["", "a", "a/b", "crates/a", "crates/a/b", "b"]), 0..3),
        manifests in proptest::collection::btree_set(select(&["Cargo.toml", "b/Cargo.toml", "a/crates/Cargo.toml"]), 0..3),
        members in proptest::collection::btree_set(select(&["crates/*", "*", "a/b", "b/**"]), 0..2),
    ) {
        let checkout = Checkout::new(&[("Cargo.toml", "[workspace]")]);
        for (path, is_tracked) in leaves {
            let full = checkout.at(&path);
            let parents = fs::create_dir_all(full.parent().unwrap_or(&full));
            if parents.is_ok() && fs::symlink_metadata(&full).is_err() {
                fs::write(full, if path.ends_with(".gitignore") { "ignored\nx.rs\n" } else { &path }).unwrap();
                if is_tracked {
                    checkout.git(&["add", "--force", "--", &path]);
                }
            }
        }
        let places = |paths: std::collections::BTreeSet<&str>| {
            paths.into_iter().map(|path| PortablePath::of(&checkout.at(path), &checkout.root)).collect()
        };
        let members = members.into_iter().map(str::to_owned).collect();
        let set = PathSet { packages: places(packages), manifests: places(manifests), members, ..PathSet::default() };
        let crate_scope = CrateScope::of(&set);
        let narrowed = inputs::narrowed(&std::sync::Arc::new(checkout.cold()), Some(&crate_scope));
        let walked = checkout.cold_of(Some(crate_scope.clone()));
        prop_assert_eq!(described(&walked), described(&narrowed));
        prop_assert_eq!(described(&checkout.warm_of(Some(crate_scope))), described(&narrowed));
    }
}
