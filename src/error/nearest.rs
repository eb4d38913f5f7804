//! Suggests names that exist for one that does not.
//!
//! Promises: the nearest name comes first, by the number of characters that have to be changed, added, removed or swapped. A
//! name that contains the asked one is at most one such step away. Case, and `-` for `_`, make no difference.
//! Does not promise: a suggestion. If no name is near, none is suggested.

/// The number of names that a message lists. A user would not read more.
const MOST_NAMES: usize = 20;
/// The length from which on an asked name is looked for as a part of others. A shorter one is a part of too many.
const SHORTEST_PART: usize = 3;

/// Returns `names`, the nearest to `asked` first.
pub(crate) fn nearest_first(mut names: Vec<String>, asked: &str) -> Vec<String> {
    names.sort_by_cached_key(|name| distance(name, asked));
    names
}

/// Returns a message that suggests one of `names` instead of `asked`, if one is near, and lists all of them after
/// `there_are`.
pub(crate) fn offered(names: &[String], asked: &str, there_are: &str) -> String {
    let names = nearest_first(names.to_vec(), asked);
    let is_near = |name: &&String| distance(name, asked) <= asked.chars().count().max(SHORTEST_PART) / SHORTEST_PART;
    let meant = names.first().filter(is_near).map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    format!("{meant}{there_are} {}", listed(&names, MOST_NAMES))
}

/// Returns the first `most` of `names`, and the number of the others.
pub(crate) fn listed(names: &[String], most: usize) -> String {
    let mut text = names.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > most {
        text.push_str(&format!(" and {} more", names.len() - most));
    }
    text
}

fn distance(name: &str, asked: &str) -> usize {
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let (name, asked) = (plain(name), plain(asked));
    let is_part = asked.len() >= SHORTEST_PART && name.contains(&asked);
    let edits = strsim::osa_distance(&name, &asked);
    if is_part { edits.min(1) } else { edits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_meant_when_it_is_near() {
        for (asked, names, expected) in [
            ("sever", &["tools", "server"][..], "did you mean `server`? there are server, tools"),
            ("fast", &["test", "release-fast"], "did you mean `release-fast`? there are release-fast, test"),
            ("My_App", &["app", "my-app"], "did you mean `my-app`? there are my-app, app"),
            ("ap", &["app"], "did you mean `app`? there are app"),
            ("swfit", &["dev", "swift"], "did you mean `swift`? there are swift, dev"),
            ("anvil", &["hammer", "tongs"], "there are hammer, tongs"),
        ] {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            assert_eq!(offered(&names, asked, "there are"), expected, "{asked}");
        }
    }
}
