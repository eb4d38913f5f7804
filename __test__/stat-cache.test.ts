// The stat cache, which one process leaves for the next: it is used, so that a hit only compares stat identities, and
// it never changes an answer.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync, spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canTrace, Program, RUNTIMES, type Runtime, traced } from './program.js'
import { Checkout, HELLO, mainPrinting, output, PATIENCE_MS, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const SCOPES = ['tree', 'crate'] as const
type Scope = (typeof SCOPES)[number]

const statCaches = (checkout: Checkout): string => join(checkout.cacheDir, 'stat-cache')
const files = (directory: string): string[] =>
  readdirSync(directory)
    .sort()
    .map((name) => join(directory, name))

function newestChange(path: string): number {
  // A file that is being written has another name until it is complete.
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return 0
  const below = stat.isDirectory() ? readdirSync(path).map((name) => newestChange(join(path, name))) : []
  return Math.max(stat.ctimeMs, ...below)
}

/** Waits until all files of the checkout have settled, which takes two seconds. */
async function settled(checkout: Checkout): Promise<void> {
  const newest = newestChange(checkout.directory)
  await until(() => Date.now() > newest + 2050, 'two seconds have passed')
}

/** Makes one call in a process of its own. Returns its outcome, and what the binary prints. */
async function called(
  checkout: Checkout,
  { runtime = 'bun', scope = 'tree', prefix = [] }: { runtime?: Runtime; scope?: Scope; prefix?: string[] } = {},
): Promise<string> {
  const program = new Program(runtime, checkout.options({ scope }), undefined, { prefix })
  expect([await program.ended(), program.stderr]).toEqual([0, ''])
  const binary = program.only('resolved')[0]?.binary
  return `${binary?.outcome}: ${output(binary?.path as string)}`
}

/** Makes a checkout whose binary is in the cache in both scopes, and whose files are all in the stat cache. */
async function warm(files: Record<string, string> = {}): Promise<Checkout> {
  const checkout = new Checkout({ ...HELLO, 'docs/a/b.md': 'text\n', ...files })
  for (const scope of SCOPES) await checkout.get({ scope })
  await settled(checkout)
  for (const scope of SCOPES) await called(checkout, { scope })
  return checkout
}

for (const runtime of RUNTIMES)
  for (const scope of SCOPES)
    test.skipIf(!canTrace)(
      `a hit in scope ${scope} in ${runtime} opens no input, writes nothing, spawns nothing`,
      async () => {
        // With a build script, the commit and the branch count for more.
        const checkout = await warm({ 'build.rs': 'fn main() { println!("cargo::rerun-if-changed=build.rs"); }\n' })
        const log = join(checkout.directory, 'trace')
        const calls = 'open,openat,creat,execve,fork,vfork,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat'
        expect(await called(checkout, { runtime, scope, prefix: traced('-o', log, '-e', `trace=${calls}`) })).toBe(
          'cached: one -',
        )
        const lines = readFileSync(log, 'utf8').split('\n')
        const started = lines.filter((line) => /\b(execve|v?fork)\(/.test(line))
        expect(started.filter((line) => !line.includes('ENOENT'))).toHaveLength(1)
        const inCheckout = lines.filter((line) => line.includes(`"${checkout.repo}`))
        expect(inCheckout.filter((line) => !line.includes(`"${checkout.repo}", O_RDONLY`))).toEqual([])
        const inCache = lines.filter((line) => line.includes(`"${checkout.cacheDir}`))
        expect(inCache.length).toBeGreaterThan(0)
        expect(inCache.filter((line) => !line.includes(', O_RDONLY'))).toEqual([])
      },
    )

test('an edit between two processes is seen, whatever time and size the file has', async () => {
  const checkout = await warm()
  const path = join(checkout.repo, 'src', 'main.rs')
  const { atime, mtime } = statSync(path)
  let expected = 'built'
  for (const [round, text] of ['two', 'six', 'ten', 'two', 'six'].entries()) {
    if (round === 3) expected = 'cached'
    checkout.write('src/main.rs', mainPrinting(text))
    utimesSync(path, atime, mtime)
    for (const scope of SCOPES) {
      const runtime = RUNTIMES[round % 2] as Runtime
      expect(await called(checkout, { runtime, scope })).toBe(`${expected}: ${text} -`)
      expect(await called(checkout, { runtime, scope })).toBe(`cached: ${text} -`)
    }
    // The odd rounds edit files that are old enough to be kept.
    if (round % 2 === 1) await settled(checkout)
  }
})

test('whatever file is in its place, the answer stays the same', async () => {
  const checkout = await warm()
  const kept = files(statCaches(checkout)).map((path) => ({ path, bytes: readFileSync(path) }))
  expect(kept.length).toBeGreaterThan(1)
  const replace = (make: (path: string, bytes: Buffer) => void) => () => {
    for (const { path, bytes } of kept) {
      rmSync(path, { recursive: true, force: true })
      make(path, bytes)
    }
  }
  const harm: Record<string, () => void> = {
    'nothing at all': () => rmSync(statCaches(checkout), { recursive: true }),
    'a file for the directory': () => {
      rmSync(statCaches(checkout), { recursive: true })
      writeFileSync(statCaches(checkout), 'in the way')
    },
    'the directory again': () => {
      rmSync(statCaches(checkout))
      mkdirSync(statCaches(checkout))
    },
    'empty files': replace((path) => writeFileSync(path, '')),
    'half of each': replace((path, bytes) => writeFileSync(path, bytes.subarray(0, bytes.length / 2))),
    'other bytes': replace((path, bytes) =>
      writeFileSync(
        path,
        bytes.map((byte) => byte ^ 0x55),
      ),
    ),
    directories: replace((path) => mkdirSync(path)),
    FIFOs: replace((path) => execFileSync('mkfifo', [path])),
    'each other': replace((path) =>
      writeFileSync(path, (kept.find((other) => other.path !== path) ?? kept[0])?.bytes ?? ''),
    ),
  }
  for (const [what, act] of Object.entries(harm)) {
    act()
    for (const scope of SCOPES) expect([what, await called(checkout, { scope })]).toEqual([what, 'cached: one -'])
  }
  checkout.write('src/main.rs', mainPrinting('two'))
  replace((path, bytes) => writeFileSync(path, bytes))()
  for (const scope of SCOPES) expect(await called(checkout, { scope })).toBe('built: two -')
})

test('a program that is found elsewhere, and a home that moves, count at once', async () => {
  const checkout = new Checkout()
  const bin = join(checkout.directory, 'bin')
  const env = (extra: Record<string, string>) => checkout.environment(extra)
  await checkout.get()
  await settled(checkout)
  const first = await checkout.fingerprint()
  const path = `${bin}:${process.env.PATH}`
  expect(await checkout.fingerprint({ env: env({ PATH: path }) })).toBe(first)
  const cargo = execFileSync('sh', ['-c', 'command -v cargo'], { encoding: 'utf8', env: env({}) }).trim()
  checkout.write('../bin/cargo', `#!/bin/sh\nexec '${cargo}' "$@"\n`, 0o755)
  expect(await checkout.fingerprint({ env: env({ PATH: path }) })).not.toBe(first)
  expect(await checkout.fingerprint()).toBe(first)
  checkout.write('../other-home/config.toml', '[build]\nrustflags = []\n')
  expect(await checkout.fingerprint({ env: env({ CARGO_HOME: join(checkout.directory, 'other-home') }) })).not.toBe(
    first,
  )
  expect(await checkout.fingerprint()).toBe(first)
})

test('a cache inside the checkout, before its first build, is not part of the sweep', async () => {
  const checkout = new Checkout()
  const cacheDir = join(checkout.repo, 'cache')
  mkdirSync(cacheDir, { mode: 0o700 })
  await settled(checkout)
  const first = await checkout.fingerprint({ cacheDir })
  expect(await checkout.fingerprint({ cacheDir })).toBe(first)
})

test.skipIf(!canTrace)(
  'a process that is killed while it writes leaves a cache that the next one can use',
  async () => {
    const checkout = await warm()
    for (const [call, nth] of [
      ['openat', 0],
      ['write', 0],
      ['rename', 1],
    ] as const) {
      checkout.write('docs/a/b.md', `${call}\n`)
      await checkout.get()
      await settled(checkout)
      const before = files(statCaches(checkout))
      const where = nth === 0 ? ['-P', statCaches(checkout)] : []
      const inject = ['-o', '/dev/null', ...where, '-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=1`]
      const program = new Program('node', checkout.options(), undefined, { prefix: traced(...inject) })
      expect(['SIGKILL', 0]).toContain(await program.ended())
      expect(await called(checkout)).toBe('cached: one -')
      expect(files(statCaches(checkout)).filter((path) => !path.includes('.tmp'))).toEqual(before)
    }
  },
)

/**
 * Words before a command that shift the monotonic clock, which looks to the command as if the other clock had been set.
 */
const OTHER_CLOCK = ['unshare', '--time', '--boottime', '86400', '--fork']
const canMoveClocks = spawnSync('unshare', [...OTHER_CLOCK.slice(1), 'true']).status === 0
if (!canMoveClocks) console.warn('clocks cannot be moved here: NOTHING IS TESTED ABOUT A CLOCK THAT WAS SET')

test.skipIf(!canMoveClocks)('after the clock was set, identities from before are not trusted', async () => {
  const checkout = await warm()
  rmSync(statCaches(checkout), { recursive: true })
  for (const scope of SCOPES) await called(checkout, { scope })
  const kept = () => files(statCaches(checkout)).map((path) => readFileSync(path).toString('latin1'))
  const before = kept()
  for (const scope of SCOPES) expect(await called(checkout, { scope })).toBe('cached: one -')
  expect(kept()).toEqual(before)
  for (const scope of SCOPES) expect(await called(checkout, { scope, prefix: OTHER_CLOCK })).toBe('cached: one -')
  expect(kept().filter((bytes) => before.includes(bytes))).toEqual([])
})
