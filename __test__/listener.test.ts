// `onEvent`: its async context, its errors, and its promises.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { GatedCheckout, Program, RUNTIMES, survivors } from './program.js'
import { Checkout, PATIENCE_MS, rejection } from './support.js'

setDefaultTimeout(PATIENCE_MS)

for (const runtime of RUNTIMES) {
  test(`onEvent runs in the async context of its call, in ${runtime}`, async () => {
    const checkout = new Checkout()
    const source = `
      const { AsyncLocalStorage } = require('node:async_hooks')
      const storage = new AsyncLocalStorage()
      const call = (name) => storage.run(name, async () => {
        const heard = []
        await get({ onEvent: () => heard.push(storage.getStore()) })
        note({ name, heard: [...new Set(heard)], after: storage.getStore() })
      })
      Promise.all([call('one'), call('other')]).then(() => call('cached'))
    `
    const program = new Program(runtime, checkout.options(), source)
    expect(await program.ended()).toBe(0)
    const notes = program.only('note').map(({ note }) => note as { name: string })
    expect(notes.sort((one, other) => one.name.localeCompare(other.name))).toEqual(
      ['cached', 'one', 'other'].map((name) => ({ name, heard: [name], after: name })),
    )
  })

  test(`an async onEvent that rejects ends the call with its rejection, in ${runtime}`, async () => {
    const checkout = new GatedCheckout()
    const source = `
      process.on('unhandledRejection', (error) => note(String(error)))
      settle(get({ onEvent: async ({ type }) => {
        await null
        if (type === 'building') throw new Error('no more')
      } }))
    `
    const program = new Program(runtime, checkout.options(), source)
    expect(await program.ended()).toBe(0)
    expect(program.only('rejected')).toMatchObject([{ name: 'Error', message: 'no more' }])
    expect(program.only('note')).toEqual([])
    expect(await survivors(checkout.repo)).toEqual([])
  })
}

describe('an async onEvent', () => {
  test('is waited for before the call settles, and may still fail it', async () => {
    const checkout = new Checkout()
    await checkout.get()
    const { promise: leave, resolve: give } = Promise.withResolvers<void>()
    let settled = false
    const call = checkout.get({ onEvent: () => leave }).finally(() => {
      settled = true
    })
    // A hit takes milliseconds; another one that begins and ends meanwhile shows that the first one waits.
    await checkout.get()
    await checkout.get()
    expect(settled).toBe(false)
    give()
    expect((await call).outcome).toBe('cached')

    const late = new Error('late')
    const failing = checkout.get({ onEvent: () => leave.then(() => Promise.reject(late)) })
    expect(await rejection(failing)).toBe(late)
  })

  test('that never settles does not hold up an abort', async () => {
    const checkout = new Checkout()
    const controller = new AbortController()
    const reason = new Error('enough')
    const onEvent = ({ type }: { type: string }) => {
      if (type === 'published') setTimeout(() => controller.abort(reason), 50)
      return new Promise<void>(() => {})
    }
    expect(await rejection(checkout.get({ signal: controller.signal, onEvent }))).toBe(reason)
  })

  test('hears nothing more once it has failed', async () => {
    const checkout = new Checkout()
    const heard: string[] = []
    const failure = new Error('first')
    const onEvent = ({ type }: { type: string }) => {
      heard.push(type)
      throw failure
    }
    expect(await rejection(checkout.get({ onEvent }))).toBe(failure)
    expect(heard).toEqual(['miss'])
  })
})
