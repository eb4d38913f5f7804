// The directories that may be a cache, damage to entries, and the files that pruning counts and removes.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fingerprint, list, prune } from '../index.js'
import { age, Cache, DAY, du, HOUR, MadeUp, MIB, TAG, unused } from './cache.js'
import { devBin } from './command.js'
import { Program, RUNTIMES } from './program.js'
import { mainPrinting, PATIENCE_MS, rejection, temporaryDirectory, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

describe('a directory that is in use for something else', () => {
  /** Makes a directory with these files, all of them old. */
  function directoryWith(...files: string[]): string {
    const directory = join(temporaryDirectory(), 'project')
    mkdirSync(directory)
    for (const file of files.map((file) => join(directory, file))) {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, 'mine')
      age(file, 40 * DAY)
    }
    chmodSync(directory, 0o700)
    return directory
  }

  for (const file of ['thesis.txt', 'tmp/thesis.txt', '0123456789abcdef/key.pem', 'path-sets/mine.json', 'README']) {
    test(`is no cache, and stays as it is: ${file}`, async () => {
      const cacheDir = directoryWith(file)
      const cache = new Cache()
      const calls = [
        cache.get({ cacheDir }),
        fingerprint(cache.options({ cacheDir })),
        list({ cacheDir, env: {} }),
        prune({ cacheDir, all: true, env: {} }),
      ]
      for (const error of await Promise.all(calls.map(rejection))) {
        expect(error.code).toBe('CACHE_UNUSABLE')
        expect(error.message).toContain(`it holds \`${file.split('/')[0]}\``)
        expect(error.hint).toContain('name an empty directory')
      }
      expect(readdirSync(cacheDir)).toEqual([file.split('/')[0] as string])
      expect(readFileSync(join(cacheDir, file), 'utf8')).toBe('mine')
    })
  }

  test('is none with the tag of another program either', async () => {
    const cacheDir = directoryWith('CACHEDIR.TAG')
    writeFileSync(join(cacheDir, 'CACHEDIR.TAG'), 'Signature: 8a477f597d28d172789f06886806bc55\n# cargo\n')
    expect((await rejection(new Cache().get({ cacheDir }))).code).toBe('CACHE_UNUSABLE')
  })

  test('is one when it is empty, was begun, has an entry, or says so', async () => {
    const cache = new Cache()
    const empty = directoryWith()
    const begun = directoryWith('tmp/.tmpAbCdEf')
    const { path } = await cache.get({ cacheDir: empty })
    expect(path).toStartWith(empty)
    expect((await cache.get({ cacheDir: begun })).path).toStartWith(begun)
    rmSync(join(empty, 'CACHEDIR.TAG'))
    expect((await list({ cacheDir: empty, env: {} })).map((entry) => entry.path)).toEqual([path])
    expect(await cache.get({ cacheDir: empty })).toMatchObject({ outcome: 'cached', path })
    expect((await prune({ cacheDir: empty, all: true, env: {} })).removed.length).toBe(1)
    expect(await cache.get({ cacheDir: empty })).toMatchObject({ outcome: 'built' })
    // A file that is not the cache's own stays.
    const tagged = directoryWith('notes.txt', '0123456789abcdef/key.pem', 'tmp/thesis.txt', 'locks/mine')
    writeFileSync(join(tagged, 'CACHEDIR.TAG'), TAG)
    await cache.get({ cacheDir: tagged })
    expect((await prune({ cacheDir: tagged, all: true, env: {} })).removed.length).toBe(1)
    const left = ['notes.txt', '0123456789abcdef/key.pem', 'tmp/thesis.txt', 'locks/mine']
    expect(left.filter((file) => !existsSync(join(tagged, file)))).toEqual([])
  })
})

test('a link in the place of a directory is not followed', async () => {
  const cache = new Cache()
  await cache.get()
  const elsewhere = join(cache.directory, 'elsewhere')
  mkdirSync(join(elsewhere, '.tmpDirectory'), { recursive: true })
  for (const file of ['.tmpFile', '.tmpDirectory/file']) writeFileSync(join(elsewhere, file), 'mine')
  for (const file of ['.tmpFile', '.tmpDirectory/file', '.tmpDirectory']) age(join(elsewhere, file), 40 * DAY)
  const before = readdirSync(elsewhere, { recursive: true }).sort()
  rmSync(join(cache.cacheDir, 'tmp'), { recursive: true })
  symlinkSync(elsewhere, join(cache.cacheDir, 'tmp'))
  await cache.prune({ all: true })
  await cache.get({ rebuild: true })
  expect(readdirSync(elsewhere, { recursive: true }).sort()).toEqual(before)
})

