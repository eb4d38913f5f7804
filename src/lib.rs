//! Finds an up-to-date binary of a crate, built from a checkout.
//!
//! `@openlock/dev-bin` does that for a launcher written in TypeScript. If nothing that matters has changed, the answer comes
//! from a cache in milliseconds. Otherwise cargo builds, its progress is shown, and the result is kept.
//!
//! The crate is a core that knows nothing of JavaScript, and one module, [`binding`], that makes it a Node-API addon. Arrows
//! point down only:
//!
//! ```text
//! binding ─ report
//!    │
//! resolve ── search, flight, reasons, freshness
//!    │
//! inputs   cargo   runtime   store          what a build reads │ running it │ what its binary needs │ keeping the result
//!    │       │       │         │
//! request  event  units  companions  inventory  tree  path_set  fingerprint  stat  cancellation  error  nearest  files
//! ```
//!
//! [`resolve`] is the place to start reading.

mod attempt;
pub mod background;
pub mod binding;
pub mod cargo;
pub mod defaults;
pub mod error;
pub mod explain;
pub mod flight;
pub mod freshness;
pub mod fs;
mod guard;
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
pub mod verify;
