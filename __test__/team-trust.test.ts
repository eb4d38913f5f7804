// A binary is taken only if a key that the caller trusts signed it, whatever files of the checkout say.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { devBin } from './command.js'
import { RUNTIMES, type Runtime } from './program.js'
import { PATIENCE_MS, temporaryDirectory } from './support.js'
import { FILES, type Member, Team } from './team.js'

setDefaultTimeout(PATIENCE_MS)

const freshCache = () => ({ cacheDir: join(temporaryDirectory(), 'cache') })

test('of two publishers who sign one binary, each has their own readers', async () => {
  const team = new Team()
  const signingKeyFile = ['key', 'other-key'].map((name) => join(team.directory, name))
  const publishing = { ...team.publishing, signingKeyFile }
  expect(await team.member().get(publishing)).toMatchObject({ outcome: 'built', warnings: [] })
  const member = team.member()
  for (const keys of [[team.trusted], [team.other], [team.other, team.trusted]]) {
    const looked = await member.look({ url: team.url, keys }, freshCache())
    expect(looked).toMatchObject({ outcome: 'downloaded', prints: 'one', warnings: [] })
  }
})

/** Puts what a branch may bring along into a checkout, so that the keys of `team` would be trusted. */
function bring(member: Member, team: Team, runtime: Runtime): void {
  const lines = `DEV_BIN_REMOTE_KEYS=${team.trusted}\nDEV_BIN_REMOTE_URL=${team.url}\n`
  // Bun makes variables of what `.env` says, before any code runs.
  const names = runtime === 'bun' ? ['.npmrc'] : ['.npmrc', '.env', '.env.local', '.env.test']
  for (const name of names) writeFileSync(join(member.repo, name), lines)
  const settings = { remote: { keys: [team.trusted], url: team.url } }
  const inPackage = { name: 'x', 'dev-bin': settings, config: settings }
  writeFileSync(join(member.repo, 'package.json'), JSON.stringify(inPackage))
  for (const name of ['dev-bin.json', '.dev-bin.json', 'dev-bin.config.json']) {
    writeFileSync(join(member.repo, name), JSON.stringify(settings))
  }
}

for (const runtime of RUNTIMES) {
  test(`in ${runtime}, no file of the checkout says which keys are trusted, or where the store is`, async () => {
    const declaring = FILES['build.rs'].replace('{', '{ println!("cargo::rerun-if-changed=words.txt");')
    const team = new Team(undefined, { ...FILES, 'build.rs': declaring })
    await team.member().get(team.publishing)
    const member = team.member()
    bring(member, team, runtime)
    member.breakCargo()
    for (const [remote, status] of [
      [{}, 1],
      [{ url: team.url, keys: [team.other] }, 1],
      [team.reading, 0],
    ] as const) {
      const variables = { ...member.variables(remote), DEV_BIN_CACHE_DIR: freshCache().cacheDir }
      const got = await devBin(runtime, ['get', '-p', 'app'], { cwd: member.repo, env: variables })
      expect([remote, got.status]).toEqual([remote, status])
      expect(got.stderr).toContain(status === 0 ? 'Downloaded app' : 'jobs may not be 0')
    }
  })
}
