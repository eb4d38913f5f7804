//! Tells the crate its target triple, and tells cargo to run napi's macros again when napi wants their types. Compiles and
//! compresses the observer, which the crate contains.

use std::env;
use std::fs;
use std::path::Path;

/// The operating systems and processors that the observer supports.
const OBSERVED: [(&str, &str); 2] = [("linux", "x86_64"), ("linux", "aarch64")];

fn main() {
    for variable in ["NAPI_TYPE_DEF_TMP_FOLDER", "NAPI_FORCE_BUILD_OPENLOCK_DEV_BIN"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    println!("cargo::rustc-env=DEV_BIN_HOST={}", variable("TARGET"));
    println!("cargo::rustc-check-cfg=cfg(observes)");
    let (system, processor) = (variable("CARGO_CFG_TARGET_OS"), variable("CARGO_CFG_TARGET_ARCH"));
    if OBSERVED.contains(&(&system, &processor)) {
        println!("cargo::rustc-cfg=observes");
        compile_observer();
    }
}

fn compile_observer() {
    const DIRECTORY: &str = "observer";
    let source = Path::new(DIRECTORY).join("observer.c");
    // A file that is added has to be included by one of these.
    for entry in fs::read_dir(DIRECTORY).expect("the package has this directory") {
        let path = entry.expect("a directory of the package can be read").path();
        if path.extension().is_some_and(|extension| extension == "c" || extension == "h") {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    let compiler =
        cc::Build::new().opt_level_str("s").debug(false).pic(true).warnings(true).extra_warnings(true).get_compiler();
    let library = Path::new(&variable("OUT_DIR")).join("observer.so");
    let mut command = compiler.to_command();
    // Callers may pass a null pointer to a function that declares that it takes none, so the checks for it must stay.
    command.args(["-std=gnu11", "-fvisibility=hidden", "-fno-builtin", "-fno-delete-null-pointer-checks", "-Werror"]);
    command
        // Leaves out a page of padding between the segments.
        .args(["-shared", "-s", "-Wl,-z,noseparate-code", "-Wl,--build-id=none", "-Wl,--hash-style=gnu", "-o"])
        .arg(&library)
        .arg(&source)
        .arg("-ldl");
    let status = command.status().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    assert!(status.success(), "{command:?} failed: {status}");
    compress(&library);
}

/// Writes the compressed `library` and its uncompressed length in bytes to files beside it.
fn compress(library: &Path) {
    let bytes = fs::read(library).expect("the linker has written it");
    let mut compressed = vec![0; zlib_rs::compress_bound(bytes.len())];
    let (compressed, _) = zlib_rs::compress_slice(&mut compressed, &bytes, zlib_rs::DeflateConfig::best_compression());
    let write = |extension: &str, bytes: &[u8]| fs::write(library.with_extension(extension), bytes);
    let written = write("z", compressed).and_then(|()| write("len", bytes.len().to_string().as_bytes()));
    written.expect("cargo has made the directory");
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name} for build scripts"))
}
