// Things that a call leaves alone: git and its variables, the checkout, and the cache, which it may only read.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { inChild } from './program.js'
import { Checkout, HELLO, PATIENCE_MS, plainEnvironment, tracingProgram, unix } from './support.js'

setDefaultTimeout(PATIENCE_MS)

/** Everything that writing to a file or directory changes, for all of them below `directory`. */
function listing(directory: string): Record<string, string> {
  const paths = ['', ...readdirSync(directory, { recursive: true, encoding: 'utf8' })]
  // Root may write to the stat cache, whatever its mode.
  const described = paths
    .filter((path) => !path.startsWith(join('cache', 'stat-cache')))
    .map((path) => {
      const { ino, mode, size, mtimeNs, ctimeNs } = lstatSync(join(directory, path), { bigint: true })
      return [path, [ino, mode, size, mtimeNs, ctimeNs].join(' ')] as const
    })
  return Object.fromEntries(described)
}

test('variables that redirect git have no effect', async () => {
  const checkout = new Checkout()
  const other = new Checkout({ ...HELLO, 'more.txt': 'more' })
  const redirecting = {
    GIT_DIR: join(other.repo, '.git'),
    GIT_COMMON_DIR: join(other.repo, '.git'),
    GIT_WORK_TREE: other.repo,
    GIT_INDEX_FILE: join(other.repo, '.git/index'),
    GIT_OBJECT_DIRECTORY: join(other.repo, '.git/objects'),
    GIT_CEILING_DIRECTORIES: checkout.directory,
    GIT_NAMESPACE: 'other',
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'core.worktree',
    GIT_CONFIG_VALUE_0: other.repo,
  }
  const before = await checkout.fingerprint()
  expect(await checkout.fingerprint({ env: plainEnvironment(redirecting) })).toBe(before)
  expect(inChild('fingerprint', checkout.options(), plainEnvironment(redirecting))).toBe(before)
  const own = inChild('fingerprint', checkout.options({ env: plainEnvironment(redirecting) }), plainEnvironment())
  expect(own).toBe(before)
})

test('a call leaves the index as it is, also one that git would refresh', async () => {
  const checkout = new Checkout()
  const index = join(checkout.repo, '.git/index')
  utimesSync(join(checkout.repo, 'src/main.rs'), 1_000_000_000, 1_000_000_000)
  checkout.write('Cargo.toml', `${HELLO['Cargo.toml']}\n`)
  const before = { bytes: readFileSync(index), stat: statSync(index, { bigint: true }) }
  const repository = readdirSync(join(checkout.repo, '.git'), { recursive: true })
  expect((await checkout.get()).outcome).toBe('built')
  expect((await checkout.get()).outcome).toBe('cached')
  const { ino, mtimeNs, ctimeNs } = statSync(index, { bigint: true })
  expect(readFileSync(index).equals(before.bytes)).toBe(true)
  expect({ ino, mtimeNs, ctimeNs }).toEqual({
    ino: before.stat.ino,
    mtimeNs: before.stat.mtimeNs,
    ctimeNs: before.stat.ctimeNs,
  })
  expect(readdirSync(join(checkout.repo, '.git'), { recursive: true })).toEqual(repository)
})

/** The directory of the real cargo and rustc, behind rustup where there is one. */
function toolchainDirectory(): string {
  const sysroot = execFileSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8', env: plainEnvironment() }).trim()
  return join(sysroot, 'bin')
}

test.if(unix)('a build spawns no git, and a hit spawns nothing at all', async () => {
  const checkout = new Checkout()
  const log = join(checkout.directory, 'log')
  const path = join(checkout.directory, 'toolchain/bin')
  mkdirSync(path, { recursive: true })
  // The compiler's library makes them a toolchain. Without it, they would be asked for the toolchain that they choose.
  mkdirSync(join(path, '../lib'))
  writeFileSync(join(path, '../lib/librustc_driver-0123.so'), '')
  for (const name of ['cargo', 'rustc']) tracingProgram(join(path, name), log, join(toolchainDirectory(), name))
  for (const name of ['git', 'rustup', 'cc', 'sh', 'zig', 'uname']) {
    const found = Bun.which(name)
    const goOn = found ? `exec ${found} "$@"` : 'exit 1'
    writeFileSync(join(path, name), `#!/bin/sh\necho ${name} >>${log}\n${goOn}\n`, { mode: 0o755 })
  }
  const env = plainEnvironment({ PATH: [path, process.env.PATH].join(delimiter), RUSTC: join(path, 'rustc') })
  const spawned = () => new Set(readFileSync(log, 'utf8').trim().split('\n'))
  expect((await checkout.run({ env })).outcome).toBe('built')
  expect(spawned()).toContain('cargo')
  expect(spawned()).toContain('rustc')
  expect(spawned()).not.toContain('git')

  writeFileSync(log, '')
  expect(await checkout.get({ env })).toMatchObject({ outcome: 'cached' })
  expect(inChild('getDevBinary', checkout.options({ env }), env)).toMatchObject({ outcome: 'cached' })
  await checkout.fingerprint({ env })
  expect(readFileSync(log, 'utf8')).toBe('')
})

test.if(unix)('without git on the machine everything works', async () => {
  const checkout = new Checkout()
  const path = join(checkout.directory, 'path')
  mkdirSync(path)
  for (const name of ['cargo', 'rustc']) symlinkSync(join(toolchainDirectory(), name), join(path, name))
  for (const name of ['cc', 'ld']) {
    const found = Bun.which(name)
    if (found) symlinkSync(found, join(path, name))
  }
  const env = { ...plainEnvironment(), PATH: path }
  expect(inChild('getDevBinary', checkout.options({ env }), env)).toMatchObject({ outcome: 'built' })
  expect(inChild('getDevBinary', checkout.options({ env }), env)).toMatchObject({ outcome: 'cached' })
})

test('a hit writes nothing, neither to the cache nor to the checkout', async () => {
  const checkout = new Checkout()
  const first = await checkout.get()
  // Identities that had not settled during the build may have settled now. They are written once.
  const all = () =>
    Object.entries(listing(checkout.directory)).filter(([path]) => !path.startsWith(join('cache', 'stat-cache')))
  const before = all()
  expect(before.length).toBeGreaterThan(20)
  expect(await checkout.get()).toMatchObject({ outcome: 'cached', path: first.path })
  expect(inChild('getDevBinary', checkout.options(), plainEnvironment())).toMatchObject({ outcome: 'cached' })
  await checkout.fingerprint()
  expect(all()).toEqual(before)
})

test('asking for a fingerprint makes no cache', async () => {
  const checkout = new Checkout()
  const before = listing(checkout.directory)
  await checkout.fingerprint()
  expect(listing(checkout.directory)).toEqual(before)
})

// Modes do not stop root. The test still shows that nothing is written.
test.if(unix)('a cache and a checkout that are read-only still hit', async () => {
  const checkout = new Checkout()
  // The call runs in a process of its own, since that ends only when it has written everything.
  const first = inChild('getDevBinary', checkout.options(), plainEnvironment())
  const directories = readdirSync(checkout.directory, { recursive: true, encoding: 'utf8' })
    .map((path) => join(checkout.directory, path))
    .filter((path) => lstatSync(path).isDirectory())
  for (const directory of directories) chmodSync(directory, 0o500)
  try {
    const before = listing(checkout.directory)
    expect(await checkout.get()).toMatchObject({ outcome: 'cached', path: first.path })
    expect(listing(checkout.directory)).toEqual(before)
  } finally {
    for (const directory of directories) chmodSync(directory, 0o700)
  }
})
