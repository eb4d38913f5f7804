// `npm run crowd`: has processes get, prune and run binaries at once, for a given time; see __test__/crowd.test.ts.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { commandLine } from './arguments.mjs'
import { local, root, setUp } from './setup.mjs'

const USAGE = `usage: npm run crowd [-- --seconds N]
  --seconds N   how long, in seconds (default: 60)`

const { values, usageError } = commandLine(USAGE, { seconds: { type: 'string', default: '60' } })
if (!/^[1-9]\d{0,4}$/.test(values.seconds)) usageError(`\`--seconds\` takes a number, not \`${values.seconds}\``)

setUp()
const { status } = spawnSync(local('bun'), ['test', join(root, '__test__', 'crowd.test.ts')], {
  cwd: root,
  env: { ...process.env, DEV_BIN_CROWD_SECONDS: values.seconds },
  stdio: 'inherit',
  shell: process.platform === 'win32',
})
process.exit(status ?? 1)
