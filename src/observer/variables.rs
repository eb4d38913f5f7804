//! Variables that processes ask for and that say nothing about what is built.
//!
//! Promises: a name is left out only if every process of its kind asks for it, or if it says where something is found or how
//! it is shown.
//! Does not promise: that no build script or macro has a use of its own for one of them.

/// Variables that differ from terminal to terminal, and say where things are found or how they are shown. A file that a run
/// finds by one of them is seen itself.
const SAYS_NOTHING: [&str; 25] = [
    "CARGO_MAKEFLAGS",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLORTERM",
    "COLUMNS",
    "LINES",
    "GIT_EXEC_PATH",
    "GIT_PAGER_IN_USE",
    "MAKEFLAGS",
    "MFLAGS",
    "NO_COLOR",
    "NUM_JOBS",
    "OLDPWD",
    "PAGER",
    "PATH",
    "PWD",
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
    "RUST_LOG",
    "RUST_MIN_STACK",
    "SHLVL",
    "TEMP",
    "TERM",
    "TMP",
    "TMPDIR",
];

/// True if `name` says nothing about what is built.
pub(super) fn says_nothing(name: &str) -> bool {
    SAYS_NOTHING.contains(&name)
}

/// True if rustc asks for `name` by itself, whatever it compiles.
pub(super) fn is_of_rustc(name: &str) -> bool {
    const BY_ITSELF: [&str; 8] = [
        "CI",
        "MALLOC_CONF",
        "OUT_DIR",
        "QNX_TARGET",
        "RAYON_NUM_THREADS",
        "SSL_CERT_FILE",
        "VCINSTALLDIR",
        "_RJEM_MALLOC_CONF",
    ];
    BY_ITSELF.contains(&name) || name.starts_with("RUSTC_")
}
