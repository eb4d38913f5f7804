'use strict'

// The process of `dev-bin get --background`. Its standard output and error are the log.
//
// Promises: ends at once if another process builds the same binary, and leaves no log then.

const { unlinkSync } = require('node:fs')
const { getDevBinary } = require('..')
const { complain } = require('./text.js')

const { requests, log } = JSON.parse(process.argv[2])

/** Builds a binary, and returns true, unless another process builds it. */
async function build(options) {
  const controller = new AbortController()
  const onEvent = ({ type, on, pid }) => {
    if (type === 'waiting' && on === 'entry' && pid !== process.pid) controller.abort()
  }
  try {
    await getDevBinary({ ...options, report: 'plain', signal: controller.signal, onEvent })
  } catch (error) {
    if (controller.signal.aborted) return false
    process.exitCode = 1
    // The report has the compiler's errors already.
    const [shortMessage] = error.code === 'BUILD_FAILED' ? error.message.split('\n\n') : [error.message]
    complain({ code: error.code, message: error.message, shortMessage })
  }
  return true
}

function removeLog() {
  try {
    unlinkSync(log)
  } catch {
    // It is pruned in a week.
  }
}

Promise.all(requests.map(build)).then((hasBuilt) => {
  if (!hasBuilt.includes(true)) removeLog()
})
