// The entries that stay in the cache and those that go, by their age, their size, and what uses them.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { spawn } from 'node:child_process'
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { list, type PruneOptions, prune } from '../index.js'
import { age, Cache, DAY, du, HOUR, MadeUp, MIB, unused } from './cache.js'
import { canTrace, LinkGatedCheckout, Program, traced } from './program.js'
import { Checkout, listener, mainPrinting, only, output, PATIENCE_MS, rejection } from './support.js'

setDefaultTimeout(PATIENCE_MS)

describe('a cache of a thousand entries', () => {
  test('keeps its size, counted in blocks on disk, and loses the least recently used', async () => {
    const cache = new MadeUp()
    // 64 MiB each to look at, which would be 64 GiB, and 16 KiB on disk.
    const paths = Array.from({ length: 1000 }, (_, index) =>
      cache.add(index, { bytes: 64 * MIB, filled: 16_384, used: 3 * HOUR + index * 60_000 }),
    )
    const before = du(cache.cacheDir)
    expect(before).toBeLessThan(64 * MIB)

    const nothing = await cache.prune({ maxSize: before })
    expect(nothing).toMatchObject({ removed: [], kept: 1000, freed: 0, over: false })

    const cap = 10 * MIB
    const pruning = await cache.prune({ maxSize: cap })
    const after = du(cache.cacheDir)
    expect(after).toBeLessThanOrEqual(cap + 64 * 1024)
    expect(after).toBeGreaterThan(cap - 128 * 1024)
    expect(pruning.size).toBeLessThanOrEqual(cap)
    expect(pruning.freed).toBe(before - after)
    expect(pruning.problems).toEqual([])
    expect(pruning.removed.map(({ entry }) => entry.path)).toEqual(paths.slice(pruning.kept).reverse())
    expect(new Set(pruning.removed.map(({ reason }) => reason))).toEqual(new Set(['size']))
    expect((await cache.list()).map(({ path }) => path)).toEqual(paths.slice(0, pruning.kept))
    expect(readdirSync(cache.cacheDir).filter((name) => /^[0-9a-f]{16}$/.test(name)).length).toBe(pruning.kept)
  })

  test('keeps its age', async () => {
    const cache = new MadeUp()
    const paths = Array.from({ length: 1000 }, (_, index) => cache.add(index, { bytes: 1, used: (index + 0.5) * DAY }))
    const { removed, kept } = await cache.prune({ maxAge: '100d' })
    expect(kept).toBe(100)
    expect(removed.length).toBe(900)
    expect(new Set(removed.map(({ reason }) => reason))).toEqual(new Set(['age']))
    expect((await cache.list()).map(({ path }) => path)).toEqual(paths.slice(0, 100))
    expect(await cache.prune({ maxAge: 'none', maxSize: Number.POSITIVE_INFINITY })).toMatchObject({
      removed: [],
      kept: 100,
    })
    // The default is 30 days.
    expect((await cache.prune()).kept).toBe(30)
  })

  test('loses nothing in a dry run, which reports the same', async () => {
    const cache = new MadeUp()
    for (let index = 0; index < 100; index++) cache.add(index, { bytes: 10_000, used: (index + 1) * DAY })
    writeFileSync(join(cache.cacheDir, 'tmp', '.tmpOld'), 'x')
    age(join(cache.cacheDir, 'tmp', '.tmpOld'), 2 * HOUR)
    const before = du(cache.cacheDir)
    const foretold = await cache.prune({ maxAge: '50d', maxSize: '300kB', dryRun: true })
    expect([du(cache.cacheDir), (await cache.list()).length]).toEqual([before, 100])
    expect(foretold.leftovers).toBe(1)
    expect(await cache.prune({ maxAge: '50d', maxSize: '300kB' })).toEqual(foretold)
  })
})

