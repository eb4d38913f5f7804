'use strict'

// Windows, where no process can be replaced: the binary is a child, and its status becomes this process's.

const { spawn } = require('node:child_process')

/** What a console sends to everybody in it, the child included. */
const FROM_CONSOLE = ['SIGINT', 'SIGBREAK', 'SIGHUP']

/** The status of `program`; rejects when it cannot be started. */
function started(program, args) {
  return new Promise((resolve, reject) => {
    // This process ends with the child, and not before it.
    const ignore = () => {}
    for (const signal of FROM_CONSOLE) process.on(signal, ignore)
    const child = spawn(program, args, { stdio: 'inherit' })
    child.on('error', reject)
    child.on('exit', (status) => resolve(status ?? 1))
  })
}

module.exports = { started }
