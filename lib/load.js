'use strict'

// Loads the addon.
//
// Promises: loads nothing before the first call. A failure is an error of one line, which `load-failure.js` makes. On
// Linux, the generated `binding.js` finds out which libc it needs by reading `/usr/bin/ldd`. On a system with two
// libcs, that may be the wrong one. Without that file, it asks for a report of the process, which takes longer than a
// hit. This module looks at the libc that this very process runs on instead.
// Does not promise: that second way in a compiled program, which contains only the addon that `binding.js` finds, or
// where a variable says which addon to load, which only `binding.js` obeys.

const { existsSync, readFileSync } = require('node:fs')

const NAME = '@openlock/dev-bin'

/** The paths below which `bun build --compile` puts a program's own files. */
const IN_PROGRAM = /[/\\](\$bunfs|~BUN)[/\\]/

let binding

/** Returns the addon. Throws `BINDING_LOAD` if it cannot be loaded. */
function load() {
  if (binding !== undefined) return binding
  try {
    binding = (existsSync('/usr/bin/ldd') ? undefined : loadForOwnLibc()) ?? require('./binding.js')
    return binding
  } catch (error) {
    binding = loadForOwnLibc()
    if (binding !== undefined) return binding
    const { loadFailure } = require('./load-failure.js')
    throw loadFailure(error, { name: NAME, platform: hostPlatform(), isCompiled: isCompiled(), inProgram: IN_PROGRAM })
  }
}

/**
 * Returns the addon for the libc of this process, if there is one. Looks beside this file first, where a clone has it.
 */
function loadForOwnLibc() {
  if (process.platform !== 'linux' || isCompiled() || isPrescribed()) return undefined
  const platform = hostPlatform()
  return tryRequire(`./dev-bin.${platform}.node`) ?? tryRequire(`${NAME}-${platform}`)
}

/** Returns whether a variable says which addon to load. */
function isPrescribed() {
  const { NAPI_RS_NATIVE_LIBRARY_PATH: path, NAPI_RS_ENFORCE_VERSION_CHECK: check } = process.env
  return Boolean(path) || Boolean(check && check !== '0')
}

function tryRequire(specifier) {
  try {
    return require(specifier)
  } catch {
    return undefined
  }
}

/** Returns the platform of this process, as the package for it is called. */
function hostPlatform() {
  const { platform, arch } = process
  if (platform === 'linux') return `${platform}-${arch}-${isMusl() ? 'musl' : 'gnu'}`
  if (platform === 'win32') return `${platform}-${arch}-msvc`
  return `${platform}-${arch}`
}

/** Returns whether this process runs on musl. glibc's own `libc.so` is a text file, which no process maps. */
function isMusl() {
  try {
    return /\/(ld-musl-|libc\.musl-|libc\.so$)/m.test(readFileSync('/proc/self/maps', 'utf8'))
  } catch {
    return false
  }
}

/** Returns whether this process is a program that `bun build --compile` has made. */
function isCompiled() {
  return globalThis.Bun !== undefined && IN_PROGRAM.test(globalThis.Bun.main)
}

exports.load = load
