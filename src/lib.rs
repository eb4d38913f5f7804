//! Finds an up-to-date binary of a crate, built from a checkout.
//!
//! `@openlock/dev-bin` does that for a launcher written in TypeScript. If nothing that matters has changed, the answer comes
//! from a cache in milliseconds. Otherwise cargo builds, its progress is shown, and the result is kept.
//!
//! The crate is a core that knows nothing of JavaScript, and two modules at its edge: [`binding`], which makes it a
//! Node-API addon, and [`report`], which draws on stderr. Arrows
//! point down only:
//!
//! ```text
//! binding ─ report
//!    │
//! resolve ── search ── attempt ── guard ── publication                 the pipeline
//!    │       explain  verify  known_inputs  out  defaults  in_process  background
//!    │
//! inputs ── freshness ── observer   cargo   runtime   store            the rooms
//!    │
//! request   model   error   fs                                         the words, and the system
//! ```
//!
//! [`resolve`] is the place to start reading. `CONTRIBUTING.md` has the glossary, and `ARCHITECTURE.md` says where to change
//! what.

mod attempt;
pub mod background;
pub mod binding;
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
pub mod report;
pub mod request;
pub mod resolve;
pub mod runtime;
mod search;
pub mod store;
mod team;
pub mod verify;
