// A workspace with every kind of thing that a build reads, and smaller ones, whose programs print their inputs.

import { expect } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DevBinaryOptions } from '../index.js'
import { Checkout, plainEnvironment } from './support.js'

export const manifest = (name: string, rest = '') =>
  `[package]\nname = "${name}"\nversion.workspace = true\nedition = "2024"\n${rest}`

export const workspace = (version = '0.1.0', debugAssertions = false, rest = '') =>
  `[workspace]
members = ["app", "core", "macros", "extra", "helper", "other"]
resolver = "3"

[workspace.package]
version = "${version}"

[profile.release]
opt-level = 0
debug-assertions = ${debugAssertions}
${rest}`

export const spelling = (word: string) =>
  `#[proc_macro]\npub fn spell(_: proc_macro::TokenStream) -> proc_macro::TokenStream { "\\"${word}\\"".parse().unwrap() }\n`

/** A build script that passes the names and the content of a directory to the crate, as one variable. */
export const LISTING = `fn listing(directory: &str) -> String {
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    files.iter().map(|path| std::fs::read_to_string(path).unwrap().trim().to_owned() + ";").collect()
}
`

export const APP_SCRIPT = `${LISTING}
fn main() {
    for path in ["../schemas", "../notes.txt", "../ignored/declared.txt"] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-env-changed=SEEN");
    println!("cargo::rustc-env=SCHEMAS={}", listing("../schemas"));
    println!("cargo::rustc-env=NOTES={}", std::fs::read_to_string("../notes.txt").unwrap().trim());
    println!("cargo::rustc-env=DECLARED={}", std::fs::read_to_string("../ignored/declared.txt").unwrap().trim());
    println!("cargo::rustc-env=SEEN_BY_SCRIPT={}", std::env::var("SEEN").unwrap_or("-".into()));
    println!("cargo::rustc-env=SCRIPT=one");
}
`

/** A build script that declares nothing, so that all of its package counts. */
export const SILENT_SCRIPT = `${LISTING}
fn main() { println!("cargo::rustc-env=FILES={}", listing(".")); }
`

export const APP_MAIN = `mod part;
include!("../../ignored/table.rs");

fn main() {
    println!("own {}", part::PART);
    println!("string {}", include_str!("../../assets/banner.txt").trim());
    println!("bytes {}", include_bytes!("../../assets/blob.bin").len());
    println!("schemas {}", env!("SCHEMAS"));
    println!("notes {}", env!("NOTES"));
    println!("declared {}", env!("DECLARED"));
    println!("script {}", env!("SCRIPT"));
    println!("table {TABLE}");
    println!("outside {}", include_str!("../../../outside.txt").trim());
    println!("core {}", core_part::CORE);
    println!("core-files {}", core_part::FILES);
    println!("external {}", external::EXTERNAL);
    println!("external-files {}", external::FILES);
    println!("macro {}", macros::spell!());
    println!("flavour {}", option_env!("FLAVOUR").unwrap_or("-"));
    println!("seen {}", env!("SEEN_BY_SCRIPT"));
    println!("must {}", env!("MUST"));
    println!("version {}", env!("CARGO_PKG_VERSION"));
    println!("checks {}", cfg!(debug_assertions));
    #[cfg(feature = "extra")]
    println!("extra {}", extra::EXTRA);
}
`

/** Every kind of thing that a build reads, and things that no build of \`app\` does. */
export const WORKSPACE = {
  'Cargo.toml': workspace(),
  '.gitignore': '/target\n/ignored\n',
  'app/Cargo.toml': manifest(
    'app',
    `[features]
extra = ["dep:extra"]

[dependencies]
core-part.path = "../core"
external.path = "../../external"
extra = { path = "../extra", optional = true }
macros.path = "../macros"

[dev-dependencies]
helper.path = "../helper"
`,
  ),
  'app/build.rs': APP_SCRIPT,
  'app/src/main.rs': APP_MAIN,
  'app/src/part.rs': 'pub const PART: &str = "one";\n',
  'assets/banner.txt': 'one\n',
  'assets/blob.bin': '1',
  'assets/unused.txt': 'one\n',
  'schemas/a.txt': 'one\n',
  'notes.txt': 'one\n',
  'ignored/declared.txt': 'one\n',
  'ignored/table.rs': 'const TABLE: &str = "one";\n',
  '../outside.txt': 'one\n',
  'core/Cargo.toml': manifest('core-part'),
  'core/build.rs': SILENT_SCRIPT,
  'core/data.txt': 'one\n',
  'core/src/lib.rs': 'pub const CORE: &str = "one";\npub const FILES: &str = env!("FILES");\n',
  'core/tests/it.rs': '',
  '../external/Cargo.toml': '[package]\nname = "external"\nversion = "0.1.0"\nedition = "2024"\n',
  '../external/build.rs': SILENT_SCRIPT,
  '../external/data.txt': 'one\n',
  '../external/src/lib.rs': 'pub const EXTERNAL: &str = "one";\npub const FILES: &str = env!("FILES");\n',
  'macros/Cargo.toml': manifest('macros', '[lib]\nproc-macro = true\n'),
  'macros/src/lib.rs': spelling('one'),
  'extra/Cargo.toml': manifest('extra'),
  'extra/src/lib.rs': 'pub const EXTRA: &str = "one";\n',
  'helper/Cargo.toml': manifest('helper'),
  'helper/src/lib.rs': '',
  'other/Cargo.toml': manifest('other'),
  'other/src/main.rs': 'fn main() {}\n',
  'other/tests/it.rs': '',
  'other/benches/speed.rs': 'fn main() {}\n',
  'README.md': 'one\n',
}

export type Facts = Record<string, string>

export class World extends Checkout {
  env: Record<string, string | undefined> = { MUST: 'one' }

  constructor(files: Record<string, string> = WORKSPACE) {
    super(files)
    execFileSync('cargo', ['generate-lockfile', '--offline', '--quiet'], { cwd: this.repo, env: plainEnvironment() })
    this.commit('lock file')
  }

  /** Makes the call of all these tests. Returns its outcome, and what the program prints of its inputs. */
  async look(options: Partial<DevBinaryOptions> = {}): Promise<{ outcome: string; facts: Facts }> {
    const { outcome, prints } = await this.run({
      crate: 'app',
      scope: 'crate',
      env: plainEnvironment(this.env),
      ...options,
    })
    return { outcome, facts: Object.fromEntries(prints.split('\n').map((line) => line.split(' ', 2))) }
  }

  remove(path: string): void {
    rmSync(join(this.repo, path), { recursive: true })
  }
}

/**
 * Takes one step after the other, and compares each result. The step's name is compared, too, so that a failure names
 * it.
 */
export async function walk(
  world: World,
  expected: string,
  steps: [step: string, () => void, facts?: Facts][],
): Promise<void> {
  for (const [step, take, says] of steps) {
    take()
    const { outcome, facts } = await world.look()
    expect({ step, outcome, facts }).toMatchObject({ step, outcome: expected, facts: says ?? {} })
  }
}

export const onePackage = (name: string, rest: Record<string, string>) => ({
  'Cargo.toml': `[workspace]\nmembers = ["${name}"]\nresolver = "3"\n[profile.release]\nopt-level = 0\n`,
  [`${name}/Cargo.toml`]: `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2024"\n`,
  '.gitignore': '/target\n',
  ...rest,
})

export const saying = (expression: string) => `fn main() { println!("says {}", ${expression}); }\n`
