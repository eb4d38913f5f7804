// Requests: packages and targets that are left out, and other kinds of targets.

import { dlopen, FFIType } from 'bun:ffi'
import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync, spawnSync } from 'node:child_process'
import { basename, join } from 'node:path'
import { explain, getDevBinary } from '../index.js'
import { devBin } from './command.js'
import { package_ } from './oracle.js'
import { environment, run, saying, workspace } from './packages.js'
import { Checkout, lockFile, output, PATIENCE_MS, plainEnvironment, rejection } from './support.js'

setDefaultTimeout(PATIENCE_MS)

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
