//! The programs, the configuration and the files outside the checkout that steer a build.
//!
//! Promises: no program is started. Each answer is kept with the stat identities of all files that it came from. It is found
//! out anew only when one of them differs.
//! Does not promise: to know programs that choose a toolchain by rules of their own. They must be asked, see
//! [`toolchain::Shims`].

pub(crate) mod cargo_config;
pub(crate) mod config_tables;
pub(crate) mod flags;
pub(crate) mod named;
pub(crate) mod program_search;
pub(crate) mod recognition;
pub(crate) mod remapping;
pub(crate) mod rustup;
pub(crate) mod texts;
pub(crate) mod toolchain;
pub(crate) mod tools_and_config;
