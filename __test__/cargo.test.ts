// The command lines of cargo and zig, their messages, and the reports of them.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { basename, delimiter, join } from 'node:path'
import type { DevBinaryOptions } from '../index.js'
import { Gate, GatedCheckout, Program } from './program.js'
import {
  Checkout,
  listener,
  mainPrinting,
  only,
  PATIENCE_MS,
  plainEnvironment,
  rejection,
  UNOBSERVED,
  until,
} from './support.js'
import { canInstallZig, zigCaches, zigTools } from './zig.js'

setDefaultTimeout(PATIENCE_MS)

const HOST = /^host: (.*)$/m.exec(execFileSync('rustc', ['-vV'], { encoding: 'utf8' }))?.[1] as string

const manifest = (name: string, rest = '') =>
  `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2024"\n${rest}`

/** A program that prints its features, and whether it was optimised. */
const PRINTS_FEATURES = `fn main() {
    println!("loud={} quiet={} debug={}", cfg!(feature = "loud"), cfg!(feature = "quiet"), cfg!(debug_assertions));
}
`

class FeaturedCheckout extends Checkout {
  constructor() {
    super()
    const features = '[features]\ndefault = ["quiet"]\nquiet = []\nloud = []\n'
    const profile = '[profile.careful]\ninherits = "release"\ndebug-assertions = true\n'
    this.write('Cargo.toml', manifest('hello', features + profile))
    this.write('src/main.rs', PRINTS_FEATURES)
    this.commit('features')
  }
}

