//! Reads the manifests of a workspace: members, packages, targets, and dependencies.
//!
//! Promises: manifests are read as cargo reads them, without running it.
//! Does not promise: to judge them. cargo reports a manifest that is wrong.

pub(crate) mod lock_file;
pub(crate) mod manifests;
pub(crate) mod members;
pub(crate) mod packages;
pub(crate) mod targets;
