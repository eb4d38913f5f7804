// Runs the command line in a process of its own, in Bun and in Node.

import { join } from 'node:path'
import type { Runtime } from './program.js'
import { Checkout, plainEnvironment, root } from './support.js'

export const COMMAND = join(root, 'cli', 'dev-bin.js')
export const EXECUTABLES = { bun: process.execPath, node: 'node' }

export interface Ended {
  status: number | string
  stdout: string
  stderr: string
}

/** Starts `dev-bin` with these arguments, without a shell. */
export function start(runtime: Runtime, args: string[], { cwd = '/', env = {} }: Where = {}) {
  return Bun.spawn([EXECUTABLES[runtime], COMMAND, ...args], {
    cwd,
    env: plainEnvironment(env),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
}

/** Runs `dev-bin` to its end. Returns its exit status, or the signal that ended it. */
export async function devBin(runtime: Runtime, args: string[], where: Where = {}): Promise<Ended> {
  const child = start(runtime, args, where)
  const text = (stream: ReadableStream) => new Response(stream).text()
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), child.exited])
  return { status: child.signalCode ?? child.exitCode ?? 'neither', stdout, stderr }
}

interface Where {
  cwd?: string
  env?: Record<string, string | undefined>
}

/** Returns the class of checkouts that `dev-bin` is run in by `runtime`. */
export function placesFor(runtime: Runtime) {
  return class extends Checkout {
    /** Runs `dev-bin` with this place's cache, in its checkout. */
    devBin(args: string[], { cwd = this.repo, env = {} }: { cwd?: string; env?: Record<string, string> } = {}) {
      return devBin(runtime, args, { cwd, env: { ...this.environment(), DEV_BIN_CACHE_DIR: this.cacheDir, ...env } })
    }
  }
}
