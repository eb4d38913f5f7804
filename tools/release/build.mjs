// `npm run release:build`: builds the addon of one target, and its program for a team's store, as they are published.
//
// This differs from `npm run build`: glibc targets are linked with a toolchain whose glibc is the oldest supported one,
// and the files contain no path of this machine.

import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { commandLine, isMain } from '../scripts/arguments.mjs'
import { napiBuild } from '../scripts/build.mjs'
import { run } from '../scripts/setup.mjs'
import { archiver, linker } from './glibc.mjs'
import { problemsOf } from './inspect.mjs'
import { hostTarget, output, root, targetOf } from './targets.mjs'

const USAGE = `usage: npm run release:build [-- --target TRIPLE] [--out DIR]
  --target TRIPLE  the target to build for (default: this machine)
  --out DIR        the directory for both files (default: target/release-packages/addons)`

/** Builds the addon of `target` into `directory`, and returns its path. Throws if it must not be published. */
export function buildAddon(target, directory) {
  const addon = join(directory, target.addon)
  rmSync(addon, { force: true })
  napiBuild(directory, ['--target', target.triple], { env: environment(target, flagsOf(target)) })
  return inspected(target, addon)
}

/**
 * Builds the program for a team's store of `target` into `directory`, and returns its path. Throws if it must not be
 * published.
 */
export function buildProgram(target, directory) {
  const built = join(root, 'target', 'release-program')
  const crate = ['--package', 'openlock-dev-bin-remote', '--bin', 'dev-bin-remote']
  // A directory of its own: the addon's flags are others, and cargo would build what both need anew each time.
  const where = ['--target', target.triple, '--target-dir', built]
  run('cargo', ['build', '--release', '--locked', ...crate, ...where], {
    shell: false,
    env: environment(target, flagsOfProgram(target)),
  })
  const program = join(directory, target.program)
  mkdirSync(directory, { recursive: true })
  rmSync(program, { force: true })
  copyFileSync(join(built, target.triple, 'release', target.installedProgram), program)
  return inspected(target, program)
}

/** Returns the environment of a build with `flags` for rustc. */
function environment(target, flags) {
  const triple = target.triple.replaceAll('-', '_')
  return {
    ...process.env,
    CARGO_ENCODED_RUSTFLAGS: [...remaps(), ...flags].join('\x1f'),
    // Code that is written in C, as the observer and zstd are, must run on the oldest glibc, too.
    ...(target.libc === 'glibc' && {
      [`CARGO_TARGET_${triple.toUpperCase()}_LINKER`]: linker(target),
      [`CC_${triple}`]: linker(target),
      [`AR_${triple}`]: archiver(target),
    }),
  }
}

/** Returns `file`. Throws if it must not be published. */
function inspected(target, file) {
  const problems = problemsOf(target, file)
  if (problems.length > 0) throw new Error(`${file}\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
  return file
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

/** Returns rustc's flags for the program of `target`. On musl it contains its libc, as rustc has it by itself. */
export function flagsOfProgram({ os }) {
  return os === 'win32' ? ['-Ctarget-feature=+crt-static'] : []
}

if (isMain(import.meta.url)) {
  const { values } = commandLine(USAGE, { target: { type: 'string' }, out: { type: 'string' } })
  const target = values.target === undefined ? hostTarget() : targetOf(values.target)
  const directory = resolve(values.out ?? join(output, 'addons'))
  for (const build of [buildAddon, buildProgram]) console.log(build(target, directory))
}
