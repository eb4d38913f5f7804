// `npm run release:build`: builds the addon of one target as it is published.
//
// This differs from `npm run build`: glibc targets are linked with a toolchain whose glibc is the oldest supported one,
// and the file contains no path of this machine.

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
  --target TRIPLE  the target to build for (default: this machine)
  --out DIR        the directory for the addon (default: target/release-packages/addons)`

/** Builds the addon of `target` into `directory`, and returns its path. Throws if it must not be published. */
export function buildAddon(target, directory) {
  const addon = join(directory, target.addon)
  rmSync(addon, { force: true })
  const triple = target.triple.replaceAll('-', '_')
  // The observer is written in C, and must run on the oldest glibc, too.
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

/**
 * Returns the flags that replace paths of this machine. rustc takes the last match, so an inner directory comes after
 * an outer one.
 */
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

/** Returns rustc's flags for the addon of `target`. */
export function flagsOf({ libc, os, addon }) {
  // The process that loads the addon has a libc already. On Windows it may have none, so the addon contains its own.
  if (libc === 'musl') return ['-Ctarget-feature=-crt-static']
  if (os === 'win32') return ['-Ctarget-feature=+crt-static']
  // Without an install name, a Mach-O library contains the path where it was linked.
  if (os === 'darwin') return [`-Clink-arg=-Wl,-install_name,@rpath/${addon}`]
  return []
}

if (isMain(import.meta.url)) {
  const { values } = commandLine(USAGE, { target: { type: 'string' }, out: { type: 'string' } })
  const target = values.target === undefined ? hostTarget() : targetOf(values.target)
  console.log(buildAddon(target, resolve(values.out ?? join(output, 'addons'))))
}
