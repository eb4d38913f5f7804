'use strict'

// Runs a binary in the place of this process.

const { existsSync, readFileSync } = require('node:fs')
const { isUtf8 } = require('node:buffer')
const { isMainThread } = require('node:worker_threads')
const { load } = require('../lib/load.js')
const { UsageError } = require('./arguments.js')
const { runChild } = require('./start.js')

/** The exit statuses that shells use: the program exists and cannot be started, and it does not exist. */
const CANNOT_START = 126
const MISSING = 127

/**
 * Runs the program that `find` returns, and returns the status to end with. If the program takes the place of this
 * process, returns only if it could not. Calls `find` a second time if the program is gone by then, as after a prune.
 */
async function runInPlace(find, args) {
  assertUtf8(args)
  const first = await find()
  const status = await attempt(first, args)
  if (status !== undefined) return status
  const second = await find()
  return (await attempt(second, args)) ?? reportFailure(second, { missing: true, message: 'it has been removed again' })
}

/** Throws if an argument is not UTF-8: JavaScript replaces its bytes by U+FFFD, and the program would get that. */
function assertUtf8(args) {
  const index = args.findIndex((arg) => arg.includes('\uFFFD'))
  if (index < 0 || isUtf8(commandLine())) return
  throw new UsageError(
    `argument ${index + 1} after \`--\` is not UTF-8, and cannot be passed on as it is; start the binary that \`dev-bin get\` names`,
  )
}

/**
 * Returns the bytes of this process's command line. Where the system does not give them, returns bytes that are not
 * UTF-8.
 */
function commandLine() {
  try {
    return readFileSync('/proc/self/cmdline')
  } catch {
    return Buffer.of(0xff)
  }
}

/** Runs `program`, and returns the status to end with; undefined if the program is gone. */
async function attempt(program, args) {
  if (!isMainThread) throw new Error('`dev-bin run` replaces its process, so it cannot run in a worker thread')
  try {
    if (process.platform === 'win32') return await runChild(program, args)
    return unlessGone(program, load().replaceProcess(program, args))
  } catch (error) {
    return unlessGone(program, { missing: error.code === 'ENOENT', message: error.message })
  }
}

function unlessGone(program, problem) {
  return problem.missing && !existsSync(program) ? undefined : reportFailure(program, problem)
}

/** Writes to stderr why `program` cannot be started, and returns the exit status. */
function reportFailure(program, { missing, message }) {
  // The program exists, so the missing file is its dynamic loader.
  const cause = missing && existsSync(program) ? 'it is for another system, or another libc' : message
  process.stderr.write(`error: \`${program}\` cannot be started: ${cause}\n`)
  return missing ? MISSING : CANNOT_START
}

module.exports = { assertUtf8, reportFailure, runInPlace }
