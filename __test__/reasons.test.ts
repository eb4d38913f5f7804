// The reasons for a build: the same in the result, in the `miss` event, from `explain` and on the terminal.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { appendFileSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DevBinaryOptions, explain, type MissReason } from '../index.js'
import { devBin } from './command.js'
import {
  Checkout,
  entry,
  HELLO,
  listener,
  mainPrinting,
  only,
  PATIENCE_MS,
  plainEnvironment,
  UNOBSERVED,
} from './support.js'

setDefaultTimeout(PATIENCE_MS)

/**
 * Returns every path below a directory with its stat identity, except the stat cache, which any call may write.
 */
function listing(directory: string): string[] {
  const found = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()
  const paths = found.filter((path) => !path.startsWith(join('cache', 'stat-cache')))
  return ['.', ...paths].map((path) => {
    const { ino, mode, size, mtimeMs, ctimeMs } = lstatSync(join(directory, path))
    return `${path} ${ino} ${mode} ${size} ${mtimeMs} ${ctimeMs}`
  })
}

/** Returns the reasons of a call. `explain` must give the same before it and write nothing, and so must the event. */
async function reasonsOf(checkout: Checkout, options: Partial<DevBinaryOptions> = {}): Promise<MissReason[]> {
  const before = listing(checkout.directory)
  const { events: foretold, onEvent: hear } = listener()
  const explanation = await explain(checkout.options({ ...options, onEvent: hear }))
  expect(listing(checkout.directory)).toEqual(before)
  expect(foretold).toEqual([])

  const { events, onEvent } = listener()
  const binary = await checkout.get({ ...options, onEvent })
  expect(binary.outcome).toBe('built')
  expect(only(events, 'miss')).toEqual([{ type: 'miss', bin: 'hello', reasons: binary.reasons }])
  expect(explanation).toMatchObject({ outcome: 'miss', reasons: binary.reasons })
  expect(explanation).not.toHaveProperty('path')
  return binary.reasons
}

test('a first build is one, and a hit has no reasons', async () => {
  const checkout = new Checkout()
  expect(await reasonsOf(checkout)).toEqual([{ kind: 'first-build' }])
  const before = listing(checkout.directory)
  const { path, fingerprint } = await checkout.get()
  expect(await explain(checkout.options())).toEqual({
    crate: 'hello',
    bin: 'hello',
    outcome: 'hit',
    path,
    fingerprint,
    reasons: [],
    readBy: {},
    inWorktree: true,
    boundBy: [],
    notPortable: [],
  })
  expect(listing(checkout.directory)).toEqual(before)
})

for (const scope of ['tree', 'crate'] as const) {
  test(`scope ${scope}: changed files are listed with their change, twenty at most, and counted`, async () => {
    const checkout = new Checkout()
    // A build script that nothing observes may read any file of its package.
    const env = checkout.environment(UNOBSERVED)
    checkout.write('build.rs', 'fn main() {}\n')
    checkout.write('src/gone.rs', '')
    checkout.commit('more files')
    await checkout.get({ scope, env })
    checkout.write('src/main.rs', mainPrinting('two'))
    checkout.write('src/new.rs', '')
    rmSync(join(checkout.repo, 'src/gone.rs'))
    const paths = [
      { path: 'src/gone.rs', change: 'removed' },
      { path: 'src/main.rs', change: 'changed' },
      { path: 'src/new.rs', change: 'added' },
    ]
    expect(await reasonsOf(checkout, { scope, env })).toEqual([{ kind: 'source', paths, count: 3 }] as MissReason[])

    const names = Array.from({ length: 25 }, (_, index) => `src/part${String(index).padStart(2, '0')}.rs`)
    for (const name of names) checkout.write(name, '')
    const added = names.slice(0, 20).map((path) => ({ path, change: 'added' }))
    expect(await reasonsOf(checkout, { scope, env })).toEqual([
      { kind: 'source', paths: added, count: 25 },
    ] as MissReason[])
  })
}

test('a commit that changes no file is reported by both commits', async () => {
  const checkout = new Checkout()
  await checkout.get()
  const from = checkout.git('rev-parse', 'HEAD')
  checkout.commit('nothing')
  const to = checkout.git('rev-parse', 'HEAD')
  expect(await reasonsOf(checkout)).toEqual([{ kind: 'head', repository: '', from, to }])
})

