//! Tests that a sweep with a stat cache finds the same as a sweep without one, whatever happened in between.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![cfg(unix)]

mod changes;
mod checkout;
mod damage;
mod git;
mod packages;
mod rewrites;
