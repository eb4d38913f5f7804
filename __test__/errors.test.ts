// The errors: each code, its message and its hint.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, lchownSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import {
  DevBinaryError,
  type DevBinaryErrorCode,
  type DevBinaryOptions,
  explain,
  fingerprint,
  getDevBinaries,
  getDevBinary,
  isDevMode,
} from '../index.js'
import { pathWithout } from './programs.js'
import {
  Checkout,
  entry,
  HELLO,
  listener,
  lockFile,
  only,
  PATIENCE_MS,
  plainEnvironment,
  rejection,
  temporaryDirectory,
} from './support.js'

setDefaultTimeout(PATIENCE_MS)

const isWindows = process.platform === 'win32'

/** Returns the error that a call rejects with, which must be one of this package. */
async function failure(call: Promise<unknown>, code: DevBinaryErrorCode): Promise<DevBinaryError> {
  const error = await rejection(call)
  expect(error).toBeInstanceOf(DevBinaryError)
  expect({ name: error.name, code: error.code, message: error.message }).toMatchObject({ name: 'DevBinaryError', code })
  if (error.hint === undefined) expect(error).not.toHaveProperty('hint')
  else expect(error.message).toEndWith(`\n\nhint: ${error.hint}`)
  return error as DevBinaryError
}

const manifest = (name: string, rest = '') =>
  `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2024"\n${rest}`
const locked = (...names: string[]) =>
  `version = 4\n${names.map((name) => `\n[[package]]\nname = "${name}"\nversion = "0.1.0"\n`).join('')}`

const WORKSPACE = {
  'Cargo.toml': '[workspace]\nmembers = ["server", "tools", "shared"]\nresolver = "3"\n',
  'Cargo.lock': locked('server', 'shared', 'tools'),
  'server/Cargo.toml': manifest('server'),
  'server/src/main.rs': 'fn main() {}\n',
  'tools/Cargo.toml': manifest('tools'),
  'tools/src/bin/hammer.rs': 'fn main() {}\n',
  'tools/src/bin/tongs.rs': 'fn main() {}\n',
  'shared/Cargo.toml': manifest('shared'),
  'shared/src/lib.rs': '',
  '.gitignore': '/target\n',
}

/** Makes the checkout of `hello` with some other files. */
function hello(files: Record<string, string> = {}): Checkout {
  const checkout = new Checkout()
  for (const [path, text] of Object.entries(files)) checkout.write(path, text)
  return checkout
}

describe('the checkout', () => {
  const call = (repo: string) => getDevBinary({ crate: 'hello', repo, cacheDir: join(repo, 'cache'), report: 'silent' })

  test('a directory that is not there', async () => {
    const repo = join(temporaryDirectory(), 'nowhere')
    const error = await failure(call(repo), 'NOT_A_CHECKOUT')
    expect(error.message).toContain(`\`${repo}\``)
    expect(error.message).toContain('there is no such directory')
    expect(error.hint).toContain('`repo`')
  })

  test('without `repo`, the default one below the working directory', async () => {
    const directory = temporaryDirectory()
    const program = `require(${JSON.stringify(entry)}).getDevBinary({ crate: 'x' }).catch((e) => console.log(e.message))`
    const said = execFileSync('node', ['-e', program], { cwd: directory, encoding: 'utf8' })
    expect(said).toContain(`\`${join(directory, 'openshell-fork')}\``)
  })

  test('a file', async () => {
    const repo = join(temporaryDirectory(), 'file')
    writeFileSync(repo, '')
    const error = await failure(call(repo), 'NOT_A_CHECKOUT')
    expect(error.message).toContain(`\`${repo}\``)
    expect(error.message).toContain('it is not a directory')
  })

  test('a directory without a manifest', async () => {
    const repo = temporaryDirectory()
    const error = await failure(call(repo), 'NOT_A_CHECKOUT')
    expect(error.message).toContain(`\`${repo}\``)
    expect(error.message).toContain('it has no `Cargo.toml`')
  })

  test('a directory inside a checkout', async () => {
    const error = await failure(call(join(hello().repo, 'src')), 'NOT_A_CHECKOUT')
    expect(error.hint).toContain('directory of a cargo workspace')
  })

  test('a bare repository', async () => {
    const checkout = hello()
    const bare = join(checkout.directory, 'bare.git')
    checkout.git('clone', '--quiet', '--bare', checkout.repo, bare)
    const error = await failure(call(bare), 'NOT_A_CHECKOUT')
    expect(error.message).toContain('it is a bare repository')
    expect(error.hint).toContain('git worktree add')
  })

  test('a worktree whose repository is gone', async () => {
    const checkout = hello()
    const worktree = join(checkout.directory, 'worktree')
    checkout.git('worktree', 'add', '--quiet', worktree)
    renameSync(join(checkout.repo, '.git'), join(checkout.repo, 'elsewhere'))
    const error = await failure(call(worktree), 'NOT_A_CHECKOUT')
    expect(error.message).toContain(`\`${worktree}\``)
    expect(error.hint).toContain('git status')
  })

  test('no Cargo.toml', async () => {
    const checkout = hello()
    rmSync(join(checkout.repo, 'Cargo.toml'))
    const error = await failure(checkout.get(), 'NOT_A_CHECKOUT')
    expect(error.message).toContain('it has no `Cargo.toml`')
    expect(error.hint).toContain('directory of a cargo workspace')
  })

  test('a Cargo.toml that cannot be parsed: in the words of cargo', async () => {
    const error = await failure(hello({ 'Cargo.toml': '[package\nname = "hello"\n' }).get(), 'BUILD_FAILED')
    expect(error.message).toContain('exit status: 101')
    expect(error.message).toContain('Cargo.toml:1')
  })
})

