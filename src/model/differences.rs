//! Says why a binary was built: the differences between the inputs now and those of the last build.
//!
//! Promises: options come first, then files, configuration, variables, programs and HEADs.
//! Does not promise: to list every path. A long list ends with the number of all of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::event::{ChangedPath, MissReason};
use crate::model::inventory::{Inventory, Tool};
use crate::model::marks::path_shown;

/// The number of paths that a reason lists. A user would not read more.
const LISTED_PATHS: usize = 20;

/// Returns every difference of `now` from `before`, the most telling first; none if they are equal. Both are inventories of
/// the files that counted `before`.
#[must_use]
pub fn between(before: &Inventory, now: &Inventory) -> Vec<MissReason> {
    // Taken apart in full, so that a field that is added has to be compared or left out on purpose. Trees, named files and
    // files that were read are compared as files.
    let Inventory {
        request,
        tree: _,
        tools,
        variables,
        configs,
        named: _,
        read_variables,
        read_files: _,
        location,
        branch,
        path_set: _,
        readers: _,
    } = now;
    let mut reasons = Vec::new();
    let options = differing(&before.request, request);
    let is_of_same_scope = !options.iter().any(|option| option == "scope");
    if !options.is_empty() {
        reasons.push(MissReason::Request { options });
    }
    let changed = now.changed_files(before);
    if !changed.is_empty() {
        let count = changed.len();
        let listed = changed.into_iter().take(LISTED_PATHS);
        let paths = listed.map(|(path, change)| ChangedPath { path: path_shown(&path), change }).collect();
        reasons.push(MissReason::Source { paths, count });
    }
    let files = differing(&before.configs, configs);
    if !files.is_empty() {
        reasons.push(MissReason::CargoConfig { files });
    }
    let mut names = differing(&before.variables, variables);
    names.extend(differing(&before.read_variables, read_variables));
    if !names.is_empty() {
        names.sort();
        names.dedup();
        reasons.push(MissReason::Environment { names });
    }
    for tool in differing_by(&before.tools, tools, Tool::is_same_program) {
        // Another rustc has another driver in any case.
        let rustc_differs =
            |reason: &MissReason| matches!(reason, MissReason::Toolchain { tool, .. } if tool == "rustc");
        if tool == "rustc driver" && reasons.iter().any(rustc_differs) {
            continue;
        }
        let (from, to) = (before.tools.get(&tool).map(shown), tools.get(&tool).map(shown));
        reasons.push(MissReason::Toolchain { tool, from, to });
    }
    if is_of_same_scope {
        let moved = heads(before, now);
        // Another worktree has another branch in any case.
        if moved.is_empty() && before.branch != *branch && before.location == *location {
            let (from, to) = (before.branch.clone(), branch.clone());
            reasons.push(MissReason::Head { repository: String::new(), from, to });
        }
        reasons.extend(moved);
    }
    reasons
}

/// Returns the HEADs that moved. They count in scope `tree`, and not in scope `crate`.
fn heads(before: &Inventory, now: &Inventory) -> Vec<MissReason> {
    let mut reasons = Vec::new();
    let (old_heads, new_heads) = (before.tree.heads(), now.tree.heads());
    for path in old_heads.keys().chain(new_heads.keys()).collect::<BTreeSet<_>>() {
        let (from, to) = (old_heads.get(path).cloned().flatten(), new_heads.get(path).cloned().flatten());
        if from != to || old_heads.contains_key(path) != new_heads.contains_key(path) {
            reasons.push(MissReason::Head { repository: path.to_string(), from, to });
        }
    }
    reasons
}

fn differing<T: PartialEq>(before: &BTreeMap<String, T>, now: &BTreeMap<String, T>) -> Vec<String> {
    differing_by(before, now, T::eq)
}

fn differing_by<T>(
    before: &BTreeMap<String, T>,
    now: &BTreeMap<String, T>,
    same: impl Fn(&T, &T) -> bool,
) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let is_same = |name: &String| match (before.get(name), now.get(name)) {
        (Some(then), Some(now)) => same(then, now),
        _ => false,
    };
    names.into_iter().filter(|name| !is_same(name)).cloned().collect()
}

fn shown(tool: &Tool) -> String {
    tool.version.as_ref().or(tool.toolchain.as_ref()).unwrap_or(&tool.path).clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fingerprint::Digest;

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
