// `npm run fuzz`: random walks over a workspace, each step compared with a clean build; see tests/differential.rs.

import { spawnSync } from 'node:child_process'
import { commandLine } from './arguments.mjs'
import { root } from './setup.mjs'

const USAGE = `usage: npm run fuzz -- --steps N [--seed S]
  --steps N   how many steps to take
  --seed S    which walk, by a number; the same one gives the same steps (default: 1)`

const OPTIONS = {
  steps: { type: 'string' },
  seed: { type: 'string', default: '1' },
}

const { values, usageError } = commandLine(USAGE, OPTIONS)
const { steps, seed } = values
if (steps === undefined) usageError('`--steps` is missing')
for (const [name, value] of Object.entries({ steps, seed })) {
  if (!/^\d{1,9}$/.test(value)) usageError(`\`--${name}\` takes a number, not \`${value}\``)
}

const { status, error } = spawnSync('cargo', ['test', '--quiet', '--test', 'differential', '--', '--nocapture'], {
  cwd: root,
  env: { ...process.env, DEV_BIN_FUZZ_STEPS: steps, DEV_BIN_FUZZ_SEED: seed },
  stdio: 'inherit',
})
if (error) console.error(`error: \`cargo\` cannot be started: ${error.message}`)
process.exit(status ?? 1)
