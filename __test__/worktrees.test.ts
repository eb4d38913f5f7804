// Debug binaries of two worktrees at one commit. A binary that both share equals a clean build in each.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DevBinaryOptions, explain, verify } from '../index.js'
import { Checkout, HELLO, PATIENCE_MS, plainEnvironment } from './support.js'

setDefaultTimeout(PATIENCE_MS)

interface Way {
  /** More lines for the workspace's manifest. */
  manifest?: string
  /**
   * Flags in a configuration above both worktrees. `ABOVE` stands for that directory, and `HERE` for the first
   * worktree.
   */
  flags?: string[]
  env?: Record<string, string>
  /** The bond that keeps the second worktree from the binary of the first; left out if they share it. */
  bond?: string
}

const HOLDS = 'it holds the path of the checkout'
const REMAPS = '`--remap-path-prefix` makes something else of its path'

const WAYS: Record<string, Way> = {
  'as it is': { bond: HOLDS },
  'without debug information': { manifest: '[profile.dev]\ndebug = false\n' },
  'with line tables only': { manifest: '[profile.dev]\ndebug = "line-tables-only"\n', bond: HOLDS },
  'with each path remapped to the same': {
    flags: ['--remap-path-prefix=HERE=/src', '--remap-path-prefix=ABOVE/worktree=/src'],
  },
  'with the path of one remapped': { flags: ['--remap-path-prefix=HERE=/src'], bond: REMAPS },
  'with what is above both remapped': { flags: ['--remap-path-prefix', 'ABOVE=/src'], bond: REMAPS },
  'with a relative path remapped': { flags: ['--remap-path-prefix=.=/src'], bond: HOLDS },
  'with each path remapped, but not in debug information': {
    flags: ['--remap-path-prefix=HERE=/src', '--remap-path-prefix=ABOVE/worktree=/src', '--remap-path-scope=macro'],
    bond: HOLDS,
  },
  'with trim-paths, for a cargo that has it': {
    manifest: '[profile.dev]\ntrim-paths = "all"\n',
    env: { RUSTC_BOOTSTRAP: '1' },
  },
}

for (const [name, { manifest = '', flags = [], env = {}, bond }] of Object.entries(WAYS)) {
  // On other systems, debug information is in separate files.
  test.skipIf(process.platform !== 'linux')(`${name}: ${bond === undefined ? 'shared' : 'not shared'}`, async () => {
    const features = 'RUSTC_BOOTSTRAP' in env ? 'cargo-features = ["trim-paths"]\n' : ''
    const checkout = new Checkout({ ...HELLO, 'Cargo.toml': `${features}${HELLO['Cargo.toml']}${manifest}` })
    const worktree = join(checkout.directory, 'worktree')
    checkout.git('worktree', 'add', '--quiet', worktree)
    const places = (flag: string) => flag.replace('ABOVE', checkout.directory).replace('HERE', checkout.repo)
    mkdirSync(join(checkout.directory, '.cargo'))
    const rustflags = JSON.stringify(flags.map(places))
    writeFileSync(join(checkout.directory, '.cargo/config.toml'), `[build]\nrustflags = ${rustflags}\n`)
    const options: Partial<DevBinaryOptions> = { profile: 'dev', env: plainEnvironment(env) }
    const { path } = await checkout.get(options)
    const there = checkout.options({ ...options, repo: worktree })
    if (bond === undefined) {
      expect(await explain(there)).toMatchObject({ outcome: 'hit', path })
      expect(await verify(there)).toMatchObject({ verdict: 'equal' })
    } else {
      const reasons = [{ kind: 'bound', checkout: checkout.repo, boundBy: [bond] }]
      expect(await explain(there)).toMatchObject({ outcome: 'miss', reasons })
    }
  })
}
