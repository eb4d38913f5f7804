//! The library that Node and Bun load; everything in it is `openlock_dev_bin::binding`.
//!
//! A crate of its own, because a library that is linked into tests as well keeps every public function in the addon: a
//! seventh of its size.

pub use openlock_dev_bin::binding;
