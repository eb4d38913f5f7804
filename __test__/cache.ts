// Caches for the tests: with binaries that are built, and with any number of made-up entries.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { list, type PruneOptions, prune } from '../index.js'
import { Program } from './program.js'
import { Checkout, mainPrinting, temporaryDirectory } from './support.js'

/** The file that marks a directory as a cache of this package. */
export const TAG = 'Signature: 8a477f597d28d172789f06886806bc55\n# Binaries built by @openlock/dev-bin.\n'
export const HOUR = 3_600_000
export const DAY = 24 * HOUR
export const MIB = 1024 * 1024

/** Sets the time of a file back, as if it had not been written to since then. */
export function age(path: string, milliseconds: number): void {
  const then = new Date(Date.now() - milliseconds)
  utimesSync(path, then, then)
}

/** Sets the last use of an entry back. */
export const unused = (binary: string, milliseconds: number) => age(`${binary}.json`, milliseconds)

/** Returns the size on disk of everything below a directory, in bytes, as `du` counts it: each file once. */
export function du(directory: string): number {
  return Number(execFileSync('du', ['-s', '-B1', directory], { encoding: 'utf8' }).split('\t')[0])
}

export class Cache extends Checkout {
  /** Builds a binary that prints `text`, and sets its last use back. Returns its path. */
  async built(text: string, milliseconds = 0): Promise<string> {
    this.write('src/main.rs', mainPrinting(text))
    const { path } = await this.get()
    if (milliseconds > 0) unused(path, milliseconds)
    return path
  }

  /** Does the same in a process of its own, and waits for its end, so that no write of it comes later. */
  async builtElsewhere(text: string, milliseconds = 0): Promise<string> {
    this.write('src/main.rs', mainPrinting(text))
    const path = await this.getElsewhere()
    if (milliseconds > 0) unused(path, milliseconds)
    return path
  }

  /**
   * Makes a call in a process of its own, waits for its end, and returns the path. No write of the call comes later.
   */
  async getElsewhere(): Promise<string> {
    const program = new Program('bun', this.options())
    const { path } = (await program.says('resolved')).binary
    await program.ended()
    return path
  }

  prune(options: PruneOptions = {}) {
    return prune({ cacheDir: this.cacheDir, env: {}, ...options })
  }

  list(check = false) {
    return list({ cacheDir: this.cacheDir, env: {}, check })
  }
}

/** A cache of entries that were not built: any number, of any size. */
export class MadeUp {
  readonly directory = temporaryDirectory()
  readonly cacheDir = join(this.directory, 'cache')
  readonly checkout = join(this.directory, 'checkout')

  constructor() {
    mkdirSync(this.checkout)
    mkdirSync(this.cacheDir, { mode: 0o700 })
    for (const name of ['tmp', 'locks']) mkdirSync(join(this.cacheDir, name), { mode: 0o700 })
    writeFileSync(join(this.cacheDir, 'CACHEDIR.TAG'), TAG)
  }

  /** The file whose time is that of the last automatic pruning. */
  stamp(): string {
    const path = join(this.cacheDir, 'pruned')
    if (!existsSync(path)) writeFileSync(path, '')
    return path
  }

  /** Adds an entry of `bytes`, of which the first `filled` have blocks on disk. */
  add(
    index: number,
    {
      bytes,
      filled = bytes,
      used,
      bin = 'hello',
      checkout = this.checkout,
      superseded,
      servedTo,
      request,
    }: MadeUpEntry,
  ): string {
    const fingerprint = createHash('sha256').update(String(index)).digest('hex')
    const directory = join(this.cacheDir, fingerprint.slice(0, 16))
    const path = join(directory, bin)
    mkdirSync(directory, { mode: 0o700 })
    writeFileSync(path, Buffer.alloc(filled, index))
    const file = openSync(path, 'r+')
    ftruncateSync(file, bytes)
    closeSync(file)
    chmodSync(path, 0o755)
    writeFileSync(`${path}.inputs.json`, '{}')
    const manifest = {
      format: 1,
      fingerprint,
      package: 'hello',
      bin,
      target: null,
      checkout,
      sha256: createHash('sha256').update(`${index}`).digest('hex'),
      size: bytes,
      stat: { device: 0, inode: 0, mode: 0, size: bytes, modified_ns: 0, changed_ns: 0 },
      published_ms: Date.now() - used,
      build_ms: 1000,
      request,
      served_to: servedTo === undefined ? {} : { [servedTo]: Date.now() - used },
      superseded_ms: superseded === undefined ? undefined : Date.now() - superseded,
    }
    writeFileSync(`${path}.json`, JSON.stringify(manifest))
    unused(path, used)
    return path
  }

  prune(options: PruneOptions = {}) {
    return prune({ cacheDir: this.cacheDir, env: {}, ...options })
  }

  list() {
    return list({ cacheDir: this.cacheDir, env: {} })
  }
}

export interface MadeUpEntry {
  bytes: number
  filled?: number
  used: number
  bin?: string
  checkout?: string
  /** The age of the record that its checkout has built another one since, in milliseconds. */
  superseded?: number | undefined
  servedTo?: string
  /** Other parts of the request. */
  request?: Record<string, string>
}