describe('these stay, whatever the limits are:', () => {
  const NOTHING = { maxSize: 0, maxAge: 0 }

  test('an entry that was used within the last hour', async () => {
    const cache = new Cache()
    const one = await cache.built('one')
    const two = await cache.built('two')
    expect(await cache.prune(NOTHING)).toMatchObject({ removed: [], kept: 2, over: true })
    // A use is recorded once an hour, so an entry with a record of two hours ago may have been used an hour ago.
    unused(one, 1.9 * HOUR)
    expect(await cache.prune(NOTHING)).toMatchObject({ kept: 2 })
    unused(one, 2.1 * HOUR)
    expect((await cache.prune(NOTHING)).removed.map(({ entry }) => entry.path)).toEqual([one])
    expect([existsSync(one), existsSync(two)]).toEqual([false, true])
  })

  test('an entry that a hit has just returned, though it was unused for long before', async () => {
    const cache = new Cache()
    const one = await cache.built('one')
    await cache.built('two')
    unused(one, 40 * DAY)
    cache.write('src/main.rs', mainPrinting('one'))
    expect(await cache.get()).toMatchObject({ outcome: 'cached', path: one })
    expect((await cache.list())[0]).toMatchObject({ path: one })
    expect(await cache.prune(NOTHING)).toMatchObject({ removed: [] })
    // A second use within the hour is not recorded if no newer build has superseded the entry.
    const two = await cache.built('two')
    const noted = statSync(`${two}.json`).mtimeMs
    await cache.get()
    expect(statSync(`${two}.json`).mtimeMs).toBe(noted)
  })

  test('the newest of each binary of each checkout, until that is gone', async () => {
    const cache = new MadeUp()
    const other = join(cache.directory, 'other')
    mkdirSync(other)
    const names = [
      cache.add(1, { bytes: 1, used: 9 * DAY }),
      cache.add(2, { bytes: 1, used: 8 * DAY }),
      cache.add(3, { bytes: 1, used: 7 * DAY, bin: 'tool' }),
      cache.add(4, { bytes: 1, used: 6 * DAY, bin: 'tool-x86_64-unknown-linux-musl' }),
      cache.add(5, { bytes: 1, used: 5 * DAY, checkout: other }),
      cache.add(6, { bytes: 1, used: 4 * DAY, checkout: join(cache.directory, 'gone') }),
    ]
    const left = async () => (await cache.list()).map(({ path }) => names.indexOf(path) + 1).sort()
    await cache.prune(NOTHING)
    expect(await left()).toEqual([2, 3, 4, 5])
    rmSync(other, { recursive: true })
    await cache.prune(NOTHING)
    expect(await left()).toEqual([2, 3, 4])
  })

  test.skipIf(process.platform !== 'linux')('what a process runs, under whatever name', async () => {
    const cache = new Cache()
    const reading = 'fn main() { println!("up"); std::io::stdin().read_line(&mut String::new()).unwrap(); }\n'
    cache.write('src/main.rs', reading)
    const path = await cache.getElsewhere()
    unused(path, 3 * HOUR)
    await cache.builtElsewhere('two')
    // As a bind mount into a container would have it.
    const elsewhere = join(cache.directory, 'elsewhere')
    linkSync(path, elsewhere)
    const child = spawn(elsewhere, { stdio: ['pipe', 'pipe', 'inherit'] })
    const exited = new Promise((resolve) => child.on('exit', resolve))
    await new Promise((resolve) => child.stdout.once('data', resolve))
    expect((await cache.list()).map(({ running }) => running)).toEqual([false, true])
    expect(await cache.prune(NOTHING)).toMatchObject({ removed: [], kept: 2 })
    expect((await cache.prune({ all: true })).removed.map(({ entry }) => entry.running)).toEqual([false])
    expect(existsSync(path)).toBe(true)
    // The files by which look-ups find it stay, too.
    const foretold = await cache.prune({ all: true, dryRun: true })
    expect(foretold).toMatchObject({ removed: [], leftovers: 0, kept: 1 })
    cache.write('src/main.rs', reading)
    expect(await cache.get()).toMatchObject({ outcome: 'cached', path })
    child.stdin.end('\n')
    await exited
    expect((await cache.prune({ all: true })).removed.map(({ entry }) => entry.path)).toEqual([path])
  })

  test('an entry that a lock protects while it is built again', async () => {
    const checkout = new LinkGatedCheckout()
    const options = checkout.options()
    checkout.linking.open()
    const { path } = await checkout.get()
    rmSync(checkout.linking.openFile)
    // Otherwise cargo would have nothing to do.
    rmSync(join(checkout.repo, 'target'), { recursive: true })
    unused(path, 40 * DAY)
    const program = new Program('bun', options, 'settle(get({ rebuild: true }))')
    await checkout.linking.reached(2)
    expect(await prune({ cacheDir: checkout.cacheDir, all: true })).toMatchObject({ removed: [], kept: 1 })
    checkout.linking.open()
    expect((await program.says('resolved')).binary.path).toBe(path)
    expect(output(path)).toBe('one -')
    await program.ended()
  })

  test('but `all` removes them, except entries that run or are locked', async () => {
    const cache = new Cache()
    await cache.built('one')
    await cache.built('two')
    const { removed, kept, size } = await cache.prune({ all: true })
    expect([removed.length, kept, size]).toEqual([2, 0, 0])
    expect(await cache.list()).toEqual([])
    expect(await cache.run()).toMatchObject({ outcome: 'built', prints: 'two -' })
  })
})

