'use strict'

// `dev-bin run --watch`: runs a binary as a child, and a newer one in its place when there is one.
//
// Promises: the old program runs on until the new binary is there. It gets SIGTERM then, and SIGKILL after the grace. No two
// programs run at once. The program has the terminal and the standard streams of this process, and gets the signals that
// this process gets. When it ends by itself, this process ends as it did.
// Does not promise: that a signal which is sent to this process alone, while it has the terminal, is told from one of the
// terminal's own. The terminal sends these to the program, too, and they are not sent a second time.

const { spawn } = require('node:child_process')
const { readFileSync } = require('node:fs')
const { UsageError } = require('./arguments.js')
const { assertUtf8, reportFailure } = require('./replace.js')
const { reportOf, shortenedError } = require('./request.js')
const { complain } = require('./text.js')

const UNITS = { ms: 1, s: 1000, m: 60_000 }
const GRACE = '5s'

/** The signals that a terminal sends to all processes that it has in the foreground. */
const OF_TERMINAL = ['SIGINT', 'SIGQUIT', 'SIGWINCH']
/** The signals that end a program that does not handle them. */
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']
const PASSED_ON = process.platform === 'win32' ? ['SIGINT', 'SIGBREAK', 'SIGHUP'] : [...ENDING, 'SIGWINCH']

/** The longest time of a timer, in milliseconds: 24 days. A longer one would end at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The program that runs, and those that take its place. */
class Running {
  #args
  #graceMs
  #child
  /** Resolves when the last program that was started has ended. */
  #end
  /** True while an old program is ended for a new one. */
  #isReplacing = false
  /** The signal that came for the program while it was being replaced. */
  #asked
  /** Resolves to the `status` or the `signal` to end with, once a program has ended by itself. */
  ended
  #settle

  constructor(args, graceMs) {
    this.#args = args
    this.#graceMs = graceMs
    this.ended = new Promise((settle) => {
      this.#settle = settle
    })
  }

  get hasStarted() {
    return this.#child !== undefined
  }

  /** Starts `program`, and ends the one before it first. */
  async start(program) {
    if (this.#child === undefined) this.#listen()
    else await this.#endOld()
    if (this.#asked !== undefined) this.#settle({ signal: this.#asked })
    else this.#spawn(program)
  }

  #spawn(program) {
    const child = spawn(program, this.#args, { stdio: 'inherit' })
    this.#child = child
    this.#end = new Promise((resolve) => {
      child.on('error', (error) => {
        // A signal that cannot be sent is an error, too.
        if (child.pid !== undefined) return
        this.#settle({ status: reportFailure(program, { missing: error.code === 'ENOENT', message: error.message }) })
        resolve()
      })
      child.on('exit', (status, signal) => {
        resolve()
        if (!this.#isReplacing) this.#settle({ status, signal })
      })
    })
  }

  async #endOld() {
    this.#isReplacing = true
    const child = this.#child
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), Math.min(this.#graceMs, LONGEST_TIMER_MS))
    await this.#end
    clearTimeout(timer)
    this.#isReplacing = false
  }

  #listen() {
    for (const signal of PASSED_ON) {
      process.on(signal, () => {
        if (this.#isReplacing && ENDING.includes(signal)) this.#asked ??= signal
        const isSentByTerminal = OF_TERMINAL.includes(signal) && isInForeground()
        if (!isSentByTerminal && process.platform !== 'win32') this.#child.kill(signal)
      })
    }
  }
}

/** Returns whether the terminal sends its signals to this process, and so to the program, too. */
function isInForeground() {
  try {
    // The name of the program comes second, in parentheses, and may hold anything.
    const [, , group, , , foreground] = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1).split(' ')
    return group === foreground
  } catch {
    return process.stdin.isTTY === true || process.stderr.isTTY === true
  }
}

/** Ends this process by `signal`; returns the status that shells give such an end, where it does not come. */
function endBy(signal) {
  for (const name of PASSED_ON) process.removeAllListeners(name)
  process.kill(process.pid, signal)
  return 128 + (require('node:os').constants.signals[signal] ?? 0)
}

function milliseconds(text) {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? []
  if (unit !== undefined) return Number(number) * UNITS[unit]
  throw new UsageError(`\`--grace\` takes a time such as 5s or 500ms, and not \`${text}\``)
}

/** Runs the binary that `options` ask for with `args`, and returns the status to end with. */
async function runWatched(values, options, args) {
  const running = new Running(args, milliseconds(values.grace ?? GRACE))
  assertUtf8(args)
  const request = {
    ...options,
    // A live line would be drawn into what the program writes.
    get report() {
      return running.hasStarted && reportOf(values) === 'auto' ? 'plain' : reportOf(values)
    },
    onEvent: (event) => {
      if (event.type === 'failed') complain(shortenedError(event.error, values))
    },
  }
  const binaries = require('..').watch(request)
  try {
    const { status, signal } = await Promise.race([running.ended, follow(binaries, running)])
    // All that a build has started must have ended before the signal ends this process.
    await binaries.return()
    return signal ? endBy(signal) : status
  } finally {
    await binaries.return()
  }
}

/** Starts each binary that comes. Rejects if there can be no more. */
async function follow(binaries, running) {
  for await (const { path } of binaries) await running.start(path)
  return running.ended
}

module.exports = { runWatched }