describe('the crate and the binary', () => {
  const workspace = (options: Partial<DevBinaryOptions>) => new Checkout(WORKSPACE).get(options)

  test('a crate that does not exist: those with binaries are listed', async () => {
    const error = await failure(workspace({ crate: 'sever' }), 'UNKNOWN_CRATE')
    expect(error.message).toContain('`sever`')
    expect(error.hint).toBe('did you mean `server`? packages with binaries: server, tools')
  })

  test('a binary that does not exist: those of the crate are listed', async () => {
    const error = await failure(workspace({ crate: 'tools', bin: 'anvil' }), 'UNKNOWN_BIN')
    expect(error.message).toContain('package `tools` has no binary `anvil`')
    expect(error.hint).toBe('its binaries: hammer, tongs')
  })

  test("a crate whose binaries have other names than the crate's", async () => {
    const error = await failure(workspace({ crate: 'tools' }), 'INVALID_OPTION')
    expect(error.message).toContain('package `tools` has several binaries, and no `default-run`: `hammer`, `tongs`')
  })

  test('a library', async () => {
    const error = await failure(workspace({ crate: 'shared' }), 'UNKNOWN_BIN')
    expect(error.hint).toContain('`shared` has no binary at all: it is a library')
  })
})

describe('the tools', () => {
  test('no cargo', async () => {
    const error = await failure(
      hello().get({ env: plainEnvironment({ PATH: pathWithout('cargo') }) }),
      'TOOL_NOT_FOUND',
    )
    expect(error.message).toContain('cargo is not on the PATH')
    expect(error.hint).toContain('https://rustup.rs')
  })

  test('no PATH at all', async () => {
    const error = await failure(hello().get({ env: {} }), 'TOOL_NOT_FOUND')
    expect(error.message).toContain('cargo is not on the PATH')
  })

  test('no zig for a foreign target', async () => {
    // zigbuild is also looked for in cargo's home.
    const env = plainEnvironment({ PATH: pathWithout('zig', 'cargo-zigbuild'), CARGO_HOME: temporaryDirectory() })
    const error = await failure(hello().get({ env, target: 's390x-unknown-linux-gnu' }), 'TOOL_NOT_FOUND')
    expect(error.message).toContain('cargo-zigbuild is not on the PATH')
    expect(error.message).toContain('s390x-unknown-linux-gnu')
    expect(error.hint).toContain('pip install cargo-zigbuild ziglang')
  })

  test('a target that is not installed', async () => {
    const target = 'x86_64-unknown-netbsd'
    const error = await failure(hello().get({ target, builder: 'cargo' }), 'TOOL_NOT_FOUND')
    expect(error.message).toContain(`the target \`${target}\` is not installed`)
    expect(error.hint).toContain(`rustup target add ${target}`)
  })

  test('a target that rustc does not know', async () => {
    const target = 'x86_64-unknown-moon'
    const error = await failure(hello().get({ target, builder: 'cargo' }), 'INVALID_OPTION')
    expect(error.message).toContain(`no target \`${target}\``)
    expect(error.message).toContain('rustc --print target-list')
    expect(error.message).toContain('x86_64-unknown-none')
  })

  test('a profile that is not defined', async () => {
    const checkout = hello({ 'Cargo.toml': `${HELLO['Cargo.toml']}[profile.swift]\ninherits = "release"\n` })
    const error = await failure(checkout.get({ profile: 'swfit' }), 'INVALID_OPTION')
    expect(error.message).toContain('`swfit` here; did you mean `swift`? there are swift, test, dev, bench, release')
    expect((await failure(checkout.get({ profile: 'doc' }), 'INVALID_OPTION')).message).toContain('swift')
    expect((await failure(checkout.get({ profile: 'debug' }), 'INVALID_OPTION')).message).toContain('`dev`')
    expect((await checkout.get({ profile: 'swift' })).outcome).toBe('built')
  })

  test('a feature that the package does not have', async () => {
    const none = await failure(hello().get({ features: ['fast'] }), 'INVALID_OPTION')
    expect(none.message).toContain('`hello` has no feature `fast`; it has none at all')
    const checkout = hello({
      'Cargo.toml': `${HELLO['Cargo.toml']}[features]\nbig = []\nsmall = []\n[dependencies]\npart = { path = "part" }\n`,
      'Cargo.lock': lockFile('hello', 'part').replace(
        'version = "0.1.0"\n',
        'version = "0.1.0"\ndependencies = [\n "part",\n]\n',
      ),
      'part/Cargo.toml': manifest('part', '[features]\nround = []\n'),
      'part/src/lib.rs': '',
    })
    const refused = async (feature: string) =>
      (await failure(checkout.get({ features: [feature] }), 'INVALID_OPTION')).message
    expect(await refused('medium')).toContain('no feature `medium`; it has big, small')
    expect(await refused('other/round')).toContain('no dependency `other` for `other/round`; it has part')
    expect(await refused('part/square')).toContain('`part` has no feature `square`')
    expect((await checkout.get({ features: ['big', 'part/round'] })).outcome).toBe('built')
  })

  test.skipIf(Bun.which('rustup') === null)('a toolchain that is not installed', async () => {
    const env = plainEnvironment({ RUSTUP_TOOLCHAIN: '1.2.3', RUSTUP_AUTO_INSTALL: '0' })
    const error = await failure(hello().get({ env }), 'TOOL_NOT_FOUND')
    expect(error.message).toContain('the toolchain `1.2.3')
    expect(error.hint).toContain('rustup toolchain install 1.2.3')
  })

  test('a glibc version, which only zigbuild can use', async () => {
    const target = `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-unknown-linux-gnu.2.28`
    const error = await failure(hello().get({ target, builder: 'cargo' }), 'INVALID_OPTION')
    expect(error.message).toContain('`target`')
    expect(error.message).toContain("builder: 'zigbuild'")
  })
})

