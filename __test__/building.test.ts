// The news of a build that others get: those that wait for it, and those that ask what is being built.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BuildProgress, builds, type DevBinaryEvent, list, prune } from '../index.js'
import { age, HOUR } from './cache.js'
import { placesFor, start } from './command.js'
import { Gate, GatedCheckout, Program } from './program.js'
import { Checkout, HELLO, listener, lockFile, only, output, PATIENCE_MS, UNOBSERVED, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

/** A checkout whose build stops at two gates, one after the other. cargo has two more units done at the second. */
class TwiceGated extends Checkout {
  readonly gates = ['first', 'second'].map((name) => new Gate(this.directory, name)) as [Gate, Gate]

  constructor() {
    super()
    this.write(
      'Cargo.toml',
      `${HELLO['Cargo.toml']}\n[features]\nf = []\n[dependencies]\nearlier = { path = "earlier" }\n`,
    )
    this.write('earlier/Cargo.toml', '[package]\nname = "earlier"\nversion = "0.1.0"\nedition = "2024"\n')
    this.write('earlier/src/lib.rs', '')
    this.write('earlier/build.rs', this.gates[0].buildScript())
    const dependent = 'name = "hello"\nversion = "0.1.0"\n'
    const lock = lockFile('earlier', 'hello').replace(dependent, `${dependent}dependencies = [\n "earlier",\n]\n`)
    this.write('Cargo.lock', lock)
    this.write('.cargo/config.toml', `[build]\njobs = 1\nrustflags = ["-Clinker=${join(this.directory, 'linker')}"]\n`)
    this.write('../linker', this.gates[1].linker(), 0o755)
    this.commit('two gates')
  }

  override environment(extra: Record<string, string | undefined> = {}) {
    return super.environment({ ...UNOBSERVED, ...extra })
  }

  builds() {
    return builds({ cacheDir: this.cacheDir })
  }
}

const told = (events: readonly { type: string }[]): BuildProgress[] =>
  only(events as DevBinaryEvent[], 'waiting').flatMap(({ progress }) => progress ?? [])

/** The files beside locks that tell of builds. */
const notices = (cacheDir: string) => readdirSync(join(cacheDir, 'locks')).filter((name) => name.endsWith('.building'))

describe('a call that waits for the build of another process', () => {
  test('is told how far it is, at first and whenever that changes', async () => {
    const checkout = new TwiceGated()
    const builder = new Program('node', checkout.options())
    await checkout.gates[0].reached()
    const waiter = new Program('bun', checkout.options())
    const runsScript = () => told(waiter.said).at(-1)?.compiling.join() === 'earlier(build)'
    await until(runsScript, 'the waiter knows that a build script runs')
    const [first] = waiter.only('waiting')
    expect(first).toMatchObject({ on: 'entry' })
    expect(first?.progress).toBeUndefined()
    const early = told(waiter.said).at(-1) as BuildProgress
    expect(early.elapsedMs).toBeGreaterThanOrEqual(0)
    // There is no earlier build to compare with.
    expect(early.leftMs).toBeUndefined()

    checkout.gates[0].open()
    await checkout.gates[1].reached()
    const last = () => told(waiter.said).at(-1) as BuildProgress
    await until(() => last().done > early.done && last().compiling[0] !== 'earlier(build)', 'the waiter sees it go on')
    expect(last().total).toBe(early.total)
    expect(last().elapsedMs).toBeGreaterThanOrEqual(early.elapsedMs)
    for (const { pid } of waiter.only('waiting').slice(1)) expect(pid).toBe(builder.pid)
    checkout.gates[1].open()
    expect((await waiter.says('resolved')).binary.outcome).toBe('cached')
    expect((await builder.says('resolved')).binary.outcome).toBe('built')
    expect(notices(checkout.cacheDir)).toEqual([])
  })

  test('of another binary in the same checkout is told the same', async () => {
    const checkout = new TwiceGated()
    for (const gate of checkout.gates) gate.open()
    await checkout.get()
    const again = new Gate(checkout.directory, 'again')
    checkout.write('earlier/build.rs', again.buildScript())
    const builder = new Program('bun', checkout.options())
    await again.reached()
    const waiter = new Program('node', checkout.options({ features: ['f'] }))
    await until(() => told(waiter.said).length > 0, 'the waiter knows how far it is')
    expect(waiter.only('waiting').at(-1)).toMatchObject({ on: 'checkout', pid: builder.pid })
    again.open()
    expect((await waiter.says('resolved')).binary.outcome).toBe('built')
  })

  test('of the same process is told, too', async () => {
    const checkout = new TwiceGated()
    const first = checkout.run()
    await checkout.gates[0].reached()
    const { events, onEvent } = listener()
    const second = checkout.run({ onEvent })
    await until(() => told(events).length > 0, 'the second call knows how far the first is')
    expect(only(events, 'waiting').at(-1)).toMatchObject({ on: 'checkout', pid: process.pid })
    for (const gate of checkout.gates) gate.open()
    expect([(await first).outcome, (await second).outcome]).toEqual(['built', 'cached'])
  })

  test('goes on when that process is killed, and what it told is told no more', async () => {
    const checkout = new TwiceGated()
    const builder = new Program('bun', checkout.options())
    await checkout.gates[0].reached()
    const waiter = new Program('node', checkout.options())
    await until(() => told(waiter.said).length > 0, 'the waiter knows how far it is')
    builder.process.kill('SIGKILL')
    await waiter.says('building')
    await until(
      async () => (await checkout.builds()).some(({ pid }) => pid === waiter.pid),
      'the waiter is the builder',
    )
    expect((await checkout.builds()).map(({ pid }) => pid)).toEqual([waiter.pid])
    for (const gate of checkout.gates) gate.open()
    expect(output((await waiter.says('resolved')).binary.path)).toBe('one -')
    await waiter.ended()
    expect(notices(checkout.cacheDir)).toEqual([])
  })
})

describe('what is being built', () => {
  test('is listed with its process, its checkout and how far it is, while it is built', async () => {
    const checkout = new TwiceGated()
    expect(await checkout.builds()).toEqual([])
    const began = Date.now()
    const call = checkout.run()
    await checkout.gates[0].reached()
    const runsScript = async () => (await checkout.builds())[0]?.progress?.compiling.join() === 'earlier(build)'
    await until(runsScript, 'the list tells that a build script runs')
    const [build, ...others] = await checkout.builds()
    expect(others).toEqual([])
    expect(build).toMatchObject({ pid: process.pid, crate: 'hello', bin: 'hello', checkout: checkout.repo })
    expect(build?.progress).toMatchObject({ done: expect.any(Number), total: expect.any(Number) })
    expect(Math.abs((build?.since ?? 0) - began)).toBeLessThan(PATIENCE_MS)
    expect(await list({ cacheDir: checkout.cacheDir })).toEqual([])
    for (const gate of checkout.gates) gate.open()
    await call
    expect(await checkout.builds()).toEqual([])
  })

  test('does not include what a killed process left, which the next prune removes after an hour', async () => {
    const checkout = new GatedCheckout()
    const builder = new Program('node', checkout.options())
    await checkout.gate.reached()
    expect((await builds({ cacheDir: checkout.cacheDir })).map(({ pid }) => pid)).toEqual([builder.pid])
    builder.process.kill('SIGKILL')
    await builder.ended()
    checkout.gate.open()
    expect(await builds({ cacheDir: checkout.cacheDir })).toEqual([])
    expect(notices(checkout.cacheDir).length).toBeGreaterThan(0)
    const locks = join(checkout.cacheDir, 'locks')
    for (const name of readdirSync(locks)) age(join(locks, name), 2 * HOUR)
    await prune({ cacheDir: checkout.cacheDir })
    expect(readdirSync(locks)).toEqual([])
  })

  test('does not include a record that is damaged', async () => {
    const checkout = new GatedCheckout()
    const call = checkout.get()
    await checkout.gate.reached()
    const locks = join(checkout.cacheDir, 'locks')
    for (const name of notices(checkout.cacheDir)) writeFileSync(join(locks, name), '{"pid": 1}\n')
    expect((await builds({ cacheDir: checkout.cacheDir })).filter(({ pid }) => pid === 1)).toEqual([])
    checkout.gate.open()
    await call
  })
})

describe('dev-bin list --building', () => {
  class Place extends placesFor('node') {
    readonly gate = new Gate(this.directory, 'script')
    override environment(extra: Record<string, string | undefined> = {}) {
      return super.environment({ ...UNOBSERVED, ...extra })
    }
  }

  test('tells people and programs what is being built, by which process, and how far it is', async () => {
    const place = new Place()
    place.write('build.rs', place.gate.buildScript())
    expect(await place.devBin(['list', '--building'])).toMatchObject({
      status: 0,
      stdout: '',
      stderr: 'Nothing is being built.\n',
    })
    const env = { ...place.environment(), DEV_BIN_CACHE_DIR: place.cacheDir }
    const builder = start('bun', ['get'], { cwd: place.repo, env })
    await place.gate.reached()
    const json = async () => JSON.parse((await place.devBin(['list', '--building', '--json'])).stdout)
    const runsScript = async () => (await json())[0]?.progress?.compiling.join() === 'hello(build)'
    await until(runsScript, 'the list tells that a build script runs')
    expect(await json()).toMatchObject([{ pid: builder.pid, bin: 'hello', checkout: place.repo }])
    const { status, stdout } = await place.devBin(['list', '--building'])
    expect([status, stdout.split('\n')[0]?.split(/ +/)]).toEqual([
      0,
      ['BINARY', 'TARGET', 'CRATE', 'PROCESS', 'BEGAN', 'UNITS', 'LEFT', 'COMPILES', 'CHECKOUT'],
    ])
    expect(stdout).toMatch(
      new RegExp(`^hello +host +hello +${builder.pid} +\\d+ \\w+ ago +\\d/\\d +hello\\(build\\) `, 'm'),
    )
    place.gate.open()
    expect(await builder.exited).toBe(0)
    expect(existsSync(place.cacheDir)).toBe(true)
    expect(await json()).toEqual([])
  })
})
