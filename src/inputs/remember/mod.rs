//! Remembers earlier looks, in this process and on disk, and tells whether they still hold.
//!
//! Promises: what is remembered changes how long a call takes, and never what it answers. A look is remembered only where
//! any later change to what it saw is certain to show.
//! Does not promise: that two processes remember the same.

pub(crate) mod dependency;
pub(crate) mod process_cache;
pub(crate) mod recall;
pub(crate) mod stat_cache;
