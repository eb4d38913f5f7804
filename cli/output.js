'use strict'

// Standard output: what a command is asked for, all of it or an error.

/** The pipe's reader has gone. */
const UNREAD = 'EPIPE'

/** Standard output cannot take what a command has to say. */
class OutputError extends Error {
  constructor(cause) {
    super(`standard output cannot be written: ${cause.message}`)
    this.isUnread = cause.code === UNREAD
  }
}

/** Begins to answer for errors; without it, one that nobody waits for would end the process with a stack. */
function listen() {
  process.stdout.on('error', () => {})
}

/** Writes a line; rejects when it cannot be written. */
function write(text) {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${text}\n`, (error) => (error ? reject(new OutputError(error)) : resolve()))
  })
}

module.exports = { OutputError, listen, write }
