//! What `--remap-path-prefix` makes of the place of a checkout.
//!
//! Such a flag names one directory, and so makes something else of each checkout, whose path it may take out of one binary
//! and leave in another. So its outcome counts, and checkouts of which it makes the same share their binaries.
//!
//! Promises: every flag counts that begins above the checkout, at it, or in it, whichever of them rustc heeds in the end.
//! Does not promise: to know flags that cargo itself adds, as for `trim-paths`; these make the same of every checkout.
//!
//! <https://doc.rust-lang.org/rustc/remap-source-paths.html>

use std::path::Path;

/// What `flag`, as in `from=to`, makes of the checkout at `root`; none when it leaves that alone.
pub(crate) fn remapped(flag: &str, root: &Path) -> Option<String> {
    let (from, to) = flag.rsplit_once('=')?;
    let from = Path::new(from);
    if let Ok(below) = root.strip_prefix(from) {
        return Some(Path::new(to).join(below).to_string_lossy().into_owned());
    }
    let inside = from.strip_prefix(root).ok()?;
    Some(format!("{}={to}", inside.display()))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn checkouts_are_told_apart_by_what_is_left_of_their_paths() {
        for (flag, expected) in [
            ("/work/a=/src", Some("/src/")),
            ("/work=/src", Some("/src/a")),
            ("/=/src", Some("/src/work/a")),
            ("/work/a/gen=/gen", Some("gen=/gen")),
            ("/work/=b=/src", None),
            ("/work/ab=/src", None),
            ("/work/b=/src", None),
            (".=/src", None),
        ] {
            assert_eq!(remapped(flag, Path::new("/work/a")).as_deref(), expected, "{flag}");
        }
    }
}
