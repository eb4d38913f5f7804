'use strict'

// Running a program as if it stood in this process's place. JavaScript cannot replace its own process, so the program is a
// child that has the terminal, hears the signals, and whose end is this process's end.

const { spawn } = require('node:child_process')
const { readFileSync } = require('node:fs')
const { isatty } = require('node:tty')

/** As shells say it of a program that is there and cannot be started. */
const CANNOT_START = 126
const FORWARDED = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGCONT', 'SIGWINCH']
/** What a terminal sends to everybody in its foreground, the child included. */
const FROM_TERMINAL = new Set(['SIGINT', 'SIGQUIT', 'SIGWINCH', 'SIGCONT'])

/** The status to end with; never when a signal ends the program, since it ends this process, too. */
function become(program, args) {
  return new Promise((resolve) => {
    let child
    const forward = (signal) => {
      if (!(FROM_TERMINAL.has(signal) && isInForeground())) child?.kill(signal)
    }
    // Before the program can do anything that somebody might answer with a signal.
    const known = process.platform === 'win32' ? ['SIGINT', 'SIGTERM', 'SIGHUP'] : FORWARDED
    for (const signal of known) process.on(signal, forward)
    const stop = () => {
      for (const signal of known) process.removeListener(signal, forward)
    }
    const fail = (error) => {
      stop()
      process.stderr.write(`error: \`${program}\` cannot be started: ${error.message}\n`)
      resolve(CANNOT_START)
    }
    try {
      child = spawn(program, args, { stdio: 'inherit' })
    } catch (error) {
      // Bun throws what Node tells.
      return fail(error)
    }
    child.on('error', fail)
    child.on('exit', (status, signal) => {
      stop()
      if (signal === null) return resolve(status)
      process.kill(process.pid, signal)
      // Only a signal that ends nobody comes to this.
      setTimeout(() => resolve(1), 1000)
    })
  })
}

/** Whether this process belongs to the group that a terminal sends its signals to. */
function isInForeground() {
  if (!isatty(0) && !isatty(2)) return false
  try {
    // Behind the name, which may hold anything: state, parent, group, session, terminal, the terminal's group.
    const stat = readFileSync('/proc/self/stat', 'utf8')
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return group === foreground
  } catch {
    return true
  }
}

module.exports = { become }
