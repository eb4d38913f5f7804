// A team's store from the command line, with several processes at once, and when it does not answer.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { DevBinaryEvent } from '../index.js'
import { devBin } from './command.js'
import { RUNTIMES } from './program.js'
import { listener, only, PATIENCE_MS } from './support.js'
import { type Member, publishedTeam, Team } from './team.js'

setDefaultTimeout(PATIENCE_MS)

/** Returns the variables of a member's command line that reads from the team's store. */
function variables(team: Team, member: Member): Record<string, string> {
  return {
    ...(member.env as Record<string, string>),
    DEV_BIN_CACHE_DIR: join(member.directory, 'cache'),
    DEV_BIN_REMOTE_URL: team.url,
    DEV_BIN_REMOTE_KEYS: team.trusted,
  }
}

test('eight processes that miss at once: one downloads, and the others have it then', async () => {
  const team = await publishedTeam()
  const member = team.member()
  const env = variables(team, member)
  const all = Array.from({ length: 8 }, (_, number) =>
    devBin(RUNTIMES[number % 2] ?? 'node', ['get', '-p', 'app', '--json'], { cwd: member.repo, env }),
  )
  const outcomes = (await Promise.all(all)).map(
    ({ stdout }) => JSON.parse(stdout.trim().split('\n').at(-1) ?? '').outcome,
  )
  expect(outcomes.sort()).toEqual([...Array(7).fill('cached'), 'downloaded'])
})

for (const runtime of RUNTIMES) {
  test(`in ${runtime}, a binary that is in the cache is published, listed with its origin, and not asked for`, async () => {
    const team = new Team()
    const publisher = team.member()
    const publishing = {
      ...variables(team, publisher),
      DEV_BIN_REMOTE_MODE: 'publish',
      DEV_BIN_REMOTE_SIGNING_KEY_FILE: join(team.directory, 'key'),
    }
    const where = { cwd: publisher.repo, env: publishing }
    expect(await devBin(runtime, ['get', '-p', 'app', '--no-remote'], where)).toMatchObject({ status: 0 })
    expect(readdirSync(team.store)).toEqual([])
    expect(await devBin(runtime, ['remote', 'publish', '-p', 'app', '-q'], where)).toMatchObject({ status: 0 })
    expect(team.objects('keys')).toHaveLength(1)

    const reader = team.member()
    const reading = { cwd: reader.repo, env: variables(team, reader) }
    const got = await devBin(runtime, ['get', '-p', 'app'], reading)
    expect(got.stderr).toContain('Downloaded app')
    const listed = JSON.parse((await devBin(runtime, ['list', '--json'], reading)).stdout)
    expect(listed).toMatchObject([{ origin: team.url, signers: [team.trusted] }])
    const check = await devBin(runtime, ['remote', 'check'], where)
    expect(check).toMatchObject({ status: 0 })
    expect(check.stdout).toMatch(/put: [\d.]+ ms\nget: [\d.]+ ms\ndelete: [\d.]+ ms/)
  })
}

test('a store that answers nothing: cargo starts three seconds later, with one warning, and the next call does not ask', async () => {
  const asked: number[] = []
  const server = createServer(() => asked.push(performance.now()))
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  try {
    const { port } = server.address() as { port: number }
    const team = new Team()
    const member = team.member()
    Object.assign(member.env, { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'y' })
    const silent = { url: `s3://bucket?endpoint=http://127.0.0.1:${port}`, keys: [team.trusted] }
    const { events, onEvent } = listener()
    let began = 0
    const timed = (event: DevBinaryEvent) => {
      if (event.type === 'building') began = performance.now()
      onEvent(event)
    }
    expect(await member.get(silent, { onEvent: timed })).toMatchObject({ outcome: 'built', prints: 'one' })
    expect(only(events, 'warning').map(({ message }) => message)).toEqual([expect.stringContaining('did not answer')])
    expect(asked).toHaveLength(1)
    expect(began - (asked[0] ?? 0)).toBeWithin(2900, 3500)
    writeFileSync(join(member.repo, 'words.txt'), 'two')
    expect(await member.get(silent)).toMatchObject({ outcome: 'built', prints: 'two', warnings: [] })
    expect(asked).toHaveLength(1)
  } finally {
    server.close()
  }
})

test('a mistake in a command line about a store ends with 2, and a store that is not there with 1', async () => {
  const team = new Team()
  const member = team.member()
  const env = variables(team, member)
  for (const args of [['remote'], ['remote', 'sing'], ['remote', 'keygen'], ['remote', 'check', 'x']]) {
    expect(await devBin('node', args, { cwd: member.repo, env })).toMatchObject({ status: 2 })
  }
  const gone = { ...env, DEV_BIN_REMOTE_URL: `file://${join(team.directory, 'gone', 'deep')}` }
  expect(await devBin('node', ['remote', 'check'], { cwd: member.repo, env: gone })).toMatchObject({ status: 1 })
  mkdirSync(join(team.directory, 'keys'))
  const file = join(team.directory, 'keys', 'new')
  const made = await devBin('node', ['remote', 'keygen', file], { env })
  expect(made.stdout).toMatch(/^ed25519:/)
  expect((await devBin('node', ['remote', 'keygen', file], { env })).status).toBe(1)
})
