// Requests: packages and targets that are left out, other kinds of targets, several at once, copies, and cargo's own
// switches.

import { dlopen, FFIType } from 'bun:ffi'
import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type DevBinaryError, explain, getDevBinaries, getDevBinary, list, prune } from '../index.js'
import { devBin } from './command.js'
import { Compared, package_, printing } from './oracle.js'
import { Checkout, listener, lockFile, only, output, PATIENCE_MS, plainEnvironment, rejection } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const environment = (checkout: Checkout) => checkout.environment({ DEV_BIN_CACHE_DIR: checkout.cacheDir })
const run = (...arguments_: string[]) => ['run', '--quiet', '--profile', 'dev', ...arguments_]

/**
 * Makes a workspace without a package at its root. Each package has a name, more lines for its manifest, and its files.
 */
function workspace(packages: Record<string, [rest: string, files: Record<string, string>]>, root = ''): Checkout {
  const names = Object.keys(packages)
  const files = Object.entries(packages).flatMap(([name, [rest, files]]) => [
    [`${name}/Cargo.toml`, package_(name, rest)],
    ...Object.entries(files).map(([path, text]) => [`${name}/${path}`, text]),
  ])
  return new Checkout({
    '.gitignore': '/target\n',
    'Cargo.toml': `[workspace]\nmembers = ${JSON.stringify(names)}\nresolver = "2"\n${root}`,
    'Cargo.lock': lockFile(...names),
    ...Object.fromEntries(files),
  })
}
const saying = (text: string) => printing(JSON.stringify(text))

// The options that are left out, the directory, and the result: what the binary prints, or a part of the message.
const LEFT_OUT: [string, () => Checkout, { here?: string; args?: string[] }, { prints: string } | { says: string }][] =
  [
    [
      'the only package with a binary',
      () => workspace({ lib: ['', { 'src/lib.rs': '' }], app: ['', { 'src/main.rs': saying('app') }] }),
      {},
      { prints: 'app' },
    ],
    [
      'the only binary of a package, by another name',
      () =>
        workspace({
          server: ['[[bin]]\nname = "gateway"\npath = "src/main.rs"\n', { 'src/main.rs': saying('gateway') }],
        }),
      { args: ['-p', 'server'] },
      { prints: 'gateway' },
    ],
    [
      'default-run',
      () =>
        workspace({
          app: ['default-run = "two"\n', { 'src/bin/one.rs': saying('one'), 'src/bin/two/main.rs': saying('two') }],
        }),
      {},
      { prints: 'two' },
    ],
    [
      'default-members',
      () =>
        workspace(
          { one: ['', { 'src/main.rs': saying('one') }], two: ['', { 'src/main.rs': saying('two') }] },
          'default-members = ["two"]\n',
        ),
      {},
      { prints: 'two' },
    ],
    [
      'the package of the working directory',
      () => workspace({ one: ['', { 'src/main.rs': saying('one') }], two: ['', { 'src/main.rs': saying('two') }] }),
      { here: 'one/src' },
      { prints: 'one' },
    ],
    [
      'the binary that is called like the package',
      () => workspace({ app: ['', { 'src/main.rs': saying('app'), 'src/bin/other.rs': saying('other') }] }),
      { args: ['-p', 'app'] },
      { prints: 'app' },
    ],
    [
      'one of several packages',
      () =>
        workspace({
          one: ['', { 'src/main.rs': saying('one') }],
          two: ['', { 'src/bin/a.rs': saying('a'), 'src/bin/b.rs': saying('b') }],
        }),
      {},
      {
        says: 'invalid option `crate`: it is left out, and there are several packages to choose from: one, two (a, b)',
      },
    ],
    [
      'one of several binaries',
      () => workspace({ app: ['', { 'src/bin/one.rs': saying('one'), 'src/bin/two.rs': saying('two') }] }),
      { args: ['-p', 'app'] },
      { says: 'invalid option `bin`: package `app` has several binaries, and no `default-run`: `one`, `two`' },
    ],
    [
      'a binary where there is none',
      () => workspace({ lib: ['', { 'src/lib.rs': '' }] }),
      {},
      { says: 'invalid option `crate`: it is left out, and no default package has a binary; default packages: lib' },
    ],
  ]
