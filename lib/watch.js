'use strict'

// Builds ahead: looks at the inputs of binaries again and again, and gets those whose inputs have changed.
//
// Promises: a change is noticed by the look of a hit, on any file system. Looks take at most 1 % of a processor while nothing
// changes. A build starts when the inputs have been still for a moment, and ends at once when they change. When the
// iteration ends, its builds have ended. At most one result of each binary waits for the caller: the newest.
// Does not promise: that each state of the inputs is built. A change that comes and goes between two looks is none.

const { checkOptions, toRequest } = require('./options.js')
const { Build, MOST_TRIES, Watched, isInterrupted } = require('./watched.js')

/** The niceness of builds that no caller waits for. */
const NICE = 10
/** The shortest time between two looks, in milliseconds. */
const SHORTEST_WAIT_MS = 100
/** The longest one, unless even the cheapest of the last looks asks for more: other work of the process counts, too. */
const LONGEST_WAIT_MS = 2000
/** The time between looks, as a multiple of the processor time that one takes. */
const WAITS_PER_LOOK = 100
/** The processor time around a look, as a multiple of that: timers, and what the addon does after its answer. */
const AROUND = 1.75
/** The number of looks that tell what one costs. */
const COUNTED_LOOKS = 5
/** The time for which inputs must not change before they are built, in milliseconds. */
const STILL_MS = 300
/** The time after which a failure that is none of the sources' is tried again, in milliseconds. */
const RETRY_MS = 10_000

/** The failures that end when the inputs change, and not before. */
const FAILURES_OF_INPUTS = new Set(['BUILD_FAILED', 'INVALID_OPTION', 'UNKNOWN_CRATE', 'UNKNOWN_BIN', 'NOT_A_CHECKOUT'])

/** The iteration over the binaries that one call watches. */
class Watch {
  #given
  #calls
  #binaries = []
  /** The results that the caller has not taken, by binary. */
  #results = new Map()
  /** The calls of `next` that have no result. */
  #callers = []
  #ending = new AbortController()
  #running
  #isOver = false
  /** The error or value that ends the iteration, in an array, until the caller has it. */
  #failures = []
  /** True if the next look must not be waited for. */
  #isDue = false
  #wake = () => this.#hurry()
  #costs = []

  constructor(given, calls) {
    this.#given = given
    this.#calls = calls
  }

  [Symbol.asyncIterator]() {
    return this
  }

  next() {
    this.#running ??= this.#run()
    return new Promise((resolve, reject) => {
      this.#callers.push({ resolve, reject })
      this.#serve()
    })
  }

  async return(value) {
    await this.#end()
    return { done: true, value }
  }

  async throw(error) {
    await this.#end()
    throw error
  }

