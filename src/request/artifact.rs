//! Defines the kinds of targets that can be requested.
//!
//! Promises: the names of files are those that cargo gives them on the platform of the target.
//! Does not promise: that a package has a target of the kind.

use crate::error::{Error, Result};

/// The kind of the requested target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A binary.
    #[default]
    Bin,
    /// An example that is a binary.
    Example,
    /// The library, in the form that programs of any language load, such as for Node-API.
    Cdylib,
    /// The library, in the form that is linked into programs of any language.
    Staticlib,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Bin, Self::Example, Self::Cdylib, Self::Staticlib];

    pub(crate) fn named(name: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| Error::option("kind", format!("{name:?} is not `bin`, `cdylib`, `staticlib` or `example`")))
    }

    /// Returns its name, which for libraries is the crate type.
    ///
    /// <https://doc.rust-lang.org/reference/linkage.html>
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bin => "bin",
            Self::Example => "example",
            Self::Cdylib => "cdylib",
            Self::Staticlib => "staticlib",
        }
    }

    /// True if it is a form of the package's library, of which there is one.
    #[must_use]
    pub fn is_library(self) -> bool {
        matches!(self, Self::Cdylib | Self::Staticlib)
    }

    /// Returns the file name of the target `name`, built for `target`, or for this machine without one.
    pub(super) fn file_name(self, name: &str, target: Option<&str>) -> String {
        let platform = Platform::of(target);
        let of_target = target.map(|target| format!("-{target}")).unwrap_or_default();
        let (prefix, suffix) = self.affixes(platform);
        format!("{prefix}{name}{of_target}{suffix}")
    }

    /// Returns the end of the file names of this kind.
    pub(super) fn suffix(self, target: Option<&str>) -> &'static str {
        self.affixes(Platform::of(target)).1
    }

    /// Returns the parts before and after the name of a file of this kind.
    ///
    /// <https://doc.rust-lang.org/cargo/reference/build-cache.html>
    fn affixes(self, platform: Platform) -> (&'static str, &'static str) {
        match (self, platform) {
            (Self::Bin | Self::Example, Platform::WindowsMsvc | Platform::WindowsGnu) => ("", ".exe"),
            (Self::Bin | Self::Example | Self::Cdylib, Platform::Wasm) => ("", ".wasm"),
            (Self::Bin | Self::Example, _) => ("", ""),
            (Self::Cdylib, Platform::WindowsMsvc | Platform::WindowsGnu) => ("", ".dll"),
            (Self::Cdylib, Platform::Apple) => ("lib", ".dylib"),
            (Self::Cdylib, Platform::Other) => ("lib", ".so"),
            (Self::Staticlib, Platform::WindowsMsvc) => ("", ".lib"),
            (Self::Staticlib, _) => ("lib", ".a"),
        }
    }

    /// True if `file`, which cargo named for a target of this kind, is of this kind. cargo also names debug symbols, import
    /// libraries, and the other forms of a library.
    #[must_use]
    pub fn is_of(self, file: &std::path::Path) -> bool {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match self {
            Self::Bin | Self::Example => true,
            Self::Cdylib => [".so", ".dylib", ".dll", ".wasm"].iter().any(|suffix| name.ends_with(suffix)),
            Self::Staticlib => {
                let imports = [".dll.a", ".dll.lib"].iter().any(|suffix| name.ends_with(suffix));
                !imports && [".a", ".lib"].iter().any(|suffix| name.ends_with(suffix))
            }
        }
    }
}

/// The part of a target that decides how files are named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Platform {
    WindowsMsvc,
    WindowsGnu,
    Apple,
    Wasm,
    Other,
}

impl Platform {
    fn of(target: Option<&str>) -> Self {
        match target {
            Some(target) if target.contains("windows-gnu") => Self::WindowsGnu,
            Some(target) if target.contains("windows") => Self::WindowsMsvc,
            Some(target) if target.contains("apple") => Self::Apple,
            Some(target) if target.starts_with("wasm") => Self::Wasm,
            Some(_) => Self::Other,
            None if cfg!(all(windows, target_env = "gnu")) => Self::WindowsGnu,
            None if cfg!(windows) => Self::WindowsMsvc,
            None if cfg!(target_vendor = "apple") => Self::Apple,
            None => Self::Other,
        }
    }
}

/// Removes the suffix of a file name on Windows, where people write it after the name of a target.
pub(super) fn without_suffix(name: String, target: Option<&str>) -> String {
    let is_for_windows = target.map_or(cfg!(windows), |target| target.contains("windows"));
    name.strip_suffix(".exe").filter(|_| is_for_windows).map_or(name.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_called_as_the_platform_has_it() {
        use Kind::{Bin, Cdylib, Example, Staticlib};
        for (kind, target, expected) in [
            (Bin, "aarch64-unknown-linux-gnu", "x-aarch64-unknown-linux-gnu"),
            (Bin, "x86_64-pc-windows-msvc", "x-x86_64-pc-windows-msvc.exe"),
            (Bin, "wasm32-wasip1", "x-wasm32-wasip1.wasm"),
            (Example, "x86_64-pc-windows-gnu", "x-x86_64-pc-windows-gnu.exe"),
            (Cdylib, "x86_64-unknown-linux-gnu", "libx-x86_64-unknown-linux-gnu.so"),
            (Cdylib, "aarch64-apple-darwin", "libx-aarch64-apple-darwin.dylib"),
            (Cdylib, "x86_64-pc-windows-msvc", "x-x86_64-pc-windows-msvc.dll"),
            (Cdylib, "wasm32-unknown-unknown", "x-wasm32-unknown-unknown.wasm"),
            (Staticlib, "x86_64-unknown-linux-gnu", "libx-x86_64-unknown-linux-gnu.a"),
            (Staticlib, "x86_64-pc-windows-msvc", "x-x86_64-pc-windows-msvc.lib"),
            (Staticlib, "x86_64-pc-windows-gnu", "libx-x86_64-pc-windows-gnu.a"),
        ] {
            assert_eq!(kind.file_name("x", Some(target)), expected);
        }
        let here = format!("{}x{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        assert_eq!(Cdylib.file_name("x", None), here);
        assert_eq!(Bin.file_name("x", None), format!("x{}", std::env::consts::EXE_SUFFIX));
    }

    #[test]
    fn of_what_cargo_names_only_the_library_itself_is_taken() {
        let is_of = |kind: Kind, name: &str| kind.is_of(std::path::Path::new(name));
        assert!(is_of(Kind::Cdylib, "target/debug/libx.so"));
        assert!(is_of(Kind::Cdylib, "x.dll"));
        for other in ["libx.rlib", "x.dll.lib", "x.pdb", "libx.a"] {
            assert!(!is_of(Kind::Cdylib, other), "{other}");
        }
        assert!(is_of(Kind::Staticlib, "libx.a") && is_of(Kind::Staticlib, "x.lib"));
        assert!(!is_of(Kind::Staticlib, "x.dll.lib") && !is_of(Kind::Staticlib, "libx.dll.a"));
    }
}
