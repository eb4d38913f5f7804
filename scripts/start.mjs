// `npm start`: the main job. Without arguments a demonstration on a workspace of its own; with them, on the user's.

import { createRequire } from 'node:module'
import { commandLine } from './arguments.mjs'
import { setUp } from './setup.mjs'

const USAGE = `usage: npm start                     a demonstration on a small workspace
       npm start -- --repo DIR --crate C [--bin B] [--target T] [--features a,b] [--rebuild]
                                     the path of an up-to-date binary of C, on stdout`

const OPTIONS = {
  repo: { type: 'string' },
  crate: { type: 'string' },
  bin: { type: 'string' },
  target: { type: 'string' },
  features: { type: 'string' },
  rebuild: { type: 'boolean' },
}

const { values, usageError } = commandLine(USAGE, OPTIONS)
const { features, ...options } = values
const isDemonstration = Object.keys(options).length === 0 && features === undefined
if (!isDemonstration && (options.repo === undefined || options.crate === undefined)) {
  usageError('`--repo` and `--crate` belong together')
}

setUp()
if (isDemonstration) {
  const { demonstrate } = await import('./demonstration.mjs')
  await demonstrate()
} else {
  const { getDevBinary } = createRequire(import.meta.url)('../index.js')
  try {
    const binary = await getDevBinary({ ...options, features: features?.split(',') })
    console.log(binary.path)
    console.error(`${binary.outcome} in ${binary.elapsedMs.toFixed(1)} ms`)
  } catch (error) {
    console.error(`error[${error.code}]: ${error.message}`)
    process.exit(1)
  }
}
