// The commands `list`, `prune` and `verify` of `dev-bin`.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { HOUR } from './cache.js'
import { placesFor } from './command.js'
import { RUNTIMES } from './program.js'
import { mainPrinting, PATIENCE_MS } from './support.js'

setDefaultTimeout(PATIENCE_MS)

function hours(count: number): number {
  return (Date.now() - count * HOUR) / 1000
}

for (const runtime of RUNTIMES) {
  const Place = placesFor(runtime)

  describe(`in ${runtime}, list, prune and verify`, () => {
    test('show the entries, remove old ones, and find damaged ones', async () => {
      const place = new Place()
      const empty = await place.devBin(['list'])
      expect(empty).toEqual({ status: 0, stdout: '', stderr: 'The cache is empty.\n' })
      expect((await place.devBin(['list', '--json'])).stdout).toBe('[]\n')

      const one = (await place.get()).path
      utimesSync(`${one}.json`, hours(49), hours(49))
      place.write('src/main.rs', mainPrinting('two'))
      const two = (await place.get()).path
      const { stdout } = await place.devBin(['list'])
      const [headings, ...rows] = stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/))
      expect(headings).toEqual([
        'BINARY',
        'TARGET',
        'CRATE',
        'FINGERPRINT',
        'SIZE',
        'BUILT',
        'USED',
        'RUNNING',
        'CHECKOUT',
        'ORIGIN',
      ])
      expect(rows.map((row) => row[3])).toEqual([two, one].map((path) => path.split('/').at(-2)))
      expect(rows[1]?.slice(0, 3)).toEqual(['hello', 'host', 'hello'])
      expect(rows[1]?.slice(6)).toEqual([
        '2 days ago',
        process.platform === 'linux' ? 'no' : 'unknown',
        place.repo,
        'here',
      ])
      const json = JSON.parse((await place.devBin(['list', '--json', '--cache-dir', place.cacheDir])).stdout)
      expect(json.map(({ path }: { path: string }) => path)).toEqual([two, one])

      expect(await place.devBin(['verify'])).toEqual({
        status: 0,
        stdout: '2 binaries of 2 as published\n',
        stderr: '',
      })
      writeFileSync(two, readFileSync(two).fill(0, 2000, 2010))
      const damaged = await place.devBin(['verify'])
      expect(damaged).toMatchObject({ status: 1 })
      expect(damaged.stdout).toContain(
        `damaged: the cached \`${two}\` has other bytes than were published\n1 binary of 2`,
      )
      const asJson = await place.devBin(['verify', '--json'])
      expect([asJson.status, JSON.parse(asJson.stdout)[0].damage.length > 0]).toEqual([1, true])

      expect(await place.devBin(['prune'])).toMatchObject({ status: 0, stderr: '' })
      const dry = await place.devBin(['prune', '--max-age', '36h', '--dry-run'])
      expect(dry.stdout).toContain('Would remove 1 binary, ')
      expect(existsSync(one)).toBe(true)
      const pruned = await place.devBin(['prune', '--max-age', '36h'])
      expect(pruned.status).toBe(0)
      expect(pruned.stdout).toMatch(
        /Removed hello [0-9a-f]{16}: used 2 days ago \(too long ago\), [\d.]+ KiB\nRemoved 1 binary, /,
      )
      expect([existsSync(one), existsSync(two)]).toEqual([false, true])
      const over = await place.devBin(['prune', '--max-size', '1kB'])
      expect(over.stdout).toContain('This is over the size, but must stay')
      const all = JSON.parse((await place.devBin(['prune', '--all', '--json'])).stdout)
      expect(all).toMatchObject({ removed: [{ reason: 'all', entry: { path: two } }], kept: 0, size: 0 })
      expect((await place.devBin(['prune', '--max-size', 'big'])).status).toBe(2)
      expect((await place.devBin(['prune'], { env: { DEV_BIN_MAX_AGE: 'soon' } })).stderr).toContain(
        '`DEV_BIN_MAX_AGE`',
      )
    })

    test('verify compares a crate with a fresh build', async () => {
      const place = new Place()
      const equal = await place.devBin(['verify', '-p', 'hello'])
      expect(equal).toMatchObject({ status: 0 })
      expect(equal.stdout).toContain('equal: a fresh build gives the same bytes')
      const json = await place.devBin(['verify', '-p', 'hello', '--json', '-q'])
      expect([json.stderr, JSON.parse(json.stdout).verdict]).toEqual(['', 'equal'])
      const { path } = await place.get({ scope: 'crate' })
      const manifest = JSON.parse(readFileSync(`${path}.json`, 'utf8'))
      const bytes = Buffer.concat([readFileSync(path), Buffer.from('stale')])
      writeFileSync(path, bytes)
      const sha256 = new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
      writeFileSync(`${path}.json`, JSON.stringify({ ...manifest, sha256, size: bytes.length }))
      const stale = await place.devBin(['verify', '-p', 'hello'])
      expect(stale).toMatchObject({ status: 1 })
      expect(stale.stdout).toStartWith('stale: ')
      const orphan = await place.devBin(['verify', '--bin', 'hello'])
      expect([orphan.status, orphan.stderr.includes('`-p CRATE` is missing')]).toEqual([2, true])
    })
  })
}
