//! Finds an up-to-date binary of a crate, built from a checkout.
//!
//! `@openlock/dev-bin` does that for a launcher written in TypeScript. If nothing that matters has changed, the answer comes
//! from a cache in milliseconds. Otherwise cargo builds, its progress is shown, and the result is kept.
//!
//! The crate is a core that knows nothing of JavaScript, and two modules at its edge: [`binding`], which makes it a
//! Node-API addon, and [`report`], which draws on stderr.
//!
//! [`resolve`] is the place to start reading. `ARCHITECTURE.md` has the picture of the modules and says where to change
//! what, and `CONTRIBUTING.md` has the glossary.

pub mod afterwards;
mod attempt;
pub mod binding;
pub mod call;
pub mod cargo;
pub mod defaults;
pub mod error;
pub mod explain;
pub mod freshness;
pub mod fs;
mod guard;
pub mod in_process;
pub mod inputs;
pub mod known_inputs;
pub mod model;
pub mod observer;
pub mod out;
mod publication;
mod reasons;
pub mod report;
pub mod request;
pub mod resolve;
pub mod runtime;
mod search;
pub mod store;
mod team;
pub mod verify;
