// Entries that their checkout has superseded with newer builds, and that pruning may remove early.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { spawn } from 'node:child_process'
import { existsSync, statSync, utimesSync } from 'node:fs'
import type { PruneOptions } from '../index.js'
import { Cache, du, MadeUp, type MadeUpEntry } from './cache.js'
import { Program } from './program.js'
import { mainPrinting, PATIENCE_MS, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

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
