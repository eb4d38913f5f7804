// `npm run release:build`: the addon of one target as it is published, with `binding.js` beside it.
//
// Not the build of every day, which takes what this machine has: here glibc targets are linked with a toolchain whose
// glibc is the oldest supported one, and no directory of this machine stays in the file.

import { spawnSync } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { commandLine } from '../scripts/arguments.mjs'
import { local, run } from '../scripts/setup.mjs'
import { linker } from './glibc.mjs'
import { problemsOf } from './inspect.mjs'
import { hostTarget, output, root, targetOf } from './targets.mjs'

const USAGE = `usage: npm run release:build [-- --target TRIPLE] [--out DIR]
  --target TRIPLE  what to build for (default: this machine)
  --out DIR        where the addon and binding.js go (default: target/release-packages/addons)`

/** Builds the addon of `target` into `directory`; its path. */
export function buildAddon(target, directory) {
  const flags = [...remaps(), ...crtOf(target)]
  const variable = `CARGO_TARGET_${target.triple.toUpperCase().replaceAll('-', '_')}_LINKER`
  const names = ['--js', 'binding.js', '--dts', 'binding.d.ts']
  const crate = ['--manifest-path', join(root, 'addon', 'Cargo.toml')]
  const build = ['build', ...crate, '--platform', '--release', '--target', target.triple, '-o', directory, ...names]
  run(local('napi'), build, {
    env: {
      ...process.env,
      CARGO_ENCODED_RUSTFLAGS: flags.join('\x1f'),
      ...(target.libc === 'glibc' && { [variable]: linker(target) }),
    },
  })
  const addon = join(directory, target.addon)
  const problems = problemsOf(target, addon)
  if (problems.length > 0) throw new Error(`${addon}\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
  return addon
}

/** rustc takes the last one that fits, so what lies in another directory comes after it. */
function remaps() {
  const cargoHome = process.env.CARGO_HOME || join(homedir(), '.cargo')
  const sysroot = spawnSync('rustc', ['--print', 'sysroot'], { cwd: root, encoding: 'utf8' }).stdout?.trim()
  if (!sysroot) throw new Error('`rustc --print sysroot` failed; see whether `rustc --version` works')
  return [
    [homedir(), '~'],
    [cargoHome, 'cargo'],
    [sysroot, 'rust'],
    [root, 'dev-bin'],
  ].map(([from, to]) => `--remap-path-prefix=${from}=${to}`)
}

/** An addon is loaded into a process whose libc is there already; on Windows, where it may not be, it brings its own. */
function crtOf({ libc, os }) {
  if (libc === 'musl') return ['-Ctarget-feature=-crt-static']
  return os === 'win32' ? ['-Ctarget-feature=+crt-static'] : []
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = commandLine(USAGE, { target: { type: 'string' }, out: { type: 'string' } })
  const target = values.target === undefined ? hostTarget() : targetOf(values.target)
  console.log(buildAddon(target, values.out ?? join(output, 'addons')))
}