describe('entries that are damaged', () => {
  /** Makes a cache with a sound entry, and one with each kind of damage that shows without reading the binary. */
  function damaged() {
    const cache = new MadeUp()
    const [sound, cut, missing, link, bare] = [1, 2, 3, 4, 5].map((index) =>
      cache.add(index, { bytes: 4096, used: 3 * HOUR }),
    ) as [string, string, string, string, string]
    truncateSync(`${cut}.json`, 20)
    rmSync(missing)
    renameSync(link, join(cache.directory, 'elsewhere'))
    symlinkSync(join(cache.directory, 'elsewhere'), link)
    rmSync(`${bare}.json`)
    for (const file of [bare, `${bare}.inputs.json`, dirname(bare)]) age(file, 2 * HOUR)
    return { cache, sound, broken: [cut, missing, link, bare] }
  }

  test('are listed as damaged, and removed if they have not been repaired within an hour', async () => {
    const { cache, sound, broken } = damaged()
    const entries = await cache.list()
    expect(entries[0]).toMatchObject({ path: sound })
    expect(entries[0]).not.toHaveProperty('damage')
    const listed = new Map(entries.slice(1).map((entry) => [entry.path, entry]))
    expect([...listed.keys()].sort()).toEqual([...broken].sort())
    for (const [index, words] of ['cannot be parsed', 'is missing', 'not a regular file', 'no manifest'].entries()) {
      const path = broken[index] as string
      expect(listed.get(path)).toMatchObject({ bin: 'hello', crate: '', fingerprint: path.split('/').at(-2) })
      expect(listed.get(path)?.damage).toContain(words)
    }
    // An entry whose directory has just been touched may be in use.
    expect(await cache.prune({ maxAge: 'none' })).toMatchObject({ leftovers: 1, kept: 1 })
    for (const path of broken.slice(0, 3)) {
      for (const name of readdirSync(dirname(path))) {
        if (join(dirname(path), name) !== broken[2]) age(join(dirname(path), name), 2 * HOUR)
      }
      age(dirname(path), 2 * HOUR)
    }
    execFileSync('touch', ['-h', '-d', '2 hours ago', broken[2] as string])
    expect(await cache.prune({ maxAge: 'none' })).toMatchObject({ leftovers: 3, kept: 1 })
    expect(broken.map((path) => existsSync(dirname(path)))).toEqual([false, false, false, false])
    expect(existsSync(join(cache.directory, 'elsewhere'))).toBe(true)
  })

  for (const runtime of RUNTIMES) {
    test(`are found by verify, and shown by list, in ${runtime}`, async () => {
      const { cache, sound, broken } = damaged()
      const where = { cwd: '/', env: { DEV_BIN_CACHE_DIR: cache.cacheDir } }
      // The manifests of made-up entries have made-up digests.
      const bytes = readFileSync(sound)
      const sha256 = new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
      const manifest = JSON.parse(readFileSync(`${sound}.json`, 'utf8'))
      writeFileSync(`${sound}.json`, JSON.stringify({ ...manifest, sha256 }))
      const verified = await devBin(runtime, ['verify'], where)
      expect(verified.status).toBe(1)
      expect(verified.stdout.split('\n').filter((line) => line.startsWith('damaged: ')).length).toBe(4)
      expect(verified.stdout).toContain('1 binary of 5 as published')
      const listed = await devBin(runtime, ['list'], where)
      expect(listed.status).toBe(0)
      for (const path of broken) expect(listed.stdout).toMatch(new RegExp(`\\(damaged\\) +${path.split('/').at(-2)}`))
      expect(listed.stderr).toContain('`dev-bin verify` says how')
      rmSync(broken[0] as string)
    })
  }

  test('are not served, and built again', async () => {
    const cache = new Cache()
    const path = await cache.built('one')
    truncateSync(`${path}.json`, 20)
    expect((await cache.list())[0]).toMatchObject({ path, damage: expect.stringContaining('cannot be parsed') })
    expect(await cache.run()).toMatchObject({ outcome: 'built', prints: 'one -' })
    expect((await cache.list(true)).map(({ damage }) => damage)).toEqual([undefined])
  })
})

