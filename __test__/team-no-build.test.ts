// Calls that must not build, where a team has a store: a download is no build.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { devBin } from './command.js'
import { output, PATIENCE_MS, rejection, until } from './support.js'
import { type Member, publishedTeam, type Team } from './team.js'

setDefaultTimeout(PATIENCE_MS)

/** Returns the variables and the directory of a member's command line. */
function where(team: Team, member: Member, extra: Record<string, string> = {}) {
  const store = { DEV_BIN_REMOTE_URL: team.url, DEV_BIN_REMOTE_KEYS: team.trusted }
  const env = { ...(member.env as Record<string, string>), DEV_BIN_CACHE_DIR: join(member.directory, 'cache') }
  return { cwd: member.repo, env: { ...env, ...store, ...extra } }
}

test('`build: false` downloads what the team has, and rejects with NOT_BUILT where it has nothing', async () => {
  const team = await publishedTeam()
  const member = team.member()
  const got = await member.get(team.reading, { build: false })
  expect(got).toMatchObject({ outcome: 'downloaded', prints: 'one', warnings: [] })
  writeFileSync(join(member.repo, 'words.txt'), 'two')
  expect(await rejection(member.get(team.reading, { build: false }))).toMatchObject({ code: 'NOT_BUILT' })
})

test('`get --no-build` downloads, or ends with status 3; with `--no-remote` it asks no store', async () => {
  const team = await publishedTeam()
  const member = team.member()
  const ask = ['get', '-p', 'app', '--no-build']
  expect((await devBin('node', [...ask, '--no-remote'], where(team, member))).status).toBe(3)
  const got = await devBin('bun', ask, where(team, member))
  expect([got.status, output(got.stdout.trim())]).toEqual([0, 'one'])
  writeFileSync(join(member.repo, 'words.txt'), 'two')
  expect((await devBin('node', ask, where(team, member))).status).toBe(3)
})

test('a time of 0 for a download: the store is not asked, and what came from it is served', async () => {
  const team = await publishedTeam()
  const member = team.member()
  const unasked = { ...team.reading, timeout: 0 }
  expect(await rejection(member.get(unasked, { build: false }))).toMatchObject({ code: 'NOT_BUILT' })
  expect(await member.get({ ...team.reading, timeout: 5000 })).toMatchObject({ outcome: 'downloaded' })
  expect(await member.get(unasked)).toMatchObject({ outcome: 'cached' })
  // A build is known now, and the time for a download is shorter than it may take by itself.
  writeFileSync(join(member.repo, 'words.txt'), 'two')
  expect(await member.get({ ...team.reading, timeout: 4000 })).toMatchObject({ outcome: 'built', warnings: [] })
})

test('`get --background` returns before the store has answered, and its process downloads', async () => {
  const team = await publishedTeam()
  const member = team.member()
  const started = await devBin('node', ['get', '-p', 'app', '--background'], where(team, member))
  expect(started).toMatchObject({ status: 0, stdout: '' })
  await until(async () => {
    const listed = await devBin('node', ['list', '--json'], where(team, member))
    return JSON.parse(listed.stdout).some(({ origin }: { origin?: string }) => origin === team.url)
  }, 'the process in the background has downloaded it')
  const again = await devBin('node', ['get', '-p', 'app', '--background'], where(team, member))
  expect(output(again.stdout.trim())).toBe('one')

  let connections = 0
  const silent = createServer(() => connections++)
  await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening))
  try {
    const { port } = silent.address() as { port: number }
    const other = team.member()
    const store = {
      DEV_BIN_REMOTE_URL: `s3://b?endpoint=http://127.0.0.1:${port}`,
      DEV_BIN_CACHE_DIR: join(other.directory, 'cache'),
    }
    const credentials = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'y' }
    const before = performance.now()
    const hook = await devBin(
      'node',
      ['get', '-p', 'app', '--background'],
      where(team, other, { ...store, ...credentials }),
    )
    expect(hook).toMatchObject({ status: 0, stdout: '' })
    // The store would be waited for three seconds.
    expect(performance.now() - before).toBeLessThan(2500)
    await until(async () => connections > 0, 'the process in the background asks')
    await until(async () => {
      const { stdout } = await devBin('node', ['list', '--json'], where(team, other))
      return JSON.parse(stdout).length > 0
    }, 'and then builds')
  } finally {
    silent.close()
  }
})
