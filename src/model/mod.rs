//! The data that the other modules exchange, and what follows from it alone.
//!
//! Promises: nothing here reads a file of a checkout, starts a program or waits. Each module knows those below it:
//!
//! ```text
//! differences
//! inventory
//! event   path_set ── system_files ── marks
//! tree   portable_path   build_units   companions
//! fingerprint   cancellation   maps
//! ```
//!
//! Does not promise: how the data is gathered. `inputs`, `observer`, `cargo` and `runtime` do that.

pub mod build_units;
pub mod cancellation;
pub mod companions;
pub mod differences;
pub mod event;
pub mod fingerprint;
pub mod inventory;
pub(crate) mod maps;
pub mod marks;
pub mod path_set;
pub mod portable_path;
pub mod system_files;
pub mod tree;
