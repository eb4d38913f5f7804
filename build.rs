//! Tells the crate which triple it is built for, and cargo when napi wants its macros to write types once more.

fn main() {
    for variable in ["NAPI_TYPE_DEF_TMP_FOLDER", "NAPI_FORCE_BUILD_OPENLOCK_DEV_BIN"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    println!("cargo::rustc-env=DEV_BIN_HOST={}", std::env::var("TARGET").expect("cargo sets TARGET for build scripts"));
}