test('limits are parsed as users type them, and an error names an invalid one', async () => {
  const cache = new MadeUp()
  const refused: [PruneOptions, string, string][] = [
    [{ maxSize: 'big' }, '`maxSize`', '5GiB'],
    [{ maxAge: '30' }, '`maxAge`', '30d'],
    [{ maxSize: -1 }, '`maxSize`', '-1'],
    [{ maxAge: Number.NaN }, '`maxAge`', 'NaN'],
    [{ env: { DEV_BIN_MAX_SIZE: 'huge' } }, '`DEV_BIN_MAX_SIZE`', '500MB'],
    [{ env: { DEV_BIN_MAX_AGE: 'soon' } }, '`DEV_BIN_MAX_AGE`', '12h'],
    [{ crate: 'hello' } as PruneOptions, '`crate`', 'maxSize'],
  ]
  for (const [options, name, words] of refused) {
    const error = await rejection(cache.prune(options))
    expect(error.code).toBe('INVALID_OPTION')
    expect(error.message).toContain(name)
    expect(error.message).toContain(words)
  }
  const checkout = new Checkout()
  expect((await rejection(checkout.get({ maxSize: 'huge' }))).message).toContain('`maxSize`')
  // An invalid variable stops neither a build nor a list.
  const env = { DEV_BIN_MAX_SIZE: 'huge' }
  expect(await list({ cacheDir: cache.cacheDir, env })).toEqual([])
  const { events, onEvent } = listener()
  expect(await checkout.get({ env: checkout.environment(env), onEvent })).toMatchObject({ outcome: 'built' })
  expect(only(events, 'warning').map(({ message }) => message)).toEqual([
    expect.stringMatching(/^the cache is not pruned by itself: .*`DEV_BIN_MAX_SIZE`: "huge" is not a size/),
  ])
})

test('variables of the call set the limits that no option sets', async () => {
  const cache = new MadeUp()
  for (let index = 0; index < 10; index++) cache.add(index, { bytes: 1, used: (index + 1) * DAY })
  const env = { DEV_BIN_CACHE_DIR: cache.cacheDir, DEV_BIN_MAX_AGE: '5.5d' }
  expect((await list({ env })).length).toBe(10)
  expect((await prune({ env: { ...env, DEV_BIN_MAX_AGE: '132h' }, dryRun: true })).kept).toBe(5)
  expect((await prune({ env: { ...env, DEV_BIN_MAX_AGE: '132h' }, maxAge: '156h', dryRun: true })).kept).toBe(6)
  expect((await prune({ env: { ...env, DEV_BIN_MAX_AGE: '' }, dryRun: true })).kept).toBe(10)
  expect((await list({ env, cacheDir: join(cache.directory, 'another') })).length).toBe(0)
})

test('an aborted prune says so', async () => {
  const cache = new MadeUp()
  const reason = new Error('enough')
  expect(await rejection(cache.prune({ signal: AbortSignal.abort(reason) }))).toBe(reason)
})

describe('prune that is killed', () => {
  const CALLS = 'rename,renameat,renameat2,unlink,unlinkat,rmdir'
  test.skipIf(!canTrace)('at each of its system calls leaves a valid cache', async () => {
    const cache = new Cache()
    const one = await cache.built('one', 40 * DAY)
    const source = `require(${JSON.stringify(join(import.meta.dir, '..', 'index.js'))})
      .prune({ cacheDir: options.cacheDir }).then(note, (error) => note(error.message))`
    const pruneOnce = async (...args: string[]) => {
      const program = new Program('node', cache.options(), source, { prefix: traced(...args) })
      return program.ended()
    }
    const log = join(cache.directory, 'trace')
    await cache.built('two')
    expect(await pruneOnce('-o', log, '-y', '-e', `trace=${CALLS}`)).toBe(0)
    expect(existsSync(one)).toBe(false)
    const all = readFileSync(log, 'utf8').split('\n')
    const thread = all.find((line) => line.includes(cache.cacheDir))?.split(' ')[0]
    const calls = all
      .filter((line) => line.startsWith(`${thread} `))
      .map((line) => /^\d+ +(\w+)\(/.exec(line)?.[1])
      .filter((name) => name !== undefined)
    expect(calls.length).toBeGreaterThan(4)

    for (const [index, name] of calls.entries()) {
      await cache.prune({ all: true })
      await cache.built('one', 40 * DAY)
      await cache.built('two')
      const nth = calls.slice(0, index + 1).filter((other) => other === name).length
      const inject = ['-e', `trace=${name}`, '-e', `inject=${name}:signal=KILL:when=${nth}`]
      expect([name, await pruneOnce('-o', '/dev/null', ...inject)]).toEqual([name, 'SIGKILL'])
      expect((await cache.list(true)).filter(({ damage }) => damage !== undefined)).toEqual([])
      expect(await cache.run()).toMatchObject({ outcome: 'cached', prints: 'two -' })
      cache.write('src/main.rs', mainPrinting('one'))
      expect((await cache.run()).prints).toBe('one -')
      // An incomplete entry goes an hour later, like other leftovers.
      await cache.prune({ all: true })
      for (const name of readdirSync(cache.cacheDir).filter((name) => /^[0-9a-f]{16}$/.test(name))) {
        const directory = join(cache.cacheDir, name)
        for (const file of readdirSync(directory)) age(join(directory, file), 2 * HOUR)
        age(directory, 2 * HOUR)
      }
      await cache.prune()
      expect(readdirSync(cache.cacheDir).filter((name) => /^[0-9a-f]{16}$/.test(name))).toEqual([])
    }
  })
})