for (const [title, make, { here = '', args = [] }, expected] of LEFT_OUT) {
  test(`left out: ${title}`, async () => {
    const checkout = make()
    const cwd = join(checkout.repo, here)
    const { status, stdout, stderr } = await devBin('bun', run(...args), { cwd, env: environment(checkout) })
    if ('prints' in expected) expect({ stdout, stderr }).toEqual({ stdout: expected.prints, stderr: '' })
    else expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining(expected.says) })
    // cargo itself does the same.
    const cargo = spawnSync('cargo', ['run', '--quiet', '--offline', ...args], { cwd, env: plainEnvironment() })
    const agrees = 'prints' in expected && !title.includes('called like')
    if (agrees) expect(cargo.stdout.toString()).toBe(expected.prints)
    else expect(cargo.status).not.toBe(0)
  })
}

test('other kinds: a library to load, a library to link, an example', async () => {
  const rest = '[lib]\ncrate-type = ["cdylib", "staticlib", "rlib"]\n'
  const value = (number: number) => `#[unsafe(no_mangle)]\npub extern "C" fn value() -> i32 { ${number} }\n`
  const checkout = new Checkout({
    '.gitignore': '/target\n',
    'Cargo.toml': package_('my-addon', rest).replace('2021', '2024'),
    'Cargo.lock': lockFile('my-addon'),
    'src/lib.rs': value(1),
    'examples/demo.rs': saying('demo'),
  })
  const get = (kind?: 'bin' | 'cdylib' | 'staticlib' | 'example') =>
    getDevBinary({ ...checkout.options(), crate: 'my-addon', bin: undefined, kind, profile: 'dev', scope: 'crate' })
  const loaded = (path: string) => {
    const library = dlopen(path, { value: { args: [], returns: FFIType.i32 } })
    const value = library.symbols.value()
    library.close()
    return value
  }
  // A package without a binary is asked for what it has.
  const first = await get()
  expect(first).toMatchObject({ crate: 'my-addon', bin: 'my_addon', outcome: 'built' })
  expect(loaded(first.path)).toBe(1)
  if (process.platform === 'linux') expect(basename(first.path)).toBe('libmy_addon.so')
  expect(await get('cdylib')).toMatchObject({ outcome: 'cached', path: first.path })
  checkout.write('src/lib.rs', value(2))
  expect(loaded((await get('cdylib')).path)).toBe(2)
  checkout.write('src/lib.rs', value(1))
  expect(await get('cdylib')).toMatchObject({ outcome: 'cached', path: first.path })

  const archive = await get('staticlib')
  if (process.platform === 'linux') {
    expect(basename(archive.path)).toBe('libmy_addon.a')
    const main = 'int value(void); int main(void) { return 40 + value(); }\n'
    const program = join(checkout.directory, 'linked')
    execFileSync('cc', ['-x', 'c', '-', '-x', 'none', archive.path, '-o', program, '-lpthread', '-ldl', '-lm'], {
      input: main,
    })
    expect(spawnSync(program).status).toBe(41)
  }
  const example = await get('example')
  expect(example).toMatchObject({ bin: 'demo', outcome: 'built' })
  expect(output(example.path)).toBe('demo')
  checkout.write('examples/demo.rs', saying('another'))
  expect(output((await get('example')).path)).toBe('another')
  expect(await get('cdylib')).toMatchObject({ outcome: 'cached', path: first.path })
})

test('two packages whose libraries are called the same keep each its own', async () => {
  const library = (value: number) => `#[unsafe(no_mangle)]\npub extern "C" fn value() -> i32 { ${value} }\n`
  const rest = '[lib]\nname = "native"\ncrate-type = ["cdylib"]\n'
  const checkout = workspace({ p: [rest, { 'src/lib.rs': library(1) }], q: [rest, { 'src/lib.rs': library(2) }] })
  const value = async (crate: string, exclude: string[]) => {
    const options = { ...checkout.options(), crate, bin: undefined, profile: 'dev', kind: 'cdylib', exclude } as const
    const loaded = dlopen((await getDevBinary(options)).path, { value: { args: [], returns: FFIType.i32 } })
    const found = loaded.symbols.value()
    loaded.close()
    return found
  }
  // Each request differs, so that cargo runs each time. It takes both packages for fresh.
  for (const exclude of [['a'], ['b'], ['c']]) {
    expect([await value('p', exclude), await value('q', exclude)]).toEqual([1, 2])
  }
})