describe('a build', () => {
  test('follows features, noDefaultFeatures and profile, each with an entry of its own', async () => {
    const checkout = new FeaturedCheckout()
    const cases: [Partial<DevBinaryOptions>, string, string][] = [
      [{}, 'loud=false quiet=true debug=false', '--release'],
      [{ features: ['loud'] }, 'loud=true quiet=true debug=false', '--release --features loud'],
      [{ noDefaultFeatures: true }, 'loud=false quiet=false debug=false', '--release --no-default-features'],
      [
        { features: ['loud', 'hello/quiet'], noDefaultFeatures: true },
        'loud=true quiet=true debug=false',
        '--release --features hello/quiet,loud --no-default-features',
      ],
      [{ profile: 'dev' }, 'loud=false quiet=true debug=true', '--profile dev'],
      [{ profile: 'careful' }, 'loud=false quiet=true debug=true', '--profile careful'],
    ]
    const paths = new Set<string>()
    for (const [options, prints, flags] of cases) {
      const { events, onEvent } = listener()
      const built = await checkout.run({ ...options, onEvent })
      expect(built).toMatchObject({ outcome: 'built', prints })
      expect(only(events, 'building')[0]?.command).toBe(`cargo build -p hello --bin hello ${flags}`)
      paths.add(built.binary.path)
    }
    expect(paths.size).toBe(cases.length)
    for (const [options, prints] of cases) {
      expect(await checkout.run(options)).toMatchObject({ outcome: 'cached', prints })
    }
  })

  test('does not depend on the order of features or on naming one twice', async () => {
    const checkout = new FeaturedCheckout()
    const { path } = await checkout.get({ features: ['loud', 'quiet'] })
    expect(await checkout.get({ features: ['quiet', 'loud', 'quiet'] })).toMatchObject({ outcome: 'cached', path })
  })

  test('is found in CARGO_TARGET_DIR', async () => {
    const checkout = new Checkout()
    const elsewhere = join(checkout.directory, 'elsewhere')
    const env = checkout.environment({ CARGO_TARGET_DIR: elsewhere })
    expect(await checkout.run({ env })).toMatchObject({ outcome: 'built', prints: 'one -' })
    expect(existsSync(join(elsewhere, 'release', 'hello'))).toBe(true)
    expect(existsSync(join(checkout.repo, 'target'))).toBe(false)
    // Where it is built does not change what is built.
    expect(await checkout.run()).toMatchObject({ outcome: 'cached' })
  })

  test('is found in build.target-dir', async () => {
    const checkout = new Checkout()
    checkout.write('.cargo/config.toml', '[build]\ntarget-dir = "out/of/the/way"\n')
    checkout.write('.gitignore', '/out\n')
    checkout.commit('another target directory')
    expect(await checkout.run()).toMatchObject({ outcome: 'built', prints: 'one -' })
    expect(existsSync(join(checkout.repo, 'out', 'of', 'the', 'way', 'release', 'hello'))).toBe(true)
    expect(await checkout.run()).toMatchObject({ outcome: 'cached' })
  })

  test('gives the binary that was asked for, in a workspace with a path dependency and a build script', async () => {
    const checkout = new Checkout({
      'Cargo.toml': '[workspace]\nmembers = ["server", "words"]\nresolver = "3"\n',
      'server/Cargo.toml': manifest(
        'server',
        '[[bin]]\nname = "the-gateway"\npath = "src/gateway.rs"\n[dependencies]\nwords = { path = "../words" }\n',
      ),
      'server/src/main.rs': mainPrinting('wrong one'),
      'server/src/gateway.rs': 'fn main() { println!("{} {}", words::word(), env!("FROM_SCRIPT")); }\n',
      'server/build.rs': `fn main() {
    println!("cargo::rerun-if-changed=../shared.txt");
    println!("cargo::rustc-env=FROM_SCRIPT={}", std::fs::read_to_string("../shared.txt").unwrap());
}
`,
      'words/Cargo.toml': manifest('words'),
      'words/src/lib.rs': 'pub fn word() -> &\'static str { "gateway" }\n',
      'shared.txt': 'shared',
      '.gitignore': '/target\n',
    })
    execFileSync('cargo', ['generate-lockfile', '--offline'], { cwd: checkout.repo, stdio: 'ignore' })
    checkout.commit('lock file')
    const options = { crate: 'server', bin: 'the-gateway' }
    const { events, onEvent } = listener()
    const first = await checkout.run({ ...options, onEvent })
    expect(first).toMatchObject({ outcome: 'built', prints: 'gateway shared' })
    expect(basename(first.binary.path)).toBe('the-gateway')
    expect(events.every((event) => !('bin' in event) || event.bin === 'the-gateway')).toBe(true)

    checkout.write('words/src/lib.rs', 'pub fn word() -> &\'static str { "supervisor" }\n')
    expect(await checkout.run(options)).toMatchObject({ outcome: 'built', prints: 'supervisor shared' })
    checkout.write('shared.txt', 'other')
    expect(await checkout.run(options)).toMatchObject({ outcome: 'built', prints: 'supervisor other' })
    expect(await checkout.run(options)).toMatchObject({ outcome: 'cached', prints: 'supervisor other' })
  })

  test("for the host's own triple runs plain cargo, without zig, and the binary has the triple in its name", async () => {
    const checkout = new Checkout()
    const hasZig = (directory: string) => ['zig', 'cargo-zigbuild'].some((name) => existsSync(join(directory, name)))
    const path = (process.env.PATH ?? '').split(delimiter).filter((directory) => !hasZig(directory))
    const env = checkout.environment({ PATH: path.join(delimiter) })
    const { events, onEvent } = listener()
    const built = await checkout.run({ target: HOST, env, onEvent })
    expect(built).toMatchObject({ outcome: 'built', prints: 'one -' })
    expect(basename(built.binary.path)).toBe(`hello-${HOST}`)
    expect(only(events, 'building')[0]?.command).toBe(`cargo build -p hello --bin hello --release --target ${HOST}`)
    expect(await checkout.run({ env })).toMatchObject({
      outcome: 'built',
      binary: { path: expect.not.stringContaining(HOST) },
    })
  })
})