/**
 * A toolchain whose rustc is a script, so that a test can update it in place. Only the reason asks it for `-V`.
 */
function installRustc(path: string, version: string): void {
  const sysroot = execFileSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8', env: plainEnvironment() }).trim()
  const directory = join(path, '../..')
  mkdirSync(join(directory, 'bin'), { recursive: true })
  mkdirSync(join(directory, 'lib'), { recursive: true })
  writeFileSync(join(directory, 'lib/librustc_driver-0123.so'), '')
  const answers = `-V) echo '${version}'; exit ;; '--print sysroot') echo '${directory}'; exit ;;`
  const script = `#!/bin/sh\ncase "$*" in ${answers} esac\nexec '${sysroot}/bin/rustc' "$@"\n`
  writeFileSync(path, script, { mode: 0o755 })
}

test('a toolchain is reported by its old and its new version', async () => {
  const checkout = new Checkout()
  const rustc = join(checkout.directory, 'toolchain/bin/rustc')
  const env = plainEnvironment({ RUSTC: rustc })
  installRustc(rustc, 'rustc 1.0.0 (old)')
  await checkout.get({ env })
  installRustc(rustc, 'rustc 1.0.1 (new)')
  expect(await reasonsOf(checkout, { env })).toEqual([
    { kind: 'toolchain', tool: 'rustc', from: 'rustc 1.0.0 (old)', to: 'rustc 1.0.1 (new)' },
  ])
})

test('the manifest keeps the version of the toolchain', async () => {
  const checkout = new Checkout()
  const { path } = await checkout.get()
  const tools = JSON.parse(readFileSync(`${path}.inputs.json`, 'utf8')).tools
  for (const tool of ['rustc', 'cargo']) {
    const options = { encoding: 'utf8', env: plainEnvironment(), cwd: checkout.repo } as const
    expect(tools[tool].version).toBe(execFileSync(tool, ['-V'], options).trim())
  }
})

test('variables are reported by name, and the cache has no value of any', async () => {
  const checkout = new Checkout()
  const secret = 'swordfish-2718281828'
  checkout.write('build.rs', 'fn main() { println!("cargo::rerun-if-env-changed=PASSWORD"); }\n')
  const env = (value?: string) => plainEnvironment({ PASSWORD: value, LDFLAGS: value, SESSION_TOKEN: value })
  await checkout.get({ env: env() })
  const names = ['LDFLAGS', 'PASSWORD']
  expect(await reasonsOf(checkout, { env: env(secret) })).toEqual([{ kind: 'environment', names }])
  const files = readdirSync(checkout.cacheDir, { recursive: true, withFileTypes: true }).filter((file) => file.isFile())
  expect(files.length).toBeGreaterThan(6)
  const holding = files.filter((file) => readFileSync(join(file.parentPath, file.name)).includes(secret))
  expect(holding.map(({ name }) => name)).toEqual([])
})

test("cargo's configuration is reported by file", async () => {
  const checkout = new Checkout()
  checkout.write('.gitignore', '/target\n/.cargo\n')
  await checkout.get()
  checkout.write('.cargo/config.toml', '[profile.release]\nopt-level = 1\n')
  expect(await reasonsOf(checkout)).toEqual([{ kind: 'cargo-config', files: ['.cargo/config.toml'] }])
  const above = join(checkout.directory, '.cargo/config.toml')
  checkout.write('../.cargo/config.toml', '[profile.release]\nopt-level = 2\n')
  expect(await reasonsOf(checkout)).toEqual([{ kind: 'cargo-config', files: [above] }])
})

test('options are reported by name', async () => {
  const checkout = new Checkout()
  checkout.write(
    'Cargo.toml',
    '[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2024"\n[features]\nloud = []\n',
  )
  await checkout.get()
  expect(await reasonsOf(checkout, { profile: 'dev' })).toEqual([{ kind: 'request', options: ['profile'] }])
  expect(await reasonsOf(checkout, { profile: 'dev', features: ['loud'] })).toEqual([
    { kind: 'request', options: ['features'] },
  ])
  expect(await reasonsOf(checkout, { scope: 'crate', features: ['loud'], profile: 'dev' })).toEqual([
    { kind: 'request', options: ['scope'] },
  ])
})

