//! Says why a binary was built: the differences between the inputs now and those of the last build.
//!
//! Promises: options come first, then files, configuration, variables, programs and HEADs.
//! Does not promise: to list every path. A long list ends with the number of all of them.

use crate::model::event::MissReason;
use crate::model::inventory::{Inventory, configuration, files, head, options, tools, variables};

/// Returns every difference of `now` from `before`, the most telling first; none if they are equal. Both are inventories of
/// the files that counted `before`.
#[must_use]
pub fn between(before: &Inventory, now: &Inventory) -> Vec<MissReason> {
    // Taken apart in full, so that a field that is added has to be compared or left out on purpose. Those that are left out
    // here are compared as files, or as what is checked out.
    let Inventory {
        request,
        tree: _,
        tools,
        variables: steering,
        configs,
        named: _,
        read_variables,
        read_files: _,
        location: _,
        branch: _,
        path_set: _,
        readers: _,
    } = now;
    let mut reasons = Vec::new();
    reasons.extend(options::difference(&before.request, request));
    reasons.extend(files::difference(before.files(), now.files()));
    reasons.extend(configuration::difference(&before.configs, configs));
    let variables_before = (&before.variables, &before.read_variables);
    reasons.extend(variables::difference(variables_before, (steering, read_variables)));
    reasons.extend(tools::differences(&before.tools, tools));
    if options::are_of_same_scope(&before.request, request) {
        reasons.extend(head::differences(before.head(), now.head()));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::fingerprint::Digest;
    use crate::model::inventory::Tool;

    fn tool(path: &str, version: Option<&str>) -> Tool {
        let version = version.map(str::to_owned);
        Tool { path: path.to_owned(), toolchain: None, stat: None, known_as: None, version }
    }

    fn with(change: impl FnOnce(&mut Inventory)) -> Inventory {
        let mut inventory = Inventory::default();
        inventory.request.insert("scope".to_owned(), "tree".to_owned());
        inventory.request.insert("profile".to_owned(), "release".to_owned());
        inventory.tools.insert("rustc".to_owned(), tool("/old/rustc", Some("rustc 1")));
        inventory.tools.insert("rustc driver".to_owned(), tool("/old/driver", None));
        inventory.variables.insert("RUSTFLAGS".to_owned(), Digest::of("-g"));
        inventory.read_variables.insert("TAG".to_owned(), None);
        inventory.configs.insert("config.toml".to_owned(), Digest::of("[build]"));
        inventory.branch = Some("main".to_owned());
        change(&mut inventory);
        inventory
    }

    #[test]
    fn each_difference_is_a_reason() {
        let before = with(|_| {});
        let set = |map: &mut BTreeMap<String, Digest>, name: &str| {
            map.insert(name.to_owned(), Digest::of("other"));
        };
        for (now, expected) in [
            (with(|_| {}), &[][..]),
            (with(|now| drop(now.request.insert("profile".into(), "dev".into()))), &["Request profile"]),
            (with(|now| set(&mut now.variables, "RUSTFLAGS")), &["Environment RUSTFLAGS"]),
            (with(|now| now.variables.clear()), &["Environment RUSTFLAGS"]),
            (
                with(|now| now.read_variables = BTreeMap::from([("TAG".into(), Some(Digest::of("")))])),
                &["Environment TAG"],
            ),
            (with(|now| set(&mut now.configs, "config.toml")), &["CargoConfig config.toml"]),
            // The driver comes with its compiler.
            (
                with(|now| {
                    now.tools.insert("rustc".into(), tool("/new/rustc", Some("rustc 2")));
                    now.tools.insert("rustc driver".into(), tool("/new/driver", None));
                }),
                &["Toolchain rustc"],
            ),
            (
                with(|now| drop(now.tools.insert("rustc driver".into(), tool("/new/driver", None)))),
                &["Toolchain rustc driver"],
            ),
            // A version is no part of the fingerprint.
            (with(|now| drop(now.tools.insert("rustc".into(), tool("/old/rustc", None)))), &[]),
            (with(|now| now.branch = None), &["Head "]),
            // Another checkout has another branch in any case.
            (
                with(|now| {
                    now.branch = None;
                    now.location = Some("/elsewhere".into());
                }),
                &[],
            ),
            // In another scope, other things count.
            (
                with(|now| {
                    now.branch = None;
                    now.request.insert("scope".into(), "crate".into());
                }),
                &["Request scope"],
            ),
        ] {
            let reasons: Vec<String> = between(&before, &now)
                .into_iter()
                .map(|reason| match reason {
                    MissReason::Request { options } => format!("Request {}", options.join(" ")),
                    MissReason::Environment { names } => format!("Environment {}", names.join(" ")),
                    MissReason::CargoConfig { files } => format!("CargoConfig {}", files.join(" ")),
                    MissReason::Toolchain { tool, .. } => format!("Toolchain {tool}"),
                    MissReason::Head { repository, .. } => format!("Head {repository}"),
                    other => format!("{other:?}"),
                })
                .collect();
            assert_eq!(reasons, expected);
        }
    }
}
