// Runs the launcher of examples/openlock as users do, each time in a process of its own.

import { join } from 'node:path'
import { RUST_HOMES } from './programs.js'
import { lockFile, plainEnvironment, root, temporaryDirectory } from './support.js'

export const launcher = join(root, 'examples', 'openlock')
export const TAG = 'v0.8.3'

export const mainSaying = (text: string) => `fn main() {\n    println!("${text}");\n}\n`

export const FORK = {
  'Cargo.toml': '[workspace]\nmembers = ["crates/*"]\nresolver = "3"\n',
  'Cargo.lock': lockFile('openshell-cli', 'openshell-core', 'openshell-sandbox', 'openshell-server').replace(
    /(?<=name = "openshell-cli"\nversion = "0.1.0"\n)/,
    'dependencies = [\n "openshell-core",\n]\n',
  ),
  // As in OpenShell, the build script reads the protocol and asks git for the version.
  'crates/openshell-core/Cargo.toml': '[package]\nname = "openshell-core"\nversion = "0.1.0"\nedition = "2024"\n',
  'crates/openshell-core/build.rs': `use std::{fs, process::Command};
fn main() {
    for read in [".git/HEAD", ".git/refs/tags", "proto"] {
        println!("cargo:rerun-if-changed=../../{read}");
    }
    let described = Command::new("git").args(["describe", "--tags", "--long"]).output().unwrap().stdout;
    println!("cargo:rustc-env=GIT_VERSION={}", String::from_utf8(described).unwrap().trim());
    println!("cargo:rustc-env=PROTOCOL={}", fs::read_to_string("../../proto/openshell.proto").unwrap().trim());
}
`,
  'crates/openshell-core/src/lib.rs':
    'pub const VERSION: &str = env!("GIT_VERSION");\npub const PROTOCOL: &str = env!("PROTOCOL");\n',
  'proto/openshell.proto': 'protocol one\n',
  'crates/openshell-cli/Cargo.toml':
    '[package]\nname = "openshell-cli"\nversion = "0.1.0"\nedition = "2024"\n\n' +
    '[[bin]]\nname = "openshell"\npath = "src/main.rs"\n\n' +
    '[dependencies]\nopenshell-core = { path = "../openshell-core" }\n',
  'crates/openshell-cli/src/main.rs':
    'use openshell_core::*;\nfn main() {\n    println!("cli, {PROTOCOL}, {VERSION}");\n}\n',
  'crates/openshell-server/Cargo.toml':
    '[package]\nname = "openshell-server"\nversion = "0.1.0"\nedition = "2024"\n\n' +
    '[[bin]]\nname = "openshell-gateway"\npath = "src/main.rs"\n\n[features]\nbundled-z3 = []\n',
  'crates/openshell-server/src/main.rs':
    'fn main() {\n    println!("gateway, z3 bundled: {}", cfg!(feature = "bundled-z3"));\n}\n',
  'crates/openshell-sandbox/Cargo.toml': '[package]\nname = "openshell-sandbox"\nversion = "0.1.0"\nedition = "2024"\n',
  'crates/openshell-sandbox/src/main.rs': mainSaying('supervisor one'),
  '.gitignore': '/target\n',
}

export interface Launch {
  exitCode: number
  lines: string[]
  stderr: string
}

/** Runs a command to its end, in an unrelated directory. */
export async function run(command: string[], env: Record<string, string>): Promise<Launch> {
  const child = Bun.spawn(command, { cwd: '/', env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const text = (stream: ReadableStream) => new Response(stream).text()
  const [stdout, stderr, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), child.exited])
  return { exitCode, lines: stdout.split('\n').filter((line) => line !== ''), stderr }
}

/** A user's home directory, and launchers that know no other place. */
export class Home {
  readonly directory = temporaryDirectory()
  readonly downloads = join(this.directory, '.cache', 'openlock', 'bin', TAG)

  constructor(readonly variables: Record<string, string> = {}) {}

  environment(extra: Record<string, string> = {}): Record<string, string> {
    const { OPENLOCK_FORK_DIR, OPENLOCK_OPENSHELL_BIN, OPENLOCK_REBUILD, OPENLOCK_RELEASE_URL, ...plain } =
      plainEnvironment()
    // A cargo home of its own: another cargo on this machine must not make a build wait for the package cache.
    const CARGO_HOME = join(this.directory, '.cargo')
    return { ...plain, ...RUST_HOMES, CARGO_HOME, HOME: this.directory, ...this.variables, ...extra }
  }

  /** Runs examples/openlock/main.ts. */
  launch(extra: Record<string, string> = {}): Promise<Launch> {
    return run([process.execPath, join(launcher, 'main.ts')], this.environment(extra))
  }

  /** Runs {@link launch}, which must succeed. Returns the paths of the gateway, the supervisor and the CLI. */
  async paths(extra: Record<string, string> = {}) {
    const { exitCode, lines, stderr } = await this.launch(extra)
    const [gateway, supervisor, cli] = lines
    const whole = exitCode === 0 && lines.length === 3
    if (!whole || gateway === undefined || supervisor === undefined || cli === undefined)
      throw new Error(`exit status ${exitCode}: ${lines.join('\n')}\n${stderr}`)
    return { gateway, supervisor, cli, stderr }
  }
}

export const count = (text: string, part: string) => text.split(part).length - 1
