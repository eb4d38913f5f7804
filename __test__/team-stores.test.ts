// One builds, another has it: on each real store, in Bun and in Node.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { RUNTIMES } from './program.js'
import { STORES, type StoreServer, started, testWith } from './servers.js'
import { output, PATIENCE_MS, plainEnvironment, temporaryDirectory, unix } from './support.js'
import { publishedTeam, Team } from './team.js'

setDefaultTimeout(PATIENCE_MS)

for (const name of STORES) {
  const testHere = testWith(name)
  describe(`on ${name}`, () => {
    let server: StoreServer
    beforeAll(async () => {
      if (testHere === test) server = await started(name)
    })
    afterAll(() => server?.end())

    for (const runtime of RUNTIMES) {
      testHere(`in ${runtime}, B has a binary that A has published, with a cargo that only fails`, async () => {
        const team = new Team(server)
        const published = await team.member().devBin(runtime, ['remote', 'publish', '-p', 'app'], team.publishing)
        expect(published).toMatchObject({ status: 0, stderr: expect.not.stringContaining('warning') })
        const writes = server.writes()
        expect(writes.length > 0).toBe(name !== 'file')

        const member = team.member()
        member.breakCargo()
        const got = await member.devBin(runtime, ['get', '-p', 'app', '--json'], team.reading)
        expect(got).toMatchObject({ status: 0 })
        const { outcome, path } = JSON.parse(got.stdout.trim().split('\n').at(-1) ?? '')
        expect([outcome, output(path)]).toEqual(['downloaded', 'one'])

        const requests = server.requests()
        expect(await member.look(team.reading)).toMatchObject({ outcome: 'cached', prints: 'one', warnings: [] })
        expect(server.requests()).toEqual(requests)
        expect(server.writes()).toEqual(writes)
      })
    }

    testHere('a check finds nothing wrong, and in the mode `read` it writes nothing', async () => {
      const team = new Team(server)
      const member = team.member()
      const check = await member.devBin('node', ['remote', 'check'], team.publishing)
      expect(check).toMatchObject({ status: 0, stderr: '' })
      expect(check.stdout).toMatch(/put: [\d.]+ ms\nget: [\d.]+ ms\ndelete: [\d.]+ ms/)
      const writes = server.writes()
      expect(await member.devBin('node', ['remote', 'check'], team.reading)).toMatchObject({ status: 0, stderr: '' })
      expect(server.writes()).toEqual(writes)
    })
  })
}

const testWithMoto = testWith('moto')

testWithMoto(
  'a store that is stopped is not missed by those who have the binary, and costs others one warning',
  async () => {
    const moto = await started('moto')
    try {
      const team = await publishedTeam(moto)
      const member = team.member()
      expect(await member.look(team.reading)).toMatchObject({ outcome: 'downloaded' })
      await moto.stop()
      expect(await member.look(team.reading)).toMatchObject({ outcome: 'cached', warnings: [] })
      const looked = await team.member().look(team.reading)
      expect(looked).toMatchObject({ outcome: 'missed', warnings: [expect.stringContaining('is not used for 1m')] })
    } finally {
      await moto.end()
    }
  },
)

/** Copies what a build needs of the toolchain to a rustup home, and returns the variables that choose it. */
function copiedToolchain(): Record<string, string> {
  const sysroot = execFileSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8', env: plainEnvironment() }).trim()
  const home = join(temporaryDirectory(), 'rustup')
  const copy = join(home, 'toolchains', basename(sysroot))
  mkdirSync(join(copy, 'bin'), { recursive: true })
  for (const name of ['cargo', 'rustc']) cpSync(join(sysroot, 'bin', name), join(copy, 'bin', name))
  const isSource = (path: string) => /\/rustlib\/(src|etc)$/.test(path)
  cpSync(join(sysroot, 'lib'), join(copy, 'lib'), { recursive: true, filter: (path) => !isSource(path) })
  const bin = join(copy, 'bin')
  return { RUSTUP_HOME: home, PATH: `${bin}:${process.env.PATH}` }
}

test.skipIf(!unix)('B has the binary with a copy of the toolchain at another path', async () => {
  const team = await publishedTeam()
  const member = team.member()
  Object.assign(member.env, copiedToolchain())
  expect(await member.look(team.reading)).toMatchObject({ outcome: 'downloaded', prints: 'one', warnings: [] })
  expect(readdirSync(join(member.env.RUSTUP_HOME ?? '', 'toolchains'))).toHaveLength(1)
})
