// The entries that stay in the cache and those that go, and the reports of both.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { list, type PruneOptions, prune } from '../index.js'
import { age, Cache, DAY, du, HOUR, MadeUp, type MadeUpEntry, MIB, TAG, unused } from './cache.js'
import { devBin } from './command.js'
import { canTrace, LinkGatedCheckout, Program, RUNTIMES, traced } from './program.js'
import {
  Checkout,
  listener,
  mainPrinting,
  only,
  output,
  PATIENCE_MS,
  rejection,
  temporaryDirectory,
  until,
} from './support.js'

setDefaultTimeout(PATIENCE_MS)

const isRoot = process.getuid?.() === 0

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

describe('an entry that its checkout has superseded', () => {
  const MINUTE = 60_000
  const linux = process.platform === 'linux'
  const CASES: [string, Partial<MadeUpEntry>, PruneOptions, boolean][] = [
    ['goes, down to the size, though it was used within the hour', {}, { maxSize: 0 }, linux],
    ['stays for its age', {}, { maxAge: 0, maxSize: 'none' }, false],
    ['stays where there is room', {}, { maxSize: '1GB' }, false],
    ['stays when it was served a moment ago', { used: 100 }, { maxSize: 0 }, false],
    ['stays when it was left a moment ago', { superseded: 100 }, { maxSize: 0 }, false],
    ['stays when it is not left', { superseded: undefined }, { maxSize: 0 }, false],
    ['stays for another checkout', { servedTo: '.' }, { maxSize: 0 }, false],
    ['goes when the other checkout is gone', { servedTo: '/nowhere/at/all' }, { maxSize: 0 }, linux],
    [
      'stays when it is one of the last two of what was asked for',
      { request: { profile: 'dev' } },
      { maxSize: 0 },
      false,
    ],
  ]
  for (const [words, entry, options, isGone] of CASES) {
    test(words, async () => {
      const cache = new MadeUp()
      // The newest of all, and two that were served later and left behind, too.
      for (const index of [1, 2, 3])
        cache.add(index, { bytes: 1, used: index, ...(index > 1 && { superseded: MINUTE }) })
      const servedTo = entry.servedTo === '.' ? cache.directory : entry.servedTo
      const left = cache.add(4, {
        bytes: 1,
        used: 3 * MINUTE,
        superseded: 2 * MINUTE,
        ...entry,
        ...(servedTo && { servedTo }),
      })
      const { removed } = await cache.prune(options)
      expect([existsSync(left), removed.length]).toEqual([!isGone, isGone ? 1 : 0])
    })
  }

  test.skipIf(!linux)('goes after each build of an hour of edits, but for what runs', async () => {
    const cache = new Cache()
    cache.write(
      'src/main.rs',
      'fn main() { println!("up"); std::io::stdin().read_line(&mut String::new()).unwrap(); }\n',
    )
    const { path } = await cache.get()
    const child = spawn(path, { stdio: ['pipe', 'pipe', 'inherit'] })
    await new Promise((resolve) => child.stdout.once('data', resolve))
    const limit = 8 * statSync(path).size
    const options = { maxSize: limit }
    const paths: string[] = []
    let round = 0
    await until(async () => {
      cache.write('src/main.rs', mainPrinting(`round ${round++}`))
      const program = new Program('node', cache.options(options))
      paths.push((await program.says('resolved')).binary.path)
      expect(existsSync(paths.at(-1) as string)).toBe(true)
      await program.ended()
      return round > 12 && du(cache.cacheDir) < limit + statSync(path).size
    }, 'the cache is near its limit')
    expect([existsSync(path), paths.slice(-3).every(existsSync), paths.slice(0, 3).some(existsSync)]).toEqual([
      true,
      true,
      false,
    ])
    child.stdin.end('\n')
  })

  test.skipIf(!linux)('stays while a process lives that was served it within a minute', async () => {
    const cache = new Cache()
    const first = await cache.builtElsewhere('one')
    const holder = new Program('node', cache.options(), 'settle(get()); setInterval(() => {}, 1000)')
    expect((await holder.says('resolved')).binary).toMatchObject({ path: first, outcome: 'cached' })
    for (const text of ['two', 'three', 'four']) await cache.builtElsewhere(text)
    const left = Date.now()
    await until(() => Date.now() > left + 1100, 'the second is over that everything stays for')
    await cache.prune({ maxSize: 0 })
    expect(existsSync(first)).toBe(true)
    holder.process.kill('SIGKILL')
    await holder.ended()
    await cache.prune({ maxSize: 0 })
    expect(existsSync(first)).toBe(false)
  })

  test('stays when a caller goes back to it, which is recorded each time', async () => {
    const cache = new Cache()
    const first = await cache.builtElsewhere('one')
    for (const text of ['two', 'three', 'four']) await cache.builtElsewhere(text)
    const later = new Date(Date.now() - MINUTE)
    utimesSync(`${first}.json`, later, later)
    const again = await cache.builtElsewhere('one')
    expect(again).toBe(first)
    expect(Date.now() - statSync(`${first}.json`).mtimeMs).toBeLessThan(MINUTE / 2)
    await cache.prune({ maxSize: 0 })
    expect(existsSync(first)).toBe(true)
  })
})

