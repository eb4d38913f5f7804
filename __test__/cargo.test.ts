// The command lines of cargo, the binaries that they build, and the events of builds.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { basename, delimiter, join } from 'node:path'
import type { DevBinaryOptions } from '../index.js'
import { Gate, GatedCheckout } from './program.js'
import { HOST } from './programs.js'
import {
  Checkout,
  listener,
  mainPrinting,
  manifest,
  only,
  PATIENCE_MS,
  rejection,
  UNOBSERVED,
  until,
} from './support.js'

setDefaultTimeout(PATIENCE_MS)

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
