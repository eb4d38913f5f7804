'use strict'

// The public surface: checks what it is given, calls the addon, and turns what comes back into promises and errors.
// CommonJS, because the loader that Bun embeds into a compiled program is a CommonJS one.

const { existsSync } = require('node:fs')
const { homedir } = require('node:os')
const { isAbsolute, join, resolve } = require('node:path')
const { DevBinaryError } = require('./lib/error.js')
const { load } = require('./lib/load.js')

const DEFAULT_REPO = 'openshell-fork'
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** The messages that end a call; what comes before is an event. */
const TERMINAL = new Set([
  'binary',
  'fingerprint',
  'explanation',
  'inputs',
  'verification',
  'list',
  'pruning',
  'failed',
  'aborted',
])

/** Marks this package's own signal listeners, also those of another copy of it in the same process. */
const OURS = Symbol.for('@openlock/dev-bin signal listener')

/** Ends a variable's name and its value, and can be in neither of them. */
const NUL = '\0'

const isString = (value) => typeof value === 'string'
const isBoolean = (value) => typeof value === 'boolean'
const isStringArray = (value) => Array.isArray(value) && value.every(isString)
const isEnvironment = (value) => typeof value === 'object' && value !== null && !(Symbol.iterator in value)
const isSignal = (value) =>
  typeof value === 'object' &&
  value !== null &&
  isBoolean(value.aborted) &&
  typeof value.addEventListener === 'function'
const isAmount = (value) => isString(value) || (typeof value === 'number' && value >= 0)
const oneOf =
  (...names) =>
  (value) =>
    names.includes(value)

const OPTIONS = {
  crate: [isString, 'a string'],
  bin: [isString, 'a string'],
  kind: [oneOf('bin', 'cdylib', 'staticlib', 'example'), "'bin', 'cdylib', 'staticlib' or 'example'"],
  with: [isStringArray, 'an array of strings'],
  target: [isString, 'a string'],
  rebuild: [isBoolean, 'a boolean'],
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
  cacheDir: [isString, 'a string'],
  maxSize: [isAmount, "a size such as '5GiB', or a number of bytes"],
  maxAge: [isAmount, "an age such as '30d', or a number of milliseconds"],
  env: [isEnvironment, 'an object of strings'],
  signal: [isSignal, 'an AbortSignal'],
  report: [oneOf('auto', 'plain', 'silent'), "'auto', 'plain' or 'silent'"],
  onEvent: [(value) => typeof value === 'function', 'a function'],
}

/** Of these, what has a meaning where no binary is asked for. */
const CACHE_OPTIONS = Object.fromEntries(['cacheDir', 'env', 'signal'].map((name) => [name, OPTIONS[name]]))
const LIST_OPTIONS = { ...CACHE_OPTIONS, check: [isBoolean, 'a boolean'] }
const PRUNE_OPTIONS = {
  ...CACHE_OPTIONS,
  maxSize: OPTIONS.maxSize,
  maxAge: OPTIONS.maxAge,
  all: [isBoolean, 'a boolean'],
  dryRun: [isBoolean, 'a boolean'],
}

function invalid(option, problem) {
  return new DevBinaryError('INVALID_OPTION', `invalid option \`${option}\`: ${problem}`)
}

/** What was given, each option of the right type and none of them unknown; `undefined` is as good as left out. */
function checked(options, known) {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new DevBinaryError('INVALID_OPTION', `invalid options: expected an object, got ${described(options)}`)
  }
  const result = {}
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (!Object.hasOwn(known, option)) {
      throw invalid(option, `there is no such option; there are ${Object.keys(known).join(', ')}`)
    }
    const [fits, wanted] = known[option]
    if (!fits(value)) throw invalid(option, `expected ${wanted}, got ${described(value)}`)
    result[option] = value
  }
  return result
}

