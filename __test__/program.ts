// Makes calls in a process of its own, in Bun and in Node, and stops builds where a test needs it.

import { afterAll } from 'bun:test'
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DevBinary, DevBinaryEvent, DevBinaryOptions } from '../index.js'
import { Checkout, entry, plainEnvironment, temporaryDirectory, UNOBSERVED, until } from './support.js'

export const RUNTIMES = ['bun', 'node'] as const
export type Runtime = (typeof RUNTIMES)[number]

const EXECUTABLES = { bun: process.execPath, node: 'node' }

/** The messages of a program: the events of its calls, their results, and messages of the test itself. */
export type Said =
  | DevBinaryEvent
  | { type: 'resolved'; binary: DevBinary }
  | { type: 'rejected'; name: string; code?: string; message: string }
  | { type: 'note'; note: unknown }

const PRELUDE = `
const { getDevBinary } = require(${JSON.stringify(entry)})
const { existsSync, writeSync } = require('node:fs')
const options = JSON.parse(process.env.TEST_OPTIONS)
const say = (line) => writeSync(1, JSON.stringify(line) + '\\n')
const note = (note) => say({ type: 'note', note })
const get = (more) => getDevBinary({ ...options, onEvent: say, ...more })
const settle = (call) => call.then(
  (binary) => say({ type: 'resolved', binary }),
  (error) => say({ type: 'rejected', name: error.name, code: error.code, message: error.message }),
)
const when = (file, act) => {
  const poll = setInterval(() => {
    if (!existsSync(file)) return
    clearInterval(poll)
    act()
  }, 5)
}
`

const running = new Set<Program>()

afterAll(async () => {
  for (const program of running) program.process.kill('SIGKILL')
  await Promise.all([...running].map((program) => program.process.exited))
})

/**
 * A program that makes calls with `options` of a checkout. Its source knows `get`, `settle`, `say`, `note` and
 * `when(file, act)`; by default it makes one call and says how it ended.
 */
export class Program {
  readonly said: Said[] = []
  readonly process: Bun.Subprocess<'ignore', 'pipe', 'pipe'>
  #stderr = ''
  readonly #read: Promise<unknown>

  constructor(
    runtime: Runtime,
    options: DevBinaryOptions,
    source = 'settle(get())',
    { prefix = [], env = {} }: { prefix?: string[]; env?: Record<string, string> } = {},
  ) {
    const file = join(temporaryDirectory(), 'program.cjs')
    writeFileSync(file, PRELUDE + source)
    this.process = Bun.spawn([...prefix, EXECUTABLES[runtime], file], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      env: plainEnvironment({ TEST_OPTIONS: JSON.stringify(options), ...env }),
    })
    running.add(this)
    this.#read = Promise.all([this.#readStdout(), this.#readStderr()])
    void this.process.exited.then(() => running.delete(this))
  }

  get pid(): number {
    return this.process.pid
  }

  get stderr(): string {
    return this.#stderr
  }

  only<T extends Said['type']>(type: T) {
    return this.said.filter((said): said is Extract<Said, { type: T }> => said.type === type)
  }

  /** Waits for a message of `type`. Fails if the program ends without one. */
  async says<T extends Said['type']>(type: T): Promise<Extract<Said, { type: T }>> {
    await until(() => this.only(type).length > 0 || this.process.exitCode !== null, `the program says ${type}`)
    await Promise.race([this.#read, Bun.sleep(0)])
    const first = this.only(type)[0]
    if (first === undefined) throw new Error(`the program ended without ${type}: ${this.#stderr}`)
    return first
  }

  /** Waits for the end of the program. Returns its exit code, or the signal that ended it. */
  async ended(): Promise<number | string> {
    await this.process.exited
    await this.#read
    return this.process.signalCode ?? this.process.exitCode ?? 'neither code nor signal'
  }

  async #readStdout(): Promise<void> {
    const decoder = new TextDecoder()
    let pending = ''
    for await (const chunk of this.process.stdout) {
      const lines = (pending + decoder.decode(chunk, { stream: true })).split('\n')
      pending = lines.pop() ?? ''
      for (const line of lines) this.said.push(JSON.parse(line))
    }
  }

  async #readStderr(): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of this.process.stderr) this.#stderr += decoder.decode(chunk, { stream: true })
  }
}

