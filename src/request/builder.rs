//! Chooses the program that builds.
//!
//! Promises: cargo-zigbuild is chosen for a target that cargo alone cannot link for: another operating system, another
//! architecture, or a certain glibc version.
//! Does not promise: that the program is installed.

use crate::error::{Error, Result};
use crate::request::names::glibc_version;

/// cargo's name for the target of the host.
///
/// <https://doc.rust-lang.org/cargo/reference/config.html#buildtarget>
pub(crate) const HOST_TUPLE: &str = "host-tuple";

/// The program that builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builder {
    /// `cargo build`
    Cargo,
    /// `cargo zigbuild`
    Zigbuild,
}

impl Builder {
    /// Returns the cargo subcommand.
    #[must_use]
    pub fn subcommand(self) -> &'static str {
        match self {
            Self::Cargo => "build",
            Self::Zigbuild => "zigbuild",
        }
    }

    /// Returns the builder called `name`, or, without a name, the one that can link for `target`.
    pub(super) fn chosen(name: Option<&str>, target: Option<&str>) -> Result<Self> {
        match (name, target) {
            (Some("zigbuild"), _) => Ok(Self::Zigbuild),
            (Some("cargo"), Some(target)) if glibc_version(target).is_some() => Err(Error::option(
                "target",
                format!("{target:?} names a glibc version, which only `builder: 'zigbuild'` understands"),
            )),
            (Some("cargo"), _) | (None | Some("auto"), None) => Ok(Self::Cargo),
            (None | Some("auto"), Some(target)) if is_foreign(target) || glibc_version(target).is_some() => {
                Ok(Self::Zigbuild)
            }
            (None | Some("auto"), Some(_)) => Ok(Self::Cargo),
            (Some(other), _) => {
                Err(Error::option("builder", format!("{other:?} is not `auto`, `cargo` or `zigbuild`")))
            }
        }
    }
}

/// True if the operating system or the architecture of `target` is not this machine's.
fn is_foreign(target: &str) -> bool {
    if target == HOST_TUPLE {
        return false;
    }
    let architecture = target.split('-').next().unwrap_or_default();
    let architecture = match architecture {
        "i386" | "i586" | "i686" => "x86",
        "arm64" | "arm64e" => "aarch64",
        other if other.starts_with("armv") || other.starts_with("thumbv") => "arm",
        other if other.starts_with("riscv32") => "riscv32",
        other if other.starts_with("riscv64") => "riscv64",
        "powerpc64le" => "powerpc64",
        other => other,
    };
    let system = match std::env::consts::OS {
        "macos" => "apple-darwin",
        other => other,
    };
    architecture != std::env::consts::ARCH || !target.contains(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zigbuild_is_chosen_for_what_the_host_cannot_link() {
        let builder = |target: &str| Builder::chosen(None, Some(target)).unwrap();
        let host = format!("{}-unknown-{}-gnu", std::env::consts::ARCH, std::env::consts::OS);
        if cfg!(target_os = "linux") {
            assert_eq!(builder(&host), Builder::Cargo);
            assert_eq!(builder(&format!("{host}.2.28")), Builder::Zigbuild);
        }
        assert_eq!(builder("s390x-unknown-linux-gnu"), Builder::Zigbuild);
        let refused = Builder::chosen(Some("cargo"), Some("x86_64-unknown-linux-gnu.2.28"));
        assert!(matches!(refused, Err(Error::InvalidOption { option: "target", .. })));
        assert_eq!(builder(HOST_TUPLE), Builder::Cargo);
    }
}
