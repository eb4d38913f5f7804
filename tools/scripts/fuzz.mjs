// `npm run fuzz`: walks at random over workspaces, and compares each step with a clean build; see
// tests/differential/main.rs.

import { spawnSync } from 'node:child_process'
import { commandLine } from './arguments.mjs'
import { root } from './setup.mjs'

// Only on Linux does the observer see inputs that are not declared.
const WALKS = ['sources', 'scripts', 'outside', 'tools', ...(process.platform === 'linux' ? ['undeclared'] : [])]
const SCOPES = ['tree', 'crate']

const USAGE = `usage: npm run fuzz -- --steps N [--seed S] [--walk NAME] [--scope SCOPE] [--jobs N]
  --steps N      how many steps to take, in all walks together
  --seed S       which steps, by a number; the same one gives the same steps (default: 1)
  --walk NAME    one walk alone: ${WALKS.join(', ')} (default: all)
  --scope SCOPE  one scope alone: ${SCOPES.join(', ')} (default: both)
  --jobs N       how many walks go side by side (default: as many as there are processors)`

const OPTIONS = {
  steps: { type: 'string' },
  seed: { type: 'string', default: '1' },
  walk: { type: 'string' },
  scope: { type: 'string' },
  jobs: { type: 'string' },
}

const { values, usageError } = commandLine(USAGE, OPTIONS)
const { steps, seed, walk, scope, jobs } = values
if (steps === undefined) usageError('`--steps` is missing')
for (const [name, value] of Object.entries({ steps, seed, jobs })) {
  if (value !== undefined && !/^\d{1,9}$/.test(value)) usageError(`\`--${name}\` takes a number, not \`${value}\``)
}
for (const [name, value, allowed] of [
  ['walk', walk, WALKS],
  ['scope', scope, SCOPES],
]) {
  if (value !== undefined && !allowed.includes(value)) {
    usageError(`\`--${name}\` takes one of ${allowed.join(', ')}, not \`${value}\``)
  }
}

const threads = jobs === undefined ? [] : [`--test-threads=${jobs}`]
const env = { ...process.env, DEV_BIN_FUZZ_STEPS: steps, DEV_BIN_FUZZ_SEED: seed }
if (walk !== undefined) env.DEV_BIN_FUZZ_WALK = walk
if (scope !== undefined) env.DEV_BIN_FUZZ_SCOPE = scope
const command = ['test', '--quiet', '--test', 'differential', '--', '--nocapture', ...threads]
const { status, error } = spawnSync('cargo', command, { cwd: root, env, stdio: 'inherit' })
if (error) console.error(`error: \`cargo\` cannot be started: ${error.message}`)
process.exit(status ?? 1)
