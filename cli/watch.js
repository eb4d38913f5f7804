'use strict'

// `dev-bin watch`: writes the path of each binary, whenever there is a newer one.

const { write, writeResult } = require('./output.js')
const { reportOf, requestsOf, shortenedError } = require('./request.js')
const { complain } = require('./text.js')

const OK = 0

async function watchBinaries({ values }) {
  const { watch } = require('..')
  const report = reportOf(values)
  const writeLine = values.json && ((line) => write(JSON.stringify(line)))
  const onEvent = (event) => {
    if (event.type === 'failed') complain(shortenedError(event.error, values))
    return writeLine?.(event.type === 'failed' ? failedLine(event) : event)
  }
  for await (const binary of watch(requestsOf(values).map((options) => ({ ...options, report, onEvent })))) {
    if (writeLine) await writeLine({ type: 'result', ...binary })
    else await writeResult(binary.path)
  }
  return OK
}

/** Returns the event `failed` with what JSON leaves out of an error. */
function failedLine({ type, error: { code, message, hint } }) {
  return { type, error: { code, message, hint } }
}

module.exports = { watchBinaries }
