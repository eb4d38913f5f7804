// Processes that are killed, and the caches that they leave.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canTrace, Program, traced } from './program.js'
import { Checkout, mainPrinting, PATIENCE_MS } from './support.js'

setDefaultTimeout(PATIENCE_MS)

describe('a process that is killed', () => {
  /** Returns the same numbers in every run, so that a failure can be repeated. */
  function* seeded(seed: number): Generator<number, never> {
    let state = seed
    while (true) {
      state = (state * 1664525 + 1013904223) % 2 ** 32
      yield state / 2 ** 32
    }
  }

  test('at any moment of build and publication leaves a cache that the next call can use', async () => {
    const checkout = new Checkout()
    const random = seeded(6)
    // The duration of a call depends on the load of the machine. So each call that ends by itself sets it anew.
    let length = Number.POSITIVE_INFINITY
    let killed = 0
    for (let round = 0; killed <= 10 || round < 25; round++) {
      const text = `round-${round}`
      checkout.write('src/main.rs', mainPrinting(text))
      const program = new Program('bun', checkout.options())
      const began = performance.now()
      // Spread evenly, with jitter, beyond the end: a kill that comes too late must do no harm either.
      const moment = (((round % 25) + random.next().value) / 23) * length
      await Promise.race([program.process.exited, Bun.sleep(Math.min(moment, PATIENCE_MS))])
      program.process.kill('SIGKILL')
      if ((await program.ended()) === 'SIGKILL') killed++
      else length = performance.now() - began
      expect(await checkout.run()).toMatchObject({ prints: `${text} -` })
      expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: `${text} -` })
    }
    expect(killed).toBeGreaterThan(10)
  })

  // The process is killed at each system call that changes the cache. cargo is not traced.
  const CALLS =
    'fchmod,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,copy_file_range'
  test.skipIf(!canTrace)('at each system call of publication leaves a cache that the next call can use', async () => {
    const checkout = new Checkout()
    // The process must end, since a call writes to the cache after its answer.
    expect(await new Program('bun', checkout.options()).ended()).toBe(0)
    // It writes or does not, as time goes by, and would be counted.
    rmSync(join(checkout.cacheDir, 'stat-cache'), { recursive: true, force: true })
    writeFileSync(join(checkout.cacheDir, 'stat-cache'), 'in the way')
    const log = join(checkout.directory, 'trace')
    const build = async (text: string, ...args: string[]) => {
      checkout.write('src/main.rs', mainPrinting(text))
      const program = new Program('node', checkout.options(), undefined, { prefix: traced('-b', 'execve', ...args) })
      return { program, end: await program.ended() }
    }

    expect((await build('undisturbed', '-o', log, '-y', '-e', `trace=${CALLS}`)).end).toBe(0)
    const lines = readFileSync(log, 'utf8').split('\n')
    const thread = lines.find((line) => line.includes(checkout.cacheDir))?.split(' ')[0] as string
    const calls = lines
      .filter((line) => line.startsWith(`${thread} `))
      .map((line) => /^\d+ +(\w+)\(/.exec(line)?.[1])
      .filter((name) => name !== undefined)
    expect(calls.filter((name) => name.startsWith('rename')).length).toBeGreaterThan(1)

    for (const [index, name] of calls.entries()) {
      // strace counts per thread and name.
      const nth = calls.slice(0, index + 1).filter((other) => other === name).length
      const text = `${name}-${nth}`
      const inject = ['-e', `trace=${name}`, '-e', `inject=${name}:signal=KILL:when=${nth}`]
      const { program, end } = await build(text, '-o', '/dev/null', ...inject)
      expect([text, end, program.only('resolved').length]).toEqual([text, 'SIGKILL', 0])
      const next = await checkout.run()
      expect(next.prints).toBe(`${text} -`)
      if (next.outcome === 'built') expect(next.binary.reasons).not.toEqual([])
      expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: `${text} -` })
    }
  })
})
