// Calls in worker threads. A thread that is terminated ends its cargo.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { GatedCheckout, Program, RUNTIMES, survivors } from './program.js'
import { Checkout, output, PATIENCE_MS } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const TIMES = 20

/** Returns a program whose main thread runs `main`, and whose worker threads, which `worker()` starts, run `work`. */
const withWorkers = (work: string, main: string) => `
const { isMainThread, Worker } = require('node:worker_threads')
if (!isMainThread) {
  ${work}
} else {
  const worker = () => {
    const worker = new Worker(__filename)
    worker.on('error', (error) => note(String(error)))
    return worker
  }
  ;(async () => {
    ${main}
  })()
}
`

for (const runtime of RUNTIMES) {
  describe(`a worker thread of ${runtime}`, () => {
    test('makes calls like any other, beside the main thread and after other workers', async () => {
      const checkout = new Checkout()
      const main = `
        const exits = () => Promise.all([worker(), worker()].map((worker) => new Promise((ended) => worker.on('exit', ended))))
        const [, codes] = await Promise.all([settle(get()), exits()])
        note([...codes, ...(await exits())])
      `
      const program = new Program(runtime, checkout.options(), withWorkers('settle(get())', main))
      expect(await program.ended()).toBe(0)
      expect(program.stderr).toBe('')
      expect(program.only('note')).toEqual([{ type: 'note', note: [0, 0, 0, 0] }])
      const paths = new Set(program.only('resolved').map(({ binary }) => binary.path))
      expect([program.only('resolved').length, paths.size]).toEqual([5, 1])
      expect(output([...paths][0] ?? '')).toBe('one -')
      expect(program.only('building')).toHaveLength(1)
    })

    for (const [listens, work] of [
      ['and listens to events', 'settle(get())'],
      ['and listens to nothing', 'settle(get({ onEvent: undefined }))'],
    ] as const) {
      test(`that is terminated in the middle of a build, ${listens}, leaves nothing alive, ${TIMES} times`, async () => {
        const checkout = new GatedCheckout()
        const { reachedFile } = checkout.gate
        // A build script that went on would hold the checkout's lock, and the next round would wait forever.
        const main = `
          for (let times = 1; times <= ${TIMES}; times++) {
            const building = worker()
            await new Promise((reached) => {
              const poll = setInterval(() => {
                if (!existsSync(${JSON.stringify(reachedFile)}) || require('node:fs').statSync(${JSON.stringify(reachedFile)}).size < times) return
                clearInterval(poll)
                reached()
              }, 5)
            })
            await building.terminate()
          }
          note('done')
        `
        const program = new Program(runtime, checkout.options(), withWorkers(work, main))
        expect(await program.ended()).toBe(0)
        expect(program.stderr).toBe('')
        expect(program.only('note')).toEqual([{ type: 'note', note: 'done' }])
        expect(program.only('resolved')).toEqual([])
        expect(checkout.gate.times).toBe(TIMES)
        expect(await survivors(checkout.repo)).toEqual([])
      })
    }

    test(`that is terminated at any moment does no harm, ${TIMES} times`, async () => {
      const checkout = new GatedCheckout()
      const main = `
        for (let times = 0; times < ${TIMES}; times++) {
          const building = worker()
          await new Promise((later) => setTimeout(later, times * 15))
          await building.terminate()
        }
        note('done')
      `
      const program = new Program(runtime, checkout.options(), withWorkers('settle(get())', main))
      expect(await program.ended()).toBe(0)
      expect(program.stderr).toBe('')
      expect(program.only('note')).toEqual([{ type: 'note', note: 'done' }])
      expect(await survivors(checkout.repo)).toEqual([])

      checkout.gate.open()
      expect((await checkout.run()).prints).toBe('one -')
    })

    test('that is terminated leaves the calls of the main thread alone', async () => {
      const checkout = new GatedCheckout()
      const main = `
        const building = worker()
        const main = settle(get())
        await new Promise((reached) => when(${JSON.stringify(checkout.gate.reachedFile)}, reached))
        await building.terminate()
        note('terminated')
        await main
      `
      const work = 'settle(get({ onEvent: undefined }))'
      const program = new Program(runtime, checkout.options(), withWorkers(work, main))
      await program.says('note')
      checkout.gate.open()
      expect(await program.ended()).toBe(0)
      expect(program.only('resolved').map(({ binary }) => output(binary.path))).toEqual(['one -'])
    })
  })
}
