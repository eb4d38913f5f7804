//! The programs, the configuration and the files outside the checkout that steer a build.
//!
//! Promises: no program is started. Everything that an answer depends on is watched, so that it is found out anew only when
//! something has changed.
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