describe('events', () => {
  test('come in order, all of them before the promise settles', async () => {
    const checkout = new Checkout()
    const types: string[] = []
    const call = checkout.get({ onEvent: ({ type }) => types.push(type) }).finally(() => types.push('settled'))
    await call
    expect(types.filter((type) => type !== 'progress')).toEqual(['miss', 'building', 'built', 'published', 'settled'])
    expect(types.indexOf('progress')).toBe(2)
    expect(types.lastIndexOf('progress')).toBeLessThan(types.indexOf('built'))
  })

  test('of a failing build end with the diagnostic, and nothing is built or published', async () => {
    const checkout = new Checkout()
    checkout.write('src/main.rs', 'fn main() { nonsense() }\n')
    const { events, onEvent } = listener()
    const error = await rejection(checkout.get({ onEvent }))
    expect(error.code).toBe('BUILD_FAILED')
    expect(error.message).toContain('cannot find function `nonsense`')
    expect(error.message).toContain('--> src/main.rs:1:13')
    const seen = events.map(({ type }) => type).filter((type) => type !== 'progress' && type !== 'diagnostic')
    expect(seen).toEqual(['miss', 'building'])
    expect(only(events, 'diagnostic')[0]).toMatchObject({ level: 'error' })
  })

  test('report the progress of a build of several crates', async () => {
    const names = ['a', 'b', 'c', 'd']
    const dependencies = names.map((name) => `${name} = { path = "${name}" }\n`).join('')
    const checkout = new Checkout({
      'Cargo.toml': manifest('hello', `[dependencies]\n${dependencies}`),
      'src/main.rs': mainPrinting('one'),
      '.gitignore': '/target\n',
      ...Object.fromEntries(names.map((name) => [`${name}/Cargo.toml`, manifest(name)])),
      ...Object.fromEntries(names.map((name) => [`${name}/src/lib.rs`, ''])),
    })
    // cargo draws anew twice a second; held here, the build lasts until it has done so with the rest finished.
    const gate = new Gate(checkout.directory, 'script')
    checkout.write('build.rs', gate.buildScript())
    execFileSync('cargo', ['generate-lockfile', '--offline'], { cwd: checkout.repo, stdio: 'ignore' })
    checkout.commit('several crates')
    const { events, onEvent } = listener()
    const call = checkout.run({ onEvent, env: checkout.environment(UNOBSERVED) })
    await gate.reached()
    await until(() => only(events, 'progress').some(({ done }) => done >= 5), 'all but the binary is done')
    gate.open()
    expect(await call).toMatchObject({ outcome: 'built', prints: 'one -' })
    const progress = only(events, 'progress')
    expect(progress.map(({ done }) => done)).toEqual(progress.map(({ done }) => done).sort((one, other) => one - other))
    for (const { done, total } of progress) {
      expect(done).toBeLessThanOrEqual(total)
      expect(total).toBe(7)
    }
    expect(progress.some(({ compiling }) => compiling.includes('hello(build)'))).toBe(true)
    // Each message comes once.
    expect(new Set(progress.map((event) => JSON.stringify(event))).size).toBe(progress.length)
  })

  test('have the messages of the compiler, rendered and without colours', async () => {
    const checkout = new Checkout()
    checkout.write('src/main.rs', `fn unused() {}\n${mainPrinting('one')}`)
    const { events, onEvent } = listener()
    await checkout.get({ onEvent, env: checkout.environment({ CARGO_TERM_COLOR: 'always', CLICOLOR_FORCE: '1' }) })
    const [diagnostic] = only(events, 'diagnostic')
    expect(diagnostic).toMatchObject({ level: 'warning' })
    expect(diagnostic?.rendered).toContain('warning: function `unused` is never used\n --> src/main.rs:1:4\n')
    expect(JSON.stringify(events)).not.toContain('\\u001b')
    const types = events.map(({ type }) => type)
    expect(types.indexOf('diagnostic')).toBeLessThan(types.indexOf('built'))
  })

  test('have the messages of cargo itself', async () => {
    const checkout = new Checkout()
    checkout.write('Cargo.toml', manifest('hello', 'nonsense = true\n'))
    const { events, onEvent } = listener()
    await checkout.get({ onEvent })
    expect(only(events, 'diagnostic')).toMatchObject([{ level: 'warning' }])
    expect(only(events, 'diagnostic')[0]?.rendered).toContain('unused manifest key: package.nonsense')
  })

  test("report that cargo waits for another cargo's lock", async () => {
    const checkout = new GatedCheckout()
    const env = checkout.environment()
    const other = Bun.spawn(['cargo', 'build', '--release', '--quiet'], {
      cwd: checkout.repo,
      env,
      stdio: ['ignore', 'ignore', 'ignore'],
    })
    await checkout.gate.reached()
    const { events, onEvent } = listener()
    const call = checkout.run({ onEvent, env })
    await until(() => only(events, 'waiting').length > 0, 'cargo waits')
    expect(only(events, 'waiting')).toEqual([{ type: 'waiting', on: 'cargo' }])
    checkout.gate.open()
    expect(await other.exited).toBe(0)
    expect(await call).toMatchObject({ outcome: 'built', prints: 'one -' })
  })
})

