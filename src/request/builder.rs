//! Which program builds, and for which targets it has to be another one than cargo.

use crate::error::{Error, Result};
use crate::request::names::glibc_version;

/// cargo's own name for the host's target.
///
/// <https://doc.rust-lang.org/cargo/reference/config.html#buildtarget>
pub(crate) const HOST_TUPLE: &str = "host-tuple";

/// Which program builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builder {
    /// `cargo build`
    Cargo,
    /// `cargo zigbuild`
    Zigbuild,
}

impl Builder {
    /// The cargo subcommand.
    #[must_use]
    pub fn subcommand(self) -> &'static str {
        match self {
            Self::Cargo => "build",
            Self::Zigbuild => "zigbuild",
        }
    }

    /// The one that was named, or else the one that can link for `target`.
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

/// True if a target's operating system or architecture is not this machine's.
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
