// The errors of checkouts, crates, tools and builds: each code, its message and its hint.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DevBinaryErrorCode, type DevBinaryOptions, explain, fingerprint, getDevBinary } from '../index.js'
import { failure, hello } from './errors.js'
import { pathWithout } from './programs.js'
import {
  Checkout,
  entry,
  HELLO,
  listener,
  lockFile,
  manifest,
  only,
  PATIENCE_MS,
  plainEnvironment,
  temporaryDirectory,
} from './support.js'

setDefaultTimeout(PATIENCE_MS)

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
