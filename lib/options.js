'use strict'

// Turns the options of a call into the request that the addon takes.
//
// Promises: each option exists and has the right type; an option that is `undefined` counts as left out. A request
// holds everything that is read at the moment of the call, such as the environment and the working directory, so that
// later changes have no effect on the call.
// Does not promise: that a value makes sense, such as a crate that exists. The addon checks that.

const { DevBinaryError } = require('./error.js')

const DEFAULT_REPO = 'openshell-fork'

/** Ends each name and each value of an environment block. Neither can contain it. */
const NUL = '\0'

/** An absolute path of Unix whose parts are neither empty, `.` nor `..`. */
const PLAIN = /^(?:\/(?!\.{1,2}(?:\/|$))[^/]+)+$/

const isString = (value) => typeof value === 'string'
const isBoolean = (value) => typeof value === 'boolean'
const isStringArray = (value) => Array.isArray(value) && value.every(isString)
const isObject = (value) => typeof value === 'object' && value !== null && !(Symbol.iterator in value)
const isSignal = (value) =>
  typeof value === 'object' &&
  value !== null &&
  isBoolean(value.aborted) &&
  typeof value.addEventListener === 'function'
const isAmount = (value) => isString(value) || (typeof value === 'number' && value >= 0)
const isNiceness = (value) => Number.isInteger(value) && value >= 0 && value <= 19
const oneOf =
  (...names) =>
  (value) =>
    names.includes(value)

/** The options of a request, by name: the check of a value, and the words for it in a message. */
const REQUEST_OPTIONS = {
  crate: [isString, 'a string'],
  bin: [isString, 'a string'],
  kind: [oneOf('bin', 'cdylib', 'staticlib', 'example'), "'bin', 'cdylib', 'staticlib' or 'example'"],
  with: [isStringArray, 'an array of strings'],
  target: [isString, 'a string'],
  rebuild: [isBoolean, 'a boolean'],
  build: [isBoolean, 'a boolean'],
  repo: [isString, 'a string'],
  features: [isStringArray, 'an array of strings'],
  noDefaultFeatures: [isBoolean, 'a boolean'],
  profile: [isString, 'a string'],
  builder: [oneOf('auto', 'cargo', 'zigbuild'), "'auto', 'cargo' or 'zigbuild'"],
  scope: [oneOf('tree', 'crate'), "'tree' or 'crate'"],
  exclude: [isStringArray, 'an array of strings'],
  observe: [oneOf('auto', 'off'), "'auto' or 'off'"],
  cargoArgs: [isStringArray, 'an array of strings'],
  out: [isString, 'a string'],
  remote: [isObject, 'an object'],
  cacheDir: [isString, 'a string'],
  maxSize: [isAmount, "a size such as '5GiB', or a number of bytes"],
  maxAge: [isAmount, "an age such as '30d', or a number of milliseconds"],
  nice: [isNiceness, 'an integer from 0 to 19'],
  env: [isObject, 'an object of strings'],
  signal: [isSignal, 'an AbortSignal'],
  report: [oneOf('auto', 'plain', 'silent'), "'auto', 'plain' or 'silent'"],
  onEvent: [(value) => typeof value === 'function', 'a function'],
}

/** The options of calls that ask for no binary. */
const CACHE_OPTIONS = Object.fromEntries(['cacheDir', 'env', 'signal'].map((name) => [name, REQUEST_OPTIONS[name]]))

/** The options of each task that is no request. */
const TASK_OPTIONS = {
  list: { ...CACHE_OPTIONS, check: [isBoolean, 'a boolean'] },
  builds: CACHE_OPTIONS,
  pruning: {
    ...CACHE_OPTIONS,
    maxSize: REQUEST_OPTIONS.maxSize,
    maxAge: REQUEST_OPTIONS.maxAge,
    all: [isBoolean, 'a boolean'],
    dryRun: [isBoolean, 'a boolean'],
  },
}

/** Returns the error of an option that cannot be used. */
function invalidOption(option, problem) {
  return new DevBinaryError('INVALID_OPTION', `invalid option \`${option}\`: ${problem}`)
}

/** Returns a copy of the options that are set. Throws if one of them does not exist or has another type. */
function checkOptions(task, given) {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new DevBinaryError('INVALID_OPTION', `invalid options: expected an object, got ${describe(given)}`)
  }
  const allowed = TASK_OPTIONS[task] ?? REQUEST_OPTIONS
  const options = {}
  for (const [option, value] of Object.entries(given)) {
    if (value === undefined) continue
    if (!Object.hasOwn(allowed, option)) {
      throw invalidOption(option, `there is no such option; there are ${Object.keys(allowed).join(', ')}`)
    }
    const [isValid, expected] = allowed[option]
    if (!isValid(value)) throw invalidOption(option, `expected ${expected}, got ${describe(value)}`)
    options[option] = value
  }
  return options
}

