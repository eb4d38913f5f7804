// Calls that end early: by aborts, signals, exits, and listeners that throw.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { DevBinaryError, fingerprint } from '../index.js'
import { GatedCheckout, Program, processesIn, RUNTIMES, survivors } from './program.js'
import { Checkout, listener, PATIENCE_MS, rejection, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

/** A build that does not end by itself: its build script waits, and so does a process that the script started. */
class EndlessCheckout extends GatedCheckout {
  constructor() {
    super('std::process::Command::new("sleep").arg("1000").spawn().unwrap();')
  }

  /** Waits until the build script and the process that it started are running. */
  async atWork(): Promise<void> {
    await this.gate.reached()
    await until(() => processesIn(this.repo).some((process) => process.endsWith('sleep 1000')), 'sleep runs')
    expect(processesIn(this.repo).some((process) => process.includes('cargo'))).toBe(true)
  }
}

describe('a signal', () => {
  test('that is already aborted rejects with its reason, before any file is read', async () => {
    const checkout = new Checkout()
    const reason = new Error('no need')
    const { events, onEvent } = listener()
    const signal = AbortSignal.abort(reason)
    expect(await rejection(checkout.get({ signal, onEvent }))).toBe(reason)
    expect(await rejection(fingerprint(checkout.options({ signal, repo: '/nowhere' })))).toBe(reason)
    expect(events).toEqual([])
  })

  test('of a polyfill, which has no `throwIfAborted` and no reason, ends a call as well', async () => {
    class Polyfill extends EventTarget {
      aborted = false
    }
    const checkout = new EndlessCheckout()
    const quiet = new Polyfill() as unknown as AbortSignal
    expect(await new Checkout().fingerprint({ signal: quiet })).toMatch(/^[0-9a-f]{64}$/)
    const signal = new Polyfill()
    const call = rejection(checkout.get({ signal: signal as unknown as AbortSignal }))
    await checkout.atWork()
    signal.aborted = true
    signal.dispatchEvent(new Event('abort'))
    expect(await call).toMatchObject({ name: 'AbortError' })
    expect(await rejection(checkout.get({ signal: signal as unknown as AbortSignal }))).toMatchObject({
      name: 'AbortError',
    })
  })

  test.skipIf(process.platform === 'win32')('is heeded while the failure of cargo is being explained', async () => {
    const checkout = new Checkout()
    const asked = join(checkout.directory, 'asked')
    // cargo fails at once, and what it is asked then, it never answers.
    checkout.write('../bin/cargo', `#!/bin/sh\n[ "$1" = metadata ] || exit 101\n: >'${asked}'\nsleep 1000\n`, 0o755)
    const controller = new AbortController()
    const env = checkout.environment({ PATH: join(checkout.directory, 'bin') + delimiter + process.env.PATH })
    const call = rejection(checkout.get({ env, signal: controller.signal }))
    await until(() => existsSync(asked), 'cargo is asked what there is')
    const reason = new Error('enough')
    controller.abort(reason)
    expect(await call).toBe(reason)
    expect(await survivors(checkout.repo)).toEqual([])
  })

  test('that is aborted in the turn of the call rejects with its reason and starts nothing', async () => {
    const checkout = new Checkout()
    const controller = new AbortController()
    const { events, onEvent } = listener()
    const call = checkout.get({ signal: controller.signal, onEvent })
    controller.abort('never mind')
    expect(await rejection(call)).toBe('never mind' as unknown as Error)
    expect(events).toEqual([])
  })

  test('aborted during a build ends cargo and everything it started, and rejects with the reason', async () => {
    const checkout = new EndlessCheckout()
    const controller = new AbortController()
    let heard = 0
    controller.signal.onabort = () => heard++
    const { events, onEvent } = listener()
    const call = checkout.get({ signal: controller.signal, onEvent })
    await checkout.atWork()
    const reason = { why: 'changed my mind' }
    controller.abort(reason)
    expect((await rejection(call)) as unknown).toBe(reason)
    expect(await survivors(checkout.repo)).toEqual([])
    expect(heard).toBe(1)
    expect(events.some((event) => event.type === 'built' || event.type === 'published')).toBe(false)
  })

  test('aborted without a reason rejects with an AbortError, and the next call builds', async () => {
    const checkout = new GatedCheckout()
    const controller = new AbortController()
    const call = checkout.get({ signal: controller.signal })
    await checkout.gate.reached()
    controller.abort()
    const error = await rejection(call)
    expect(error).toBeInstanceOf(DOMException)
    expect(error.name).toBe('AbortError')
    expect(await survivors(checkout.repo)).toEqual([])
    checkout.gate.open()
    expect(await checkout.run()).toMatchObject({ outcome: 'built', prints: 'one -' })
  })

  test('of AbortSignal.timeout rejects with a TimeoutError', async () => {
    const checkout = new EndlessCheckout()
    const error = await rejection(checkout.get({ signal: AbortSignal.timeout(1000) }))
    expect(error.name).toBe('TimeoutError')
    expect(await survivors(checkout.repo)).toEqual([])
  })

  test('aborted after the call has settled changes nothing, and keeps no listener', async () => {
    const checkout = new Checkout()
    const controller = new AbortController()
    await checkout.get({ signal: controller.signal })
    controller.abort()
    expect((await checkout.get()).outcome).toBe('cached')
  })

  test('shared by two calls ends both; a call without it goes on', async () => {
    const [one, other] = [new EndlessCheckout(), new EndlessCheckout()]
    const going = new GatedCheckout()
    const controller = new AbortController()
    const calls = [one, other].map((checkout) => rejection(checkout.get({ signal: controller.signal })))
    const goesOn = going.run()
    await Promise.all([one.atWork(), other.atWork(), going.gate.reached()])
    const reason = new Error('both of you')
    controller.abort(reason)
    for (const call of calls) expect(await call).toBe(reason)
    expect([...(await survivors(one.repo)), ...(await survivors(other.repo))]).toEqual([])
    going.gate.open()
    expect(await goesOn).toMatchObject({ outcome: 'built', prints: 'one -' })
  })
})

describe('an onEvent that throws', () => {
  test('rejects the call with the same error and ends cargo', async () => {
    const checkout = new EndlessCheckout()
    const thrown = new Error('no more, please')
    const call = checkout.get({
      onEvent: ({ type }) => {
        if (type === 'building') throw thrown
      },
    })
    expect(await rejection(call)).toBe(thrown)
    expect(await survivors(checkout.repo)).toEqual([])
  })

  test('at a hit rejects the call with the same error', async () => {
    const checkout = new Checkout()
    await checkout.get()
    const thrown = new TypeError('not even that')
    const throws = () => {
      throw thrown
    }
    expect(await rejection(checkout.get({ onEvent: throws }))).toBe(thrown)
    expect((await checkout.get()).outcome).toBe('cached')
  })

  test('at the last event of a build leaves the binary published', async () => {
    const checkout = new Checkout()
    const thrown = new Error('too late')
    const call = checkout.get({
      onEvent: ({ type }) => {
        if (type === 'published') throw thrown
      },
    })
    expect(await rejection(call)).toBe(thrown)
    expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: 'one -' })
  })
})

