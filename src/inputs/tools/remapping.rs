//! Tells how `--remap-path-prefix` changes the path of a checkout.
//!
//! A flag names one directory. It may remove the path of one checkout from the binary and leave the path of another one in
//! it. So its outcome is an input, and checkouts with the same outcome share their binaries.
//!
//! Promises: a flag counts if its directory is the checkout, lies above it, or lies in it, whichever flag rustc obeys in
//! the end.
//! Does not promise: to know flags that cargo adds itself, as for `trim-paths`. Their outcome is the same for every
//! checkout.
//!
//! <https://doc.rust-lang.org/rustc/remap-source-paths.html>

use std::path::Path;

/// Returns the outcome of `flag`, which is written `from=to`, for the checkout at `root`; none if the flag does not concern
/// it.
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
