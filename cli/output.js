'use strict'

// Writes the result of a command to standard output: all of it, or an error.

/** The code of an error that says that the pipe has no reader any more. */
const UNREAD = 'EPIPE'

/** The error of a write to standard output. */
class OutputError extends Error {
  constructor(cause) {
    super(`standard output cannot be written: ${cause.message}`)
    this.isUnread = cause.code === UNREAD
  }
}

/**
 * Handles errors of standard output that no `write` waits for. Without a listener, they would end the process with a
 * stack.
 */
function listen() {
  process.stdout.on('error', () => {})
}

/** Writes a line. Rejects with an `OutputError` if that fails. */
function write(text) {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${text}\n`, (error) => (error ? reject(new OutputError(error)) : resolve()))
  })
}

module.exports = { OutputError, listen, write }