describe('the report of pruning', () => {
  test('has the sizes that it frees, leftovers included, and a dry run has the same', async () => {
    const cache = new MadeUp()
    for (let index = 0; index < 4; index++) cache.add(index, { bytes: MIB, used: (index + 48) * HOUR })
    const old = join(cache.cacheDir, 'tmp', '.tmpOld')
    mkdirSync(join(old, 'deep'), { recursive: true })
    writeFileSync(join(old, 'deep', 'large'), Buffer.alloc(20 * MIB, 1))
    for (const path of [join(old, 'deep', 'large'), join(old, 'deep'), old]) age(path, 2 * HOUR)
    writeFileSync(join(cache.cacheDir, 'tmp', '.tmpYoung'), Buffer.alloc(2 * MIB, 1))
    const records = join(cache.cacheDir, 'build-records')
    mkdirSync(records)
    const record = JSON.stringify({ record: 'x'.repeat(3 * MIB), owners: ['/nowhere/at/all'] })
    writeFileSync(join(records, 'aaaaaaaaaaaaaaaa.json'), record)
    const lock = join(cache.cacheDir, 'locks', 'bbbbbbbbbbbbbbbb.lock')
    writeFileSync(lock, '1 1')
    age(lock, 2 * HOUR)

    const copy = join(cache.directory, 'copy')
    cpSync(cache.cacheDir, copy, { recursive: true, preserveTimestamps: true })
    const limits = { maxSize: '5MiB', maxAge: 'none' }
    const before = du(cache.cacheDir)
    const foretold = await cache.prune({ ...limits, dryRun: true })
    expect(du(cache.cacheDir)).toBe(before)
    const pruning = await cache.prune(limits)
    expect(foretold).toEqual(pruning)
    expect(pruning).toMatchObject({ leftovers: 3, kept: 2, over: false, problems: [] })
    expect(pruning.freed).toBe(before - du(cache.cacheDir))
    // The rest is the cache's own directories, its tag, and the stamp of the last pruning.
    expect(Math.abs(pruning.size - du(cache.cacheDir))).toBeLessThan(64 * 1024)
    expect(existsSync(lock)).toBe(false)
  })

  test('adds up to one prune, when several prune at once', async () => {
    const cache = new MadeUp()
    for (let index = 0; index < 120; index++) cache.add(index, { bytes: 65_536, used: 48 * HOUR + index * 60_000 })
    const copy = join(cache.directory, 'copy')
    cpSync(cache.cacheDir, copy, { recursive: true, preserveTimestamps: true })
    const limits = ['--max-size', '4MB', '--max-age', 'none']
    const alone = await devBin('node', ['prune', ...limits, '--cache-dir', copy, '--json'])
    const { kept } = JSON.parse(alone.stdout)
    const command = ['prune', ...limits, '--cache-dir', cache.cacheDir, '--json']
    const together = await Promise.all(
      Array.from({ length: 4 }, (_, index) => devBin(RUNTIMES[index % 2] as 'bun', command)),
    )
    const removed = together.map(({ stdout }) => JSON.parse(stdout).removed.length)
    expect(removed.reduce((sum, count) => sum + count, 0)).toBe(120 - kept)
    expect((await cache.list()).length).toBe(kept)
  })
})

test('locks of processes that were killed go after an hour, and those that are held stay', async () => {
  const cache = new MadeUp()
  const lock = (name: string, milliseconds: number) => {
    const path = join(cache.cacheDir, 'locks', name)
    writeFileSync(path, '1 1')
    age(path, milliseconds)
    return path
  }
  const old = lock('1111111111111111.lock', 2 * HOUR)
  const young = lock('2222222222222222.lock', 0.5 * HOUR)
  const held = lock('zigbuild.lock', 2 * HOUR)
  const someones = lock('notes.txt', 2 * HOUR)
  const holder = Bun.spawn(['flock', held, 'sh', '-c', 'echo held; read line'], { stdin: 'pipe', stdout: 'pipe' })
  await holder.stdout.getReader().read()
  expect((await cache.prune({ dryRun: true })).leftovers).toBe(1)
  expect((await cache.prune()).leftovers).toBe(1)
  expect([old, young, held, someones].map(existsSync)).toEqual([false, true, true, true])
  holder.stdin.write('\n')
  await holder.stdin.end()
  await holder.exited
  expect((await cache.prune()).leftovers).toBe(1)
  expect(existsSync(held)).toBe(false)
})

test('the newest of a checkout stays, also when another checkout built it', async () => {
  const cache = new Cache()
  const path = await cache.built('one')
  const clone = join(cache.directory, 'clone')
  execFileSync('git', ['clone', '--quiet', cache.repo, clone])
  cache.write('../clone/src/main.rs', mainPrinting('one'))
  const served = new Program('node', cache.options({ repo: clone }))
  expect((await served.says('resolved')).binary).toMatchObject({ outcome: 'cached', path })
  await served.ended()
  const manifest = () => JSON.parse(readFileSync(`${path}.json`, 'utf8'))
  expect(manifest()).toMatchObject({ checkout: cache.repo, served_to: { [clone]: expect.any(Number) } })
  // The second hit, and a hit in the checkout that built it, record nothing.
  const written = readFileSync(`${path}.json`, 'utf8')
  await new Program('node', cache.options({ repo: clone })).ended()
  await new Program('node', cache.options()).ended()
  expect(readFileSync(`${path}.json`, 'utf8')).toBe(written)

  const two = await cache.built('two')
  for (const binary of [path, two]) unused(binary, 3 * DAY)
  expect(await cache.prune({ maxSize: 1 })).toMatchObject({ removed: [], kept: 2 })
  // A rebuild in one checkout keeps the record of the other.
  expect(await cache.get({ repo: clone, rebuild: true })).toMatchObject({ path })
  expect(manifest()).toMatchObject({ checkout: clone, served_to: { [cache.repo]: expect.any(Number) } })
  unused(path, 3 * DAY)
  rmSync(clone, { recursive: true })
  await until(async () => (await cache.prune({ maxSize: 1 })).kept === 1, 'it is gone with its checkout')
  expect([existsSync(path), existsSync(two)]).toEqual([false, true])
})
