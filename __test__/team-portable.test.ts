// The parts of a binary's inputs that not each machine of a team has, as `why` and `explain` name them.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DevBinaryOptions, explain, type NotPortable } from '../index.js'
import { devBin } from './command.js'
import { printing } from './oracle.js'
import { observes, PATIENCE_MS, temporaryDirectory } from './support.js'
import { type Member, Team } from './team.js'

setDefaultTimeout(PATIENCE_MS)

/** Returns what `explain` says of the member's binary. */
async function limits(member: Member, remote: DevBinaryOptions['remote']): Promise<NotPortable[]> {
  const cacheDir = join(member.directory, 'cache')
  const options = { crate: 'app', repo: member.repo, cacheDir, env: member.env, remote }
  return (await explain({ ...options, report: 'silent' })).notPortable
}

/** Returns the limits without those that every binary has whose linker reads files of the system. */
const without = (limits: NotPortable[], variable = '') =>
  limits.filter(({ part }) => !part.startsWith('the system') && !(variable === '' && part.includes('variable `PATH`')))

const FLAG = '-march=native'

const CASES: [string, (member: Member, outside: string) => void, NotPortable[]][] = [
  ['a binary of its checkout, cargo and the system has none', () => {}, []],
  [
    'a flag of the C compiler for this processor',
    (member) => void Object.assign(member.env, { CFLAGS: `-O2 ${FLAG}` }),
    [
      {
        sharing: 'none',
        part: `the variable \`CFLAGS\` has \`${FLAG}\`, by which a C compiler makes it for this processor`,
      },
    ],
  ],
  [
    'a flag of rustc for this processor',
    (member) => void Object.assign(member.env, { RUSTFLAGS: '-Ctarget-cpu=native' }),
    [
      {
        sharing: 'equal-machines',
        part: 'the features of the processor, by `target-cpu=native` in the variable `RUSTFLAGS`',
      },
    ],
  ],
  [
    'a path of this machine in a flag',
    (member) => void Object.assign(member.env, { RUSTFLAGS: '-L/opt/sdk/lib' }),
    [{ sharing: 'equal-machines', part: 'the variable `RUSTFLAGS`, which names `/opt/sdk/lib`' }],
  ],
  [
    'the path of the checkout in the binary',
    ({ repo }) =>
      writeFileSync(join(repo, 'src/main.rs'), printing('concat!(env!("CARGO_MANIFEST_DIR"), env!("READ"))')),
    [{ sharing: 'equal-paths', part: 'it holds the path of the checkout' }],
  ],
]

for (const [title, change, expected] of CASES) {
  test(`not portable: ${title}`, async () => {
    const team = new Team()
    const member = team.member()
    change(member, team.directory)
    await member.get(undefined)
    expect(without(await limits(member, team.reading))).toEqual(expect.arrayContaining(expected))
    if (expected.length === 0) expect(without(await limits(member, team.reading))).toEqual([])
    expect(await limits(member, undefined)).toEqual([])
  })
}

test('a target directory elsewhere: it is shared all the same, between any two target directories', async () => {
  const team = new Team()
  const elsewhere = () => {
    const member = team.member()
    member.env.CARGO_TARGET_DIR = temporaryDirectory()
    return member
  }
  expect(await elsewhere().get(team.publishing)).toMatchObject({ outcome: 'built', warnings: [] })
  for (const member of [elsewhere(), team.member()]) {
    expect(await member.get(team.reading)).toMatchObject({ outcome: 'downloaded', prints: 'one' })
  }
})

test.skipIf(!observes)('a file outside: `why` names it, and the binary is not shared for that reason', async () => {
  const team = new Team()
  const member = team.member()
  const outside = join(temporaryDirectory(), 'own.txt')
  writeFileSync(outside, 'own')
  writeFileSync(
    join(member.repo, 'build.rs'),
    `fn main() { println!("cargo::rustc-env=READ={}", std::fs::read_to_string(${JSON.stringify(outside)}).unwrap()); }\n`,
  )
  const { warnings } = await member.get(team.publishing)
  const problem = `it depends on \`${outside}\`, which is this machine's own`
  expect(warnings).toEqual([`\`app\` is not shared with the team: ${problem}`])
  const env = { ...(member.env as Record<string, string>), DEV_BIN_CACHE_DIR: join(member.directory, 'cache') }
  const where = (extra: Record<string, string>) => ({ cwd: member.repo, env: { ...env, ...extra } })
  const store = { DEV_BIN_REMOTE_URL: team.url, DEV_BIN_REMOTE_KEYS: team.trusted }
  const { stdout } = await devBin('node', ['why', '-p', 'app'], where(store))
  expect(stdout).toContain(`not shared with the team:\n  ${problem}\n`)
  expect((await devBin('node', ['why', '-p', 'app'], where({}))).stdout).not.toContain('team')
})