describe('explain rejects with the error that a build would end with at once:', () => {
  const files = { ...WORKSPACE, 'tools/Cargo.toml': `${WORKSPACE['tools/Cargo.toml']}[features]\nloud = []\n` }
  const MISTAKES: Record<string, [DevBinaryErrorCode, Partial<DevBinaryOptions>, string]> = {
    'a crate': ['UNKNOWN_CRATE', { crate: 'sever' }, 'server'],
    'a binary': ['UNKNOWN_BIN', { crate: 'tools', bin: 'hamer' }, 'hammer'],
    'a profile': ['INVALID_OPTION', { crate: 'server', profile: 'relaese' }, 'release'],
    'a feature': ['INVALID_OPTION', { crate: 'tools', bin: 'hammer', features: ['lowd'] }, 'loud'],
    'a target': [
      'INVALID_OPTION',
      { crate: 'server', target: 'x86_64-unkown-linux-gnu', builder: 'cargo' },
      'x86_64-unknown-linux-gnu',
    ],
  }

  for (const [name, [code, options, meant]] of Object.entries(MISTAKES)) {
    test(`${name} that does not exist, with the same message and the nearest name`, async () => {
      const checkout = new Checkout(files)
      const foreseen = await failure(explain(checkout.options(options)), code)
      expect(foreseen.message).toContain(`did you mean \`${meant}\`?`)
      const failed = await failure(checkout.get(options), code)
      expect([foreseen.message, foreseen.hint]).toEqual([failed.message, failed.hint])
    })
  }

  test.skipIf(Bun.which('rustup') === null)('a toolchain that is not installed', async () => {
    const env = plainEnvironment({ RUSTUP_TOOLCHAIN: '1.2.3', RUSTUP_AUTO_INSTALL: '0' })
    const checkout = hello()
    const foretold = await failure(explain(checkout.options({ env })), 'TOOL_NOT_FOUND')
    expect(foretold.message).toBe((await failure(checkout.get({ env }), 'TOOL_NOT_FOUND')).message)
  })

  test('none, if cargo does not say or would accept it', async () => {
    const miss = { outcome: 'miss' }
    expect(await explain(hello({ 'Cargo.toml': '[package' }).options())).toMatchObject(miss)
    const configured = hello({ '.cargo/config.toml': '[profile.swift]\ninherits = "release"\n' })
    expect(await explain(configured.options({ profile: 'swift' }))).toMatchObject(miss)
    const env = plainEnvironment({ CARGO_PROFILE_VERY_SWIFT_INHERITS: 'release' })
    expect(await explain(hello().options({ profile: 'very-swift', env }))).toMatchObject(miss)
  })
})

