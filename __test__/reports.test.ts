// The report of a call on stderr, on a terminal and elsewhere.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import type { DevBinaryOptions } from '../index.js'
import { GatedCheckout, Program } from './program.js'
import { Checkout, mainPrinting, PATIENCE_MS, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

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
