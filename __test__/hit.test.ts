// When a build happens and when it does not.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { Checkout, listener, mainPrinting, only, PATIENCE_MS } from './support.js'

setDefaultTimeout(PATIENCE_MS)

test('cold, then cached: the same file, and nothing but a hit is told', async () => {
  const checkout = new Checkout()
  const cold = await checkout.run()
  expect(cold.outcome).toBe('built')
  expect(cold.prints).toBe('one -')
  expect(cold.binary.reasons).toEqual([{ kind: 'first-build' }])

  const { events, onEvent } = listener()
  const hit = await checkout.run({ onEvent })
  expect(hit.outcome).toBe('cached')
  expect(hit.binary).toMatchObject({ path: cold.binary.path, sha256: cold.binary.sha256, reasons: [] })
  expect(events).toEqual([{ type: 'hit', bin: 'hello', fingerprint: cold.binary.fingerprint }])
})

test('an edit builds and says what changed; reverting it hits the old entry', async () => {
  const checkout = new Checkout()
  const first = await checkout.run()
  checkout.write('src/main.rs', mainPrinting('two'))
  const { events, onEvent } = listener()
  const second = await checkout.run({ onEvent })
  expect(second).toMatchObject({ outcome: 'built', prints: 'two -' })
  expect(second.binary.reasons).toEqual([
    { kind: 'source', paths: [{ path: 'src/main.rs', change: 'changed' }], count: 1 },
  ])
  expect(only(events, 'miss')).toEqual([{ type: 'miss', bin: 'hello', reasons: second.binary.reasons }])
  checkout.write('src/main.rs', mainPrinting('one'))
  expect(await checkout.run()).toMatchObject({
    outcome: 'cached',
    prints: 'one -',
    binary: { path: first.binary.path },
  })
})
