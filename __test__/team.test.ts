// A team's store on a mounted share: one builds, the others have it.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, cpSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PATIENCE_MS } from './support.js'
import { publishedTeam, Team } from './team.js'

setDefaultTimeout(PATIENCE_MS)

describe('a binary that a colleague has built', () => {
  test('is downloaded to another clone with another CARGO_HOME, and is in the cache then', async () => {
    const team = await publishedTeam()
    const member = team.member()
    const got = await member.get(team.reading)
    expect(got).toMatchObject({ outcome: 'downloaded', prints: 'one', warnings: [] })
    expect(got.events).not.toContain('building')
    expect(got.events).toContain('downloaded')
    expect(await member.get(team.reading)).toMatchObject({ outcome: 'cached', prints: 'one' })
  })

  test('is not taken for other inputs', async () => {
    const team = await publishedTeam()
    const member = team.member()
    writeFileSync(join(member.repo, 'words.txt'), 'two')
    expect(await member.get(team.reading)).toMatchObject({ outcome: 'built', prints: 'two', warnings: [] })
  })

  test('is not taken if no trusted key signed it, and a downloaded one is served to calls that trust its signer alone', async () => {
    const team = await publishedTeam()
    const untrusting = { url: team.url, keys: [team.other] }
    const member = team.member()
    expect(await member.get(untrusting)).toMatchObject({ outcome: 'built', prints: 'one' })
    const trusting = team.member()
    expect(await trusting.get(team.reading)).toMatchObject({ outcome: 'downloaded' })
    expect(await trusting.get(untrusting)).toMatchObject({ outcome: 'built', prints: 'one' })
    expect(await trusting.get(undefined)).toMatchObject({ outcome: 'cached' })
  })

  test('is not asked for with the mode `off`', async () => {
    const team = await publishedTeam()
    const remote = { ...team.reading, mode: 'off' as const }
    expect(await team.member().get(remote)).toMatchObject({ outcome: 'built' })
  })
})

test('the manifest of one key under another key is no manifest', async () => {
  const team = new Team()
  const publisher = team.member()
  await publisher.get(team.publishing)
  const [first] = team.objects('keys')
  writeFileSync(join(publisher.repo, 'words.txt'), 'two')
  await publisher.get(team.publishing)
  const second = team.objects('keys').find((path) => path !== first) as string
  chmodSync(second, 0o644)
  cpSync(first as string, second)
  const member = team.member()
  writeFileSync(join(member.repo, 'words.txt'), 'two')
  expect(await member.get(team.reading)).toMatchObject({ outcome: 'built', prints: 'two' })
})

test('a store that is away costs one warning, and is left alone for a while', async () => {
  const team = new Team()
  const member = team.member()
  const away = { url: 's3://bucket?endpoint=http://127.0.0.1:9', keys: [team.trusted] }
  member.env = { ...member.env, AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'y' }
  const got = await member.get(away)
  expect(got).toMatchObject({ outcome: 'built', prints: 'one' })
  expect(got.warnings).toHaveLength(1)
  expect(got.warnings[0]).toContain('is not used for 1m')
  writeFileSync(join(member.repo, 'words.txt'), 'two')
  expect(await member.get(away)).toMatchObject({ outcome: 'built', prints: 'two', warnings: [] })
})

test('without the program: one warning with the command that installs it', async () => {
  const team = new Team()
  const member = team.member()
  member.env = { ...member.env, DEV_BIN_REMOTE_PROGRAM: join(team.directory, 'none') }
  const got = await member.get(team.reading)
  expect(got).toMatchObject({ outcome: 'built' })
  expect(got.warnings).toHaveLength(1)
  expect(got.warnings[0]).toContain('cannot be started')
})

test('a build script sees neither the signing key nor the credentials of the store', async () => {
  const team = new Team()
  const member = team.member()
  const names = ['AWS_SECRET_ACCESS_KEY', 'DEV_BIN_REMOTE_SIGNING_KEY_FILE', 'AZURE_STORAGE_KEY']
  writeFileSync(
    join(member.repo, 'build.rs'),
    `fn main() {
    let set: Vec<_> = ${JSON.stringify(names)}.into_iter().filter(|name| std::env::var_os(name).is_some()).collect();
    println!("cargo::rustc-env=READ={set:?}");
}
`,
  )
  for (const name of names) member.env[name] = join(team.directory, 'key')
  expect(await member.get(team.publishing)).toMatchObject({ outcome: 'built', prints: '[]' })
})

test('publishing fails aloud if it is waited for, and the binary is built all the same', async () => {
  const team = new Team()
  const member = team.member()
  const remote = { ...team.publishing, url: `file://${join(team.directory, 'nowhere', 'deep')}` }
  await expect(member.get(remote)).rejects.toMatchObject({ code: 'REMOTE_FAILED' })
  expect(statSync(member.repo).isDirectory()).toBe(true)
  expect(await member.get(undefined)).toMatchObject({ outcome: 'cached', prints: 'one' })
})
