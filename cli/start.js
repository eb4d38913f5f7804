'use strict'

// Runs a binary on Windows, where no process can be replaced: as a child, whose status becomes that of this process.

const { spawn } = require('node:child_process')

/** The signals that a console sends to all its processes, the child included. */
const FROM_CONSOLE = ['SIGINT', 'SIGBREAK', 'SIGHUP']

/** Runs `program`, and resolves to its status. Rejects if it cannot be started. */
function runChild(program, args) {
  return new Promise((resolve, reject) => {
    // The signals end the child. This process must not end before it.
    const ignore = () => {}
    for (const signal of FROM_CONSOLE) process.on(signal, ignore)
    const child = spawn(program, args, { stdio: 'inherit' })
    child.on('error', reject)
    child.on('exit', (status) => resolve(status ?? 1))
  })
}

module.exports = { runChild }
