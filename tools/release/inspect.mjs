// Checks an addon, or a program for a team's store, before it is published: that it is built for its platform, is small enough, contains no path of the
// machine that built it, and needs no newer glibc than the oldest supported one. Reads the file's bytes, so any machine
// can check those of all targets.

import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename } from 'node:path'
import { GLIBC_FLOOR, root } from './targets.mjs'

const MIB = 1024 * 1024

/**
 * The largest size of a stripped addon, in bytes. It is promised for one platform. Instructions and file formats of the
 * others take more room, and their limit only stops an addon that was not stripped.
 */
const MAX_SIZES = { 'x86_64-unknown-linux-gnu': 4.5 * MIB }
const MAX_SIZE_ELSEWHERE = 5 * MIB
/** The largest size of a program, in bytes. It stops one that was not stripped. */
const MAX_PROGRAM_SIZE = 14 * MIB

/** Directories of the user that built the addon. Other machines do not have them. */
const PRIVATE_DIRECTORIES =
  /(?:\/(?:home|Users|root|github|__w|opt\/hostedtoolcache|usr\/local\/(?:cargo|rustup))\/|[A-Za-z]:\\(?:Users|a)\\)[\w.-]+/

/** Returns the problems of an addon or a program as predicates, such as `is linked with glibc`; empty if it may be published. */
export function problemsOf(target, file) {
  const bytes = readFileSync(file)
  const text = bytes.toString('latin1')
  const problems = []

  const format = formatOf(bytes)
  const expected = `${target.os}-${target.cpu}`
  if (format !== expected) problems.push(`is built for ${format}, not for ${expected}`)
  const isProgram = basename(file) === target.program
  const most = isProgram ? MAX_PROGRAM_SIZE : (MAX_SIZES[target.triple] ?? MAX_SIZE_ELSEWHERE)
  if (bytes.length > most) problems.push(`has ${bytes.length} bytes, more than ${most}`)

  const own = [root, homedir(), process.env.CARGO_HOME, process.env.RUSTUP_HOME].filter((path) => path?.length > 1)
  const leaked = own.find((directory) => text.includes(`${directory}/`) || text.includes(`${directory}\\`))
  const path = leaked ?? PRIVATE_DIRECTORIES.exec(text)?.[0]
  if (path !== undefined) problems.push(`holds a path of the machine that built it: ${path}`)

  if (target.os === 'linux') {
    const highest = highestGlibc(text)
    const isGlibc = highest !== undefined
    if (isGlibc !== (target.libc === 'glibc')) {
      problems.push(`is linked with ${isGlibc ? 'glibc' : 'no glibc'}, and is for ${target.libc}`)
    } else if (isGlibc && compare(highest, GLIBC_FLOOR) > 0) {
      problems.push(`needs glibc ${highest}, and must run on ${GLIBC_FLOOR}`)
    }
  }
  return problems
}

/** Returns the highest version of glibc that a symbol needs; undefined if none does. */
export function highestGlibc(text) {
  const versions = [...text.matchAll(/\bGLIBC_(\d+(?:\.\d+)+)\0/g)].map((match) => match[1])
  return versions.sort(compare).at(-1)
}

function compare(one, other) {
  const [a, b] = [one, other].map((version) => version.split('.').map(Number))
  const differing = a.findIndex((part, index) => part !== (b[index] ?? 0))
  if (differing === -1) return a.length - b.length
  return a[differing] - (b[differing] ?? 0)
}

/** Returns the platform that an addon or a program is built for, from the header of its file. */
function formatOf(bytes) {
  const elf = { 62: 'linux-x64', 183: 'linux-arm64' }
  const mach = { 16777223: 'darwin-x64', 16777228: 'darwin-arm64' }
  const windows = { 34404: 'win32-x64', 43620: 'win32-arm64' }
  const unknown = 'something unknown'
  if (bytes.length < 64) return unknown
  if (bytes.readUInt32BE(0) === 0x7f454c46) return elf[bytes.readUInt16LE(18)] ?? unknown
  if (bytes.readUInt32LE(0) === 0xfeedfacf) return mach[bytes.readUInt32LE(4)] ?? unknown
  if (bytes.toString('latin1', 0, 2) === 'MZ') {
    const header = bytes.readUInt32LE(60)
    return header + 6 <= bytes.length ? (windows[bytes.readUInt16LE(header + 4)] ?? unknown) : unknown
  }
  return unknown
}
