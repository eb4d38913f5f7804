'use strict'

// Loads the addon.
//
// Promises: loads nothing before the first call. Requires the addon for the libc that this very process runs on: the one
// beside this file, where a clone builds it, or the one of the platform's package. A failure is an error of one line,
// which `load-failure.js` makes.
// Does not promise: to look anywhere else. A compiled program contains the addons that it was compiled with.
//
// `bun build --compile` embeds the addons that it can tell: each is required by a literal name, in a `try`, so that it may
// be missing, and below comparisons of `process.platform` and `process.arch`, which are known for the target.

const NAME = '@openlock/dev-bin'

/** The bytes at the head of a program in which linkers put the path of its dynamic loader. */
const HEAD_BYTES = 1024

let addon

/** Returns the addon. Throws `BINDING_LOAD` if it cannot be loaded. */
function load() {
  if (addon !== undefined) return addon
  const libc = process.platform === 'linux' ? ownLibc() : undefined
  const problems = []
  addon = find(libc, problems)
  if (addon !== undefined) return addon
  const { loadFailure } = require('./load-failure.js')
  throw loadFailure(problems, NAME, libc)
}

/** Returns the addon; undefined if there is none that can be loaded, and adds an error to `problems` for each place. */
function find(libc, problems) {
  const { NAPI_RS_NATIVE_LIBRARY_PATH: path, NAPI_RS_ENFORCE_VERSION_CHECK: check } = process.env
  if (path) return requirePrescribed(path, problems)
  const isInstalled = __dirname.includes('node_modules')
  // The place that is looked at in vain costs more than the other one.
  const found = isInstalled ? requireInstalled(libc, problems) : requireBuilt(libc, problems)
  const addon = found ?? (isInstalled ? requireBuilt(libc, problems) : requireInstalled(libc, problems))
  return addon && check && check !== '0' ? ofSameVersion(addon, problems) : addon
}

function requirePrescribed(path, problems) {
  try {
    return require(path)
  } catch (error) {
    problems.push(error)
    return undefined
  }
}

/** Returns the addon beside this file. */
function requireBuilt(libc, problems) {
  try {
    if (process.platform === 'linux' && process.arch === 'x64')
      return libc === 'musl' ? require('./dev-bin.linux-x64-musl.node') : require('./dev-bin.linux-x64-gnu.node')
    if (process.platform === 'linux' && process.arch === 'arm64')
      return libc === 'musl' ? require('./dev-bin.linux-arm64-musl.node') : require('./dev-bin.linux-arm64-gnu.node')
    if (process.platform === 'darwin' && process.arch === 'x64') return require('./dev-bin.darwin-x64.node')
    if (process.platform === 'darwin' && process.arch === 'arm64') return require('./dev-bin.darwin-arm64.node')
    if (process.platform === 'win32' && process.arch === 'x64') return require('./dev-bin.win32-x64-msvc.node')
    if (process.platform === 'win32' && process.arch === 'arm64') return require('./dev-bin.win32-arm64-msvc.node')
  } catch (error) {
    problems.push(error)
  }
  return undefined
}

/** Returns the addon of the platform's package. */
function requireInstalled(libc, problems) {
  try {
    if (process.platform === 'linux' && process.arch === 'x64')
      return libc === 'musl' ? require('@openlock/dev-bin-linux-x64-musl') : require('@openlock/dev-bin-linux-x64-gnu')
    if (process.platform === 'linux' && process.arch === 'arm64')
      return libc === 'musl'
        ? require('@openlock/dev-bin-linux-arm64-musl')
        : require('@openlock/dev-bin-linux-arm64-gnu')
    if (process.platform === 'darwin' && process.arch === 'x64') return require('@openlock/dev-bin-darwin-x64')
    if (process.platform === 'darwin' && process.arch === 'arm64') return require('@openlock/dev-bin-darwin-arm64')
    if (process.platform === 'win32' && process.arch === 'x64') return require('@openlock/dev-bin-win32-x64-msvc')
    if (process.platform === 'win32' && process.arch === 'arm64') return require('@openlock/dev-bin-win32-arm64-msvc')
  } catch (error) {
    problems.push(error)
  }
  return undefined
}

/** Returns `addon` if it was built from the sources of this version; undefined otherwise. */
function ofSameVersion(addon, problems) {
  const { version } = require('../package.json')
  if (addon.VERSION === version) return addon
  problems.push(new Error(`version mismatch: the addon is ${addon.VERSION}, and ${NAME} is ${version}`))
  return undefined
}

/**
 * Returns the libc of this process, of which the system may have both: `musl`, or `glibc` if nothing tells of musl. Bun
 * makes a report of itself ten times as fast as it loads `node:fs`. In Node, it is the other way round.
 */
function ownLibc() {
  try {
    if (globalThis.Bun !== undefined && process.report.getReport().header.glibcVersionRuntime) return 'glibc'
    return libcOfProgram()
  } catch {
    return 'glibc'
  }
}

/**
 * Returns the libc whose dynamic loader the head of this program names. If it names none, as after patchelf, the maps of
 * the process tell which libc it has loaded; glibc's own `libc.so` is a text file, which no process maps.
 */
function libcOfProgram() {
  const { closeSync, openSync, readFileSync, readSync } = require('node:fs')
  const program = openSync(process.execPath)
  const head = Buffer.allocUnsafe(HEAD_BYTES)
  const length = readSync(program, head, 0, HEAD_BYTES, 0)
  closeSync(program)
  const named = /\/ld-(musl|linux)-/.exec(head.latin1Slice(0, length))?.[1]
  const isMusl =
    named === 'musl' ||
    (named === undefined && /\/(ld-musl-|libc\.musl-|libc\.so$)/m.test(readFileSync('/proc/self/maps', 'utf8')))
  return isMusl ? 'musl' : 'glibc'
}

exports.load = load
exports.ownLibc = ownLibc
