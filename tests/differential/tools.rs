//! A workspace that is steered from outside: by wrappers of rustc, and by flags from variables, configuration and files. No
//! binary of it has a bond.

use super::form::{Counts, Form, Thing};
use super::workspace::{Variable, Workspace, fixed, manifest, root_manifest};

pub(crate) fn tools() -> Workspace {
    let text = |value| format!("text {value}\n");
    let wrapper = |path: &str, name: &str| {
        let program = |value| Form::program(&format!("#!/bin/sh\nexec \"$@\" --cfg '{name}=\"{value}\"'\n"));
        Thing::new(path, (0..3).map(program)).weighing(4).that_is_a_program()
    };
    Workspace {
        name: "tools",
        fixed: fixed(&[
            (".gitignore", "/target\n"),
            ("Cargo.toml", &root_manifest(&["app", "core"], "")),
            ("app/Cargo.toml", &manifest("app", "[dependencies]\ncore-part.path = \"../core\"\n")),
            ("core/Cargo.toml", &manifest("core-part", "")),
        ]),
        things: vec![
            Thing::texts("app/src/main.rs", |value| source(APP_MAIN, value)),
            Thing::texts("core/src/lib.rs", |value| source(CORE, value)),
            wrapper("../../tools/wrapper", "wrapper").that_counts(Counts::With("RUSTC_WRAPPER", WRAPPER)),
            wrapper("../../tools/workspace-wrapper", "workspace_wrapper")
                .that_counts(Counts::With("RUSTC_WORKSPACE_WRAPPER", WORKSPACE_WRAPPER)),
            Thing::texts("../../tools/flags", |value| format!("--cfg\nflag=\"{value}\"\n"))
                .that_counts(Counts::With("RUSTFLAGS", FLAGS)),
            Thing::texts("tools/flags", |value| format!("--cfg\ntracked_flag=\"{value}\"\n"))
                .that_counts(Counts::With("RUSTFLAGS", TRACKED_FLAGS)),
            configuration(),
            Thing::texts("link.x", |value| format!("LIMIT = ABSOLUTE(4{value}96);\n"))
                .that_counts(Counts::Beside(".cargo/config.toml")),
            Thing::new("tools/linker", (0..3).map(linker))
                .that_is_a_program()
                .that_counts(Counts::Beside(".cargo/config.toml")),
            Thing::texts("README.md", text).that_counts(Counts::Never).weighing(1),
            Thing::texts("tools/unused", text).that_counts(Counts::Never).weighing(1),
        ],
        variables: vec![
            Variable::noise(),
            Variable::new("RUSTC_WRAPPER", &[None, Some(WRAPPER)]),
            Variable::new("RUSTC_WORKSPACE_WRAPPER", &[None, Some(WORKSPACE_WRAPPER)]),
            Variable::new("RUSTFLAGS", &[None, None, Some(FLAGS), Some(TRACKED_FLAGS)]),
        ],
        is_shared: true,
        ..Workspace::default()
    }
}

const WRAPPER: &str = "{base}/tools/wrapper";
const WORKSPACE_WRAPPER: &str = "{base}/tools/workspace-wrapper";
const FLAGS: &str = "@{base}/tools/flags";
const TRACKED_FLAGS: &str = "@tools/flags";

fn source(text: &str, value: u8) -> String {
    format!("{TOLD}{}", text.replace("VALUE", &value.to_string()))
}

/// Returns a configuration that names a linker script, or a linker that defines a symbol, if linkers can do that here.
fn configuration() -> Thing {
    let configuration = |flags: &str, more: &str| {
        let flags = format!("\"--cfg=configured\", \"-Crelocation-model=static\", {flags}");
        Form::text(&format!("[build]\nrustflags = [{flags}]\n{more}"))
    };
    let thing = Thing::new(".cargo/config.toml", [Form::Absent]);
    if !cfg!(target_os = "linux") {
        return thing.or(configuration("", ""));
    }
    let linker = "[target.'cfg(all())']\nlinker = \"tools/linker\"\n";
    thing.or(configuration("\"--cfg=limit\", \"-Clink-arg=link.x\"", "")).or(configuration("\"--cfg=limit\"", linker))
}

fn linker(value: u8) -> Form {
    Form::program(&format!("#!/bin/sh\nexec cc \"$@\" -Wl,--defsym,LIMIT=0x{value}234\n"))
}

/// The code is in both crates, since a wrapper may apply to one alone.
const TOLD: &str = r#"#![allow(unexpected_cfgs)]

pub fn told() -> String {
    let known = [
        ("wrapper 0", cfg!(wrapper = "0")),
        ("wrapper 1", cfg!(wrapper = "1")),
        ("wrapper 2", cfg!(wrapper = "2")),
        ("workspace wrapper 0", cfg!(workspace_wrapper = "0")),
        ("workspace wrapper 1", cfg!(workspace_wrapper = "1")),
        ("workspace wrapper 2", cfg!(workspace_wrapper = "2")),
        ("flag 0", cfg!(flag = "0")),
        ("flag 1", cfg!(flag = "1")),
        ("flag 2", cfg!(flag = "2")),
        ("tracked flag 0", cfg!(tracked_flag = "0")),
        ("tracked flag 1", cfg!(tracked_flag = "1")),
        ("tracked flag 2", cfg!(tracked_flag = "2")),
        ("configured", cfg!(configured)),
    ];
    known.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| format!("{name}, ")).collect()
}
"#;

const CORE: &str = "pub const CORE: u8 = VALUE;\n";

const APP_MAIN: &str = r#"
#[cfg(limit)]
fn limit() -> usize {
    unsafe extern "C" {
        static LIMIT: u8;
    }
    &raw const LIMIT as usize
}

#[cfg(not(limit))]
fn limit() -> usize {
    0
}

fn main() {
    println!("main VALUE {}", told());
    println!("core {} {}", core_part::CORE, core_part::told());
    println!("limit {}", limit());
}
"#;