test('a repository whose references are a reftable is said to have one', async () => {
  const checkout = hello()
  rmSync(join(checkout.repo, '.git'), { recursive: true })
  checkout.git('init', '--quiet', '--ref-format=reftable')
  // Older versions of git cannot migrate those.
  checkout.git('config', 'core.logAllRefUpdates', 'false')
  checkout.commit('start')
  const error = await failure(fingerprint(checkout.options()), 'NOT_A_CHECKOUT')
  expect(error.message).toContain('reftable')
  const advice = error.hint?.match(/`git ([^`]*)`/)?.[1] ?? ''
  checkout.git(...advice.split(' '))
  expect((await checkout.get()).outcome).toBe('built')
})

describe('the build', () => {
  test("the compiler's own errors, rendered and without colours, and cargo's exit status", async () => {
    const source = 'fn main() {\n    let count: u32 = "three";\n    missing();\n}\n'
    const { events, onEvent } = listener()
    const error = await failure(hello({ 'src/main.rs': source }).get({ onEvent }), 'BUILD_FAILED')
    expect(error.message).toContain('`cargo build -p hello --bin hello --release` failed (exit status: 101)')
    expect(error.message).toContain('error[E0308]: mismatched types')
    expect(error.message).toContain(`${join('src', 'main.rs')}:2:22`)
    expect(error.message).toContain('error[E0425]')
    expect(error.message).not.toContain('\u001b')
    expect(only(events, 'diagnostic').filter(({ level }) => level === 'error').length).toBeGreaterThanOrEqual(2)
    expect(only(events, 'published')).toEqual([])
  })

  test('a warning is no error, and is an event', async () => {
    const { events, onEvent } = listener()
    await hello({ 'src/main.rs': 'fn main() {\n    let unused = 1;\n}\n' }).get({ onEvent })
    const [warning] = only(events, 'diagnostic')
    expect(warning).toMatchObject({ level: 'warning', rendered: expect.stringContaining('unused variable') })
  })

  test('the output of a failing build script', async () => {
    const script = 'fn main() {\n    eprintln!("libmoon is not installed");\n    std::process::exit(3);\n}\n'
    const error = await failure(hello({ 'build.rs': script }).get(), 'BUILD_FAILED')
    expect(error.message).toContain('failed to run custom build command')
    expect(error.message).toContain('libmoon is not installed')
    expect(error.message).toContain('exit status: 3')
  })

  test('a failure leaves no entry, and the next call builds', async () => {
    const checkout = hello({ 'src/main.rs': 'fn main() { missing() }\n' })
    await failure(checkout.get(), 'BUILD_FAILED')
    expect(readdirSync(checkout.cacheDir).filter((name) => /^[0-9a-f]{16}$/.test(name))).toEqual([])
    expect(readdirSync(join(checkout.cacheDir, 'tmp'))).toEqual([])
    checkout.write('src/main.rs', 'fn main() { println!("mended") }\n')
    expect(await checkout.run()).toMatchObject({ outcome: 'built', prints: 'mended' })
  })
})

describe.skipIf(isWindows)('an input that cannot be read', () => {
  const NOBODY = 65534

  /** Makes the call as a user that modes apply to: as this one, or as the user nobody if this is root. */
  function refused(checkout: Checkout): { code: string; message: string; hint: string } {
    const program = `
      const { fingerprint } = require(${JSON.stringify(entry)})
      const options = JSON.parse(process.argv[1])
      const print = ({ code, message, hint }) => console.log(JSON.stringify({ code, message, hint }))
      // The first call loads the addon, which the user nobody may not be able to read.
      fingerprint({ ...options, repo: '/no/such/directory' }).catch(async () => {
        if (process.getuid() === 0) {
          process.setgroups([])
          process.setgid(${NOBODY})
          process.setuid(${NOBODY})
        }
        await fingerprint(options).then((value) => console.log('no error but', value), print)
      })`
    if (process.getuid?.() === 0) {
      const entries = readdirSync(checkout.directory, { recursive: true, encoding: 'utf8' })
      for (const name of ['.', ...entries]) lchownSync(join(checkout.directory, name), NOBODY, NOBODY)
    }
    const options = JSON.stringify(checkout.options())
    // git looks for its configuration in the home directory, which the user nobody cannot read.
    const env = { ...process.env, HOME: checkout.directory }
    const { stdout, stderr } = spawnSync('node', ['-e', program, options], { cwd: '/', env, encoding: 'utf8' })
    try {
      return JSON.parse(stdout)
    } catch {
      throw new Error(stdout + stderr)
    }
  }

  test('a tracked file', () => {
    const checkout = hello()
    const path = join(checkout.repo, 'src', 'main.rs')
    chmodSync(path, 0o000)
    const { code, message, hint } = refused(checkout)
    expect(code).toBe('INPUT_UNREADABLE')
    expect(message).toContain(`\`${path}\``)
    expect(hint).toContain('`exclude`')
  })

  test('an untracked directory', () => {
    const checkout = hello()
    const path = join(checkout.repo, 'secret')
    mkdirSync(path)
    chmodSync(path, 0o000)
    const { code, message } = refused(checkout)
    expect(code).toBe('INPUT_UNREADABLE')
    expect(message).toContain(`\`${path}\``)
    chmodSync(path, 0o700)
  })

  test("cargo's configuration", () => {
    const checkout = hello({ '.cargo/config.toml': '', '.gitignore': '/target\n/.cargo\n' })
    const path = join(checkout.repo, '.cargo', 'config.toml')
    chmodSync(path, 0o000)
    const { code, message } = refused(checkout)
    expect(code).toBe('INPUT_UNREADABLE')
    expect(message).toContain(`\`${path}\``)
  })
})

