//! Tells the crate which triple it is built for.

fn main() {
    println!("cargo::rustc-env=DEV_BIN_HOST={}", std::env::var("TARGET").expect("cargo sets TARGET for build scripts"));
}