/** Throws if the requests of `getDevBinaries` are not an array. */
function checkRequests(requests) {
  if (Array.isArray(requests)) return
  throw new DevBinaryError('INVALID_OPTION', `invalid options: expected an array, got ${describe(requests)}`)
}

/** Returns the words for a value of the wrong type. */
function describe(value) {
  if (isString(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return value.every(isString) ? 'an array' : 'an array with something else in it'
  if (typeof value === 'number' && !(value >= 0)) return String(value)
  return value === null ? 'null' : typeof value
}

/**
 * Returns the request of `task`. Throws if there is no place for the cache, or no working directory where one is
 * needed.
 */
function toRequest(task, { signal: _, onEvent, ...options }) {
  const { repo = DEFAULT_REPO, env = process.env, report = 'auto', out } = options
  const needsCheckout = !Object.hasOwn(TASK_OPTIONS, task)
  if (needsCheckout) assertWorkingDirectory()
  // This checks the type of each variable, so it comes before `env` is read for anything else.
  const block = environmentBlock(env)
  return {
    ...options,
    task,
    report,
    repo: needsCheckout ? absolutePath('repo', repo) : '',
    // The addon resolves `out`: it fills in names in braces, but only those of `out` and not those of the working
    // directory.
    workingDirectory: out === undefined ? undefined : process.cwd(),
    remote: needsCheckout ? teamStore(options.remote, env) : undefined,
    cacheDir: cacheDirectory(options.cacheDir, env),
    maxSize: withUnit(options.maxSize, 'B'),
    maxAge: withUnit(options.maxAge, 'ms'),
    env: block,
    listening: onEvent !== undefined,
  }
}

/** Returns the settings of the team's store. Most calls have none, and do without the module. */
function teamStore(option, env) {
  if (option === undefined && !env.DEV_BIN_REMOTE_URL) return undefined
  return require('./remote.js').remoteSettings(option, env)
}

/** Throws if the working directory has been removed: the addon could not look at the files of git then. */
function assertWorkingDirectory() {
  try {
    process.cwd()
  } catch {
    const hint = 'change to a directory that exists'
    throw new DevBinaryError('NOT_A_CHECKOUT', 'no checkout can be looked at: the working directory has been removed', {
      hint,
    })
  }
}

/**
 * Returns the names and values of an environment as one string: each property of an object that crosses into the addon
 * costs as much as that. Checks the values as it reads them, since a getter may return something else the second time.
 */
function environmentBlock(env) {
  let block = ''
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue
    if (typeof value !== 'string')
      throw invalidOption('env', `expected ${REQUEST_OPTIONS.env[1]}, got ${describe(env)}`)
    if (name.includes(NUL) || value.includes(NUL)) {
      throw invalidOption('env', `the variable ${JSON.stringify(name)} cannot be given to a process`)
    }
    block += `${name}${NUL}${value}${NUL}`
  }
  return block
}

/** Returns the cache that `option` or else `env` names. */
function cacheDirectory(option, env) {
  const directory = option ?? (env.DEV_BIN_CACHE_DIR || undefined)
  return directory === undefined ? defaultCacheDir() : absolutePath('cacheDir', directory)
}

/** Returns the cache below the home directory. */
function defaultCacheDir() {
  const home = process.env.HOME || require('node:os').homedir()
  if (isPlain(home)) return `${home}/.cache/openlock/dev-bin`
  const { isAbsolute, join } = require('node:path')
  if (isAbsolute(home)) return join(home, '.cache', 'openlock', 'dev-bin')
  // A relative path would name another cache in every working directory.
  const problem = home === '' ? 'HOME is empty' : `HOME is \`${home}\`, which is not absolute`
  const hint = 'set HOME to the home directory, or name a cache in `cacheDir` or DEV_BIN_CACHE_DIR'
  throw new DevBinaryError('CACHE_UNUSABLE', `there is no place for the cache: ${problem}`, { hint })
}

/** Returns whether `path` is what `resolve` of `node:path` would make of it, which takes Bun a millisecond to load. */
function isPlain(path) {
  return process.platform !== 'win32' && PLAIN.test(path)
}

/** Returns `path` relative to no directory. Leaves an empty path empty: the addon refuses it, with a better message. */
function absolutePath(option, path) {
  if (path === '' || isPlain(path)) return path
  try {
    return require('node:path').resolve(path)
  } catch {
    throw invalidOption(option, `\`${path}\` is relative to the working directory, which has been removed`)
  }
}

/** Returns a size or an age as users type it: a number gets its unit. */
function withUnit(amount, unit) {
  if (typeof amount !== 'number') return amount
  return amount === Infinity ? 'none' : `${BigInt(Math.floor(amount))}${unit}`
}

module.exports = { DEFAULT_REPO, cacheDirectory, checkOptions, checkRequests, toRequest }