describe('options', () => {
  /** A repository is never looked at: an invalid option is found before any I/O. */
  const GOOD = { crate: 'hello', repo: '/no/such/directory', report: 'silent' }

  async function invalid(options: unknown, option: string): Promise<DevBinaryError> {
    for (const call of [getDevBinary, fingerprint]) {
      const error = await failure(call(options as DevBinaryOptions), 'INVALID_OPTION')
      expect(error.message).toContain(`invalid option \`${option}\``)
    }
    return failure(getDevBinary(options as DevBinaryOptions), 'INVALID_OPTION')
  }

  const odd = [
    null,
    true,
    0,
    Number.NaN,
    1n,
    '',
    'text',
    Symbol('symbol'),
    [],
    ['text'],
    [1],
    {},
    { a: 1 },
    new Map(),
    () => {},
  ]
  const isText = (value: unknown) => typeof value === 'string'
  const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText)
  const isAmount = (value: unknown) => isText(value) || value === 0
  const wanted: Record<keyof DevBinaryOptions, [fits: (value: unknown) => boolean, words: string]> = {
    crate: [isText, 'a string'],
    bin: [isText, 'a string'],
    kind: [() => false, "'bin', 'cdylib', 'staticlib' or 'example'"],
    with: [isTexts, 'an array of strings'],
    target: [isText, 'a string'],
    rebuild: [(value) => value === true, 'a boolean'],
    repo: [isText, 'a string'],
    features: [isTexts, 'an array of strings'],
    noDefaultFeatures: [(value) => value === true, 'a boolean'],
    profile: [isText, 'a string'],
    builder: [() => false, "'auto', 'cargo' or 'zigbuild'"],
    scope: [() => false, "'tree' or 'crate'"],
    exclude: [isTexts, 'an array of strings'],
    observe: [() => false, "'auto' or 'off'"],
    cargoArgs: [isTexts, 'an array of strings'],
    out: [isText, 'a string'],
    cacheDir: [isText, 'a string'],
    maxSize: [isAmount, "a size such as '5GiB', or a number of bytes"],
    maxAge: [isAmount, "an age such as '30d', or a number of milliseconds"],
    env: [
      (value) => Bun.deepEquals(value, {}) && Object.getPrototypeOf(value) === Object.prototype,
      'an object of strings',
    ],
    signal: [() => false, 'an AbortSignal'],
    report: [() => false, "'auto', 'plain' or 'silent'"],
    onEvent: [(value) => typeof value === 'function', 'a function'],
  }

  for (const [option, [fits, words]] of Object.entries(wanted)) {
    test(`\`${option}\` is ${words}`, async () => {
      for (const value of odd.filter((value) => !fits(value))) {
        const error = await invalid({ ...GOOD, [option]: value }, option)
        expect(error.message).toContain(`expected ${words}, got `)
      }
      await failure(
        getDevBinary({ ...GOOD, [option]: option === 'crate' ? 'hello' : undefined } as DevBinaryOptions),
        'NOT_A_CHECKOUT',
      )
    })
  }

  test('the message names the value that was given', async () => {
    const got = async (value: unknown, option = 'crate') =>
      (await invalid({ ...GOOD, [option]: value }, option)).message.split(', got ')[1]
    expect(await got(null)).toBe('null')
    expect(await got(7)).toBe('number')
    expect(await got({})).toBe('object')
    expect(await got('make', 'builder')).toBe('"make"')
    expect(await got([])).toBe('an array')
    expect(await got(['hello'])).toBe('an array')
    expect(await got(['a', 1], 'features')).toBe('an array with something else in it')
  })

  const names: [option: keyof DevBinaryOptions, bad: string[]][] = [
    ['crate', ['', '/', 'a/b', '..', '../hello', '-p', '--release', 'a\0b', 'a b', 'a\\b', '.']],
    ['bin', ['', '/', 'a/b', '..', '../hello', '-p', '--release', 'a\0b', 'a\\b', '.', '.hidden', ' ', 'a\nb']],
    ['target', ['', '/', 'a/b-c', '..', '../x-y', '-p', '--x-y', 'a-b\0', 'linux', 'my-target.json', 'a-..-b']],
    ['profile', ['', '/', 'a/b', '..', '../release', '-p', 'a\0b', 'a.b', '.']],
    ['repo', ['', 'a\0b']],
    ['cacheDir', ['', 'a\0b']],
  ]
  for (const [option, bad] of names) {
    test(`\`${option}\` that cannot be one`, async () => {
      for (const value of bad) await invalid({ ...GOOD, [option]: value }, option)
    })
  }

  test('features and patterns that cannot be one', async () => {
    for (const bad of ['', '/', 'a/', '/a', 'a/b/c', '..', '../a', '-x', '--release', 'a\0b', 'a,b', 'a b']) {
      await invalid({ ...GOOD, features: ['good', bad] }, 'features')
    }
    for (const bad of ['a\0b', 'a\nb']) await invalid({ ...GOOD, exclude: ['good', bad] }, 'exclude')
  })

  test('variables that cannot be passed to a process', async () => {
    for (const env of [{ 'A=B': '1' }, { '': '1' }, { 'A\0': '1' }, { A: '\0' }]) await invalid({ ...GOOD, env }, 'env')
    await invalid({ ...GOOD, env: { PORT: 1 } }, 'env')
    await invalid({ ...GOOD, env: { PORT: null } }, 'env')
    for (const name of ['DEV_BIN_CACHE_DIR', 'HOME']) await invalid({ ...GOOD, env: { [name]: 1 } }, 'env')
  })

  test('a variable is read once, and checked then', async () => {
    let readings = 0
    const env = {
      ...process.env,
      get CHANGING() {
        return (readings++ === 0 ? 'text' : 1) as string
      },
    }
    const options = { ...GOOD, profile: '..', env } as DevBinaryOptions
    const error = await failure(fingerprint(options), 'INVALID_OPTION')
    expect(error.message).toContain('invalid option `profile`')
    expect(readings).toBe(1)
  })

  test('a variable that is undefined is one that is not set', async () => {
    const checkout = hello()
    const without = await fingerprint(checkout.options())
    const { RUSTFLAGS: _, ...rest } = plainEnvironment()
    expect(await fingerprint(checkout.options({ env: { ...rest, RUSTFLAGS: undefined } }))).toBe(without)
    expect(await fingerprint(checkout.options({ env: { ...rest, RUSTFLAGS: '-g' } }))).not.toBe(without)
  })

  test('an option that does not exist: those that do are listed', async () => {
    for (const option of ['crates', 'Crate', 'toString', '__proto__x', 'hasOwnProperty']) {
      const error = await invalid({ ...GOOD, [option]: 'x' }, option)
      for (const known of Object.keys(wanted)) expect(error.message).toContain(known)
    }
  })

  test('no options', async () => {
    for (const nothing of [undefined, null, 'hello', 7, true, Symbol('symbol'), () => {}, []]) {
      const error = await failure(getDevBinary(nothing as never), 'INVALID_OPTION')
      expect(error.message).toContain('expected an object, got ')
      const several = await failure(getDevBinaries([nothing as never]), 'INVALID_OPTION')
      expect(several.message).toBe(error.message)
    }
    for (const nothing of [undefined, null, 'hello', 7, {}]) {
      const error = await failure(getDevBinaries(nothing as never), 'INVALID_OPTION')
      expect(error.message).toContain('expected an array, got ')
    }
  })

  test('nothing is thrown synchronously', async () => {
    const getter = {
      get crate(): string {
        throw new TypeError('from the getter')
      },
    }
    const revoked = Proxy.revocable({ crate: 'hello' }, {})
    revoked.revoke()
    for (const given of [undefined, null, 1, {}, { crate: 1 }, { crate: '-' }, GOOD, getter, revoked.proxy]) {
      for (const call of [getDevBinary, fingerprint] as ((options: unknown) => unknown)[]) {
        const result = call(given)
        expect(result).toBeInstanceOf(Promise)
        expect(await rejection(result as Promise<unknown>)).toBeInstanceOf(Error)
      }
    }
  })
})

