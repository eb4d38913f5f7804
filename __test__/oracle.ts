// Compares binaries with a clean build, which each of them must equal.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { DevBinaryOptions } from '../index.js'
import { Checkout, listener, only, output, plainEnvironment, temporaryDirectory } from './support.js'

/** A package that prints the `text()` of its crate root. It has no lock file, so that cargo writes one. */
export const package_ = (name: string, rest = '') =>
  `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2021"\n${rest}`

export const printing = (expression: string) => `fn main() { print!("{}", ${expression}); }\n`

/** A build script that passes the files that it reads to the crate, and declares only `declared`. */
export const script = (expression: string, ...declared: string[]) => `fn main() {
${declared.map((line) => `    println!("cargo::${line}");\n`).join('')}    println!("cargo::rustc-env=READ={}", ${expression});
}
`
export const reading = (path: string) => `std::fs::read_to_string("${path}").unwrap().trim()`

/** A checkout whose binary `app` is compared with a clean build of it. */
export class Compared extends Checkout {
  env: Record<string, string | undefined> = {}

  constructor(files: Record<string, string>) {
    super({
      '.gitignore': '/target\n',
      'Cargo.toml': package_('app'),
      'src/main.rs': printing('env!("READ")'),
      ...files,
    })
    this.cargo(this.repo, 'generate-lockfile', '--quiet', '--offline')
    this.commit('lock file')
  }

  cargo(directory: string, ...args: string[]): void {
    execFileSync('cargo', args, { cwd: directory, env: plainEnvironment(this.env), stdio: 'pipe' })
  }

  /** Builds in a new target directory, and returns what the binary prints. */
  clean(repo = this.repo): string {
    const target = temporaryDirectory()
    this.cargo(repo, 'build', '--quiet', '--release', '--bin', 'app', '--target-dir', target)
    return output(join(target, 'release', 'app'))
  }

  /** Makes a call. Returns what the binary prints, the outcome, the warnings and how often cargo ran. */
  async look(options: Partial<DevBinaryOptions> = {}) {
    const { events, onEvent } = listener()
    const env = plainEnvironment(this.env)
    const { outcome, prints } = await this.run({ crate: 'app', env, onEvent, ...options })
    const warnings = only(events, 'warning').map(({ message }) => message)
    return { outcome, prints, warnings, builds: only(events, 'building').length }
  }
}

export const SCOPES = ['tree', 'crate'] as const
