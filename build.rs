//! Links the addon as Node-API wants it, and tells the crate which triple it is built for.

fn main() {
    napi_build::setup();
    println!("cargo::rustc-env=DEV_BIN_HOST={}", std::env::var("TARGET").expect("cargo sets TARGET for build scripts"));
}
