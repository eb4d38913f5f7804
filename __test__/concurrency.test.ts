// Several callers at once, in one process and in several.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type DevBinaryEvent, fingerprint } from '../index.js'
import { GatedCheckout, Program, RUNTIMES, type Runtime } from './program.js'
import {
  Checkout,
  HELLO,
  listener,
  lockFile,
  mainPrinting,
  only,
  output,
  PATIENCE_MS,
  rejection,
  until,
} from './support.js'

setDefaultTimeout(PATIENCE_MS)

const TWO_CRATES = {
  'Cargo.toml': '[workspace]\nmembers = ["gateway", "supervisor"]\nresolver = "3"\n',
  'Cargo.lock': lockFile('gateway', 'supervisor'),
  'gateway/Cargo.toml': '[package]\nname = "gateway"\nversion = "0.1.0"\nedition = "2024"\n',
  'gateway/src/main.rs': mainPrinting('gateway'),
  'supervisor/Cargo.toml': '[package]\nname = "supervisor"\nversion = "0.1.0"\nedition = "2024"\n',
  'supervisor/src/main.rs': mainPrinting('supervisor'),
  '.gitignore': '/target\n',
}

/** The things that were waited for. Further events of a wait tell how far it is. */
const waitingOn = (events: DevBinaryEvent[]) =>
  only(events, 'waiting')
    .filter(({ progress }) => progress === undefined)
    .map(({ on }) => on)

describe('two calls at once in one process', () => {
  test('for two binaries of one checkout both come back, and cargo never waits on its own lock', async () => {
    const checkout = new Checkout(TWO_CRATES)
    const { events, onEvent } = listener()
    const crates = ['gateway', 'supervisor']
    const built = await Promise.all(crates.map((crate) => checkout.run({ crate, onEvent })))
    expect(built.map(({ outcome, prints }) => [outcome, prints])).toEqual([
      ['built', 'gateway -'],
      ['built', 'supervisor -'],
    ])
    // cargo does not report a short wait, so the test also checks the order of the builds.
    const steps = events.filter(({ type }) => type === 'building' || type === 'built')
    expect(steps.map(({ type }) => type)).toEqual(['building', 'built', 'building', 'built'])
    expect(waitingOn(events)).toEqual(['checkout'])

    const hits = await Promise.all(crates.map((crate) => checkout.run({ crate })))
    expect(hits.map(({ outcome }) => outcome)).toEqual(['cached', 'cached'])
  })

  test('for the same binary run cargo once', async () => {
    const checkout = new Checkout()
    const { events, onEvent } = listener()
    const both = await Promise.all([checkout.run({ onEvent }), checkout.run({ onEvent }), checkout.run({ onEvent })])
    expect(both.map(({ outcome }) => outcome).sort()).toEqual(['built', 'cached', 'cached'])
    expect(new Set(both.map(({ binary }) => binary.path)).size).toBe(1)
    expect(only(events, 'building')).toHaveLength(1)
  })

  test('that both ask to rebuild it run cargo once; a later one runs it again', async () => {
    const checkout = new Checkout()
    await checkout.get()
    const { events, onEvent } = listener()
    const rebuild = () => checkout.get({ rebuild: true, onEvent })
    const both = await Promise.all([rebuild(), rebuild()])
    expect(both.map(({ outcome }) => outcome).sort()).toEqual(['built', 'cached'])
    expect(only(events, 'building')).toHaveLength(1)
    expect(await rebuild()).toMatchObject({ outcome: 'built', reasons: [{ kind: 'rebuild' }] })
    expect(only(events, 'building')).toHaveLength(2)
  })

  test('for the same binary: aborting the one that builds leaves the other one to build it', async () => {
    const checkout = new GatedCheckout()
    const controller = new AbortController()
    const first = checkout.get({ signal: controller.signal })
    await checkout.gate.reached()
    const { events, onEvent } = listener()
    const second = checkout.run({ onEvent })
    await until(() => only(events, 'waiting').length > 0, 'the second call waits')
    const reason = new Error('you do it')
    controller.abort(reason)
    expect(await rejection(first)).toBe(reason)
    checkout.gate.open()
    expect(await second).toMatchObject({ outcome: 'built', prints: 'one -' })
  })

  test('for the same binary: aborting the one that waits leaves the other one alone', async () => {
    const checkout = new GatedCheckout()
    const first = checkout.run()
    await checkout.gate.reached()
    const controller = new AbortController()
    const reason = new Error('too slow')
    const onEvent = ({ type }: DevBinaryEvent) => type === 'waiting' && controller.abort(reason)
    expect(await rejection(checkout.get({ signal: controller.signal, onEvent }))).toBe(reason)
    checkout.gate.open()
    expect(await first).toMatchObject({ outcome: 'built', prints: 'one -' })
  })

  test('in two checkouts do not wait for each other', async () => {
    const [one, other] = [new GatedCheckout(), new GatedCheckout()]
    const { events, onEvent } = listener()
    const calls = [one, other].map((checkout) => checkout.run({ onEvent }))
    await Promise.all([one.gate.reached(), other.gate.reached()])
    one.gate.open()
    other.gate.open()
    expect((await Promise.all(calls)).map(({ outcome }) => outcome)).toEqual(['built', 'built'])
    expect(waitingOn(events)).toEqual([])
  })
})