/** Returns the answer of `task` in a process of its own, whose environment is `env`. */
export function inChild(task: 'fingerprint', options: DevBinaryOptions, env: Record<string, string>): string
export function inChild(task: 'getDevBinary', options: DevBinaryOptions, env: Record<string, string>): DevBinary
export function inChild(task: string, options: DevBinaryOptions, env: Record<string, string>): unknown {
  const program = `
    const { ${task} } = require(${JSON.stringify(entry)})
    ${task}(${JSON.stringify(options)}).then((answer) => console.log(JSON.stringify(answer)))`
  return JSON.parse(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8', env }))
}

/** A gate where builds stop until it is opened. It shows when a build has reached it. Its files are no inputs. */
export class Gate {
  readonly reachedFile: string
  readonly openFile: string

  constructor(directory: string, name: string) {
    this.reachedFile = join(directory, `${name}-reached`)
    this.openFile = join(directory, `${name}-open`)
  }

  /** Returns how often builds have reached the gate. */
  get times(): number {
    return existsSync(this.reachedFile) ? readFileSync(this.reachedFile, 'utf8').length : 0
  }

  reached(times = 1): Promise<void> {
    return until(() => this.times >= times, `a build reaches ${this.reachedFile} ${times} times`)
  }

  open(): void {
    appendFileSync(this.openFile, '')
  }

  /** A build script that stops here, after `before`. */
  buildScript(before = ''): string {
    return `use std::{fs, io::Write, path::Path, thread, time::Duration};
fn main() {
    ${before}
    fs::File::options().create(true).append(true).open(${JSON.stringify(this.reachedFile)}).unwrap().write_all(b".").unwrap();
    // A gate whose directory has been removed stops no build.
    while !Path::new(${JSON.stringify(this.openFile)}).exists() && Path::new(${JSON.stringify(this.reachedFile)}).exists() {
        thread::sleep(Duration::from_millis(5));
    }
}
`
  }

  /** A linker that stops here, except for build scripts: at that moment rustc has read the sources. */
  linker(): string {
    return `#!/bin/sh
case "$*" in
  *build_script*) ;;
  *) printf . >>'${this.reachedFile}'; while [ ! -e '${this.openFile}' ] && [ -e '${this.reachedFile}' ]; do sleep 0.01; done ;;
esac
exec cc "$@"
`
  }
}

/** A checkout whose build script waits at a gate, which is no input and would be seen as one. */
export class GatedCheckout extends Checkout {
  readonly gate = new Gate(this.directory, 'script')

  constructor(before = '') {
    super()
    this.write('build.rs', this.gate.buildScript(before))
    this.commit('a build script that waits')
  }

  override environment(extra: Record<string, string | undefined> = {}) {
    return super.environment({ ...UNOBSERVED, ...extra })
  }
}

/** A checkout whose linker waits at a gate, which is no input and would be seen as one. */
export class LinkGatedCheckout extends Checkout {
  readonly linking = new Gate(this.directory, 'link')

  constructor(files?: Record<string, string>) {
    super(files)
    this.write('../linker', this.linking.linker(), 0o755)
    const linker = JSON.stringify(`-Clinker=${join(this.directory, 'linker')}`)
    this.write('.cargo/config.toml', `[build]\nrustflags = [${linker}]\n`)
    this.commit('a linker that waits')
  }

  override environment(extra: Record<string, string | undefined> = {}) {
    return super.environment({ ...UNOBSERVED, ...extra })
  }
}

/** Returns the processes that work in `directory` or have it in their command line, except this one. */
export function processesIn(directory: string): string[] {
  const found: string[] = []
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      const works = readlinkSync(`/proc/${pid}/cwd`).startsWith(directory)
      if (works || command.includes(directory)) found.push(`${pid} ${command}`)
    } catch {
      // The process has ended meanwhile, or is a zombie.
    }
  }
  return found
}

/** Waits until no process is alive in `directory`, for two seconds at most. Returns those that are left. */
export async function survivors(directory: string): Promise<string[]> {
  const deadline = Date.now() + 2000
  let alive = processesIn(directory)
  while (alive.length > 0 && Date.now() < deadline) {
    await Bun.sleep(10)
    alive = processesIn(directory)
  }
  return alive
}

/** Returns the words before a command that have strace follow its threads and interfere as `args` say. */
export const traced = (...args: string[]) => ['strace', '-f', '-qq', '-e', 'signal=none', ...args]

const [strace = '', ...following] = traced('-o', '/dev/null', 'true')
export const canTrace = spawnSync(strace, following).status === 0
if (!canTrace)
  console.warn('strace is missing or not allowed: NOTHING IS KILLED OR DELAYED AT SINGLE SYSTEM CALLS HERE')