describe('leftovers go:', () => {
  test('unfinished files and directories, when they are older than an hour', async () => {
    const cache = new MadeUp()
    const finished = cache.add(1, { bytes: 1, used: 40 * DAY })
    const unfinished = (name: string, file: string, milliseconds: number) => {
      const directory = join(cache.cacheDir, name)
      mkdirSync(directory)
      writeFileSync(join(directory, file), 'x')
      age(join(directory, file), milliseconds)
      age(directory, milliseconds)
      return directory
    }
    const old = unfinished('0000000000000001', 'hello.inputs.json', 1.1 * HOUR)
    const young = unfinished('0000000000000002', 'hello.inputs.json', 0.9 * HOUR)
    const halfYoung = unfinished('0000000000000003', 'hello.inputs.json', 2 * HOUR)
    writeFileSync(join(halfYoung, 'hello'), 'x')
    age(halfYoung, 2 * HOUR)
    const someones = unfinished('0000000000000004', 'key.pem', 40 * DAY)
    const notOurs = unfinished('not-an-entry-dir', 'hello', 40 * DAY)
    const temporary = unfinished('tmp/.tmpDirectory', 'file', 2 * HOUR)
    // A process still builds in it.
    const busy = unfinished('tmp/.tmpBusy', 'file', 2 * HOUR)
    mkdirSync(join(busy, 'deep'))
    for (const old of [join(busy, 'deep'), busy]) age(old, 2 * HOUR)
    writeFileSync(join(busy, 'deep', 'young'), 'x')
    age(join(busy, 'deep'), 2 * HOUR)
    await cache.prune({ maxAge: 'none' })
    expect([old, temporary].map(existsSync)).toEqual([false, false])
    expect([young, halfYoung, someones, notOurs, busy].filter((path) => !existsSync(path))).toEqual([])
    await cache.prune({ all: true })
    expect(existsSync(join(someones, 'key.pem'))).toBe(true)
    expect(existsSync(finished)).toBe(false)
  })

  test('path sets, build records and stat caches of checkouts that are gone, and no others', async () => {
    const cache = new Cache()
    cache.write('build.rs', 'fn main() { println!("cargo::rerun-if-env-changed=OTHER"); }\n')
    await cache.built('one')
    const files = (name: string) => readdirSync(join(cache.cacheDir, name))
    const counts = () => [files('path-sets').length, files('build-records').length]
    // A record of the profile's directory, and one of the target directory.
    expect(counts()).toEqual([1, 2])
    await cache.prune()
    expect(counts()).toEqual([1, 2])
    rmSync(cache.repo, { recursive: true })
    expect((await cache.prune()).leftovers).toBeGreaterThanOrEqual(2)
    expect(counts()).toEqual([0, 0])
    // A stat cache is written when its call has the answer, which may be after all this. Those of the toolchain stay.
    const isOfCheckout = (name: string) => readFileSync(join(cache.cacheDir, 'stat-cache', name)).includes(cache.repo)
    const areGone = async () => (await cache.prune()) && !files('stat-cache').some(isOfCheckout)
    await until(areGone, 'stat caches are gone')
  })

  test('path sets stay for another checkout that is served with them', async () => {
    const cache = new Cache()
    const path = await cache.built('one')
    const clone = join(cache.directory, 'clone')
    execFileSync('git', ['clone', '--quiet', cache.repo, clone])
    cache.write('../clone/src/main.rs', mainPrinting('one'))
    unused(path, 3 * HOUR)
    const program = new Program('node', cache.options({ repo: clone }))
    expect((await program.says('resolved')).binary).toMatchObject({ outcome: 'cached', path })
    await program.ended()
    rmSync(cache.repo, { recursive: true })
    await cache.prune()
    expect(await cache.get({ repo: clone })).toMatchObject({ outcome: 'cached', path })
  })

  test('stat caches of checkouts that are gone, and files that are no stat cache', async () => {
    const cache = new MadeUp()
    const directory = join(cache.cacheDir, 'stat-cache')
    mkdirSync(directory)
    const statCache = (name: string, checkout: string) => {
      const length = Buffer.alloc(4)
      length.writeUInt32LE(Buffer.byteLength(checkout))
      writeFileSync(
        join(directory, name),
        Buffer.concat([Buffer.from('devbinS1'), length, Buffer.from(`${checkout}rest`)]),
      )
    }
    const [there, gone, young, old, someones] = ['1', '2', '3', '4', 'mine'].map((name) => `${name.repeat(16)}.1`)
    statCache(there as string, cache.checkout)
    statCache(gone as string, join(cache.directory, 'gone'))
    for (const name of [young, old, someones]) writeFileSync(join(directory, name as string), 'something else')
    for (const name of [old, someones]) age(join(directory, name as string), 1.1 * HOUR)
    expect((await cache.prune()).leftovers).toBe(2)
    expect(readdirSync(directory).sort()).toEqual([there, young, someones] as string[])
  })
})

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

