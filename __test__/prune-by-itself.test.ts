// The cache is pruned by itself, after builds.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { age, Cache, DAY, MadeUp, unused } from './cache.js'
import { devBin } from './command.js'
import { Program, RUNTIMES } from './program.js'
import { mainPrinting, PATIENCE_MS, rejection, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

describe('by itself, the cache is pruned', () => {
  const stamp = (cache: Cache) => join(cache.cacheDir, 'pruned')

  test('after a build, once a day, with the limits of the call', async () => {
    const cache = new Cache()
    const old = await cache.builtElsewhere('old', 40 * DAY)
    // A new cache needs none.
    await cache.builtElsewhere('one')
    expect(existsSync(old)).toBe(true)
    age(stamp(cache), 1.1 * DAY)
    await cache.get()
    expect(existsSync(old)).toBe(true)
    const before = statSync(stamp(cache)).mtimeMs
    await cache.built('two')
    await until(() => statSync(stamp(cache)).mtimeMs > before, 'the cache is pruned')
    expect(existsSync(old)).toBe(false)

    const second = await cache.builtElsewhere('three')
    unused(second, 40 * DAY)
    age(stamp(cache), 1.1 * DAY)
    const again = statSync(stamp(cache)).mtimeMs
    cache.write('src/main.rs', mainPrinting('four'))
    await cache.get({ maxAge: 'none', env: cache.environment({ DEV_BIN_MAX_AGE: '1d' }) })
    await until(() => statSync(stamp(cache)).mtimeMs > again, 'the cache is pruned')
    expect(existsSync(second)).toBe(true)
  })

  for (const runtime of RUNTIMES) {
    test(`though the process ends at once, in ${runtime}; not when it is made to`, async () => {
      const cache = new Cache()
      const old = await cache.builtElsewhere('old', 40 * DAY)
      age(stamp(cache), 1.1 * DAY)
      let round = 0
      // Each process waits only for a moment, and leaves the rest to the next one.
      await until(async () => {
        cache.write('src/main.rs', mainPrinting(`one ${round++}`))
        const program = new Program(runtime, cache.options())
        expect(await program.ended()).toBe(0)
        return !existsSync(old)
      }, 'the cache is pruned')

      cache.write('src/main.rs', mainPrinting('two'))
      age(stamp(cache), 1.1 * DAY)
      const hasty = new Program(runtime, cache.options(), 'get().then(() => process.exit(7))')
      expect(await hasty.ended()).toBe(7)
      expect(await cache.run()).toMatchObject({ outcome: 'cached', prints: 'two -' })
    })
  }

  test('and no process waits for all of it: the next one goes on', async () => {
    const many = new MadeUp()
    const paths = Array.from({ length: 3000 }, (_, index) => many.add(index, { bytes: 1, used: 40 * DAY }))
    const { cacheDir } = many
    const cache = new Cache()
    age(many.stamp(), 1.1 * DAY)
    const before = statSync(many.stamp()).mtimeMs
    const left = () => paths.filter((path) => existsSync(path)).length
    const run = await devBin('node', ['run', '-q', '-p', 'hello', '--repo', cache.repo, '--cache-dir', cacheDir])
    expect(run).toMatchObject({ status: 0, stdout: 'one -\n' })
    expect([left() > 0, statSync(many.stamp()).mtimeMs]).toEqual([true, before])
    // A process that lives prunes to the end.
    cache.write('src/main.rs', mainPrinting('two'))
    await cache.get({ cacheDir })
    await until(() => statSync(many.stamp()).mtimeMs > before, 'the cache is pruned')
    // The newest of its checkout stays.
    expect(left()).toBe(1)
  })

  test.skipIf(process.platform === 'win32')('and notes that, whatever stands in the place of the note', async () => {
    const cache = new Cache()
    await cache.built('one')
    const elsewhere = join(cache.directory, 'elsewhere')
    writeFileSync(elsewhere, 'precious')
    const makers = {
      pipe: () => execFileSync('mkfifo', [stamp(cache)]),
      directory: () => mkdirSync(stamp(cache)),
      link: () => symlinkSync(elsewhere, stamp(cache)),
    }
    for (const [name, make] of Object.entries(makers)) {
      rmSync(stamp(cache), { recursive: true })
      make()
      execFileSync('touch', ['-h', '-d', '2 days ago', stamp(cache)])
      const then = statSync(elsewhere).mtimeMs
      cache.write('src/main.rs', mainPrinting(name))
      await cache.get()
      await until(() => lstatSync(stamp(cache), { throwIfNoEntry: false })?.isFile() === true, 'the cache is pruned')
      expect([statSync(elsewhere).mtimeMs, readFileSync(elsewhere, 'utf8')]).toEqual([then, 'precious'])
    }
  })

  test('under a lock, and no build waits for that lock', async () => {
    const cache = new Cache()
    const old = await cache.builtElsewhere('old', 40 * DAY)
    age(stamp(cache), 1.1 * DAY)
    cache.write('src/main.rs', mainPrinting('one'))
    const lock = join(cache.cacheDir, 'locks', 'prune.lock')
    writeFileSync(lock, '')
    const holder = spawn('flock', [lock, 'sh', '-c', 'echo held; read line'], { stdio: ['pipe', 'pipe', 'inherit'] })
    const exited = new Promise((resolve) => holder.on('exit', resolve))
    await new Promise((resolve) => holder.stdout.once('data', resolve))
    const program = new Program('node', cache.options())
    expect(await program.ended()).toBe(0)
    expect(existsSync(old)).toBe(true)
    // A call of `prune` waits, and can be aborted.
    const reason = new Error('enough')
    expect(await rejection(cache.prune({ signal: AbortSignal.timeout(200) }))).toHaveProperty('name', 'TimeoutError')
    const controller = new AbortController()
    const ended = rejection(cache.prune({ signal: controller.signal }))
    controller.abort(reason)
    expect(await ended).toBe(reason)
    const waiting = cache.prune()
    expect(existsSync(old)).toBe(true)
    holder.stdin.end('\n')
    await exited
    expect((await waiting).removed.map(({ entry }) => entry.path)).toEqual([old])
  })
})
