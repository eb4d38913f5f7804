// Files that cargo's configuration and flags name count, tracked or not. Of several configured targets, the host's is
// built.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { explain, verify } from '../index.js'
import { Checkout, HELLO, PATIENCE_MS, plainEnvironment, rejection, unix } from './support.js'

setDefaultTimeout(PATIENCE_MS)

/** A directory that is not tracked and in no package: a file in it counts only if something names it. */
const IGNORED = { ...HELLO, '.gitignore': '/target\n/named\n' }

interface Naming {
  /** Text of a configuration file above the checkout. */
  config?: (checkout: Checkout) => string
  env?: Record<string, string>
  /** Below the checkout's root. */
  file: string
  /** Other files that must exist. */
  others?: Record<string, string>
}

const flags = (...list: string[]) => `[build]\nrustflags = ${JSON.stringify(list)}\n`

const NAMINGS: Record<string, Naming> = {
  'a linker script': { config: () => flags('-Clink-arg=-Tnamed/link.x'), file: 'named/link.x' },
  'an absolute linker script of the compiler that links': {
    config: ({ repo }) => flags('-C', `link-arg=-Wl,-T,${repo}/named/link.x`),
    file: 'named/link.x',
  },
  'a linker script of one target': {
    config: () => '[target."cfg(all())"]\nrustflags = "-C link-arg=named/link.x"\n',
    file: 'named/link.x',
  },
  'a script that a linker script takes in': {
    config: () => flags('-Clink-arg=-Tnamed/link.x'),
    others: { 'named/link.x': 'INCLUDE named/memory.x\n' },
    file: 'named/memory.x',
  },
  'a version script': { env: { RUSTFLAGS: '-Clink-arg=-Wl,--version-script=named/x.map' }, file: 'named/x.map' },
  'arguments for the linker': { env: { RUSTFLAGS: '-Clink-arg=-Wl,@named/args' }, file: 'named/args' },
  'a file that arguments for the linker name': {
    env: { RUSTFLAGS: '-Clink-arg=@named/args' },
    others: { 'named/args': '--gc-sections -T named/link.x\n' },
    file: 'named/link.x',
  },
  'a file of flags': { env: { RUSTFLAGS: '@named/flags' }, file: 'named/flags' },
  'a file that a file of flags names': {
    env: { RUSTFLAGS: '@named/flags' },
    others: { 'named/flags': '-C\nlink-arg=-Tnamed/link.x\n' },
    file: 'named/link.x',
  },
  'flags with spaces in them': {
    env: { CARGO_ENCODED_RUSTFLAGS: '-C\x1flink-arg=named/a file.o' },
    file: 'named/a file.o',
  },
  'flags of one target in a variable': {
    env: { CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS: '-Clink-arg=named/a.o' },
    file: 'named/a.o',
  },
  'a profile': { env: { CARGO_BUILD_RUSTFLAGS: '-Cprofile-use=named/merged.profdata' }, file: 'named/merged.profdata' },
  'a profile where builds are': {
    env: { RUSTFLAGS: '-Cprofile-use=target/pgo.profdata' },
    file: 'target/pgo.profdata',
  },
  'a crate': { env: { RUSTFLAGS: '--extern x=named/libx.rlib' }, file: 'named/libx.rlib' },
  'a library of a directory that is searched': { env: { RUSTFLAGS: '-Lnative=named' }, file: 'named/libz.a' },
  'a library beside the checkout': { env: { RUSTFLAGS: '-L ../beside' }, file: '../beside/libz.a' },
  'a target specification': { config: () => '[build]\ntarget = "checkout/named/x.json"\n', file: 'named/x.json' },
  'a target specification in a variable': { env: { CARGO_BUILD_TARGET: 'named/x.json' }, file: 'named/x.json' },
  'what a variable of the configuration is': {
    config: () => '[env]\nTEMPLATE = { value = "checkout/named/template", relative = true }\n',
    file: 'named/template',
  },
}