describe('a call leaves nothing behind', () => {
  test('no listener on the process, whether it resolves, fails or is aborted', async () => {
    const names = ['exit', 'SIGINT', 'SIGTERM', 'SIGHUP']
    const counts = () => names.map((name) => process.listenerCount(name))
    const before = counts()
    const checkout = new GatedCheckout()
    const controller = new AbortController()
    const call = checkout.get({ signal: controller.signal })
    await checkout.gate.reached()
    expect(counts()).toEqual(before.map((count) => count + 1))
    controller.abort()
    await rejection(call)
    expect(counts()).toEqual(before)

    checkout.gate.open()
    await Promise.all([checkout.get(), checkout.get()])
    checkout.write('src/main.rs', 'fn main() { nonsense }')
    expect(await rejection(checkout.get())).toBeInstanceOf(DevBinaryError)
    expect(counts()).toEqual(before)
  })

  for (const runtime of RUNTIMES) {
    test(`no timer or handle that keeps ${runtime} alive, and no unhandled rejection`, async () => {
      const checkout = new GatedCheckout()
      const program = new Program(
        runtime,
        checkout.options(),
        `
        process.on('unhandledRejection', (error) => note(String(error)))
        const controller = new AbortController()
        when(${JSON.stringify(checkout.gate.reachedFile)}, () => controller.abort())
        settle(get({ signal: controller.signal }))
          .then(() => settle(get({ crate: 'nonsense' })))
          .then(() => settle(get({ crate: 7 })))
        `,
      )
      expect(await program.ended()).toBe(0)
      expect(program.only('rejected')).toMatchObject([
        { name: 'AbortError' },
        { code: 'UNKNOWN_CRATE' },
        { code: 'INVALID_OPTION' },
      ])
      expect(program.only('note')).toEqual([])
      expect(program.stderr).toBe('')
      expect(await survivors(checkout.repo)).toEqual([])
    })
  }
})