function described(value) {
  if (isString(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return value.every(isString) ? 'an array' : 'an array with something else in it'
  if (typeof value === 'number' && !(value >= 0)) return String(value)
  return value === null ? 'null' : typeof value
}

/** A size or an age as one would type it, with the unit that a number has. */
function typed(amount, unit) {
  if (typeof amount !== 'number') return amount
  return amount === Infinity ? 'none' : `${BigInt(Math.floor(amount))}${unit}`
}

function defaultCacheDir() {
  const home = process.env.HOME || homedir()
  if (isAbsolute(home)) return join(home, '.cache', 'openlock', 'dev-bin')
  // What is relative would be another cache in every directory.
  const problem = home === '' ? 'HOME is empty' : `HOME is \`${home}\`, which is not absolute`
  const hint = 'set HOME to the home directory, or name a cache in `cacheDir` or DEV_BIN_CACHE_DIR'
  throw new DevBinaryError('CACHE_UNUSABLE', `there is no place for the cache: ${problem}`, { hint })
}

/** git's files cannot be looked at without one. */
function needWorkingDirectory() {
  try {
    process.cwd()
  } catch {
    const hint = 'change to a directory that exists'
    throw new DevBinaryError('NOT_A_CHECKOUT', 'no checkout can be looked at: the working directory has been removed', {
      hint,
    })
  }
}

/** A path that means the same in any working directory; an empty one is for the addon to refuse. */
function absolute(option, path) {
  try {
    return path === '' ? path : resolve(path)
  } catch {
    throw invalid(option, `\`${path}\` is relative to the working directory, which has been removed`)
  }
}

/**
 * Names and values as one string: each property of an object that crosses into the addon costs as much as that. They are
 * checked here, since a second reading may come to something else.
 */
function environmentBlock(env) {
  let block = ''
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue
    if (!isString(value)) throw invalid('env', `expected ${OPTIONS.env[1]}, got ${described(env)}`)
    if (name.includes(NUL) || value.includes(NUL)) {
      throw invalid('env', `the variable ${JSON.stringify(name)} cannot be given to a process`)
    }
    block += `${name}${NUL}${value}${NUL}`
  }
  return block
}

/** The options as the addon takes them, with everything that only holds at the moment of the call. */
function toRequest(task, { signal: _, onEvent, ...options }) {
  const { repo = DEFAULT_REPO, env = process.env, report = 'auto', out } = options
  // What asks for no binary looks at no checkout.
  const looks = task !== 'list' && task !== 'pruning'
  if (looks) needWorkingDirectory()
  // Before any of it is used.
  const block = environmentBlock(env)
  const cacheDir = options.cacheDir ?? (env.DEV_BIN_CACHE_DIR || undefined)
  return {
    ...options,
    task,
    report,
    repo: looks ? absolute('repo', repo) : '',
    // Its braces are filled in, and those of the working directory are not.
    workingDirectory: out === undefined ? undefined : process.cwd(),
    cacheDir: cacheDir === undefined ? defaultCacheDir() : absolute('cacheDir', cacheDir),
    maxSize: typed(options.maxSize, 'B'),
    maxAge: typed(options.maxAge, 'ms'),
    env: block,
    listening: onEvent !== undefined,
  }
}

/** Calls under way, each by the function that ends it. */
const underWay = new Set()

function endAll(why) {
  for (const end of underWay) end(why)
}

function onExit() {
  endAll()
}

// cargo runs in a process group of its own, so that an abort can end all of it; a terminal's Ctrl-C does not reach it
// there. What would end this process ends cargo first, and then this process, unless somebody else listens too.
function onSignal(signal) {
  endAll(new DevBinaryError('BUILD_FAILED', `the build was ended by ${signal}`))
  process.removeListener(signal, onSignal)
  const others = process.listeners(signal).filter((listener) => !listener[OURS])
  if (others.length > 0) {
    if (underWay.size > 0) process.prependListener(signal, onSignal)
  } else if (process.listenerCount(signal) === 0) {
    process.kill(process.pid, signal)
  }
}
onSignal[OURS] = true

function enter(end, native) {
  if (underWay.size === 0) {
    process.on('exit', onExit)
    // What is ignored, as `nohup` has it, ends nothing.
    const ignored = native.ignoredSignals()
    const ending = ENDING_SIGNALS.filter((signal) => !ignored.includes(signal))
    // Before the others: a listener of `process.once` is gone by the time that it has been called.
    for (const signal of ending) process.prependListener(signal, onSignal)
  }
  underWay.add(end)
}

function leave(end) {
  underWay.delete(end)
  if (underWay.size === 0) {
    process.removeListener('exit', onExit)
    for (const signal of ENDING_SIGNALS) process.removeListener(signal, onSignal)
  }
}

/** Has the addon begin; all that can be in the way of it is that there are too many threads. */
function start(native, ...given) {
  try {
    native.start(...given)
  } catch (error) {
    const hint = 'let this user have more processes and threads (`ulimit -u`), or end some of them'
    throw new DevBinaryError('INTERNAL', error.message, { hint, cause: error })
  }
}

function listenerOf(onEvent) {
  // Not every call has one, and a process that ends after its first hit would notice how long this takes to load.
  const { Listener } = require('./lib/listener.js')
  return new Listener(onEvent)
}

/** As `AbortSignal.throwIfAborted`, which polyfills and older DOMs do not have. */
function throwIfAborted(signal) {
  if (!signal?.aborted) return
  throw signal.reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : signal.reason
}

async function call(task, given, known = OPTIONS) {
  const options = checked(given, known)
  const { signal, onEvent } = options
  throwIfAborted(signal)
  const request = toRequest(task, options)
  const listener = onEvent && listenerOf(onEvent)
  const native = load()
  const cancellation = new native.Cancellation()
  // Calls made in the same turn of the event loop begin together and can share one look at the tree.
  await undefined
  throwIfAborted(signal)

  let failure
  const end = (error) => {
    failure ??= error
    listener?.end()
    cancellation.cancel()
  }
  const onAbort = () => end()
  enter(end, native)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const last = await new Promise((settle) => {
      start(native, request, cancellation, (message) => {
        if (TERMINAL.has(message.type)) settle(message)
        else listener.hear(message, end)
      })
    })
    await listener?.settled()
    throwIfAborted(signal)
    if (failure !== undefined) throw failure
    if (last.type === 'failed') throw new DevBinaryError(last.code, last.message, { hint: last.hint ?? undefined })
    if (last.type === 'aborted') throw new DevBinaryError('INTERNAL', 'the call ended though nobody ended it')
    return last[task]
  } finally {
    signal?.removeEventListener?.('abort', onAbort)
    leave(end)
  }
}

