// What the tests share: real cargo workspaces in real git repositories, all of it in temporary directories.

import { afterAll } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type DevBinary, type DevBinaryEvent, type DevBinaryOptions, getDevBinary } from '../index.js'

export const root = dirname(import.meta.dir)
/** The public entry point, for programs that the tests write and run. */
export const entry = join(root, 'index.js')

/** A build takes a second; a machine that is busy elsewhere may take many times that. */
export const PATIENCE_MS = 120_000

const temporary: string[] = []

afterAll(() => {
  for (const directory of temporary.splice(0)) rmSync(directory, { recursive: true, force: true })
})

/** A new directory that goes away with the test file. */
export function temporaryDirectory(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'dev-bin-test-')))
  temporary.push(directory)
  return directory
}

/** This process's environment without what would steer cargo or git; so a test means the same on every machine. */
export function plainEnvironment(extra: Record<string, string | undefined> = {}): Record<string, string> {
  const steering = /^(CARGO_(?!HOME$)|RUST(?!UP_HOME$)|GIT_|CC|CXX|CFLAGS|DEV_BIN_|NO_COLOR)/
  const plain = Object.entries(process.env).filter(([name]) => !steering.test(name))
  const entries = [...plain, ...Object.entries(extra)]
  return Object.fromEntries(entries.filter((pair): pair is [string, string] => pair[1] !== undefined))
}

/** Prints one line: `text`, then the variable TAG as it was when the program was compiled. */
export const mainPrinting = (text: string) =>
  `fn main() {\n    println!("${text} {}", option_env!("TAG").unwrap_or("-"));\n}\n`

const HELLO = {
  'Cargo.toml': '[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2024"\n',
  'Cargo.lock': 'version = 4\n\n[[package]]\nname = "hello"\nversion = "0.1.0"\n',
  'src/main.rs': mainPrinting('one'),
  '.gitignore': '/target\n',
}

/** A cargo workspace that is committed to a git repository, and a cache of its own. */
export class Checkout {
  readonly directory = temporaryDirectory()
  readonly repo = join(this.directory, 'checkout')
  readonly cacheDir = join(this.directory, 'cache')

  constructor(files: Record<string, string> = HELLO, init: string[] = []) {
    for (const [path, text] of Object.entries(files)) this.write(path, text)
    this.git('init', '--quiet', '--initial-branch=main', ...init)
    this.commit('start')
  }

  /** The text of a file below the checkout's root. */
  write(path: string, text: string | Uint8Array, mode?: number): void {
    const full = join(this.repo, path)
    mkdirSync(dirname(full), { recursive: true })
    writeFileSync(full, text)
    if (mode !== undefined) chmodSync(full, mode)
  }

  git(...args: string[]): string {
    const identity = ['-c', 'user.name=t', '-c', 'user.email=t@localhost', '-c', 'protocol.file.allow=always']
    const env = plainEnvironment({ GIT_CONFIG_NOSYSTEM: '1' })
    return execFileSync('git', [...identity, '-C', this.repo, ...args], {
      encoding: 'utf8',
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim()
  }

  commit(message: string): void {
    this.git('add', '--all')
    this.git('commit', '--quiet', '--allow-empty', '--message', message)
  }

  /** The options of a call for this checkout's binary. */
  options(options: Partial<DevBinaryOptions> = {}): DevBinaryOptions {
    return {
      crate: 'hello',
      repo: this.repo,
      cacheDir: this.cacheDir,
      report: 'silent',
      env: plainEnvironment(),
      ...options,
    }
  }

  get(options: Partial<DevBinaryOptions> = {}): Promise<DevBinary> {
    return getDevBinary(this.options(options))
  }

  /** Gets the binary and runs it: what came back, and what it prints. */
  async run(options: Partial<DevBinaryOptions> = {}): Promise<{ outcome: string; prints: string; binary: DevBinary }> {
    const binary = await this.get(options)
    return { outcome: binary.outcome, prints: output(binary.path), binary }
  }
}

/** What a program prints. */
export function output(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8' }).trim()
}

/** Collects the events of a call. */
export function listener(): { events: DevBinaryEvent[]; onEvent: (event: DevBinaryEvent) => void } {
  const events: DevBinaryEvent[] = []
  return { events, onEvent: (event) => events.push(event) }
}

/** The events of one type. */
export function only<T extends DevBinaryEvent['type']>(events: DevBinaryEvent[], type: T) {
  return events.filter((event): event is Extract<DevBinaryEvent, { type: T }> => event.type === type)
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { code?: string; hint?: string }> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  )
  if (!('error' in outcome)) throw new Error(`expected a rejection, got ${JSON.stringify(outcome.value)}`)
  return outcome.error
}

/** Waits until `condition` holds; how long that takes is not the test's business. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`gave up waiting until ${what}`)
    await Bun.sleep(10)
  }
}
