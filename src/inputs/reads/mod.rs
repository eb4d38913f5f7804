//! Tells what a finished build was seen to read, and makes the names of it for the next look-up.
//!
//! Promises: `observe` puts together what cargo, rustc, build scripts and the observer tell of each run; `path_sets` makes
//! the names of it that are kept; `external_files` and `system` read what these names stand for outside the checkout.
//! Does not promise: reads that left no trace.

pub(crate) mod dep_info;
pub(crate) mod external_files;
pub(crate) mod include;
pub(crate) mod layout;
pub(crate) mod observation;
pub(crate) mod observe;
pub(crate) mod output;
pub(crate) mod path_sets;
pub(crate) mod readers;
pub(crate) mod system;
mod visibility;
