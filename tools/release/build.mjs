// `npm run release:build`: the addon of one target as it is published, with `binding.js` beside it.
//
// Not the build of every day, which takes what this machine has: here glibc targets are linked with a toolchain whose
// glibc is the oldest supported one, and no directory of this machine stays in the file.

import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { commandLine, isMain } from '../scripts/arguments.mjs'
import { napiBuild } from '../scripts/build.mjs'
import { linker } from './glibc.mjs'
import { problemsOf } from './inspect.mjs'
import { hostTarget, output, root, targetOf } from './targets.mjs'

const USAGE = `usage: npm run release:build [-- --target TRIPLE] [--out DIR]
  --target TRIPLE  what to build for (default: this machine)
  --out DIR        where the addon and binding.js go (default: target/release-packages/addons)`

/** Builds the addon of `target` into `directory`; its path. */
export function buildAddon(target, directory) {
  const addon = join(directory, target.addon)
  rmSync(addon, { force: true })
  const triple = target.triple.replaceAll('-', '_')
  // The observer is C, and no newer than the rest.
  const compilers = [`CARGO_TARGET_${triple.toUpperCase()}_LINKER`, `CC_${triple}`]
  napiBuild(directory, ['--target', target.triple], {
    env: {
      ...process.env,
      CARGO_ENCODED_RUSTFLAGS: [...remaps(), ...flagsOf(target)].join('\x1f'),
      ...(target.libc === 'glibc' && Object.fromEntries(compilers.map((variable) => [variable, linker(target)]))),
    },
  })
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

/** What rustc is told for the addon of `target` alone. */
export function flagsOf({ libc, os, addon }) {
  // It is loaded into a process whose libc is there already; on Windows, where it may not be, it brings its own.
  if (libc === 'musl') return ['-Ctarget-feature=-crt-static']
  if (os === 'win32') return ['-Ctarget-feature=+crt-static']
  // Without a name of its own, a Mach-O library bears the path that it was linked at.
  if (os === 'darwin') return [`-Clink-arg=-Wl,-install_name,@rpath/${addon}`]
  return []
}

if (isMain(import.meta.url)) {
  const { values } = commandLine(USAGE, { target: { type: 'string' }, out: { type: 'string' } })
  const target = values.target === undefined ? hostTarget() : targetOf(values.target)
  console.log(buildAddon(target, resolve(values.out ?? join(output, 'addons'))))
}
