'use strict'

// The public surface, which `index.d.ts` documents: makes a promise of each call of the addon.
//
// Promises: a call settles once, after cargo has ended and after the promises that `onEvent` returned. It rejects with
// a `DevBinaryError`, with the reason of the signal, or with what `onEvent` threw. When this process ends, its calls
// end.
//
// CommonJS, because `bun build --compile` embeds an addon only where it is required. lib/ has the rest. Each module costs a
// short process 0.2 ms or more, so the modules that only some calls need are required late. In Bun, a hit loads neither
// `node:fs`, which takes it 2 ms, nor `node:path`, which takes it 1 ms.

const { DevBinaryError } = require('./lib/error.js')
const { load } = require('./lib/load.js')
const { DEFAULT_REPO, checkOptions, checkRequests, toRequest } = require('./lib/options.js')

const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** Marks the signal listeners of this package, those of another copy of it in the same process included. */
const OWN_LISTENER = Symbol.for('@openlock/dev-bin signal listener')

/** The types of the messages that end a call. Every other message is an event. */
const FINAL_MESSAGE_TYPES = new Set([
  'binary',
  'fingerprint',
  'explanation',
  'inputs',
  'verification',
  'list',
  'builds',
  'pruning',
  'failed',
  'aborted',
])

/** The functions that end the calls that have not settled. */
const activeCalls = new Set()

// These functions return `await call(…)` and not `call(…)`: only a function that awaits is in the stack of a later
// error.
async function getDevBinary(options) {
  return await call('binary', options)
}

/**
 * Gets each binary. Calls made in one turn of the event loop share one sweep of a checkout, and builds in one checkout
 * take turns. Waits for all of them, so that one failure keeps no other binary from being built.
 */
async function getDevBinaries(requests) {
  checkRequests(requests)
  const settled = await Promise.allSettled(requests.map((options) => call('binary', options)))
  const failed = settled.findIndex(({ status }) => status === 'rejected')
  if (failed < 0) return settled.map(({ value }) => value)
  const error = settled[failed].reason
  if (error instanceof DevBinaryError) error.results = settled
  throw error
}

function watch(options) {
  const { Watch } = require('./lib/watch.js')
  return new Watch(options, { getDevBinary, fingerprint, keepListening })
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
  return await call('list', options)
}

async function builds(options = {}) {
  const running = await call('builds', options)
  const now = Date.now()
  return running.map((build) => {
    const { progress: { began, ends, ...counts } = {}, ...facts } = JSON.parse(build)
    if (began === undefined) return facts
    const elapsedMs = Math.max(0, now - began)
    return { ...facts, progress: { ...counts, elapsedMs, ...(ends > now ? { leftMs: ends - now } : {}) } }
  })
}

async function prune(options = {}) {
  return await call('pruning', options)
}

function isDevMode(repo = DEFAULT_REPO) {
  const { existsSync } = require('node:fs')
  const { join } = require('node:path')
  try {
    return repo !== '' && existsSync(join(repo, '.git'))
  } catch {
    return false
  }
}

/** Has the addon do `task`, and returns its result. */
async function call(task, given) {
  const options = checkOptions(task, given)
  const { signal, onEvent } = options
  throwIfAborted(signal)
  const request = toRequest(task, options)
  const listener = onEvent && newListener(onEvent)
  const native = load()
  const cancellation = new native.Cancellation()
  // Calls made in the same turn of the event loop begin together, so that they can share one sweep.
  await undefined
  throwIfAborted(signal)

  let failure
  const end = (error) => {
    failure ??= error
    listener?.end()
    cancellation.cancel()
  }
  const onAbort = () => end()
  addCall(end, native)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const last = await new Promise((settle) => {
      start(native, request, cancellation, (message) => {
        if (FINAL_MESSAGE_TYPES.has(message.type)) settle(message)
        else listener.hear(message, end)
      })
    })
    await listener?.settled()
    throwIfAborted(signal)
    if (failure !== undefined) throw failure
    if (last.type === 'failed') throw new DevBinaryError(last.code, last.message, { hint: last.hint ?? undefined })
    if (last.type === 'aborted') throw new DevBinaryError('INTERNAL', 'the call ended, but nothing had ended it')
    return last[task]
  } finally {
    signal?.removeEventListener?.('abort', onAbort)
    await leave(end, native)
  }
}