describe('a report', () => {
  const report = async (checkout: Checkout, report: 'auto' | 'plain' | 'silent') => {
    // No onEvent, so that all that stdout has would be written by the package.
    const program = new Program('node', checkout.options({ report }), 'getDevBinary(options)')
    expect(await program.ended()).toBe(0)
    expect(program.said).toEqual([])
    return program.stderr
  }

  for (const mode of ['plain', 'auto'] as const) {
    test(`'${mode}' without a terminal has one line for each step, and no colours`, async () => {
      const checkout = new Checkout()
      expect(await report(checkout, mode)).toMatch(
        /^Building hello: first build\nBuilt hello in \d+\.\d s, [\d.]+ [KM]iB: \/.*\n$/,
      )
      checkout.write('src/main.rs', `fn unused() {}\n${mainPrinting('two')}`)
      const lines = (await report(checkout, mode)).split('\n')
      expect(lines[0]).toBe('Building hello: src/main.rs changed')
      expect(lines[1]).toBe('warning: function `unused` is never used')
      expect(lines.at(-2)).toMatch(/^Built hello in \d+\.\d s/)
      expect(lines.join('')).not.toContain('\u001b')
      const { fingerprint } = await checkout.get()
      expect(await report(checkout, mode)).toBe(`Using cached hello (${fingerprint.slice(0, 16)})\n`)
    })
  }

  test("'silent' writes nothing, not even warnings", async () => {
    const checkout = new Checkout()
    checkout.write('src/main.rs', `fn unused() {}\n${mainPrinting('two')}`)
    expect(await report(checkout, 'silent')).toBe('')
    expect(await report(checkout, 'silent')).toBe('')
  })

  /** Returns the screen of a terminal whose build waits until the terminal shows `awaited`. */
  const onTerminal = async (
    awaited: string,
    options: Partial<DevBinaryOptions>,
    variables: Record<string, string | undefined> = {},
  ) => {
    const checkout = new GatedCheckout()
    checkout.write('src/main.rs', `fn unused() {}\n${mainPrinting('one')}`)
    const env = checkout.environment({ TERM: 'xterm-256color', ...variables })
    const request = JSON.stringify(checkout.options({ report: 'auto', ...options, env }))
    const source = `require(${JSON.stringify(join(import.meta.dir, '..', 'index.js'))}).getDevBinary(${request})`
    let shown = ''
    const program = Bun.spawn(['node', '--eval', source], {
      env,
      terminal: {
        cols: 100,
        rows: 30,
        data: (_, bytes) => {
          shown += Buffer.from(bytes).toString()
        },
      },
    })
    await checkout.gate.reached()
    await until(() => shown.includes(awaited), `the terminal shows ${awaited}`)
    checkout.gate.open()
    expect(await program.exited).toBe(0)
    await until(() => shown.includes('Built hello in'), 'the terminal shows the end')
    program.terminal?.close()
    return shown
  }
  const ESCAPE = '\u001b['
  const CLEARED = `${ESCAPE}2K`
  const colours = (shown: string) => shown.split(ESCAPE).filter((rest, index) => index > 0 && /^[0-9;]*m/.test(rest))

  test("'auto' on a terminal has a live line that ends with the build, and the compiler's colours", async () => {
    const shown = await onTerminal('hello [', {})
    expect(shown).toContain('Building hello: first build')
    expect(shown).toMatch(/hello \[[=> ]+\] \d+\/3/)
    expect(colours(shown)).not.toEqual([])
    expect(shown).toContain('is never used')
    expect(shown.split(CLEARED).at(-1)).toMatch(/^Built hello in \d+\.\d s, [\d.]+ [KM]iB: \/\S+\s*$/)
  })

  test("'auto' on a terminal has a live line and no colours when NO_COLOR is set", async () => {
    const shown = await onTerminal('hello [', {}, { NO_COLOR: '1' })
    expect(shown).toContain('is never used')
    expect(colours(shown)).toEqual([])
  })

  test("'auto' on a dumb terminal is plain", async () => {
    const shown = await onTerminal('Building hello', {}, { TERM: 'dumb' })
    expect(shown).not.toContain(ESCAPE)
    expect(shown).toContain('warning: function `unused` is never used')
  })

  test("'plain' on a terminal has no live line", async () => {
    const shown = await onTerminal('Building hello', { report: 'plain' })
    expect(shown).not.toContain('hello [')
  })
})

