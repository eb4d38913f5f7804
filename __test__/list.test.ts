// The list of entries, and the damage that it finds.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { list, prune } from '../index.js'
import { Cache, HOUR, TAG } from './cache.js'
import { PATIENCE_MS, temporaryDirectory } from './support.js'

setDefaultTimeout(PATIENCE_MS)

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