for (const [what, { config, env, file, others }] of Object.entries(NAMINGS)) {
  test(`${what} counts in both scopes when it comes, changes and goes`, async () => {
    const checkout = new Checkout(IGNORED)
    for (const [path, text] of Object.entries(others ?? {})) checkout.write(path, text)
    if (config !== undefined) {
      mkdirSync(join(checkout.directory, '.cargo'))
      writeFileSync(join(checkout.directory, '.cargo/config.toml'), config(checkout))
    }
    mkdirSync(dirname(join(checkout.repo, file)), { recursive: true })
    for (const scope of ['tree', 'crate'] as const) {
      const now = () => checkout.fingerprint({ scope, env: checkout.environment(env) })
      const without = await now()
      checkout.write(`${dirname(file)}/unnamed.txt`, scope)
      expect(await now()).toBe(without)
      checkout.write(file, 'one')
      const added = await now()
      checkout.write(file, 'two')
      const changed = await now()
      expect(new Set([without, added, changed]).size).toBe(3)
      checkout.write(file, 'one')
      expect(await now()).toBe(added)
      rmSync(join(checkout.repo, file))
      expect(await now()).toBe(without)
    }
  })
}

for (const [what, rustflags, exclude] of [
  ['what the linker writes', '-Clink-arg=-Wl,-Map=named/out.map', []],
  ['what the linker writes, named by the next argument', '-Clink-arg=-Map -Clink-arg=named/out.map', []],
  ['where the build itself puts libraries', '-L target/named', []],
  ['what is excluded', '-Clink-arg=named/out.map', ['/named']],
] as const) {
  test(`${what} does not count`, async () => {
    const checkout = new Checkout(IGNORED)
    const now = () => checkout.fingerprint({ env: checkout.environment({ RUSTFLAGS: rustflags }), exclude })
    const before = await now()
    checkout.write('named/out.map', 'one')
    checkout.write('target/named/liba.rlib', 'one')
    expect(await now()).toBe(before)
  })
}

test('a linker that the configuration, a variable or a flag names is a tool', async () => {
  const checkout = new Checkout()
  const linker = join(checkout.directory, 'link')
  mkdirSync(join(checkout.directory, '.cargo'))
  const config = join(checkout.directory, '.cargo/config.toml')
  for (const [text, env] of [
    ['[target."cfg(all())"]\nlinker = "./link"\n', {}],
    ['[target.x86_64-unknown-linux-gnu]\nlinker = "./link"\n', {}],
    [flags('-C', `linker=${linker}`), {}],
    ['', { CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER: '../link' }],
    ['', { RUSTFLAGS: '-Clinker=../link' }],
  ] as const) {
    writeFileSync(config, text)
    rmSync(linker, { force: true })
    const now = () => checkout.fingerprint({ env: checkout.environment(env) })
    const without = await now()
    writeFileSync(linker, 'one')
    const added = await now()
    writeFileSync(linker, 'other')
    expect(new Set([without, added, await now()]).size, text).toBe(3)
  }
})

test.if(process.platform === 'linux')('the reason for a build names the linker script that changed', async () => {
  const checkout = new Checkout({
    '.cargo/config.toml': flags('-Crelocation-model=static', '-Clink-arg=-Wl,link.x'),
    '.gitignore': '/target\n',
    'Cargo.lock': HELLO['Cargo.lock'],
    'Cargo.toml': '[workspace]\nmembers = ["hello"]\nresolver = "3"\n',
    'hello/Cargo.toml': HELLO['Cargo.toml'],
    'hello/src/main.rs':
      'unsafe extern "C" {\n    static LIMIT: u8;\n}\n\nfn main() {\n    println!("{}", &raw const LIMIT as usize);\n}\n',
    'link.x': 'LIMIT = ABSOLUTE(4096);\n',
  })
  for (const scope of ['tree', 'crate'] as const) {
    checkout.write('link.x', 'LIMIT = ABSOLUTE(4096);\n')
    const built = (name: string) =>
      checkout.run({ scope, env: checkout.environment({ CARGO_TARGET_DIR: join(checkout.directory, scope, name) }) })
    expect(await built('first')).toMatchObject({ outcome: 'built', prints: '4096' })
    expect(await built('first')).toMatchObject({ outcome: 'cached' })
    checkout.write('link.x', 'LIMIT = ABSOLUTE(8192);\n')
    const { reasons } = await explain(checkout.options({ scope }))
    expect(reasons).toEqual([{ kind: 'source', paths: [{ path: 'link.x', change: 'changed' }], count: 1 }])
    expect(await built('second')).toMatchObject({ outcome: 'built', prints: '8192' })
  }
})

