// `npm run bench:watched`: measures cold builds that are watched and cold builds that are not, in turns.
//
// Promises: each build begins without a target directory and a cache. The order of the two kinds changes from round to
// round, so that a machine that warms up or slows down affects both.
// Does not promise: figures that mean anything on a machine that does other work.

import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { commandLine } from '../scripts/arguments.mjs'
import { root, setUp } from '../scripts/setup.mjs'
import { summary } from './statistics.mjs'

const USAGE = `usage: npm run bench:watched [-- --repo DIR --crate C]
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

/** Makes a cold build, and returns how many seconds it takes and how many units it has. */
async function build(observe) {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'dev-bin-watched-')))
  const { crate, kind, profile } = values
  let units = 0
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
  // The work after the answer may still write to the cache.
  rmSync(directory, { recursive: true, maxRetries: 20, retryDelay: 100 })
  return { seconds, units }
}

const taken = { auto: [], off: [] }
for (let round = 0; round < Number(values.rounds); round += 1) {
  for (const observe of round % 2 === 0 ? ['auto', 'off'] : ['off', 'auto']) {
    const { seconds, units } = await build(observe)
    taken[observe].push(seconds)
    console.log(`${observe === 'auto' ? 'watched' : 'not watched'}: ${seconds.toFixed(2)} s, ${units} units`)
  }
}
const [watched, not] = [taken.auto, taken.off].map((seconds) => summary(seconds).median)
console.log(`medians: ${watched.toFixed(2)} s and ${not.toFixed(2)} s, ratio ${(watched / not).toFixed(3)}`)