const BOTH_LOUD = { ...HELLO, 'Cargo.toml': `${HELLO['Cargo.toml']}[features]\nloud = []\n` }

describe('the file that was edited is named, whatever was asked for before:', () => {
  const edited = [{ path: 'src/main.rs', change: 'changed' }]
  const source = { kind: 'source', paths: edited, count: 1 } as MissReason
  const option = (name: string): MissReason => ({ kind: 'request', options: [name] })
  type Options = Partial<DevBinaryOptions>
  const CASES: [string, Options[], Options, MissReason[]][] = [
    ['scope crate after tree', [{ scope: 'tree' }], { scope: 'crate' }, [option('scope'), source]],
    ['scope tree after crate', [{ scope: 'crate' }], { scope: 'tree' }, [option('scope'), source]],
    ['another profile', [{}], { profile: 'dev' }, [option('profile'), source]],
    ['other features', [{}], { features: ['loud'] }, [option('features'), source]],
    ['both before', [{}, { profile: 'dev' }], {}, [source]],
    ['both scopes before', [{ scope: 'crate' }, { scope: 'tree' }], { scope: 'crate' }, [source]],
    [
      'a target',
      [{}],
      {
        target:
          process.platform === 'linux' ? `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-unknown-linux-gnu` : 'x',
      },
      [option('target'), source],
    ],
  ]
  for (const [name, before, then, expected] of CASES) {
    test.skipIf(then.target === 'x')(name, async () => {
      const checkout = new Checkout(BOTH_LOUD)
      for (const options of before) await checkout.get(options)
      checkout.write('src/main.rs', mainPrinting('two'))
      expect(await reasonsOf(checkout, then)).toEqual(expected)
    })
  }

  test('also after another commit, which says nothing in one of the scopes', async () => {
    const checkout = new Checkout()
    await checkout.get({ scope: 'tree' })
    checkout.write('src/main.rs', mainPrinting('two'))
    checkout.commit('two')
    expect(await reasonsOf(checkout, { scope: 'crate' })).toEqual([option('scope'), source])
    checkout.write('src/main.rs', mainPrinting('three'))
    checkout.commit('three')
    expect(await reasonsOf(checkout, { scope: 'crate' })).toEqual([source])
  })
})

describe('the first build in a checkout is compared', () => {
  const elsewhere = (checkout: Checkout, name: string) => ({ repo: join(checkout.directory, name) })

  test('with no other repository that has a crate of that name', async () => {
    const [one, other] = [new Checkout(), new Checkout({ ...HELLO, 'src/main.rs': mainPrinting('other') })]
    const { cacheDir } = one
    await one.get()
    expect(await reasonsOf(other, { cacheDir })).toEqual([{ kind: 'first-build' }])
    // And neither is any later one.
    await one.get({ profile: 'dev' })
    other.write('src/main.rs', mainPrinting('two'))
    expect((await other.get({ cacheDir })).reasons.map(({ kind }) => kind)).toEqual(['source'])
    expect((await one.get({ profile: 'dev', rebuild: true })).reasons).toEqual([{ kind: 'rebuild' }])
  })

  test('with a worktree or clone that was at a commit which it has', async () => {
    const checkout = new Checkout()
    await checkout.get({ scope: 'crate' })
    checkout.git('worktree', 'add', '--quiet', join(checkout.directory, 'worktree'))
    checkout.git('clone', '--quiet', checkout.repo, join(checkout.directory, 'clone'))
    for (const name of ['worktree', 'clone']) {
      checkout.write(`../${name}/src/main.rs`, mainPrinting(name))
      const { reasons } = await checkout.get({ ...elsewhere(checkout, name), scope: 'crate' })
      expect(reasons).toMatchObject([{ kind: 'source', paths: [{ path: 'src/main.rs' }] }])
    }
  })
})

