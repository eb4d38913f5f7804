// A store that refuses, breaks off or answers nothing costs one warning, and the binary is built.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Answer, Front } from './front.js'
import { type StoreServer, started, testWith } from './servers.js'
import { PATIENCE_MS, temporaryDirectory } from './support.js'
import { publishedTeam, Team } from './team.js'

setDefaultTimeout(PATIENCE_MS)

const testHere = testWith('moto')

describe('a store that', () => {
  let moto: StoreServer
  beforeAll(async () => {
    if (testHere === test) moto = await started('moto')
  })
  afterAll(() => moto?.end())

  const blob = (answer: Answer) => (request: string) => (request.includes('/blobs/') ? answer : 'pass')
  const FAULTS: [what: string, answer: (request: string) => Answer, words: RegExp][] = [
    ['refuses the credentials', () => 403, /403.*AWS_ACCESS_KEY_ID/],
    ['has an error', () => 500, /\(500\)/],
    ['has an error for the blob', blob(500), /\(500\)/],
    ['resets the connection', () => 'reset', /cannot be reached/],
    ['ends in the middle of a blob', blob('half'), /broke off/],
    ['drips a blob', blob('drip'), /did not finish within/],
    ['accepts a connection and answers nothing', () => 'hang', /did not finish within/],
  ]

  testHere(
    `fails in one of ${FAULTS.length} ways: one warning, then cargo, nothing left, and no request after that`,
    async () => {
      const team = await publishedTeam(moto)
      const front = await Front.of(moto)
      const member = team.member()
      const remote = { url: front.through(team.url), keys: [team.trusted], timeout: 2000 }
      const writes = moto.writes()
      for (const [what, answer, words] of FAULTS) {
        front.answer = answer
        const cacheDir = join(temporaryDirectory(), 'cache')
        const looked = await member.look(remote, { cacheDir })
        expect({ what, ...looked }).toMatchObject({ what, outcome: 'missed', warnings: [expect.stringMatching(words)] })
        expect(looked.events.indexOf('warning')).toBeLessThan(looked.events.indexOf('building'))
        expect(readdirSync(join(cacheDir, 'tmp'))).toEqual([])
        const asked = front.requests.length
        expect(await member.look(remote, { cacheDir })).toMatchObject({ outcome: 'missed', warnings: [] })
        expect(front.requests).toHaveLength(asked)
      }
      expect(moto.writes()).toEqual(writes)
    },
  )

  testHere('takes no uploads: `remote publish` fails and names the credentials, and `get` has the binary', async () => {
    const team = new Team(moto)
    const front = await Front.of(moto)
    front.answer = (request) => (request.startsWith('PUT ') ? 403 : 'pass')
    const publisher = team.member()
    const remote = { ...team.publishing, url: front.through(team.url) }
    expect(await publisher.devBin('node', ['get', '-p', 'app', '-q'], remote)).toMatchObject({ status: 0 })
    const published = await publisher.devBin('node', ['remote', 'publish', '-p', 'app'], remote)
    expect(published).toMatchObject({ status: 1, stderr: expect.stringMatching(/403.*AWS_ACCESS_KEY_ID/) })
    front.answer = () => 'pass'
    expect(await publisher.devBin('node', ['remote', 'publish', '-p', 'app'], remote)).toMatchObject({ status: 0 })
  })
})

test('the time for a download may be shorter than any build', async () => {
  const team = await publishedTeam()
  const member = team.member()
  writeFileSync(join(member.repo, 'words.txt'), 'two')
  await member.get(undefined)
  writeFileSync(join(member.repo, 'words.txt'), 'one')
  const remote = { ...team.reading, timeout: 4000 }
  expect(await member.look(remote)).toMatchObject({ outcome: 'downloaded', prints: 'one' })
})

/** A frame of zstd that inflates to ten gigabytes: https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1. */
function bomb(): Buffer {
  const block = 128 * 1024
  const count = Math.ceil(10e9 / block)
  const frame = Buffer.alloc(6 + 4 * count)
  // A window of one block, and blocks that each repeat one byte.
  frame.set([0x28, 0xb5, 0x2f, 0xfd, 0, 0x38])
  for (let index = 0; index < count; index++) {
    frame.writeUIntLE((index === count - 1 ? 1 : 0) | (1 << 1) | (block << 3), 6 + 4 * index, 3)
  }
  return frame
}

function rewrite(path: string, change: (bytes: Buffer) => Buffer): void {
  chmodSync(path, 0o644)
  writeFileSync(path, change(readFileSync(path)))
}

function flipped(bytes: Buffer): Buffer {
  const middle = bytes.length >> 1
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle)
  return bytes
}

describe('a store in which', () => {
  const DAMAGES: [what: string, damage: (team: Team) => void, warnings: RegExp[]][] = [
    ['a bit of a blob is flipped', (team) => rewrite(team.objects('blobs')[0] ?? '', flipped), [/is damaged/]],
    [
      'a blob inflates to ten gigabytes',
      (team) => rewrite(team.objects('blobs')[0] ?? '', bomb),
      [/is damaged|larger/],
    ],
    ['a blob is missing', (team) => rmSync(team.objects('blobs')[0] ?? ''), [/is damaged/]],
    ['a manifest is missing', (team) => rmSync(team.objects('keys')[0] ?? ''), []],
    ['the sets are missing', (team) => rmSync(team.objects('sets')[0] ?? ''), []],
  ]
  test(`one of ${DAMAGES.length} things is wrong: the binary is built, and its publication mends the store`, async () => {
    const team = await publishedTeam()
    const publisher = team.member()
    const reader = team.member()
    for (const [what, damage, warnings] of DAMAGES) {
      damage(team)
      const cacheDir = join(temporaryDirectory(), 'cache')
      const got = await publisher.get(team.publishing, { cacheDir })
      expect({ what, ...got }).toMatchObject({ what, outcome: 'built', prints: 'one' })
      const about = got.warnings.filter((warning) => warning.includes(team.url))
      expect([what, about]).toEqual([what, warnings.map((warning) => expect.stringMatching(warning))])
      expect([what, ...readdirSync(join(cacheDir, 'tmp'))]).toEqual([what])
      const mended = await reader.look(team.reading, { cacheDir: join(temporaryDirectory(), 'cache') })
      expect({ what, ...mended }).toMatchObject({ what, outcome: 'downloaded', prints: 'one', warnings: [] })
    }
  })
})
