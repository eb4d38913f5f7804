'use strict'

// One binary that is watched, and its build.
//
// Promises: tells by the looks that it is given when the inputs of the binary are to be built, and ends a build whose inputs
// have changed. A build can write inputs itself, such as `Cargo.lock`. So changes that only ever come with builds stop ending
// these after a few times: a build that runs to its end tells the inputs that it left.
// Does not promise: to look or to build by itself. `watch.js` does that.

const { DevBinaryError } = require('./error.js')

/** The number of builds in a row that a change which came with them ends. */
const MOST_ENDED = 3
/** The number of builds from the same look, after which nothing more is expected of it. */
const MOST_TRIES = 2

/** Returns whether a signal that this process outlived has ended a call. */
const isInterrupted = ({ cause }) => typeof cause === 'string' && cause.startsWith('SIG')

/** A build that is under way. */
class Build {
  #controller = new AbortController()
  #isBuilt = false
  /** Resolves when it has ended. */
  over

  get signal() {
    return this.#controller.signal
  }

  hear({ type }) {
    if (type === 'building') this.#isBuilt = false
    if (type === 'built') this.#isBuilt = true
  }

  end() {
    this.#controller.abort()
  }

  /**
   * Ends it, unless cargo has ended. From then on looks may see what the build is publishing, and the call itself sees if
   * inputs have changed.
   */
  endUnlessBuilt() {
    if (!this.#isBuilt) this.end()
  }
}

/**
 * One binary that is watched. Its fields tell one of these states:
 *
 * | state | told by | a look then |
 * | --- | --- | --- |
 * | new, or an input went back to what was delivered | `since` is minus infinity | builds at once |
 * | changed | `seen` differs from `delivered` | builds when it was the same for `STILL_MS` |
 * | building | `build` | ends the build if it sees other inputs |
 * | delivered | `seen` is `delivered` | waits for a change |
 * | given up | `tries` is `MOST_TRIES`, and `tried` is `seen` | waits for a change, or for `retryAt` |
 */
class Watched {
  /** The fingerprint of the binary that the caller was given last. */
  delivered
  /**
   * What the last look saw, and the time since when looks have seen that. It is a fingerprint, and so can equal
   * `delivered`; or two, of both scopes, as long as builds fail.
   */
  seen
  since = Number.NEGATIVE_INFINITY
  /** The fingerprint that the last look saw, and its error if it failed. */
  known
  error
  /** The inputs that the last builds started from, and how many did in a row. */
  tried
  tries = 0
  /** The build that is under way. */
  build
  /** The number of builds that have ended. */
  ended = 0
  /** True until the first look after a build. */
  hasJustBuilt = false
  /** The number of changes in a row that came with a build. */
  changesByBuilds = 0
  /** True from a failed build on until one succeeds, and the fingerprint from which it failed. */
  isFailing = false
  failed
  /** The error of a failed build until a look has been taken after it: a caller that hears of it may mend it at once. */
  untold
  /** The message of the last failure that the caller was told. */
  told
  /** The time of the next try, without a change. */
  retryAt = Number.POSITIVE_INFINITY

  constructor(options, calls) {
    this.options = options
    this.calls = calls
  }

  /** Returns what the inputs are now. Rejects only with what ends the iteration. */
  async look(signal) {
    const { ended } = this
    const options = { ...this.options, signal, report: 'silent', onEvent: undefined }
    try {
      const known = await this.calls.fingerprint(options)
      // A build that failed may have missed a file that no finished build has read.
      const needsAll = this.isFailing && options.scope !== 'tree'
      const whole = needsAll ? await this.calls.fingerprint({ ...options, scope: 'tree' }) : ''
      return { ended, known, whole }
    } catch (error) {
      if (!(error instanceof DevBinaryError) || error.code === 'BINDING_LOAD') throw error
      return isInterrupted(error) ? undefined : { ended, known: `${error.code} ${error.message}`, whole: '', error }
    }
  }

  /**
   * Takes in what a look saw at `now`. Ends the build that is under way if the inputs have changed. Returns false if the
   * look says nothing.
   */
  take(look, now) {
    // A look that was made while a build ended is neither from before it nor from after it.
    if (look === undefined || look.ended !== this.ended) return false
    const key = look.known + look.whole
    const isAfterBuild = this.hasJustBuilt
    this.hasJustBuilt = false
    this.error = look.error
    // The first look after a failure sees more than the one before the build.
    if (isAfterBuild && this.isFailing && look.known === this.failed) {
      this.failed = undefined
      this.seen = key
      this.expectNoMore()
    }
    if (key === this.seen) return true
    const isByBuild = (isAfterBuild || this.build !== undefined) && key !== this.delivered
    this.changesByBuilds = isByBuild ? this.changesByBuilds + 1 : 0
    this.seen = key
    this.known = look.known
    this.since = this.seen === this.delivered ? Number.NEGATIVE_INFINITY : now
    if (!isByBuild) this.told = undefined
    this.retryAt = Number.POSITIVE_INFINITY
    if (this.changesByBuilds <= MOST_ENDED) this.build?.endUnlessBuilt()
    else if (this.build === undefined) this.expectNoMore()
    return true
  }

  /** Takes what was seen last as built as often as makes sense. */
  expectNoMore() {
    this.tried = this.seen
    this.tries = MOST_TRIES
  }

  /** Returns whether what was seen last is built, or cannot be. */
  isDone(now) {
    if (this.seen === undefined || this.seen === this.delivered) return true
    return this.seen === this.tried && this.tries >= MOST_TRIES && now < this.retryAt
  }
}

module.exports = { Build, MOST_TRIES, Watched, isInterrupted }
