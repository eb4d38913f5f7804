// The oldest glibc that an addon runs on: a toolchain that links with it, and the library itself, to load an addon
// with.

import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { run } from '../scripts/setup.mjs'
import { GLIBC_FLOOR, root } from './targets.mjs'

/** Returns the path of a C compiler for `target`, which also links. */
export function linker(target) {
  return join(toolchain(target), 'bin', `${target.triple}-gcc`)
}

/** Returns the path of the program that makes static libraries for `target`. */
export function archiver(target) {
  return join(toolchain(target), 'bin', `${target.triple}-ar`)
}

/** Returns the words that go before a command to run it on the oldest glibc. `target` is one of this machine. */
export function oldestGlibc(target) {
  const libraries = join(toolchain(target), target.triple, 'sysroot', 'lib')
  return [join(libraries, `ld-${GLIBC_FLOOR}.so`), '--library-path', libraries]
}

/** Returns the directory of the toolchain. Unpacks it from its package if that has not been done. */
function toolchain({ triple }) {
  const name = `@napi-rs/cross-toolchain-${process.arch}-target-${triple.split('-')[0]}`
  const manifest = installed(name)
  const { version } = createRequire(import.meta.url)(manifest)
  const unpacked = join(root, 'target', 'cross-toolchain', `${triple}-${version}`)
  if (!existsSync(unpacked)) {
    const temporary = `${unpacked}.${process.pid}`
    mkdirSync(temporary, { recursive: true })
    run('tar', ['-xJf', join(dirname(manifest), `${triple}.tar.xz`), '-C', temporary])
    rmSync(unpacked, { recursive: true, force: true })
    renameSync(temporary, unpacked)
  }
  return unpacked
}

function installed(name) {
  try {
    return createRequire(import.meta.url).resolve(`${name}/package.json`)
  } catch (cause) {
    throw new Error(`\`${name}\` is not installed; run \`npm ci --prefix tools/release\` on x64 Linux`, { cause })
  }
}
