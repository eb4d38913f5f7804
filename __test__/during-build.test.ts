// Files that change during a build.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, rmSync, unlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { Gate, GatedCheckout, LinkGatedCheckout } from './program.js'
import { Checkout, listener, mainPrinting, only, PATIENCE_MS, rejection } from './support.js'

setDefaultTimeout(PATIENCE_MS)

describe('during a build', () => {
  test('an edit that the build may or may not have seen: the binary has the final content', async () => {
    const checkout = new GatedCheckout()
    const { events, onEvent } = listener()
    const call = checkout.run({ onEvent })
    await checkout.gate.reached()
    checkout.write('src/main.rs', mainPrinting('two'))
    checkout.gate.open()
    expect(await call).toMatchObject({ outcome: 'built', prints: 'two -' })
    expect(only(events, 'building')).toHaveLength(2)
    expect(only(events, 'warning')[0]?.message).toContain('src/main.rs changed during the build')
    expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: 'two -' })
    checkout.write('src/main.rs', mainPrinting('one'))
    expect(await checkout.run()).toMatchObject({ prints: 'one -' })
    expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: 'one -' })
    checkout.write('src/main.rs', mainPrinting('two'))
    expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: 'two -' })
  })

  test('an edit that came too late for the compiler: neither fingerprint gets the wrong binary', async () => {
    const checkout = new LinkGatedCheckout()
    const call = checkout.run()
    await checkout.linking.reached()
    checkout.write('src/main.rs', mainPrinting('two'))
    checkout.linking.open()
    expect(await call).toMatchObject({ outcome: 'built', prints: 'two -' })
    checkout.write('src/main.rs', mainPrinting('one'))
    expect(await checkout.run()).toMatchObject({ prints: 'one -' })
    checkout.write('src/main.rs', mainPrinting('two'))
    expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: 'two -' })
  })

  test('an edit that is reverted before the build ends: the binary has the content on disk', async () => {
    const checkout = new LinkGatedCheckout()
    const script = new Gate(checkout.directory, 'script')
    checkout.write('build.rs', script.buildScript())
    const { events, onEvent } = listener()
    const call = checkout.run({ onEvent })
    await script.reached()
    checkout.write('src/main.rs', mainPrinting('two'))
    script.open()
    await checkout.linking.reached()
    checkout.write('src/main.rs', mainPrinting('one'))
    checkout.linking.open()
    expect(await call).toMatchObject({ outcome: 'built', prints: 'one -' })
    expect(only(events, 'building')).toHaveLength(2)
    expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: 'one -' })
    checkout.write('src/main.rs', mainPrinting('two'))
    expect(await checkout.run()).toMatchObject({ prints: 'two -' })
  })

  test('a touch without a change costs a second build and is published', async () => {
    const checkout = new LinkGatedCheckout()
    const { events, onEvent } = listener()
    const call = checkout.run({ onEvent })
    await checkout.linking.reached()
    utimesSync(join(checkout.repo, 'src/main.rs'), 0, 0)
    checkout.linking.open()
    expect(await call).toMatchObject({ outcome: 'built', prints: 'one -' })
    expect(only(events, 'published')).toHaveLength(1)
    // cargo takes the file for an old one, and rustc may have read other content.
    expect(only(events, 'warning').map(({ message }) => message)).toEqual([
      'src/main.rs was written to during the build; building again',
      'cargo takes `hello` for fresh, but src/main.rs was changed after the last build; cleaning it and building again',
    ])
    expect(await checkout.run()).toMatchObject({ outcome: 'cached' })
  })

  test('a build that writes the same bytes into an input each time is published', async () => {
    const checkout = new Checkout()
    checkout.write('src/generated.rs', '// generated\n')
    checkout.write('build.rs', 'fn main() { std::fs::write("src/generated.rs", "// generated\\n").unwrap(); }\n')
    checkout.commit('a build script that writes into the sources')
    expect(await checkout.run()).toMatchObject({ outcome: 'built', prints: 'one -' })
    expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: 'one -' })
  })

  test('a build that changes an input each time is given up, and the error names the file', async () => {
    const checkout = new Checkout()
    checkout.write('src/counter.txt', '0')
    checkout.write(
      'build.rs',
      `fn main() {
    let count: u32 = std::fs::read_to_string("src/counter.txt").unwrap().parse().unwrap();
    std::fs::write("src/counter.txt", (count + 1).to_string()).unwrap();
}
`,
    )
    checkout.commit('a build script that counts')
    const { events, onEvent } = listener()
    const error = await rejection(checkout.get({ onEvent }))
    expect(error.code).toBe('CHANGED_DURING_BUILD')
    expect(error.message).toContain('src/counter.txt')
    expect(error.hint).toContain('exclude')
    expect(only(events, 'building')).toHaveLength(3)
    expect(only(events, 'published')).toEqual([])

    // The hint says to do this.
    expect(await checkout.run({ exclude: ['/src/counter.txt'] })).toMatchObject({ outcome: 'built', prints: 'one -' })
  })

  test('a lock file that cargo makes is one change, and then a hit', async () => {
    const checkout = new Checkout()
    unlinkSync(join(checkout.repo, 'Cargo.lock'))
    checkout.commit('no lock file')
    expect(await checkout.run()).toMatchObject({ outcome: 'built', prints: 'one -' })
    expect(existsSync(join(checkout.repo, 'Cargo.lock'))).toBe(true)
    expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: 'one -' })
  })

  test('a checkout that goes away is an error, not a crash', async () => {
    const checkout = new LinkGatedCheckout()
    const call = checkout.get()
    await checkout.linking.reached()
    rmSync(join(checkout.repo, 'Cargo.toml'))
    rmSync(join(checkout.repo, '.git'), { recursive: true })
    checkout.linking.open()
    expect((await rejection(call)).code).toBe('NOT_A_CHECKOUT')
  })
})
