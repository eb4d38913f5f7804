// A binary of a team's store, compared with a fresh build.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DevBinaryOptions, getDevBinary, verify } from '../index.js'
import { devBin } from './command.js'
import { PATIENCE_MS } from './support.js'
import { type Member, publishedTeam, type Team } from './team.js'
import { replaceEntry } from './team-signed.js'

setDefaultTimeout(PATIENCE_MS)

/** Returns the options of a member's calls. */
const options = (team: Team, member: Member): DevBinaryOptions => ({
  crate: 'app',
  repo: member.repo,
  cacheDir: join(member.directory, 'cache'),
  env: member.env,
  remote: team.reading,
  report: 'silent',
})

test('a downloaded binary that a fresh build gives again is equal, and has its signer', async () => {
  const team = await publishedTeam()
  const member = team.member()
  const verification = await verify(options(team, member))
  expect(verification).toMatchObject({
    verdict: 'equal',
    binary: { outcome: 'downloaded' },
    origin: team.url,
    signers: [team.trusted],
  })
  expect(verification.fresh).toEqual([verification.binary.sha256])
})

test('a wrong binary that a trusted key signed is stale, with the name of the key', async () => {
  const team = await publishedTeam()
  const publisher = team.member()
  writeFileSync(join(publisher.repo, 'words.txt'), 'planted')
  const { path } = await getDevBinary({ ...options(team, publisher), remote: { mode: 'off' } })
  await replaceEntry(team, { binary: path })

  const member = team.member()
  expect(await member.get(team.reading)).toMatchObject({ outcome: 'downloaded', prints: 'planted' })
  const env = {
    ...(member.env as Record<string, string>),
    DEV_BIN_CACHE_DIR: join(member.directory, 'cache'),
    DEV_BIN_REMOTE_URL: team.url,
    DEV_BIN_REMOTE_KEYS: team.trusted,
  }
  const { status, stdout } = await devBin('node', ['verify', '-p', 'app'], { cwd: member.repo, env })
  expect(status).toBe(1)
  expect(stdout).toStartWith('stale: two fresh builds agree, and this one differs')
  expect(stdout).toContain(`  signed  by ${team.trusted}, in the team's store\n`)
  expect(await verify(options(team, member))).toMatchObject({ verdict: 'stale', signers: [team.trusted] })

  // A rebuild replaces it.
  expect(await member.get(team.reading, { rebuild: true })).toMatchObject({ outcome: 'built', prints: 'one' })
  expect(await verify(options(team, member))).toMatchObject({ verdict: 'equal', signers: [] })
})
