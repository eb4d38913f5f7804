// Files that pruning removes beside entries: unfinished files, and records of checkouts that are gone.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { age, Cache, DAY, HOUR, MadeUp, unused } from './cache.js'
import { Program } from './program.js'
import { mainPrinting, PATIENCE_MS, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

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
