// Caches to be looked at and pruned: of binaries that were built, and of any number that were made up.

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

/** What says that a directory is a cache of this package. */
export const TAG = 'Signature: 8a477f597d28d172789f06886806bc55\n# Binaries built by @openlock/dev-bin.\n'
export const HOUR = 3_600_000
export const DAY = 24 * HOUR
export const MIB = 1024 * 1024

/** Has a file look as if it had not been written to for so long. */
export function age(path: string, milliseconds: number): void {
  const then = new Date(Date.now() - milliseconds)
  utimesSync(path, then, then)
}

/** Has an entry look as if it had last been served so long ago. */
export const unused = (binary: string, milliseconds: number) => age(`${binary}.json`, milliseconds)

/** Blocks on disk of everything below, each file once, in bytes: what `du` says. */
export function du(directory: string): number {
  return Number(execFileSync('du', ['-s', '-B1', directory], { encoding: 'utf8' }).split('\t')[0])
}

export class Cache extends Checkout {
  /** A binary that prints `text`, last used so long ago. */
  async built(text: string, milliseconds = 0): Promise<string> {
    this.write('src/main.rs', mainPrinting(text))
    const { path } = await this.get()
    if (milliseconds > 0) unused(path, milliseconds)
    return path
  }

  /** As {@link built}, by a process that has ended, so that nothing of it is still to come. */
  async builtElsewhere(text: string, milliseconds = 0): Promise<string> {
    this.write('src/main.rs', mainPrinting(text))
    const path = await this.getElsewhere()
    if (milliseconds > 0) unused(path, milliseconds)
    return path
  }

  /** The path that a process was told which has ended, so that nothing of its call is still to come. */
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

/** A cache of entries that nobody built: as many as one likes, of any size. */
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

  /** What tells when it was last pruned by itself. */
  stamp(): string {
    const path = join(this.cacheDir, 'pruned')
    if (!existsSync(path)) writeFileSync(path, '')
    return path
  }

  /** An entry of `bytes`, of which the file system has given blocks to the first `filled`. */
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
  /** How long ago its checkout was known to have built another one. */
  superseded?: number | undefined
  servedTo?: string
  /** What else was asked for. */
  request?: Record<string, string>
}
