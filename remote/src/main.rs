//! Speaks to a team's store for `@openlock/dev-bin`.
//!
//! Promises: this program alone has network code, keys and signatures. What it hands out was signed by a key that its caller
//! trusts, and is what was signed. [`protocol`] has the lines that are spoken with it.
//! Does not promise: to decide. The caller knows what an entry needs to run, and when a store may rest.

mod address;
mod check;
mod classify;
mod config;
mod deadline;
mod download;
mod envelope;
mod error;
mod keys;
mod manifest;
mod own_redis;
mod protocol;
mod serve;
mod service;
mod sets;
mod store;
mod transport;
mod unfinished;
mod upload;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
dev-bin-remote serve        answers requests on the standard input, one line of JSON each
dev-bin-remote keygen FILE  writes a new private key to FILE, and prints the public key
dev-bin-remote --version    prints the version
";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(|argument| argument.to_str().unwrap_or_default()).collect();
    match *words.as_slice() {
        ["serve"] => serve::serve(),
        ["keygen", _] => keygen(Path::new(&arguments[1])),
        ["--version" | "-V"] => {
            println!("dev-bin-remote {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        ["--help" | "-h"] => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn keygen(path: &Path) -> ExitCode {
    match keys::PrivateKey::create(path) {
        Ok(key) => {
            println!("{}", key.public());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