test('on the command line, a file of configuration is relative to the working directory', async () => {
  const checkout = workspace({ app: ['', { 'src/main.rs': printing('option_env!("SAID").unwrap_or("none")') }] })
  checkout.write('app/config.toml', '[env]\nSAID = "here"\n')
  checkout.write('config.toml', '[env]\nSAID = "at the root"\n')
  const where = { cwd: join(checkout.repo, 'app'), env: environment(checkout) }
  const { stdout, stderr } = await devBin('bun', run('--config', 'config.toml'), where)
  expect({ stdout, stderr }).toEqual({ stdout: 'here', stderr: '' })
  const twice = await devBin('bun', ['get', '--profile', 'dev', '--profile', 'release'], where)
  expect(twice).toMatchObject({ status: 2, stderr: expect.stringContaining('`--profile` is given twice') })
})

test('a kind that the package does not have is an error that names the manifest and the line to add', async () => {
  const checkout = workspace({ lib: ['', { 'src/lib.rs': '' }] })
  const wanted = { ...checkout.options(), crate: 'lib', bin: undefined, kind: 'cdylib' } as const
  const manifest = join(checkout.repo, 'lib/Cargo.toml')
  for (const ask of [getDevBinary, explain])
    expect(await rejection(ask(wanted))).toMatchObject({
      code: 'INVALID_OPTION',
      message: `invalid option \`kind\`: the library of \`lib\` is no cdylib; add \`crate-type = ["cdylib"]\` to \`[lib]\` in \`${manifest}\``,
    })
})

/** A program that starts the binary `worker` beside it. */
const STARTING = `fn main() {
    let worker = std::env::current_exe().unwrap().with_file_name("worker");
    let said = std::process::Command::new(worker).output().unwrap().stdout;
    print!("{}", String::from_utf8(said).unwrap());
}
`

test('binaries that start each other are put beside each other, and count together', async () => {
  const world = new Compared({ 'src/main.rs': STARTING, 'src/bin/worker.rs': saying('one') })
  const looked = () => world.look({ scope: 'crate', with: ['worker'] })
  expect(await looked()).toMatchObject({ outcome: 'built', prints: 'one', builds: 1 })
  expect(await looked()).toMatchObject({ outcome: 'cached', prints: 'one' })
  world.write('src/bin/worker.rs', saying('two'))
  expect(await looked()).toMatchObject({ outcome: 'built', prints: 'two' })
  const { path } = await world.get({ crate: 'app', with: ['worker'], scope: 'crate' })
  expect(output(join(dirname(path), 'worker'))).toBe('two')
  const unknown = await world.get({ crate: 'app', with: ['wroker'], scope: 'crate' }).catch((error) => error)
  expect(unknown).toMatchObject({ code: 'UNKNOWN_BIN', hint: expect.stringContaining('worker') })
})

test.skipIf(process.platform !== 'linux')('an entry is running while any binary in it runs', async () => {
  const waiting = 'fn main() { println!("up"); std::io::stdin().read_line(&mut String::new()).unwrap(); }\n'
  const world = new Compared({ 'src/main.rs': STARTING, 'src/bin/worker.rs': waiting })
  const { path } = await world.get({ crate: 'app', with: ['worker'] })
  const worker = spawn(join(dirname(path), 'worker'), { stdio: ['pipe', 'pipe', 'inherit'] })
  await new Promise((resolve) => worker.stdout.once('data', resolve))
  const where = { cacheDir: world.cacheDir, env: {} }
  expect(await list(where)).toMatchObject([{ path, running: true }])
  await prune({ ...where, all: true })
  expect(existsSync(path)).toBe(true)
  worker.stdin.end('\n')
  await new Promise((resolve) => worker.once('close', resolve))
  await prune({ ...where, all: true })
  expect(existsSync(path)).toBe(false)
})

const TWO = { one: ['', { 'src/main.rs': saying('one') }], two: ['', { 'src/main.rs': saying('two') }] } as const