// `return await`, because only what awaits is in the stack of an error that is made later.
async function getDevBinary(options) {
  return await call('binary', options)
}

/**
 * Calls made in one turn of the event loop share one look at a checkout, and builds in one take turns. All of them are
 * waited for, so that one that fails keeps no other from being built.
 */
async function getDevBinaries(requests) {
  if (!Array.isArray(requests)) {
    throw new DevBinaryError('INVALID_OPTION', `invalid options: expected an array, got ${described(requests)}`)
  }
  const settled = await Promise.allSettled(requests.map((options) => call('binary', options)))
  const failed = settled.findIndex(({ status }) => status === 'rejected')
  if (failed < 0) return settled.map(({ value }) => value)
  const error = settled[failed].reason
  if (error instanceof DevBinaryError) error.results = settled
  throw error
}

async function fingerprint(options) {
  return await call('fingerprint', options)
}

async function explain(options) {
  return await call('explanation', options)
}

async function inputs(options) {
  return await call('inputs', options)
}

async function verify(options) {
  return await call('verification', options)
}

async function list(options = {}) {
  return await call('list', options, LIST_OPTIONS)
}

async function prune(options = {}) {
  return await call('pruning', options, PRUNE_OPTIONS)
}

function isDevMode(repo = DEFAULT_REPO) {
  try {
    return repo !== '' && existsSync(join(repo, '.git'))
  } catch {
    return false
  }
}

exports.getDevBinary = getDevBinary
exports.getDevBinaries = getDevBinaries
exports.fingerprint = fingerprint
exports.explain = explain
exports.inputs = inputs
exports.verify = verify
exports.list = list
exports.prune = prune
exports.isDevMode = isDevMode
exports.DevBinaryError = DevBinaryError