describe('equal binaries', () => {
  const sameFile = (one: string, two: string) => statSync(one).ino === statSync(two).ino

  /** Two entries whose inputs differ and whose bytes do not. */
  async function twins(cache: Cache): Promise<[string, string]> {
    const one = (await cache.get()).path
    cache.write('notes.txt', 'no part of the binary')
    return [one, (await cache.get()).path]
  }

  test('take disk once, and hits stay cheap', async () => {
    const cache = new Cache()
    const [one, two] = await twins(cache)
    expect(one).not.toBe(two)
    expect(sameFile(one, two)).toBe(true)
    const { size } = await cache.prune({ maxSize: 'none', maxAge: 'none' })
    expect(size).toBeLessThan(statSync(one).blocks * 512 * 1.5)
    expect(size).toBeLessThanOrEqual(du(cache.cacheDir))
    for (const path of [one, two]) expect(output(path)).toBe('one -')

    // The older one has another name now, and so another change time: it is read once, and then noted.
    rmSync(join(cache.repo, 'notes.txt'))
    await until(async () => {
      expect(await cache.get()).toMatchObject({ outcome: 'cached', path: one })
      const { ctimeNs } = statSync(one, { bigint: true })
      return readFileSync(`${one}.json`, 'utf8').includes(`"changed_ns":${ctimeNs}`)
    }, 'the new identity is noted')
  })

  test('free nothing until the last of them goes', async () => {
    const cache = new Cache()
    const [one, two] = await twins(cache)
    const blocks = statSync(one).blocks * 512
    unused(one, 40 * DAY)
    expect((await cache.prune()).freed).toBeLessThan(blocks)
    expect(existsSync(one)).toBe(false)
    expect(await cache.run()).toMatchObject({ outcome: 'cached', prints: 'one -' })
    expect((await cache.prune({ all: true })).freed).toBeGreaterThanOrEqual(blocks)
    expect(existsSync(two)).toBe(false)
  })

  test('are apart again after a rebuild, and a damaged one is not shared', async () => {
    const cache = new Cache()
    const [one, two] = await twins(cache)
    expect(await cache.get({ rebuild: true })).toMatchObject({ outcome: 'built', path: two })
    expect(sameFile(one, two)).toBe(false)
    for (const path of [one, two]) {
      const bytes = readFileSync(path)
      writeFileSync(path, bytes.fill(0, 100, 200))
    }
    cache.write('notes.txt', 'still no part of it')
    const three = await cache.run()
    expect(three.prints).toBe('one -')
    expect(sameFile(three.binary.path, one) || sameFile(three.binary.path, two)).toBe(false)
    expect(readdirSync(join(cache.cacheDir, 'tmp'))).toEqual([])
  })
})

/**
 * Mounts a file system that shares blocks between files at `directory`. Returns the function that unmounts it, if there
 * is one.
 */
function cloningFileSystem(directory: string): (() => void) | undefined {
  if (!isRoot || Bun.which('mkfs.btrfs') === null) return undefined
  const image = join(directory, 'image')
  const mounted = join(directory, 'mounted')
  mkdirSync(mounted)
  const made = ['truncate -s 300M "$1"', 'mkfs.btrfs -q "$1"', 'mount -o loop "$1" "$2"'].join(' && ')
  if (spawnSync('sh', ['-c', made, 'sh', image, mounted]).status !== 0) return undefined
  return () => spawnSync('umount', [mounted])
}

test('equal binaries are clones where the file system can, and counted once', async () => {
  const cache = new Cache()
  const unmount = cloningFileSystem(cache.directory)
  if (unmount === undefined) return console.warn('no btrfs can be mounted: CLONES ARE NOT TESTED HERE')
  try {
    const cacheDir = join(cache.directory, 'mounted', 'cache')
    const paths = []
    for (const note of ['one', 'two', 'three']) {
      cache.write('notes.txt', note)
      paths.push((await cache.get({ cacheDir })).path)
    }
    expect(new Set(paths.map((path) => statSync(path).ino)).size).toBe(3)
    for (const path of paths) expect(output(path)).toBe('one -')
    const blocks = statSync(paths[0] as string).blocks * 512
    const { size } = await prune({ cacheDir, maxSize: 'none' })
    expect([size > blocks, size < 1.5 * blocks]).toEqual([true, true])
    const { removed, freed } = await prune({ cacheDir, all: true })
    expect(removed.map(({ freed }) => freed > blocks / 2)).toEqual([false, false, true])
    expect(freed).toBeLessThanOrEqual(size)
  } finally {
    unmount()
  }
})