test('several at once: in the order asked, and all that can be built is built', async () => {
  const checkout = workspace({
    one: [...TWO.one],
    two: [...TWO.two],
    bad: ['', { 'src/main.rs': 'fn main() { nonsense }' }],
  })
  const wanted = (crate: string) => ({ ...checkout.options(), crate, bin: undefined, profile: 'dev' })
  const both = await getDevBinaries([wanted('two'), wanted('one')])
  expect(both.map(({ path }) => output(path))).toEqual(['two', 'one'])
  expect(await getDevBinaries([])).toEqual([])

  checkout.write('one/src/main.rs', saying('edited'))
  const error: DevBinaryError = await getDevBinaries([wanted('bad'), wanted('one')]).then(
    () => Promise.reject(new Error('it must fail')),
    (error) => error,
  )
  expect(error.code).toBe('BUILD_FAILED')
  const [bad, one] = error.results ?? []
  expect(bad).toMatchObject({ status: 'rejected', reason: error })
  if (one?.status !== 'fulfilled') throw new Error('the other one must be built')
  expect(output(one.value.path)).toBe('edited')
})

test('several on the command line: a path a line, or an array in the last line', async () => {
  const checkout = workspace({
    one: [...TWO.one],
    two: ['', { 'src/bin/a.rs': saying('a'), 'src/bin/b.rs': saying('b') }],
    bad: ['', { 'src/main.rs': 'fn main() { nonsense }' }],
  })
  const get = (...args: string[]) =>
    devBin('node', ['get', '--profile', 'dev', '--quiet', ...args], { cwd: checkout.repo, env: environment(checkout) })
  const names = async (...args: string[]) =>
    (await get(...args)).stdout
      .trim()
      .split('\n')
      .map((path) => basename(path))
  expect(await names('-p', 'two', '--bin', 'b', '--bin', 'a')).toEqual(['b', 'a'])
  expect(await names('-p', 'two', '--bin', 'b', '--package', 'one', '--bin', 'one')).toEqual(['b', 'one'])
  const partly = await get('-p', 'bad', '-p', 'one')
  expect(partly).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('error[BUILD_FAILED]') })
  const lines = (await get('--json', '-p', 'bad', '-p', 'one')).stdout.trim().split('\n')
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject([
    { type: 'error', code: 'BUILD_FAILED' },
    { type: 'result', bin: 'one', outcome: 'cached' },
  ])
  for (const [command, args, says] of [
    ['get', ['-p', 'one', '-p', 'two', '-p', 'bad', '--bin', 'a', '--bin', 'b'], 'each takes one `--bin`'],
    ['get', ['-p', 'one', '-p', 'two', '--out', 'x'], '`--out` is a path for one binary alone'],
    ['run', ['-p', 'one', '-p', 'two'], '`run` takes one binary'],
    ['why', ['-p', 'two', '--bin', 'a', '--bin', 'b'], '`why` takes one binary'],
  ] as const) {
    const { status, stderr } = await devBin('bun', [command, ...args], {
      cwd: checkout.repo,
      env: environment(checkout),
    })
    expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining(says) })
  }
})

test('a copy is put at the path of `out`, and replaced when it differs', async () => {
  const checkout = workspace({ app: ['', { 'src/main.rs': saying('one') }] })
  const host = /host: (.*)/.exec(execFileSync('rustc', ['-vV'], { encoding: 'utf8' }))?.[1] ?? ''
  const suffix = process.platform === 'win32' ? '.exe' : ''
  const wanted = { ...checkout.options(), crate: 'app', bin: undefined, profile: 'dev', scope: 'tree' } as const
  const template = join(checkout.repo, 'src-tauri/binaries/app-{target}{exe}')
  const path = join(checkout.repo, `src-tauri/binaries/app-${host}${suffix}`)
  const get = () => getDevBinary({ ...wanted, out: template })
  expect(await get()).toMatchObject({ outcome: 'built', out: path })
  expect(output(path)).toBe('one')
  const { ino, mtimeMs } = statSync(path)
  // The copy is in the checkout, and is no input although git does not ignore it.
  expect(await get()).toMatchObject({ outcome: 'cached', out: path })
  expect(statSync(path)).toMatchObject({ ino, mtimeMs })
  checkout.write('app/src/main.rs', saying('two'))
  await get()
  expect(output(path)).toBe('two')
  checkout.write(`src-tauri/binaries/app-${host}${suffix}`, 'written by another program')
  expect(await get()).toMatchObject({ outcome: 'cached' })
  expect(output(path)).toBe('two')

  mkdirSync(join(checkout.directory, 'directory'))
  for (const [out, says] of [
    [join(checkout.directory, 'directory'), 'it is a directory; name a file in it'],
    [join(checkout.directory, 'new/'), 'is a directory; name a file in it'],
    [join(checkout.directory, 'app-{triple}'), '`{triple}` in'],
    [join(checkout.repo, 'Cargo.toml/app'), 'cannot be written'],
    ['', '"" is not a path'],
  ] as const) {
    const error: DevBinaryError = await getDevBinary({ ...wanted, out }).catch((error) => error)
    expect({ code: error.code, message: error.message }).toEqual({
      code: 'INVALID_OPTION',
      message: expect.stringContaining(says),
    })
  }
})

