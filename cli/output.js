'use strict'

// Writes the result of a command to standard output: all of it, or an error.
//
// The runtimes take three to eight milliseconds to load their streams. So the addon writes the result of a call, and the
// stream only what the system does not take at once: the rest for a slow reader of a pipe that does not block.

const { load } = require('../lib/load.js')

/** The code of an error that says that the pipe has no reader any more. */
const UNREAD = 'EPIPE'

/** The error of a write to standard output. */
class OutputError extends Error {
  constructor(cause) {
    super(`standard output cannot be written: ${cause.message}`)
    this.isUnread = cause.code === UNREAD
  }
}

/** True once the stream may have text that is not written yet, which nothing may overtake. */
let isStreaming = false

/** Writes the result of a call as a line, and waits for the reader. Rejects with an `OutputError` if that fails. */
async function writeResult(text) {
  const line = `${text}\n`
  if (isStreaming) return streamed(line)
  const { bytes, unread, message } = load().writeOut(line)
  if (message) throw new OutputError({ message, code: unread ? UNREAD : undefined })
  const all = Buffer.byteLength(line)
  if (bytes < all) await streamed(Buffer.from(line).subarray(bytes))
}

/** Writes a line, without the addon and without keeping JavaScript waiting. Rejects with an `OutputError` if that fails. */
function write(text) {
  return streamed(`${text}\n`)
}

/** Writes to the stream of the runtime. */
function streamed(chunk) {
  // Without a listener, an error that no `write` waits for would end the process with a stack.
  if (!isStreaming) process.stdout.on('error', () => {})
  isStreaming = true
  return new Promise((resolve, reject) => {
    process.stdout.write(chunk, (error) => (error ? reject(new OutputError(error)) : resolve()))
  })
}

module.exports = { OutputError, write, writeResult }
