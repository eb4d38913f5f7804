'use strict'

// Running a binary as if it had been started in this process's place.

const { existsSync, readFileSync } = require('node:fs')
const { isUtf8 } = require('node:buffer')
const { isMainThread } = require('node:worker_threads')
const { load } = require('../lib/load.js')
const { UsageError } = require('./arguments.js')
const { started } = require('./start.js')

/** As shells say it of a program that is there and cannot be started, and of one that is not. */
const CANNOT_START = 126
const MISSING = 127

/**
 * The status to end with; where the program takes this process's place, when it could not. A program that is gone when it
 * is to be started, as it is when the cache is emptied meanwhile, is asked for once more.
 */
async function become(find, args) {
  refuseChanged(args)
  const first = await find()
  const status = await attempt(first, args)
  if (status !== undefined) return status
  const second = await find()
  return (await attempt(second, args)) ?? told(second, { missing: true, message: 'it has been removed again' })
}

/** JavaScript sees U+FFFD for what is not UTF-8, and the program would be handed that. */
function refuseChanged(args) {
  const index = args.findIndex((arg) => arg.includes('\uFFFD'))
  if (index < 0 || isUtf8(commandLine())) return
  throw new UsageError(
    `argument ${index + 1} after \`--\` is not UTF-8, and cannot be passed on as it is; start the binary that \`dev-bin get\` names`,
  )
}

/** As this process was started with; where the system does not tell, what no argument can be. */
function commandLine() {
  try {
    return readFileSync('/proc/self/cmdline')
  } catch {
    return Buffer.of(0xff)
  }
}

/** The status to end with; none when the program is gone. */
async function attempt(program, args) {
  if (!isMainThread) throw new Error('`dev-bin run` replaces its process, so it cannot run in a worker thread')
  try {
    if (process.platform === 'win32') return await started(program, args)
    return unlessGone(program, load().replaceProcess(program, args))
  } catch (error) {
    return unlessGone(program, { missing: error.code === 'ENOENT', message: error.message })
  }
}

function unlessGone(program, problem) {
  return problem.missing && !existsSync(program) ? undefined : told(program, problem)
}

function told(program, { missing, message }) {
  // What the system then misses is the program that loads it.
  const cause = missing && existsSync(program) ? 'it is for another system, or another libc' : message
  process.stderr.write(`error: \`${program}\` cannot be started: ${cause}\n`)
  return missing ? MISSING : CANNOT_START
}

module.exports = { become }
