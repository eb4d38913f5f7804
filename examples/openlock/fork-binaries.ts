// Finds openlock's binaries. In dev mode, when a checkout of the OpenShell fork lies beside the launcher's sources,
// they are built from it. Otherwise they come from the fork's release.
//
// Only dev mode needs `@openlock/dev-bin`, so only dev mode imports it: a released launcher neither loads nor unpacks
// the addon. In openlock the import says `@openlock/dev-bin`; here the package is two directories up.

import { randomUUID } from 'node:crypto'
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { DevBinaryOptions } from '../../index.js'

/** The release of the fork that this launcher works with. */
export const OPENSHELL_FORK_TAG = 'v0.8.3'
const FORK_URL = 'https://github.com/vessux/OpenShell'

export type ForkBinary = 'openshell-gateway' | 'openshell-sandbox' | 'openshell'

/**
 * Returns the path of the fork's checkout, which need not exist: OPENLOCK_FORK_DIR, or `openshell-fork` beside the
 * sources. A compiled launcher has no sources on disk, so only the variable puts it into dev mode.
 */
function forkDir(): string {
  return process.env.OPENLOCK_FORK_DIR || join(import.meta.dir, '..', 'openshell-fork')
}

/** Returns whether binaries are built from the fork's checkout. */
export function isDevMode(): boolean {
  return existsSync(join(forkDir(), '.git'))
}

// The server's prover needs z3. It is built in, so that z3 need not be installed.
const GATEWAY: DevBinaryOptions = { crate: 'openshell-server', bin: 'openshell-gateway', features: ['bundled-z3'] }

// The CLI does not need z3: upstream's commit dd3f27c8d of July 2026 took the prover out of it.
const CLI: DevBinaryOptions = { crate: 'openshell-cli', bin: 'openshell' }

/** Returns the path of the gateway, for this machine. */
export async function getGatewayBinary(): Promise<string> {
  return isDevMode() ? fromCheckout(GATEWAY) : ensureFromRelease('openshell-gateway')
}

/** Returns the path of the supervisor. It always runs in a Linux container of this machine's architecture. */
export async function getSupervisorBinary(): Promise<string> {
  return isDevMode() ? fromCheckout(supervisor()) : ensureFromRelease('openshell-sandbox')
}

/**
 * Returns the paths of the gateway and the supervisor, which start a sandbox. One call sweeps the fork once, and
 * reports both builds.
 */
export async function getSandboxBinaries(): Promise<{ gateway: string; supervisor: string }> {
  if (!isDevMode()) {
    const released = [ensureFromRelease('openshell-gateway'), ensureFromRelease('openshell-sandbox')] as const
    const [gateway, supervisor] = await Promise.all(released)
    return { gateway, supervisor }
  }
  const { getDevBinaries } = await import('../../index.js')
  const [gateway, sandbox] = await getDevBinaries([fromFork(GATEWAY), fromFork(supervisor())])
  return { gateway: gateway.path, supervisor: sandbox.path }
}

/**
 * Returns the beginning of a command line of OpenShell's CLI: a program, and arguments that come before the caller's
 * own. OPENLOCK_OPENSHELL_BIN names another program, in dev mode or not.
 */
export async function getCliInvocation(): Promise<string[]> {
  const named = process.env.OPENLOCK_OPENSHELL_BIN
  if (named) return [named]
  return [await (isDevMode() ? cliOfThisProcess() : ensureFromRelease('openshell'))]
}

/** The CLI that this process got from the fork. */
let cli: Promise<string> | undefined

/**
 * Returns the path of the CLI, built once a process. One command of openlock runs the CLI many times, and all of them
 * must be the same program, even if the fork is edited meanwhile. After a failure, the next call tries again.
 */
function cliOfThisProcess(): Promise<string> {
  cli ??= fromCheckout(CLI).catch((error) => {
    cli = undefined
    throw error
  })
  return cli
}

/** Returns the request of the supervisor. If its target is not this machine's, cargo-zigbuild builds it. */
function supervisor(): DevBinaryOptions {
  const target = process.platform === 'linux' ? undefined : `${architecture()}-unknown-linux-gnu`
  return { crate: 'openshell-sandbox', target }
}

/** Returns the path of a binary of the fork. */
async function fromCheckout(options: DevBinaryOptions): Promise<string> {
  const { getDevBinary } = await import('../../index.js')
  const { path } = await getDevBinary(fromFork(options))
  return path
}

/**
 * Adds the options that all requests share.
 *
 * In scope `crate`, the files that a binary is built from count, and commits do not. All three binaries are built with
 * `openshell-core`. Its build script reads `proto/` and declares it, so the protocol counts. It also asks `git
 * describe` for the version that `--version` and logs show, and declares `.git/HEAD` and `.git/refs/tags`. So another
 * branch or a new tag builds, and a commit on the same branch does not, as with `cargo build`. That is accepted: the
 * binaries do the same with an older version, most commits change none of them, and the gateway takes minutes to build.
 * Scope `tree` would build at each commit.
 */