describe('an error', () => {
  const REPO = '/no/such/directory'

  async function caller(options: unknown): Promise<Error> {
    try {
      await getDevBinary(options as DevBinaryOptions)
    } catch (error) {
      return error as Error
    }
    throw new Error('expected a rejection')
  }

  test('is a DevBinaryError and an Error, with name, code, message, hint and the stack of the caller', async () => {
    for (const options of [{ crate: 'hello', repo: REPO }, { crate: 1 }]) {
      const error = await caller(options)
      expect(error).toBeInstanceOf(DevBinaryError)
      expect(error).toBeInstanceOf(Error)
      expect(error.name).toBe('DevBinaryError')
      expect(Object.keys(error)).toContain('code')
      expect(error.stack).toStartWith('DevBinaryError: ')
      expect(error.stack).toContain(basename(import.meta.path))
      expect(error.stack).toContain('caller')
    }
  })

  test('has no property `hint` when there is none', async () => {
    expect(await caller({ crate: 1 })).not.toHaveProperty('hint')
    expect(await caller({ crate: 'hello', repo: REPO })).toHaveProperty('hint')
  })

  test('is the same in Node', () => {
    const program = join(temporaryDirectory(), 'calls-from-node.cjs')
    writeFileSync(
      program,
      `const { DevBinaryError, fingerprint, getDevBinary } = require(${JSON.stringify(entry)})
       async function caller(call, options) {
         try { await call(options) } catch (error) {
           const { name, code, message, hint, stack } = error
           return { name, code, message, hint, stack, ours: error instanceof DevBinaryError && error instanceof Error }
         }
       }
       async function main() {
         const errors = []
         for (const call of [getDevBinary, fingerprint]) {
           for (const options of [{ crate: 'hello', repo: ${JSON.stringify(REPO)} }, { crate: 1 }]) errors.push(await caller(call, options))
         }
         console.log(JSON.stringify(errors))
       }
       main()`,
    )
    const errors = JSON.parse(execFileSync('node', [program], { encoding: 'utf8' }))
    expect(errors).toHaveLength(4)
    for (const error of errors) {
      expect(error).toMatchObject({ name: 'DevBinaryError', ours: true })
      expect(error.stack).toContain('calls-from-node.cjs')
      expect(error.stack).toContain('caller')
    }
    expect(errors[0].code).toBe('NOT_A_CHECKOUT')
    expect(errors[0].message).toEndWith(`\n\nhint: ${errors[0].hint}`)
    expect(errors[1]).toMatchObject({ code: 'INVALID_OPTION' })
    expect(errors[1]).not.toHaveProperty('hint')
  })
})