for (const runtime of RUNTIMES) {
  describe(`a ${runtime} process in the middle of a build`, () => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      test(`dies by ${signal} and leaves nothing alive`, async () => {
        const checkout = new EndlessCheckout()
        const program = new Program(runtime, checkout.options())
        await checkout.atWork()
        program.process.kill(signal)
        expect(await program.ended()).toBe(signal)
        expect(await survivors(checkout.repo)).toEqual([])
      })
    }

    test('leaves nothing alive when it calls process.exit', async () => {
      const checkout = new EndlessCheckout()
      const source = `when(${JSON.stringify(checkout.gate.reachedFile)}, () => process.exit(3)); settle(get())`
      const program = new Program(runtime, checkout.options(), source)
      expect(await program.ended()).toBe(3)
      expect(checkout.gate.times).toBe(1)
      expect(await survivors(checkout.repo)).toEqual([])
    })

    test('leaves nothing alive when it exits just as cargo starts', async () => {
      const checkout = new EndlessCheckout()
      const source = "settle(get({ onEvent: ({ type }) => type === 'building' && process.exit(3) }))"
      for (let attempt = 0; attempt < 10; attempt++) {
        const program = new Program(runtime, checkout.options(), source)
        expect(await program.ended()).toBe(3)
        expect(await survivors(checkout.repo)).toEqual([])
      }
    })

    test('leaves nothing alive when it dies of an uncaught error', async () => {
      const checkout = new EndlessCheckout()
      const thrown = "() => { throw new Error('an uncaught error') }"
      const source = `when(${JSON.stringify(checkout.gate.reachedFile)}, ${thrown}); settle(get())`
      const program = new Program(runtime, checkout.options(), source)
      expect(await program.ended()).toBe(1)
      expect(program.stderr).toContain('an uncaught error')
      expect(await survivors(checkout.repo)).toEqual([])
    })

    for (const listen of ['on', 'once'] as const) {
      test(`survives SIGINT if it has a listener of its own by process.${listen}; the call rejects`, async () => {
        const checkout = new EndlessCheckout()
        const program = new Program(
          runtime,
          checkout.options(),
          `
          process.${listen}('SIGINT', () => note('heard'))
          settle(get()).then(() => setTimeout(() => process.exit(7), 50))
          `,
        )
        await checkout.atWork()
        program.process.kill('SIGINT')
        expect(await program.ended()).toBe(7)
        expect(program.only('note')).toHaveLength(1)
        expect(program.only('rejected')).toMatchObject([{ name: 'DevBinaryError', code: 'BUILD_FAILED' }])
        expect(program.only('rejected')[0]?.message).toContain('SIGINT')
        expect(await survivors(checkout.repo)).toEqual([])
      })
    }

    test('dies by SIGINT again once the call has settled', async () => {
      const checkout = new Checkout()
      const source = 'settle(get()).then(() => setInterval(() => {}, 1000))'
      const program = new Program(runtime, checkout.options(), source)
      await program.says('resolved')
      program.process.kill('SIGINT')
      expect(await program.ended()).toBe('SIGINT')
    })
  })
}