  async #end() {
    this.#results.clear()
    this.#stop()
    this.#running ??= this.#run()
    await this.#running
  }

  #stop(...failures) {
    if (this.#ending.signal.aborted) return
    this.#failures.push(...failures)
    this.#ending.abort()
    this.#wake()
  }

  #serve() {
    for (const [binary, result] of this.#results) {
      if (this.#callers.length === 0) return
      this.#results.delete(binary)
      this.#callers.shift().resolve({ done: false, value: result })
    }
    if (!this.#isOver) return
    for (const { resolve, reject } of this.#callers.splice(0)) {
      if (this.#failures.length > 0) reject(this.#failures.shift())
      else resolve({ done: true, value: undefined })
    }
  }

  /** Looks and builds until the iteration ends. Never rejects. */
  async #run() {
    const { signal } = this.#ending
    let signals = []
    let release
    const onAbort = ({ target }) => this.#stop(reasonOf(target))
    try {
      const requests = Array.isArray(this.#given) ? this.#given : [this.#given]
      // Wrong options can never be right, so these are no event.
      for (const options of requests) toRequest('binary', checkOptions('binary', options))
      release = this.#calls.keepListening()
      this.#binaries = requests.map((options) => new Watched(options, this.#calls))
      signals = requests.map((options) => options.signal).filter((given) => given !== undefined)
      for (const given of signals) given.addEventListener('abort', onAbort, { once: true })
      const aborted = signals.find((given) => given.aborted)
      if (aborted !== undefined) this.#stop(reasonOf(aborted))
      while (!signal.aborted && this.#binaries.length > 0) {
        await this.#look()
        if (!signal.aborted) await this.#pause()
      }
    } catch (error) {
      this.#stop(error)
    }
    for (const given of signals) given.removeEventListener('abort', onAbort)
    for (const { build } of this.#binaries) build?.end()
    await Promise.all(this.#binaries.map(({ build }) => build?.over))
    release?.()
    this.#isOver = true
    if (this.#failures.length > 0) this.#results.clear()
    this.#serve()
  }

  /** Looks at all binaries at once, since calls that are made together share what they see, and does what follows. */
  async #look() {
    const { signal } = this.#ending
    const before = process.cpuUsage()
    const looks = await Promise.allSettled(this.#binaries.map((binary) => binary.look(signal)))
    const { user, system } = process.cpuUsage(before)
    this.#costs = [...this.#costs, (user + system) / 1000].slice(-COUNTED_LOOKS)
    if (signal.aborted) return
    const now = performance.now()
    for (const [index, { status, value, reason }] of looks.entries()) {
      if (status === 'rejected') throw reason
      const binary = this.#binaries[index]
      if (binary.take(value, now) && binary.untold !== undefined) {
        this.#tell(binary, binary.untold, now)
        binary.untold = undefined
      }
      if (value === undefined || binary.build !== undefined || binary.isDone(now)) continue
      const isFirst = binary.tries === 0 && binary.delivered === undefined
      if (!isFirst && now - binary.since < STILL_MS) continue
      this.#act(binary, now)
    }
  }

  /** Builds `binary`, or says why there can be no build. */
  #act(binary, now) {
    binary.tries = binary.seen === binary.tried ? binary.tries + 1 : 1
    binary.tried = binary.seen
    binary.retryAt = Number.POSITIVE_INFINITY
    if (binary.error === undefined) this.#build(binary)
    else this.#tell(binary, binary.error, now)
  }

  #build(binary) {
    const { options, known } = binary
    const { onEvent } = options
    const build = new Build()
    const request = {
      ...options,
      rebuild: binary.delivered === undefined ? options.rebuild : undefined,
      nice: options.nice ?? NICE,
      signal: build.signal,
      onEvent: (event) => {
        build.hear(event)
        return onEvent && this.#hear(onEvent, event)
      },
    }
    const end = this.#calls.getDevBinary(request).then(
      (result) => {
        Object.assign(binary, { isFailing: false, told: undefined, retryAt: Number.POSITIVE_INFINITY })
        if (result.fingerprint === binary.delivered) return
        binary.delivered = result.fingerprint
        // A `Map` keeps the order in which its keys came.
        this.#results.delete(binary)
        this.#results.set(binary, result)
        this.#serve()
      },
      (error) => {
        if (build.signal.aborted) {
          Object.assign(binary, { tried: undefined, tries: 1 })
          return
        }
        Object.assign(binary, { isFailing: true, failed: known, untold: error })
      },
    )
    const settled = () => {
      Object.assign(binary, { build: undefined, ended: binary.ended + 1, hasJustBuilt: !build.signal.aborted })
      this.#wake()
    }
    build.over = end.catch((error) => this.#stop(error)).then(settled)
    binary.build = build
  }

  /** Tells the caller of a failure, once, and plans the next try. */
  #tell(binary, error, now) {
    binary.tries = MOST_TRIES
    if (isInterrupted(error)) binary.retryAt = now + STILL_MS
    else if (!FAILURES_OF_INPUTS.has(error.code)) binary.retryAt = now + RETRY_MS
    if (isInterrupted(error) || binary.told === error.message || this.#ending.signal.aborted) return
    binary.told = error.message
    const { onEvent } = binary.options
    if (onEvent) this.#hear(onEvent, { type: 'failed', error })
  }

  /** Calls `onEvent`. What it throws, or rejects with, ends the iteration. */
  #hear(onEvent, event) {
    const fail = (error) => this.#stop(error)
    try {
      const answer = onEvent(event)
      return typeof answer?.then === 'function' ? Promise.resolve(answer).catch(fail) : undefined
    } catch (error) {
      fail(error)
    }
  }

  /** Waits until it is time for the next look. */
  async #pause() {
    const now = performance.now()
    const isMoving = this.#binaries.some((binary) => binary.build === undefined && !binary.isDone(now))
    const costs = this.#costs.toSorted((one, other) => one - other)
    const usual = AROUND * WAITS_PER_LOOK * costs[costs.length >> 1]
    const cheapest = costs.length === COUNTED_LOOKS ? WAITS_PER_LOOK * costs[0] : 0
    const wait = Math.max(SHORTEST_WAIT_MS, cheapest, Math.min(usual, LONGEST_WAIT_MS))
    await new Promise((resolve) => {
      if (this.#isDue) return resolve()
      const timer = setTimeout(resolve, isMoving ? SHORTEST_WAIT_MS : wait)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#isDue = false
    this.#wake = () => this.#hurry()
  }

  #hurry() {
    this.#isDue = true
  }
}

/** Returns the reason of a signal, which polyfills and older DOMs lack. */
function reasonOf({ reason }) {
  return reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : reason
}

exports.Watch = Watch
