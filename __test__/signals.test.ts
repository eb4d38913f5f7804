// Signals that come while calls follow each other, so that one of them may come just when a call ends.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { Program, RUNTIMES } from './program.js'
import { Checkout, entry, PATIENCE_MS } from './support.js'

setDefaultTimeout(PATIENCE_MS)

/** The number of processes of each kind. Each of them would outlive its signal one time out of two if it were lost. */
const PROCESSES = 12

const HITS = 'for (;;) { await getDevBinary(options); say({ type: "note", note: "hit" }) }'
const WATCH = `for await (const _ of require(${JSON.stringify(entry)}).watch(options)) say({ type: "note", note: "hit" })`

for (const runtime of RUNTIMES) {
  for (const [what, source] of Object.entries({ 'hits in a row': HITS, 'an iteration of `watch`': WATCH })) {
    test(`in ${runtime}, a signal ends a process of ${what} whenever it comes`, async () => {
      const checkout = new Checkout()
      await checkout.get()
      for (let count = 0; count < PROCESSES; count++) {
        const program = new Program(runtime, checkout.options(), `;(async () => { ${source} })()`)
        await program.says('note')
        // Each signal finds the calls at another point.
        await Bun.sleep(count * 3)
        program.process.kill('SIGTERM')
        expect(await program.ended()).toBe('SIGTERM')
      }
    })
  }
}
