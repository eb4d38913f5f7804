//! Binaries on disk.
//!
//! ```text
//! <root>/<first 16 hex digits of the fingerprint>/
//!     <bin>[-<target>]               the binary, 0755, never opened for writing again
//!     <library>                      a shared library of the build that the binary needs, as often as there is one
//!     <bin>[-<target>].inputs.json   what its build read, to say later why something else was built
//!     <bin>[-<target>].json          its manifest, written last
//! <root>/CACHEDIR.TAG  README        say that everything here can be made again
//! <root>/pruned                      its time is when the cache was last pruned by itself
//! <root>/path-sets/                  what builds were seen to read besides the tree
//! <root>/build-records/              what was last built in a target directory, and from what
//! <root>/stat-cache/                 what checkouts and compilers looked like, so that little is read anew
//! <root>/observer/                   what is loaded into the programs of a build, to see what they read
//! <root>/locks/                      one file a build in progress
//! <root>/tmp/                        files that are not finished
//! ```
//!
//! Promises: what is served was published whole and is still as it was published; anything else is a miss and never an
//! error. Files come into being under `tmp` and get their names when they are complete and on disk, so that a reader
//! needs no lock and a kill at any instruction leaves whole entries and rubbish under `tmp`.
//! Does not promise: protection from the user who owns the cache. Other users are kept out.

mod contents;
mod copies;
mod directory;
mod disk;
mod earlier;
mod entry;
mod layout;
mod lease;
mod leftovers;
mod library;
mod lock;
mod manifest;
mod owners;
mod path_sets;
mod prune;
mod pruning;
mod publish;
mod records;
mod root;
mod running;
mod share;
mod staged;
mod superseded;

pub use contents::{Broken, Listed, Listing};
pub use directory::Store;
pub use earlier::Earlier;
pub use entry::{Claim, Entry, LookUp};
pub use lock::{Lock, LockName};
pub use manifest::{MANIFEST_FORMAT, Manifest, PublishedLibrary};
pub use pruning::{Pruned, Pruning, Reason, Removed};
pub use staged::Staged;