describe('a list', () => {
  test('has the facts of each entry, the last used first', async () => {
    const cache = new Cache()
    const began = Date.now()
    const one = await cache.built('one', 5 * HOUR)
    const two = await cache.built('two')
    const entries = await cache.list()
    expect(entries.map(({ path }) => path)).toEqual([two, one])
    expect(entries[0]).toMatchObject({ bin: 'hello', crate: 'hello', checkout: cache.repo, size: statSync(two).size })
    expect(entries[0]?.sha256).toBe(createHash('sha256').update(readFileSync(two)).digest('hex'))
    expect(entries[0]?.fingerprint).toStartWith(/([0-9a-f]{16})\/hello$/.exec(two)?.[1] ?? 'no')
    expect(entries[0]?.builtAt).toBeGreaterThanOrEqual(began - 1)
    expect(Math.abs((entries[1]?.usedAt ?? 0) - (Date.now() - 5 * HOUR))).toBeLessThan(10 * 60_000)
    expect(entries.some((entry) => 'damage' in entry || 'target' in entry)).toBe(false)
  })

  test('that checks reads every byte', async () => {
    const cache = new Cache()
    const one = await cache.built('one')
    await cache.built('two')
    const { atimeMs, mtimeMs } = statSync(one)
    const bytes = readFileSync(one)
    writeFileSync(one, bytes.fill(0, 1000, 1010))
    utimesSync(one, atimeMs / 1000, mtimeMs / 1000)
    const damaged = (await cache.list(true)).filter(({ damage }) => damage !== undefined)
    expect(damaged.map(({ path }) => path)).toEqual([one])
    expect(damaged[0]?.damage).toContain('other bytes')
  })

  test('of no cache, or of one with strange things in it, is empty', async () => {
    const cacheDir = join(temporaryDirectory(), 'none')
    expect(await list({ cacheDir })).toEqual([])
    expect(await prune({ cacheDir, all: true })).toMatchObject({ removed: [], kept: 0, freed: 0 })
    expect(existsSync(cacheDir)).toBe(false)
    mkdirSync(join(cacheDir, '0123456789abcdef', 'hello'), { recursive: true })
    writeFileSync(join(cacheDir, '0123456789abcdef', 'hello.json'), '{"format":1}')
    mkdirSync(join(cacheDir, '0123456789abcde0'))
    writeFileSync(join(cacheDir, 'fedcba9876543210'), 'a file')
    symlinkSync('/', join(cacheDir, '1111111111111111'))
    chmodSync(cacheDir, 0o700)
    writeFileSync(join(cacheDir, 'CACHEDIR.TAG'), TAG)
    expect(await list({ cacheDir, check: true })).toMatchObject([
      { bin: 'hello', fingerprint: '0123456789abcdef', damage: expect.stringContaining('cannot be parsed') },
    ])
    expect((await prune({ cacheDir, all: true })).problems).toEqual([])
    expect(existsSync('/etc')).toBe(true)
  })
})

describe('a cache is refused, and says why,', () => {
  test('when it is a symbolic link', async () => {
    const cache = new Cache()
    await cache.built('one')
    const link = join(cache.directory, 'link')
    symlinkSync(cache.cacheDir, link)
    const calls = [list({ cacheDir: link }), prune({ cacheDir: link }), cache.get({ cacheDir: link })]
    for (const error of await Promise.all(calls.map(rejection))) {
      expect(error.code).toBe('CACHE_UNUSABLE')
      expect(error.message).toContain('symbolic link')
      expect(error.hint).toContain(cache.cacheDir)
    }
  })

  test.skipIf(!isRoot)('when it belongs to another user, or others may write to it', async () => {
    const cache = new Cache()
    await cache.built('one')
    chmodSync(cache.cacheDir, 0o777)
    expect((await rejection(cache.prune())).message).toContain('other users may write')
    chmodSync(cache.cacheDir, 0o700)
    spawnSync('chown', ['12345', cache.cacheDir])
    expect((await rejection(cache.prune({ all: true }))).message).toContain('belongs to user 12345')
    expect((await rejection(cache.list())).code).toBe('CACHE_UNUSABLE')
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

test('a cache has a tag that says what it is', async () => {
  const cache = new Cache()
  await cache.built('one')
  expect(readFileSync(join(cache.cacheDir, 'CACHEDIR.TAG'), 'utf8')).toStartWith(
    'Signature: 8a477f597d28d172789f06886806bc55',
  )
  expect(readFileSync(join(cache.cacheDir, 'README'), 'utf8')).toContain('dev-bin prune')
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