describe('isDevMode', () => {
  test('a `.git` directory and a `.git` file', () => {
    const checkout = hello()
    expect(isDevMode(checkout.repo)).toBe(true)
    const worktree = join(checkout.directory, 'worktree')
    checkout.git('worktree', 'add', '--quiet', worktree)
    expect(isDevMode(worktree)).toBe(true)
  })

  test('anything else', () => {
    const checkout = hello()
    const file = join(checkout.repo, 'Cargo.toml')
    const plain = temporaryDirectory()
    for (const repo of [join(checkout.repo, 'src'), file, plain, '/no/such/directory', join(checkout.repo, '.git')]) {
      expect({ repo, is: isDevMode(repo) }).toEqual({ repo, is: false })
    }
    if (isWindows) return
    symlinkSync('/no/such/directory', join(plain, '.git'))
    expect(isDevMode(plain)).toBe(false)
  })

  test('no name, in a directory that is a checkout itself', () => {
    const program = `const { isDevMode } = require(${JSON.stringify(entry)}); console.log(isDevMode(''), isDevMode(), isDevMode('.'))`
    expect(execFileSync('node', ['-e', program], { cwd: hello().repo, encoding: 'utf8' })).toBe('false false true\n')
  })

  test('without an argument, `openshell-fork` below the working directory', () => {
    const checkout = hello()
    renameSync(checkout.repo, join(checkout.directory, 'openshell-fork'))
    const program = `console.log(require(${JSON.stringify(entry)}).isDevMode())`
    expect(execFileSync('node', ['-e', program], { cwd: checkout.directory, encoding: 'utf8' })).toBe('true\n')
  })

  test('never throws', () => {
    const hostile = {
      toString: () => {
        throw new Error('no')
      },
    }
    for (const odd of [
      null,
      0,
      1n,
      true,
      Symbol('x'),
      [],
      {},
      hostile,
      () => {},
      'a\0b',
      'x'.repeat(100_000),
      Number.NaN,
    ]) {
      expect(isDevMode(odd as never)).toBe(false)
    }
  })
})
