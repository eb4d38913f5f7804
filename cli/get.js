'use strict'

// `dev-bin get`: writes the path of a binary, or those of several.

const { UsageError } = require('./arguments.js')
const { write, writeResult } = require('./output.js')
const { getBinary, reportOf, requestsOf, shortenedError } = require('./request.js')

const OK = 0
const FAILED = 1
const USAGE = 2
const MISS = 3

async function get({ values }) {
  if (!values.background && !values['no-build']) return getAll(values, requestsOf(values))
  if (values.background && values['no-build']) throw new UsageError('`--background` builds, and `--no-build` does not')
  const wanted = requestsOf(values).map((options) => ({ ...options, build: false }))
  // The process in the background asks the team's store, so that a hook does not wait for it.
  const asked = values.background ? wanted.map((options) => ({ ...options, remote: unasked(options) })) : wanted
  try {
    return await getAll(values, asked)
  } catch (error) {
    if (error.code !== 'NOT_BUILT') throw error
    if (values['no-build']) return await missed(error, values)
  }
  const { buildInBackground } = require('./background.js')
  const log = await buildInBackground(wanted.map((options) => ({ ...options, build: true })))
  if (!values.quiet) process.stderr.write(`Building in the background; the log is ${log}\n`)
  return OK
}

/** Returns the settings of a team's store that serve what came from it, and do not ask it. */
const unasked = ({ remote }) => ({ ...remote, timeout: 0 })

/** Says that a binary would have to be built, and returns the exit status for that. */
async function missed(error, values) {
  if (values.json) await write(jsonError(error))
  if (!values.quiet) process.stderr.write(`${error.message.split('\n')[0]}\n`)
  return MISS
}

async function getAll(values, wanted) {
  const writeLine = values.json ? (line) => write(JSON.stringify(line)) : undefined
  if (wanted.length > 1) return getSeveral(values, wanted, writeLine)
  const binary = await getBinary(values, wanted[0], writeLine)
  if (writeLine) await writeLine({ type: 'result', ...binary })
  else await writeResult(binary.path)
  return OK
}

/** Writes the paths of several binaries in the order asked, or the error of each that failed. */
async function getSeveral(values, wanted, writeLine) {
  const { getDevBinaries } = require('..')
  const report = reportOf(values)
  try {
    const binaries = await getDevBinaries(wanted.map((options) => ({ ...options, report, onEvent: writeLine })))
    if (writeLine) await writeLine(binaries.map((binary) => ({ type: 'result', ...binary })))
    else await writeResult(binaries.map((binary) => binary.path).join('\n'))
    return OK
  } catch (error) {
    // A binary that is missing is all that there is to say where none is built.
    if (error.results === undefined || error.code === 'NOT_BUILT') throw error
    if (writeLine) {
      const results = error.results.map(({ value, reason }) =>
        value ? { type: 'result', ...value } : errorLine(reason),
      )
      await writeLine(results)
    }
    const { complain } = require('./text.js')
    for (const { reason } of error.results) if (reason !== undefined) complain(shortenedError(reason, values))
    return error.code === 'INVALID_OPTION' ? USAGE : FAILED
  }
}

/** Returns the last line of `--json` for a command line that fails. */
function jsonError(error) {
  return JSON.stringify(errorLine(error))
}

function errorLine({ code, message, hint }) {
  return { type: 'error', code, message, hint }
}

module.exports = { get, jsonError }
