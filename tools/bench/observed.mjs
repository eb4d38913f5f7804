// `npm run bench:observed`: measures cold builds that are observed and cold builds that are not, in turns.
//
// Promises: each build begins without a target directory and a cache. The order of the two kinds changes from round to
// round, so that a machine that warms up or slows down affects both.
// Does not promise: seconds that mean anything on a machine that does other work. The processor time of the build's
// processes depends on that less, so it is printed beside them where the system tells it (Linux).

import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { commandLine } from '../scripts/arguments.mjs'
import { root, setUp } from '../scripts/setup.mjs'
import { summary } from './statistics.mjs'

const USAGE = `usage: npm run bench:observed [-- --repo DIR --crate C]
  --repo DIR      the workspace (default: this package's own)
  --crate C       the crate that is built (default: openlock-dev-bin-addon)
  --kind KIND     bin, cdylib, staticlib or example (default: what the crate has)
  --profile P     the cargo profile (default: dev)
  --features a,b  features of the crate
  --rounds N      how many builds of each (default: 3)`

const { values } = commandLine(USAGE, {
  repo: { type: 'string', default: root },
  crate: { type: 'string', default: 'openlock-dev-bin-addon' },
  kind: { type: 'string' },
  profile: { type: 'string', default: 'dev' },
  features: { type: 'string' },
  rounds: { type: 'string', default: '3' },
})

setUp()
const { getDevBinary } = createRequire(import.meta.url)('../../index.js')

/** Returns the processor time in seconds of the child processes that have ended, or nothing where there is no `/proc`. */
function childrenSeconds() {
  if (!existsSync('/proc/self/stat')) return undefined
  // proc_pid_stat(5): `cutime` and `cstime` are fields 16 and 17, in ticks, of which Linux has 100 a second.
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')
  return (Number(fields[13]) + Number(fields[14])) / 100
}

/** Removes `directory`. The work after the answer may still write to the cache in it. */
async function remove(directory) {
  for (let tries = 1; ; tries += 1) {
    try {
      return rmSync(directory, { recursive: true })
    } catch (error) {
      if (error.code !== 'ENOTEMPTY' || tries === 50) throw error
      await sleep(100)
    }
  }
}

/** Makes a cold build, and returns how many seconds it takes, how much processor time, and how many units it has. */
async function build(observe) {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'dev-bin-observed-')))
  const { crate, kind, profile } = values
  let units = 0
  const before = childrenSeconds()
  const began = performance.now()
  await getDevBinary({
    repo: resolve(values.repo),
    crate,
    kind,
    profile,
    features: values.features?.split(','),
    observe,
    cacheDir: join(directory, 'cache'),
    env: { ...process.env, CARGO_TARGET_DIR: join(directory, 'target'), DEV_BIN_OBSERVE: undefined },
    onEvent: (event) => {
      if (event.type === 'progress') units = Math.max(units, event.total ?? 0)
    },
  })
  const seconds = (performance.now() - began) / 1000
  const processor = before === undefined ? undefined : childrenSeconds() - before
  await remove(directory)
  return { seconds, processor, units }
}

const taken = { auto: [], off: [] }
for (let round = 0; round < Number(values.rounds); round += 1) {
  for (const observe of round % 2 === 0 ? ['auto', 'off'] : ['off', 'auto']) {
    const { seconds, processor, units } = await build(observe)
    taken[observe].push({ seconds, processor })
    const ofChildren = processor === undefined ? '' : `, ${processor.toFixed(2)} s of processor time`
    console.log(
      `${observe === 'auto' ? 'observed' : 'not observed'}: ${seconds.toFixed(2)} s${ofChildren}, ${units} units`,
    )
  }
}

/** Prints the medians of a figure of both kinds, and their ratio. */
function compare(name, figure) {
  const [observed, not] = [taken.auto, taken.off].map((builds) => summary(builds.map(figure)).median)
  console.log(`${name}: ${observed.toFixed(2)} s and ${not.toFixed(2)} s, ratio ${(observed / not).toFixed(3)}`)
}
compare('medians', (build) => build.seconds)
if (taken.auto[0]?.processor !== undefined) compare('processor time', (build) => build.processor)