describe('`why` names the bonds of a binary to another checkout of the same commit', () => {
  const asks = 'std::env::var("CARGO_MANIFEST_DIR").unwrap()'
  const script = { 'build.rs': `fn main() { println!("cargo::rerun-if-changed={}/build.rs", ${asks}); }\n` }
  const CASES: [string, Record<string, string>, Partial<DevBinaryOptions>, string][] = [
    ['debug information', {}, { profile: 'dev' }, 'it holds the path of the checkout'],
    ['a build script', script, {}, 'the build script of `hello` can tell where it runs'],
    ['a build script in scope crate', script, { scope: 'crate' }, 'the build script of `hello` can tell where it runs'],
  ]
  for (const [name, files, options, bond] of CASES) {
    test(name, async () => {
      const checkout = new Checkout({ ...HELLO, ...files })
      await checkout.get(options)
      const worktree = join(checkout.directory, 'worktree')
      checkout.git('worktree', 'add', '--quiet', worktree)
      const bound: MissReason = { kind: 'bound', checkout: checkout.repo, boundBy: [bond] }
      const there = { ...options, repo: worktree }
      // The reason stays the same, whatever the first checkout has built since.
      checkout.write('src/main.rs', mainPrinting('two'))
      await checkout.get(options)
      expect(await reasonsOf(checkout, there)).toEqual([bound])
      // A checkout with builds of its own gets other reasons.
      checkout.write('../worktree/src/main.rs', mainPrinting('two'))
      const paths = [{ path: 'src/main.rs', change: 'changed' }]
      expect(await reasonsOf(checkout, there)).toEqual([{ kind: 'source', paths, count: 1 }, bound] as MissReason[])
    })
  }

  test('and in words by `why`', async () => {
    const checkout = new Checkout()
    await checkout.get({ profile: 'dev' })
    const worktree = join(checkout.directory, 'worktree')
    checkout.git('worktree', 'add', '--quiet', worktree)
    const options = ['--profile', 'dev', '--scope', 'tree', '--repo', worktree, '--cache-dir', checkout.cacheDir]
    const { status, stdout } = await devBin('node', ['why', '-p', 'hello', ...options], { env: checkout.environment() })
    expect([status, stdout]).toEqual([
      3,
      `miss: hello would be built\n  built in another checkout, at ${checkout.repo}; not shared, because\n    it holds the path of the checkout\n`,
    ])
  })
})

test('a build says that the record of its reads is lost', async () => {
  const checkout = new Checkout()
  checkout.write('build.rs', 'fn main() { println!("cargo::rerun-if-env-changed=OTHER"); }\n')
  await checkout.get()
  rmSync(join(checkout.cacheDir, 'path-sets'), { recursive: true })
  expect((await checkout.get()).reasons.map(({ kind }) => kind)).toEqual(['unknown-reads'])
})

test('a rebuild that was asked for, and an entry that was damaged, say so', async () => {
  const checkout = new Checkout()
  const { path } = await checkout.get()
  expect(await reasonsOf(checkout, { rebuild: true })).toEqual([{ kind: 'rebuild' }])
  const { size } = lstatSync(path)
  appendFileSync(path, 'more')
  const detail = `the cached \`${path}\` has ${size + 4} bytes instead of ${size}`
  expect(await reasonsOf(checkout)).toEqual([{ kind: 'corrupt', detail }])
})

test('several reasons come together, the most telling first', async () => {
  const checkout = new Checkout()
  await checkout.get()
  checkout.write('src/main.rs', mainPrinting('two'))
  checkout.commit('two')
  const reasons = await reasonsOf(checkout, { profile: 'dev', env: plainEnvironment({ TAG: 'v1' }) })
  expect(reasons.map(({ kind }) => kind)).toEqual(['request', 'source', 'environment', 'head'])
})

test('the plain report has the reason in the line that announces the build', async () => {
  const checkout = new Checkout()
  await checkout.get()
  checkout.write('src/main.rs', mainPrinting('two'))
  checkout.write('src/new.rs', '')
  const program = `require(${JSON.stringify(entry)}).getDevBinary(${JSON.stringify({ ...checkout.options(), report: 'plain' })})`
  const child = Bun.spawn([process.execPath, '-e', program], { stdout: 'pipe', stderr: 'pipe' })
  const lines = (await new Response(child.stderr).text()).split('\n')
  expect(lines).toContain('Building hello: src/main.rs changed and 1 more')
  expect(await new Response(child.stdout).text()).toBe('')
})
