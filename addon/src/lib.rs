//! The library that Node and Bun load. Everything in it is `openlock_dev_bin::binding`.
//!
//! It is a crate of its own, because a library that is linked into tests, too, keeps every public function. That would be a
//! seventh of the addon's size.

pub use openlock_dev_bin::binding;