test('the files that a binary needs beside itself are copied with it', async () => {
  const world = new Compared({ 'src/main.rs': STARTING, 'src/bin/worker.rs': saying('worker') })
  const out = join(world.directory, 'elsewhere/app')
  await world.get({ crate: 'app', with: ['worker'], out })
  expect(output(out)).toBe('worker')
})

test("switches that are cargo's own are passed on, and count if they can change the binary", async () => {
  const world = new Compared({
    'Cargo.toml': package_('app', '[features]\nloud = []\n[profile.release]\ndebug-assertions = false\n'),
    'src/main.rs': printing('format!("{} {}", cfg!(feature = "loud"), cfg!(debug_assertions))'),
  })
  const look = (...cargoArgs: string[]) => world.look({ scope: 'crate', cargoArgs })
  expect(await look()).toMatchObject({ outcome: 'built', prints: 'false false' })
  // Switches that cannot change a binary are not part of the request.
  expect(await look('--locked', '--offline', '-j', '2')).toMatchObject({ outcome: 'cached', prints: 'false false' })
  expect(await look('--all-features')).toMatchObject({ outcome: 'built', prints: 'true false' })
  const asserting = 'profile.release.debug-assertions=true'
  expect(await look('--config', asserting)).toMatchObject({ outcome: 'built', prints: 'false true' })
  expect(await look(`--config=${asserting}`)).toMatchObject({ outcome: 'cached', prints: 'false true' })
  world.write('../extra.toml', '[profile.release]\ndebug-assertions = true\n')
  const file = join(world.directory, 'extra.toml')
  expect(await look('--config', file)).toMatchObject({ prints: 'false true' })
  world.write('../extra.toml', '[profile.release]\ndebug-assertions = false\n')
  expect(await look('--config', file)).toMatchObject({ prints: 'false false' })
  expect(await look()).toMatchObject({ outcome: 'cached', prints: 'false false' })
})

test('targets and features in every form of cargo are accepted, and required features are named', async () => {
  const world = new Compared({
    'Cargo.toml': package_(
      'app',
      '[features]\nalpha = []\nbeta = ["alpha"]\n[[bin]]\nname = "needy"\npath = "src/needy.rs"\nrequired-features = ["alpha"]\n[dependencies]\ndep = { path = "dep", optional = true }\n[workspace]\n',
    ),
    'src/main.rs': saying('app'),
    'src/needy.rs': saying('needy'),
    'dep/Cargo.toml': package_('dep', '[features]\nbig = []\n'),
    'dep/src/lib.rs': '',
  })
  const target = 'host-tuple'
  expect(await world.look({ target, features: ['dep?/big'], bin: 'app' })).toMatchObject({ prints: 'app' })
  for (const ask of [getDevBinary, explain]) {
    expect(await rejection(ask(world.options({ crate: 'app', bin: 'needy' })))).toMatchObject({
      code: 'INVALID_OPTION',
      message: 'invalid option `features`: `needy` of package `app` requires `alpha`',
    })
  }
  for (const options of [{ features: ['beta'] }, { features: ['app/beta'] }, { cargoArgs: ['--all-features'] }]) {
    expect(await explain(world.options({ crate: 'app', bin: 'needy', ...options }))).toMatchObject({ outcome: 'miss' })
  }
})

test('with --locked, a lock file that does not fit fails and stays as it is', async () => {
  const world = new Compared({ 'src/main.rs': saying('one') })
  const lock = readFileSync(join(world.repo, 'Cargo.lock'), 'utf8')
  world.write('Cargo.toml', package_('app').replace('0.1.0', '0.2.0'))
  const { events, onEvent } = listener()
  const error = await world.get({ crate: 'app', cargoArgs: ['--locked'], onEvent }).catch((error) => error)
  expect(error).toMatchObject({ code: 'BUILD_FAILED', message: expect.stringContaining('--locked') })
  expect(only(events, 'building')).toHaveLength(1)
  expect(readFileSync(join(world.repo, 'Cargo.lock'), 'utf8')).toBe(lock)
})