describe('zig', () => {
  const glibc = HOST.endsWith('-linux-gnu')
  const environment = (extra: Record<string, string> = {}) => {
    const bin = zigTools()
    return plainEnvironment({ PATH: `${bin}${delimiter}${process.env.PATH}`, ...zigCaches, ...extra })
  }
  const foreign = HOST.startsWith('aarch64') ? 'x86_64-unknown-linux-gnu' : 'aarch64-unknown-linux-gnu'

  test('builds a foreign target, and if it is missing, the error has the command that installs it', async () => {
    const checkout = new Checkout()
    // Nothing but cargo and rustc on the PATH.
    const bin = join(checkout.directory, 'bin')
    mkdirSync(bin)
    for (const tool of ['cargo', 'rustc', 'cc']) {
      execFileSync('ln', ['-s', execFileSync('which', [tool], { encoding: 'utf8' }).trim(), join(bin, tool)])
    }
    const env = checkout.environment({ PATH: bin })
    const error = await rejection(checkout.get({ target: foreign, env }))
    expect(error).toMatchObject({ code: 'TOOL_NOT_FOUND' })
    expect(error.hint).toContain('pip install cargo-zigbuild ziglang')
  })

  describe.skipIf(!canInstallZig || !glibc)('really', () => {
    test("builds for the host's triple when asked to, and hits", async () => {
      const checkout = new Checkout()
      const options = { target: HOST, builder: 'zigbuild', env: environment() } as const
      const { events, onEvent } = listener()
      const built = await checkout.run({ ...options, onEvent })
      expect(built).toMatchObject({ outcome: 'built', prints: 'one -' })
      expect(basename(built.binary.path)).toBe(`hello-${HOST}`)
      expect(only(events, 'building')[0]?.command).toBe(
        `cargo zigbuild -p hello --bin hello --release --target ${HOST}`,
      )
      expect(await checkout.run(options)).toMatchObject({ outcome: 'cached', prints: 'one -' })
    }, 600_000)

    test('builds for an old glibc when the target names one, and hits', async () => {
      const checkout = new Checkout()
      const options = { target: `${HOST}.2.28`, env: environment() }
      const built = await checkout.run(options)
      expect(built).toMatchObject({ outcome: 'built', prints: 'one -' })
      expect(basename(built.binary.path)).toBe(`hello-${HOST}.2.28`)
      expect(await checkout.run(options)).toMatchObject({ outcome: 'cached', prints: 'one -' })
      // Later versions of glibc than the one asked for are not needed.
      const readelf = spawnSync('readelf', ['--version-info', built.binary.path], { encoding: 'utf8' })
      const versions = [...(readelf.stdout ?? '').matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor))
      if (readelf.status === 0) expect(Math.max(...versions)).toBeLessThanOrEqual(28)
    }, 600_000)

    test('and cargo build two targets at once in one process, and both come back', async () => {
      const checkout = new Checkout()
      const env = environment()
      const [plain, zig] = await Promise.all([
        checkout.run({ env }),
        checkout.run({ env, target: `${HOST}.2.28`, builder: 'zigbuild' }),
      ])
      expect([plain.outcome, plain.prints]).toEqual(['built', 'one -'])
      expect([zig.outcome, zig.prints]).toEqual(['built', 'one -'])
      expect(plain.binary.path).not.toBe(zig.binary.path)
      const again = await Promise.all([checkout.get({ env }), checkout.get({ env, target: `${HOST}.2.28` })])
      expect(again.map(({ outcome }) => outcome)).toEqual(['cached', 'cached'])
    }, 600_000)

    test('is chosen for a foreign target', async () => {
      const checkout = new Checkout()
      const { events, onEvent } = listener()
      const call = checkout.get({ target: foreign, env: environment(), onEvent })
      const outcome = await call.catch((error) => error)
      expect(only(events, 'building')[0]?.command).toBe(
        `cargo zigbuild -p hello --bin hello --release --target ${foreign}`,
      )
      // The target's standard library may be installed here or not.
      if (outcome instanceof Error) {
        expect(outcome).toMatchObject({
          code: 'TOOL_NOT_FOUND',
          hint: expect.stringContaining(`rustup target add ${foreign}`),
        })
      } else {
        expect(basename(outcome.path)).toBe(`hello-${foreign}`)
      }
    }, 600_000)
  })
})