/** Starts the addon's thread. It can fail only because there are too many threads. */
function start(native, ...args) {
  try {
    native.start(...args)
  } catch (error) {
    const hint = 'let this user have more processes and threads (`ulimit -u`), or end some of them'
    throw new DevBinaryError('INTERNAL', error.message, { hint, cause: error })
  }
}

function newListener(onEvent) {
  // Most calls have no listener. A process that ends after its first hit would notice how long this takes to load.
  const { Listener } = require('./lib/listener.js')
  return new Listener(onEvent)
}

/** Does what `AbortSignal.throwIfAborted` does, which polyfills and older DOMs lack. */
function throwIfAborted(signal) {
  if (!signal?.aborted) return
  throw signal.reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : signal.reason
}

function endCalls(failure) {
  for (const end of activeCalls) end(failure)
}

function onExit() {
  endCalls()
}

// cargo runs in a process group of its own, so that an abort can end all of it. Ctrl-C in a terminal therefore does not
// reach cargo. A signal that would end this process ends the calls first and then the process, unless the program has a
// listener of its own for that signal.
function onSignal(signal) {
  endCalls(new DevBinaryError('BUILD_FAILED', `the build was ended by ${signal}`, { cause: signal }))
  process.removeListener(signal, onSignal)
  const others = process.listeners(signal).filter((listener) => !listener[OWN_LISTENER])
  if (others.length > 0) {
    if (activeCalls.size > 0) process.prependListener(signal, onSignal)
  } else if (process.listenerCount(signal) === 0) {
    process.kill(process.pid, signal)
  }
}
onSignal[OWN_LISTENER] = true

/** Adds a call that `end` ends. The first one installs the listeners. */
function addCall(end, native) {
  if (activeCalls.size === 0) {
    process.on('exit', onExit)
    // A signal that the parent made this process ignore, as `nohup` does, must end nothing.
    const ignored = native.ignoredSignals()
    const ending = ENDING_SIGNALS.filter((signal) => !ignored.includes(signal))
    // Ours must run before the others: Node removes a listener of `process.once` before it calls it.
    for (const signal of ending) process.prependListener(signal, onSignal)
  }
  activeCalls.add(end)
}

/** Removes a call. The last one removes the listeners. */
function removeCall(end) {
  activeCalls.delete(end)
  if (activeCalls.size === 0) {
    process.removeListener('exit', onExit)
    for (const signal of ENDING_SIGNALS) process.removeListener(signal, onSignal)
  }
}

/**
 * Removes a call that has settled. A signal that Node has caught, and has not told of, is lost when its last listener goes.
 * So the last call has the addon hold signals back, and lets Node tell of what it caught before. Bun loses none.
 */
async function leave(end, native) {
  if (activeCalls.size > 1 || globalThis.Bun !== undefined) return removeCall(end)
  native.holdSignals()
  // The second turn begins after the runtime has looked for signals anew.
  for (let turn = 0; turn < 2; turn++) await new Promise((done) => setImmediate(done))
  removeCall(end)
  for (const signal of native.releaseSignals()) process.kill(process.pid, signal)
}

/** Has the listeners stay between the calls of an iteration. Returns the function that ends this. */
function keepListening() {
  const none = () => {}
  addCall(none, load())
  return () => removeCall(none)
}

// One assignment a name: Node finds the names of a CommonJS module's exports by its text, for those that import it.
exports.getDevBinary = getDevBinary
exports.getDevBinaries = getDevBinaries
exports.watch = watch
exports.fingerprint = fingerprint
exports.explain = explain
exports.inputs = inputs
exports.verify = verify
exports.list = list
exports.builds = builds
exports.prune = prune
exports.isDevMode = isDevMode
exports.DevBinaryError = DevBinaryError
