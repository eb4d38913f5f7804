// `npm run build`: makes the release build of the addon for this machine, in lib/. Passes further arguments on to `napi
// build`.
//
// Promises: the types are those of this build. `napi build` keeps old ones silently if it finds no type definitions. So
// they are removed before the build, and must exist after it. There is no generated loader: `lib/load.js` is shorter.

import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isMain } from './arguments.mjs'
import { addonDirectory, root, run } from './setup.mjs'

const TYPES = 'binding.d.ts'

/** Builds the addon into `directory`, with its types beside it. */
export function napiBuild(directory, args = [], options = {}) {
  const types = join(directory, TYPES)
  rmSync(types, { force: true })
  const crate = ['--manifest-path', join(root, 'addon', 'Cargo.toml'), '--output-dir', directory]
  const generate = ['--no-js', '--dts', TYPES]
  // Not the program in `.bin`: it is a script on Windows, and a shell would split paths with spaces.
  const napi = [process.execPath, join(root, 'node_modules', '@napi-rs', 'cli', 'dist', 'cli.js')]
  const [program, ...rest] = [...napi, 'build', ...crate, '--platform', '--release', ...generate, ...args]
  run(program, rest, { shell: false, ...options })
  if (!existsSync(types)) {
    throw new Error(`the build has not written ${types}; does addon/Cargo.toml still name napi-derive?`)
  }
}

if (isMain(import.meta.url)) napiBuild(addonDirectory, process.argv.slice(2))
