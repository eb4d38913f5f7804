//! Tells what it was called with.

use std::env;

const GREETING: &str = "hello from the gateway";

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    println!("{GREETING}, called with {arguments:?}");
}