const HOST =
  execFileSync('rustc', ['-vV'], { encoding: 'utf8', env: plainEnvironment() }).match(/^host: (.+)$/m)?.[1] ?? ''
const SECOND = 's390x-unknown-linux-gnu'
const THIRD = 'powerpc64-unknown-linux-gnu'

/**
 * A rustc that compiles for the host whatever the target, and says so with `--cfg second`, since no other is installed.
 */
function pretending(checkout: Checkout): Record<string, string> {
  const rustc = join(checkout.directory, 'rustc')
  const real = execFileSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8', env: plainEnvironment() }).trim()
  const others = `${SECOND}|${THIRD}) set -- "$@" ${HOST} --cfg second ;;`
  const loop = `for x; do shift; case $x in ${others} *) set -- "$@" "$x" ;; esac; done`
  writeFileSync(rustc, `#!/bin/sh\n${loop}\nexec ${real}/bin/rustc "$@"\n`, { mode: 0o755 })
  return { RUSTC: rustc }
}

const TARGETS = {
  ...HELLO,
  'Cargo.toml': `${HELLO['Cargo.toml']}\n[lints.rust]\nunexpected_cfgs = "allow"\n`,
  'src/main.rs': 'fn main() {\n    println!("{}", if cfg!(second) { "second" } else { "host" });\n}\n',
}
const targets = (list: string[]) => ({ '.cargo/config.toml': `[build]\ntarget = ${JSON.stringify(list)}\n` })

for (const [what, list, variable] of [
  ['first', [HOST, SECOND], undefined],
  ['last', [SECOND, HOST], undefined],
  ["by cargo's own name", [SECOND, 'host-tuple'], undefined],
  ['in a list that a variable adds to', [HOST], SECOND],
] as const) {
  test.if(unix)(`of several targets, the host's is built: ${what}`, async () => {
    const checkout = new Checkout({ ...TARGETS, ...targets([...list]) })
    const env = checkout.environment({ ...pretending(checkout), CARGO_BUILD_TARGET: variable })
    expect(await checkout.run({ env })).toMatchObject({ outcome: 'built', prints: 'host' })
    expect(await checkout.run({ env })).toMatchObject({ outcome: 'cached', prints: 'host' })
    checkout.write('src/main.rs', TARGETS['src/main.rs'].replace('"host"', '"still the host"'))
    expect(await checkout.run({ env })).toMatchObject({ outcome: 'built', prints: 'still the host' })
    expect((await verify(checkout.options({ env }))).verdict).toBe('equal')
  })
}

test.if(unix)('of several targets without the host, none is chosen', async () => {
  const checkout = new Checkout({ ...TARGETS, ...targets([SECOND, THIRD]) })
  const env = checkout.environment(pretending(checkout))
  const refused = await rejection(checkout.get({ env }))
  expect(refused).toMatchObject({ code: 'INVALID_OPTION' })
  expect(refused.message).toContain(`\`target\``)
  expect(refused.message).toContain(`${THIRD}, ${SECOND}`)
  const named = await checkout.run({ env, target: SECOND, builder: 'cargo' })
  expect(named).toMatchObject({ outcome: 'built', prints: 'second' })
})

test.if(unix)('a single target of the configuration is built, the host or not', async () => {
  const checkout = new Checkout({ ...TARGETS, ...targets([SECOND]) })
  const env = checkout.environment(pretending(checkout))
  expect(await checkout.run({ env })).toMatchObject({ outcome: 'built', prints: 'second' })
})
