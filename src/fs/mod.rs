//! The questions that the system is asked about files.
//!
//! Promises: each system has its answer in a function of its own, beside those of the others.
//! Does not promise: anything about several files at once. `inputs::scan` walks directories.

pub(crate) mod files;
pub mod identity;
pub(crate) mod paths;
