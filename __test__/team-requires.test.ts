// The needs of a binary of a team's store, on a machine that does not meet them.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { observes, PATIENCE_MS } from './support.js'
import { publishedTeam } from './team.js'
import { replaceEntry } from './team-signed.js'

setDefaultTimeout(PATIENCE_MS)

test.skipIf(!observes)(
  'a binary is published with the shared libraries that it needs, and taken where they are',
  async () => {
    const team = await publishedTeam()
    const { libraries = [] } = await replaceEntry(team, {})
    // A binary for musl names none.
    for (const library of libraries) expect(library).toMatch(/^\/lib.*\/ld-|^(lib[a-z_]+|ld-.*)\.so/)
    expect(await team.member().get(team.reading)).toMatchObject({ outcome: 'downloaded', prints: 'one', warnings: [] })
  },
)

const NEEDS: [object, string][] = [
  [{ libraries: ['libnone.so.7'] }, 'it needs `libnone.so.7`, which this machine does not have'],
  [{ libraries: ['/opt/none/ld-none.so.2'] }, 'it needs `/opt/none/ld-none.so.2`, which this machine does not have'],
  [{ glibc: '99.1' }, 'it needs glibc 99.1, and this machine has'],
]

for (const [requires, problem] of NEEDS) {
  test.skipIf(!observes)(
    `a binary with the needs ${JSON.stringify(requires)} is built instead, with a warning`,
    async () => {
      const team = await publishedTeam()
      await replaceEntry(team, { requires })
      const got = await team.member().get(team.reading)
      expect(got).toMatchObject({ outcome: 'built', prints: 'one' })
      expect(got.warnings).toHaveLength(1)
      expect(got.warnings[0]).toContain(`cannot run here, and is built: ${problem}`)
    },
  )
}
