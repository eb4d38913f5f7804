// Entries with equal binaries, which share their blocks on disk.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { prune } from '../index.js'
import { Cache, DAY, du, unused } from './cache.js'
import { isRoot, output, PATIENCE_MS, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

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