function fromFork(options: DevBinaryOptions): DevBinaryOptions {
  return { ...options, scope: 'crate', repo: forkDir(), rebuild: Boolean(process.env.OPENLOCK_REBUILD) }
}

/** The downloads that have not ended, by the file that they write, so that two callers wait for one download. */
const activeDownloads = new Map<string, Promise<string>>()

/**
 * Returns the path of a binary of the fork's release. The first call downloads it to
 * `~/.cache/openlock/bin/<tag>/<name>-<triple>`. OPENLOCK_RELEASE_URL replaces the part of the address before the tag,
 * for a mirror.
 */
export async function ensureFromRelease(name: ForkBinary): Promise<string> {
  const triple = releaseTriple(name)
  const directory = join(process.env.HOME || homedir(), '.cache', 'openlock', 'bin', OPENSHELL_FORK_TAG)
  const path = join(directory, `${name}-${triple}`)
  if (isExecutable(path)) return path

  const releases = process.env.OPENLOCK_RELEASE_URL || `${FORK_URL}/releases/download`
  const url = `${releases}/${OPENSHELL_FORK_TAG}/${name}-${triple}.tar.gz`
  const download = activeDownloads.get(path) ?? install(name, url, path).finally(() => activeDownloads.delete(path))
  activeDownloads.set(path, download)
  return download
}

/** Downloads the binary at `url` to `path`. Leaves the whole binary there, or nothing. */
async function install(name: ForkBinary, url: string, path: string): Promise<string> {
  console.error(`Fetching ${name} from ${url}`)
  const binary = await unpacked(name, url, await fetched(name, url, path))
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    await mkdir(join(path, '..'), { recursive: true })
    const file = await open(temporary, 'wx', 0o755)
    try {
      await file.writeFile(binary)
      await file.chmod(0o755)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (cause) {
    // The file may not exist. A failure to remove it must not hide the first error.
    await rm(temporary, { force: true }).catch(() => {})
    const advice = 'Make room there, or make its directory writable, and try again.'
    throw failure(name, `${url} is downloaded but cannot be kept at ${path}: ${reason(cause)}`, advice, cause)
  }
  return path
}

async function fetched(name: ForkBinary, url: string, path: string): Promise<Uint8Array<ArrayBuffer>> {
  const manually = `download that address by other means, unpack it, and put ${name} at ${path}, executable.`
  try {
    const response = await fetch(url)
    if (response.ok) return await response.bytes()
    await response.body?.cancel()
    const advice =
      response.status === 404
        ? `See ${FORK_URL}/releases/tag/${OPENSHELL_FORK_TAG} for the files of this release; if there is none for this machine, clone ${FORK_URL} and name the clone in OPENLOCK_FORK_DIR to build from source.`
        : `Try again later, or ${manually}`
    throw failure(name, `${url} answers ${`${response.status} ${response.statusText}`.trim()}`, advice)
  } catch (cause) {
    if (cause instanceof ReleaseError) throw cause
    const advice = `Check that the network and its proxy (HTTPS_PROXY) work, or ${manually}`
    throw failure(name, `${url} cannot be downloaded: ${reason(cause)}`, advice, cause)
  }
}

/** Returns the content of the file `name` in the archive. No other file of it is written to disk. */
async function unpacked(name: ForkBinary, url: string, archive: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  try {
    const files = await new Bun.Archive(Bun.gunzipSync(archive)).files()
    const file = files.get(name) ?? files.get(`./${name}`)
    if (file !== undefined && file.size > 0) return await file.bytes()
    throw new Error(`it holds ${[...files.keys()].join(', ') || 'no files'}, and no ${name}`)
  } catch (cause) {
    const advice =
      'Try again: the download may have been cut off or replaced by a proxy. If that does not help, report it to the fork.'
    const what = `${url} (${archive.length} bytes) is not an archive with ${name} in it: ${reason(cause)}`
    throw failure(name, what, advice, cause)
  }
}

/** The error of a released binary that cannot be downloaded, unpacked or kept. */
export class ReleaseError extends Error {
  override readonly name = 'ReleaseError'
}

function failure(name: ForkBinary, what: string, advice: string, cause?: unknown): ReleaseError {
  return new ReleaseError(`no ${name} ${OPENSHELL_FORK_TAG}: ${what}\n\n${advice}`, { cause })
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function architecture(): string {
  const known: Record<string, string> = { arm64: 'aarch64', x64: 'x86_64' }
  const found = known[process.arch]
  if (found === undefined) throw new ReleaseError(`OpenShell has no binaries for the architecture ${process.arch}`)
  return found
}

function releaseTriple(name: ForkBinary): string {
  const isMac = process.platform === 'darwin' && name !== 'openshell-sandbox'
  return `${architecture()}-${isMac ? 'apple-darwin' : 'unknown-linux-gnu'}`
}
