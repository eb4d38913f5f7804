// `watch`: binaries that are built ahead, by edits of real checkouts.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import type { DevBinary, DevBinaryEvent, DevBinaryOptions } from '../index.js'
import { watch } from '../index.js'
import { start } from './command.js'
import { GatedCheckout, Program, processesIn, survivors } from './program.js'
import { Checkout, HELLO, mainPrinting, PATIENCE_MS, rejection, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

/** An iteration over the binaries of a checkout, which is taken by hand. */
class Watching {
  readonly events: DevBinaryEvent[] = []
  readonly iterator: AsyncIterator<DevBinary>

  constructor(checkout: Checkout, options: Partial<DevBinaryOptions> = {}) {
    const onEvent = (event: DevBinaryEvent) => void this.events.push(event)
    this.iterator = watch(checkout.options({ onEvent, ...options }))[Symbol.asyncIterator]()
  }

  /** Returns what the next binary prints. */
  async prints(): Promise<string> {
    const { value } = await this.iterator.next()
    return execFileSync(value.path, { encoding: 'utf8' }).trim()
  }

  count(type: DevBinaryEvent['type']): number {
    return this.events.filter((event) => event.type === type).length
  }

  says(type: DevBinaryEvent['type'], times = 1): Promise<void> {
    return until(() => this.count(type) >= times, `the iteration says ${type} ${times} times`)
  }

  end() {
    return this.iterator.return?.()
  }
}

describe('watch yields', () => {
  test('the binary at once, and another one after an edit, a commit of one, and a switch of branches', async () => {
    const checkout = new Checkout()
    const watching = new Watching(checkout, { scope: 'crate' })
    expect(await watching.prints()).toBe('one -')
    checkout.write('src/main.rs', mainPrinting('two'))
    expect(await watching.prints()).toBe('two -')
    checkout.git('checkout', '--quiet', '-b', 'other')
    checkout.commit('two')
    checkout.git('checkout', '--quiet', 'main')
    expect(await watching.prints()).toBe('one -')
    // The commit was built already, and a branch that was built comes from the cache.
    expect([watching.count('published'), watching.count('hit')]).toEqual([2, 1])
    await watching.end()
  })

  test('nothing for a build that fails, which is an event, and then the one that is mended', async () => {
    const checkout = new Checkout()
    checkout.write('src/main.rs', 'fn main() { broken }')
    const watching = new Watching(checkout, { scope: 'crate' })
    const next = watching.prints()
    await watching.says('failed')
    expect(watching.events.at(-1)).toMatchObject({ type: 'failed', error: { code: 'BUILD_FAILED' } })
    checkout.write('src/main.rs', mainPrinting('mended'))
    expect(await next).toBe('mended -')
    checkout.write('src/main.rs', 'fn main() { println!("{}", include_str!("../more/text")) }')
    const further = watching.prints()
    await watching.says('failed', 2)
    // No finished build has read this file.
    checkout.write('more/text', 'there')
    expect(await further).toBe('there')
    expect(watching.count('failed')).toBe(2)
    await watching.end()
  })

  test('at most two builds after the last of fifty edits in ten seconds, and ends with what that says', async () => {
    const checkout = new Checkout()
    const watching = new Watching(checkout)
    const seen: string[] = []
    const taking = (async () => {
      while (seen.at(-1) !== 'edit-50 -') seen.push(await watching.prints())
    })()
    await until(() => seen.length > 0, 'the first binary is there')
    for (let edit = 1; edit < 50; edit++) {
      checkout.write('src/main.rs', mainPrinting(`edit-${edit}`))
      await Bun.sleep(200)
    }
    const before = watching.count('building')
    checkout.write('src/main.rs', mainPrinting('edit-50'))
    await taking
    await Bun.sleep(600)
    expect(watching.count('building') - before).toBeLessThanOrEqual(2)
    await watching.end()
  })

  test('each of several binaries, and only those again that have changed', async () => {
    const [one, other] = [new Checkout(), new Checkout()]
    const iterator = watch([one.options(), other.options()])
    const first = [await iterator.next(), await iterator.next()].map(({ value }) => value.path)
    expect(new Set(first).size).toBe(2)
    other.write('src/main.rs', mainPrinting('two'))
    const { value } = await iterator.next()
    expect(value.path.startsWith(other.cacheDir)).toBe(true)
    await iterator.return?.()
  })

  test('the newest alone to a caller that takes its time', async () => {
    const checkout = new Checkout()
    const watching = new Watching(checkout)
    expect(await watching.prints()).toBe('one -')
    for (const [index, text] of ['two', 'three'].entries()) {
      checkout.write('src/main.rs', mainPrinting(text))
      await watching.says('published', index + 2)
    }
    await until(() => watching.events.at(-1)?.type === 'published', 'the last build is over')
    await Bun.sleep(100)
    expect(await watching.prints()).toBe('three -')
    await watching.end()
  })
})

describe('a change', () => {
  test('during a build ends cargo, and the build begins again', async () => {
    const checkout = new GatedCheckout()
    const watching = new Watching(checkout)
    const next = watching.prints()
    await checkout.gate.reached()
    checkout.write('src/main.rs', mainPrinting('two'))
    await checkout.gate.reached(2)
    expect(watching.count('built')).toBe(0)
    checkout.gate.open()
    expect(await next).toBe('two -')
    await watching.end()
  })

  test('that only the build makes starts no build', async () => {
    const script = `fn main() {
      let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
      std::fs::write("generated.txt", nanos.to_string()).unwrap();
    }`
    const checkout = new Checkout({ ...HELLO, 'build.rs': script })
    rmSync(`${checkout.repo}/Cargo.lock`)
    const watching = new Watching(checkout, { scope: 'crate' })
    expect(await watching.prints()).toBe('one -')
    const before = watching.count('building')
    // Looks come ten times a second, or a second apart with an addon that is not optimized.
    await Bun.sleep(1500)
    expect(watching.count('building')).toBe(before)
    await watching.end()
  })

  test('that removes the checkout is an event, and what comes back is watched', async () => {
    const checkout = new Checkout()
    const watching = new Watching(checkout)
    expect(await watching.prints()).toBe('one -')
    const kept = `${checkout.directory}/kept`
    cpSync(checkout.repo, kept, { recursive: true })
    rmSync(checkout.repo, { recursive: true })
    await watching.says('failed')
    expect(watching.events.at(-1)).toMatchObject({ error: { code: 'NOT_A_CHECKOUT' } })
    renameSync(kept, checkout.repo)
    checkout.write('src/main.rs', mainPrinting('back'))
    expect(await watching.prints()).toBe('back -')
    await watching.end()
  })
})

describe('the iteration', () => {
  test('leaves no process when `break` ends it, during a build', async () => {
    const checkout = new GatedCheckout()
    checkout.gate.open()
    for await (const _ of watch(checkout.options())) {
      rmSync(checkout.gate.openFile)
      checkout.write('build.rs', checkout.gate.buildScript('let _ = 1;'))
      await checkout.gate.reached(2)
      expect(processesIn(checkout.repo)).not.toEqual([])
      break
    }
    expect(await survivors(checkout.repo)).toEqual([])
  })

  test('ends by its signal with the reason, and leaves no process', async () => {
    const checkout = new GatedCheckout()
    const controller = new AbortController()
    const { iterator } = new Watching(checkout, { signal: controller.signal })
    const next = rejection(iterator.next())
    await checkout.gate.reached()
    const reason = new Error('enough')
    controller.abort(reason)
    expect(await next).toBe(reason)
    expect(await survivors(checkout.repo)).toEqual([])
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  test('rejects with a wrong option, and with what `onEvent` throws', async () => {
    const checkout = new Checkout()
    const wrong = watch({ nice: 20 })
    expect(await rejection(wrong.next())).toMatchObject({ code: 'INVALID_OPTION' })
    const thrown = new Error('no')
    const onEvent = () => {
      throw thrown
    }
    expect(await rejection(watch(checkout.options({ onEvent })).next())).toBe(thrown)
    expect(await survivors(checkout.repo)).toEqual([])
  })

  test('goes on after another watcher was killed, and builds what that one was building', async () => {
    const checkout = new GatedCheckout()
    const program = new Program(
      'node',
      checkout.options(),
      `const { watch } = require(${JSON.stringify(`${import.meta.dir}/../index.js`)})
      ;(async () => { for await (const binary of watch({ ...options, onEvent: say })) say({ type: 'resolved', binary }) })()`,
    )
    await checkout.gate.reached()
    program.process.kill('SIGKILL')
    await program.ended()
    checkout.gate.open()
    const watching = new Watching(checkout)
    expect(await watching.prints()).toBe('one -')
    await watching.end()
    expect(await survivors(checkout.repo)).toEqual([])
  })
})

/** Returns the niceness of the build script that waits in `directory`. */
function nicenessIn(directory: string): number | undefined {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const isScript = readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${directory}/target/release/build/`)
      if (isScript) return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[16])
    } catch {
      // The process has ended meanwhile.
    }
  }
  return undefined
}

test.skipIf(process.platform !== 'linux')('builds have niceness 10, and that of the option', async () => {
  const own = Number(readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ')[16])
  for (const [nice, expected] of [
    [undefined, 10],
    [0, 0],
  ] as const) {
    const checkout = new GatedCheckout()
    const watching = new Watching(checkout, { nice })
    const next = watching.iterator.next()
    await checkout.gate.reached()
    expect([nice, nicenessIn(checkout.repo)]).toEqual([nice, Math.min(19, own + expected)])
    checkout.gate.open()
    await next
    await watching.end()
  }
})

test('`dev-bin watch` prints each path as a line, and goes on after a failure', async () => {
  const checkout = new Checkout()
  const env = { ...checkout.environment(), DEV_BIN_CACHE_DIR: checkout.cacheDir }
  const command = start('node', ['watch', '-p', 'hello', '--repo', checkout.repo], { env })
  let [stdout, stderr] = ['', '']
  const reading = Promise.all([
    (async () => {
      for await (const chunk of command.stdout) stdout += new TextDecoder().decode(chunk)
    })(),
    (async () => {
      for await (const chunk of command.stderr) stderr += new TextDecoder().decode(chunk)
    })(),
  ])
  const lines = () => stdout.split('\n').length - 1
  await until(() => lines() === 1, 'the first path is there')
  checkout.write('src/main.rs', 'fn main() { broken }')
  await until(() => stderr.includes('error[BUILD_FAILED]'), 'the failure is told')
  checkout.write('src/main.rs', mainPrinting('mended'))
  await until(() => lines() === 2, 'the second path is there')
  expect(execFileSync(stdout.split('\n')[1] ?? '', { encoding: 'utf8' })).toBe('mended -\n')
  command.kill('SIGINT')
  await Promise.all([command.exited, reading])
  expect([command.signalCode, await survivors(checkout.repo)]).toEqual(['SIGINT', []])
})

test('`dev-bin watch --json` writes events, failures and results as lines of JSON', async () => {
  const checkout = new Checkout()
  const env = { ...checkout.environment(), DEV_BIN_CACHE_DIR: checkout.cacheDir }
  const command = start('node', ['watch', '-p', 'hello', '--repo', checkout.repo, '--quiet', '--json'], { env })
  const lines: { type: string; error?: { code: string }; path?: string }[] = []
  const reading = (async () => {
    let pending = ''
    for await (const chunk of command.stdout) {
      const whole = (pending + new TextDecoder().decode(chunk)).split('\n')
      pending = whole.pop() ?? ''
      for (const line of whole) lines.push(JSON.parse(line))
    }
  })()
  const only = (type: string) => lines.filter((line) => line.type === type)
  await until(() => only('result').length === 1, 'the first result is there')
  checkout.write('src/main.rs', 'fn main() { broken }')
  await until(() => only('failed').length === 1, 'the failure is told')
  checkout.write('src/main.rs', mainPrinting('mended'))
  await until(() => only('result').length === 2, 'the second result is there')
  command.kill('SIGTERM')
  await Promise.all([command.exited, reading])
  expect(only('failed')).toMatchObject([{ error: { code: 'BUILD_FAILED' } }])
  expect(only('published')).toHaveLength(2)
  expect(execFileSync(only('result')[1]?.path ?? '', { encoding: 'utf8' })).toBe('mended -\n')
})
