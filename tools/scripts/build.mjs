// `npm run build`: the release build of the addon, in place, for this machine; further arguments are for `napi build`.
//
// Promises: the loader and its types are those of this build. `napi build` leaves old ones alone, without a word, when it
// has found nothing to make them of; so they are removed before, and must be there afterwards.

import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isMain } from './arguments.mjs'
import { addonDirectory, root, run } from './setup.mjs'

const GENERATED = { '--js': 'binding.js', '--dts': 'binding.d.ts' }

/** Builds the addon into `directory`, with the loader and its types beside it. */
export function napiBuild(directory, args = [], options = {}) {
  const paths = Object.values(GENERATED).map((name) => join(directory, name))
  for (const path of paths) rmSync(path, { force: true })
  const crate = ['--manifest-path', join(root, 'addon', 'Cargo.toml'), '--output-dir', directory]
  const generate = Object.entries(GENERATED).flat()
  // Not the one in `.bin`, which is a script on Windows: a shell would take paths with spaces apart.
  const napi = [process.execPath, join(root, 'node_modules', '@napi-rs', 'cli', 'dist', 'cli.js')]
  const [program, ...rest] = [...napi, 'build', ...crate, '--platform', '--release', ...generate, ...args]
  run(program, rest, { shell: false, ...options })
  const missing = paths.filter((path) => !existsSync(path))
  if (missing.length > 0) {
    throw new Error(`the build has not written ${missing.join(', ')}; does addon/Cargo.toml still name napi-derive?`)
  }
}

if (isMain(import.meta.url)) napiBuild(addonDirectory, process.argv.slice(2))
