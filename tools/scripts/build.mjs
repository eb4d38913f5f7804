// `npm run build`: makes the release build of the addon for this machine, in lib/. Passes further arguments on to `napi
// build`.
//
// Promises: the loader and its types are those of this build. `napi build` keeps old ones silently if it finds no type
// definitions. So they are removed before the build, and must exist after it.

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
  // Not the program in `.bin`: it is a script on Windows, and a shell would split paths with spaces.
  const napi = [process.execPath, join(root, 'node_modules', '@napi-rs', 'cli', 'dist', 'cli.js')]
  const [program, ...rest] = [...napi, 'build', ...crate, '--platform', '--release', ...generate, ...args]
  run(program, rest, { shell: false, ...options })
  const missing = paths.filter((path) => !existsSync(path))
  if (missing.length > 0) {
    throw new Error(`the build has not written ${missing.join(', ')}; does addon/Cargo.toml still name napi-derive?`)
  }
}

if (isMain(import.meta.url)) napiBuild(addonDirectory, process.argv.slice(2))
