//! Keeps binaries on disk.
//!
//! ```text
//! <root>/<first 16 hex digits of the fingerprint>/
//!     <bin>[-<target>]               the binary, 0755, never opened for writing again
//!     <library>                      each shared library of the build that the binary needs
//!     <bin>[-<target>].inputs.json   the inputs of its build, to say later why another one was made
//!     <bin>[-<target>].json          its manifest, written last
//! <root>/CACHEDIR.TAG  README        say that everything here can be made again
//! <root>/pruned                      its time is that of the last automatic pruning
//! <root>/path-sets/                  the names of what builds read besides the tree
//! <root>/build-records/              what was last built in a target directory, and from which inputs
//! <root>/stat-cache/                 stat caches of checkouts and compilers, which spare reads
//! <root>/observer/                   the observer, which the programs of a build load
//! <root>/locks/                      one file for each lock that a process holds, and one that tells how far its build is
//! <root>/logs/                       what builds say that no process waits for
//! <root>/tmp/                        unfinished files
//! ```
//!
//! Promises: a served entry was published whole and is unchanged since. Anything else is a miss, and never an error. A file
//! is made under `tmp` and gets its name when it is complete and on disk. So a reader needs no lock, and a process that is
//! killed at any instruction leaves whole entries, and unfinished files that are removed later.
//! Does not promise: protection from the user who owns the cache. Other users are kept out.

mod contents;
mod copies;
mod dedup;
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
mod notice;
mod path_sets;
mod progress;
mod prune;
mod pruning;
mod publish;
mod records;
mod referenced_by;
mod root;
mod running;
mod staged;
mod superseded;

pub use contents::{Broken, Listed, Listing};
pub use directory::Store;
pub use earlier::Earlier;
pub use entry::{Claim, Entry, LookUp};
pub use lock::{Lock, LockName};
pub use manifest::{MANIFEST_FORMAT, Manifest, Origin, Provenance, PublishedLibrary};
pub use notice::Notice;
pub use progress::Building;
pub use pruning::{Pruned, Pruning, Reason, Removed};
pub use staged::Staged;
