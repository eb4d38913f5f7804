// A publisher that is killed at any step, and publishers that race, leave nothing that fails a reader.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Conversation } from './conversation.js'
import { Front } from './front.js'
import { type StoreName, type StoreServer, started, testWith } from './servers.js'
import { PATIENCE_MS, temporaryDirectory } from './support.js'
import { Team } from './team.js'

setDefaultTimeout(PATIENCE_MS)

/** More requests than a publication has. */
const MOST = 60

/** A team that publishes the same file under the same key, and other bytes by each of its publishers. */
class Bytes {
  readonly team: Team
  readonly directory = temporaryDirectory()
  #taken = 0

  constructor(readonly server: StoreServer) {
    this.team = new Team(server)
  }

  /** Begins to publish `text`. */
  publish(url: string, text: string) {
    const path = join(this.directory, text)
    writeFileSync(path, text)
    const { keys, mode, signingKeyFile } = this.team.publishing
    const conversation = new Conversation({ url, keys, mode, signingKeyFile }, this.server.env)
    const files = [{ name: 'app', path, executable: true }]
    const answer = conversation.ask('publish', { key: 'k', files, weak: 'w', set: { text } })
    return { conversation, answer: answer.finally(() => conversation.end()) }
  }

  /** Returns the text that a reader gets; none if there is no manifest. Fails if a part is missing. */
  async read(url: string): Promise<string | undefined> {
    const reader = new Conversation({ url, keys: [this.team.trusted] }, this.server.env)
    const sets = await reader.ask('sets', { weak: 'w' })
    expect(sets).toMatchObject({ ok: {} })
    const looked = await reader.ask('look', { key: 'k' })
    expect(looked).toMatchObject({ ok: {} })
    if (!looked.ok?.found) {
      await reader.end()
      return undefined
    }
    expect(sets.ok?.sets).not.toEqual([])
    this.#taken += 1
    const into = join(this.directory, `into-${this.#taken}`)
    mkdirSync(into)
    expect(await reader.ask('fetch', { key: 'k', into })).toMatchObject({ ok: {} })
    await reader.end()
    return readFileSync(join(into, 'app'), 'utf8')
  }
}

for (const name of ['moto', 'azurite', 'webdav', 'redis'] satisfies StoreName[]) {
  const testHere = testWith(name)
  describe(`on ${name}`, () => {
    let server: StoreServer
    beforeAll(async () => {
      if (testHere === test) server = await started(name)
    })
    afterAll(() => server?.end())

    testHere(
      'a publisher that is killed at any request leaves a miss or a whole binary, and the next one mends it',
      async () => {
        const bytes = new Bytes(server)
        const front = await Front.of(server)
        const seen = new Set<string | undefined>()
        for (let [step, isKilled] = [1, true]; isKilled; step++) {
          expect(step).toBeLessThan(MOST)
          const place = server.place()
          isKilled = false
          const before = front.requests.length
          const { conversation, answer } = bytes.publish(front.through(place), 'one')
          front.answer = (_, number) => {
            if (number - before < step) return 'pass'
            conversation.child.kill('SIGKILL')
            isKilled = true
            return 'hang'
          }
          const ended = await answer
          expect([step, ended.ok === undefined]).toEqual([step, isKilled])
          const read = await bytes.read(place)
          seen.add(read)
          expect(await bytes.publish(place, 'two').answer).toMatchObject({ ok: {} })
          expect([step, await bytes.read(place)]).toEqual([step, 'two'])
        }
        expect([...seen]).toEqual([undefined, 'one'])
      },
    )

    testHere('two publishers of other bytes at once leave an entry of one of them', async () => {
      const bytes = new Bytes(server)
      for (let round = 0; round < 8; round++) {
        const place = server.place()
        const answers = await Promise.all(['one', 'two'].map((text) => bytes.publish(place, text).answer))
        expect(answers).toMatchObject([{ ok: {} }, { ok: {} }])
        expect(await bytes.read(place)).toBeOneOf(['one', 'two'])
      }
    })
  })
}