describe('several processes', () => {
  const start = (checkout: Checkout, count: number) =>
    Array.from({ length: count }, (_, index) => new Program(RUNTIMES[index % 2] as Runtime, checkout.options()))

  test('that ask for the same binary at once run cargo once; the others report the process that they wait for, and hit', async () => {
    const checkout = new GatedCheckout()
    const programs = start(checkout, 16)
    await checkout.gate.reached()
    const waits = (program: Program) => program.only('waiting').some(({ pid }) => pid !== undefined)
    const ended = () => programs.filter((program) => program.process.exitCode !== null)
    await until(() => programs.filter(waits).length === 15 || ended().length > 0, 'fifteen processes wait')
    expect(ended().map((program) => [program.said, program.stderr])).toEqual([])
    const builder = programs.find((program) => program.only('building').length > 0) as Program
    checkout.gate.open()
    expect(await Promise.all(programs.map((program) => program.ended()))).toEqual(programs.map(() => 0))

    expect(programs.flatMap((program) => program.only('building'))).toHaveLength(1)
    expect(checkout.gate.times).toBe(1)
    const paths = programs.map((program) => program.only('resolved')[0]?.binary.path as string)
    expect(new Set(paths).size).toBe(1)
    expect(output(paths[0] as string)).toBe('one -')
    for (const waiter of programs.filter((program) => program !== builder)) {
      expect(waiter.only('resolved')[0]?.binary.outcome).toBe('cached')
      expect(waiter.only('hit')).toHaveLength(1)
      const waits = waiter.only('waiting').filter(({ pid, progress }) => pid !== undefined && progress === undefined)
      expect(waits.map(({ on, pid }) => [on, pid])).toEqual([['entry', builder.pid]])
      expect(Math.abs((waits[0]?.since ?? 0) - Date.now())).toBeLessThan(PATIENCE_MS)
    }
  })

  test('that ask for different features of one binary build one after the other, and each gets its own', async () => {
    const checkout = new GatedCheckout()
    checkout.write('Cargo.toml', `${HELLO['Cargo.toml']}\n[features]\nf = []\ng = []\n`)
    checkout.write('src/main.rs', 'fn main() { println!("f={} g={}", cfg!(feature = "f"), cfg!(feature = "g")); }\n')
    const one = new Program('node', checkout.options({ features: ['f'] }))
    await checkout.gate.reached()
    const other = new Program('bun', checkout.options({ features: ['g'] }))
    expect(await other.says('waiting')).toMatchObject({ on: 'checkout', pid: one.pid })
    expect(other.only('building')).toEqual([])
    checkout.gate.open()
    expect(output((await one.says('resolved')).binary.path)).toBe('f=true g=false')
    expect(output((await other.says('resolved')).binary.path)).toBe('f=false g=true')
  })

  test('agree on the fingerprint while another one has cargo make its target directory', async () => {
    const checkout = new Checkout()
    const before = await fingerprint(checkout.options())
    // cargo makes its target directory under another name, which nothing ignores, and renames it once the tag is
    // written.
    checkout.write('targetX7fA2k/CACHEDIR.TAG', '')
    expect(await fingerprint(checkout.options())).toBe(before)
    checkout.write(
      'targetX7fA2k/CACHEDIR.TAG',
      'Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by cargo.\n',
    )
    expect(await fingerprint(checkout.options())).toBe(before)
    // A file of this name that marks no cache is an input like any other, and hides no other input.
    checkout.write('targetX7fA2k/CACHEDIR.TAG', 'not a tag')
    expect(await fingerprint(checkout.options())).not.toBe(before)
  })

  test('wait for each other, and a waiter can be aborted', async () => {
    const checkout = new GatedCheckout()
    const [builder] = start(checkout, 1) as [Program]
    await checkout.gate.reached()
    const controller = new AbortController()
    const { events, onEvent } = listener()
    const waiter = checkout.get({ signal: controller.signal, onEvent })
    await until(() => only(events, 'waiting').some(({ pid }) => pid === builder.pid), 'the call waits for the process')
    const reason = new Error('no patience')
    controller.abort(reason)
    expect(await rejection(waiter)).toBe(reason)
    expect(only(events, 'building')).toEqual([])
    checkout.gate.open()
    expect((await builder.says('resolved')).binary.outcome).toBe('built')
  })

  test('carry on when the one that builds is killed: one waiter takes over, the others wait for that one', async () => {
    const checkout = new GatedCheckout()
    const [builder] = start(checkout, 1) as [Program]
    await checkout.gate.reached()
    const waiters = start(checkout, 4)
    await until(() => waiters.every((waiter) => waiter.only('waiting').length > 0), 'four processes wait')
    builder.process.kill('SIGKILL')
    expect(await builder.ended()).toBe('SIGKILL')
    await until(() => waiters.some((waiter) => waiter.only('building').length > 0), 'a waiter takes over')
    // Both the old cargo, which outlived its process, and the new one wait in the build script until here.
    checkout.gate.open()
    expect(await Promise.all(waiters.map((waiter) => waiter.ended()))).toEqual([0, 0, 0, 0])
    expect(waiters.flatMap((waiter) => waiter.only('building'))).toHaveLength(1)
    const binaries = waiters.map((waiter) => waiter.only('resolved')[0]?.binary)
    expect(binaries.map((binary) => binary?.outcome).sort()).toEqual(['built', 'cached', 'cached', 'cached'])
    for (const binary of binaries) expect(output(binary?.path as string)).toBe('one -')
  })

  test('that rebuild the same binary again and again are never served a broken one', async () => {
    const checkout = new Checkout()
    await checkout.get()
    const source = `
      const { execFileSync } = require('node:child_process')
      const go = async () => {
        for (let round = 0; round < 5; round++) {
          const { path } = await get({ rebuild: round % 2 === 0 })
          note(execFileSync(path, { encoding: 'utf8' }).trim())
        }
      }
      go().catch((error) => note(String(error)))
    `
    const programs = RUNTIMES.flatMap((runtime) => [
      new Program(runtime, checkout.options(), source),
      new Program(runtime, checkout.options(), source),
    ])
    expect(await Promise.all(programs.map((program) => program.ended()))).toEqual([0, 0, 0, 0])
    for (const program of programs) {
      expect(program.only('note').map(({ note }) => note)).toEqual(Array(5).fill('one -'))
      expect(program.only('warning')).toEqual([])
    }
  })
})
