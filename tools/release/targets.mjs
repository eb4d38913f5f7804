// The platforms that there are packages for, and facts about this package.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** The name of the program that speaks to a team's store. */
const PROGRAM = 'dev-bin-remote'

/**
 * The directory for everything that is built here. It lies in cargo's target directory, which git ignores and backups
 * leave out.
 */
export const output = join(root, 'target', 'release-packages')

/** The package of the program that speaks to a team's store. It has one package for each platform below it, too. */
export const remotePackage = `${manifest.name}-remote`

/**
 * A target has two packages: one with the addon, and one with the program that speaks to a team's store. `addon` and
 * `program` are the names of their files while a release is built, and are all different. `installedProgram` is the
 * name of the program in its package.
 */
const target = (triple, os, cpu, abi, needs) => {
  const platform = [os, cpu, abi].filter((part) => part !== undefined).join('-')
  const libc = { gnu: 'glibc', musl: 'musl' }[abi]
  const suffix = os === 'win32' ? '.exe' : ''
  return {
    triple,
    platform,
    os,
    cpu,
    libc,
    needs,
    package: `${manifest.name}-${platform}`,
    addon: `${manifest.napi.binaryName}.${platform}.node`,
    remotePackage: `${remotePackage}-${platform}`,
    program: `${PROGRAM}.${platform}${suffix}`,
    installedProgram: `${PROGRAM}${suffix}`,
  }
}

/** The oldest glibc that the addon runs on. Rust itself needs the same. */
export const GLIBC_FLOOR = '2.17'

const glibc = `glibc ${GLIBC_FLOOR} or newer`
const musl = 'musl 1.2 or newer'

export const TARGETS = [
  target('aarch64-apple-darwin', 'darwin', 'arm64', undefined, 'macOS 11 or newer'),
  target('x86_64-apple-darwin', 'darwin', 'x64', undefined, 'macOS 10.12 or newer'),
  target('aarch64-unknown-linux-gnu', 'linux', 'arm64', 'gnu', glibc),
  target('x86_64-unknown-linux-gnu', 'linux', 'x64', 'gnu', glibc),
  target('aarch64-unknown-linux-musl', 'linux', 'arm64', 'musl', musl),
  target('x86_64-unknown-linux-musl', 'linux', 'x64', 'musl', musl),
  target('aarch64-pc-windows-msvc', 'win32', 'arm64', 'msvc', 'Windows 10 or newer'),
  target('x86_64-pc-windows-msvc', 'win32', 'x64', 'msvc', 'Windows 10 or newer'),
]

/** Returns the target of this process. Throws if there is no package for it. */
export function hostTarget() {
  const { platform, arch } = process
  const libc = platform === 'linux' ? (isMusl() ? 'musl' : 'glibc') : undefined
  const found = TARGETS.find(({ os, cpu, libc: wanted }) => os === platform && cpu === arch && wanted === libc)
  if (found === undefined) throw new Error(`there is no package for ${platform}-${arch}`)
  return found
}

/** Returns whether this process runs on musl; `lib/load.js` explains the pattern. */
function isMusl() {
  return /\/(ld-musl-|libc\.musl-|libc\.so$)/m.test(readFileSync('/proc/self/maps', 'utf8'))
}

/** Returns the target of a triple. Throws if there is none. */
export function targetOf(triple) {
  const found = TARGETS.find((target) => target.triple === triple)
  if (found === undefined) {
    throw new Error(`no such target: ${triple}; there are ${TARGETS.map(({ triple }) => triple).join(', ')}`)
  }
  return found
}
