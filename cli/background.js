'use strict'

// `dev-bin get --background`: has a process of its own build, which nothing waits for.
//
// Promises: that process belongs to no terminal and keeps no pipe open, so that a git hook that starts it does not keep git
// waiting. What it says is in a log in the cache.

const { spawn } = require('node:child_process')
const { closeSync, mkdirSync, openSync } = require('node:fs')
const { join } = require('node:path')
const { cacheDirectory } = require('../lib/options.js')

/** Starts the builds of `requests`, which are for one cache, and returns the path of their log. */
async function buildInBackground(requests) {
  const directory = join(cacheDirectory(requests[0].cacheDir, process.env), 'logs')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, `${new Date().toISOString().replaceAll(/[:.]/g, '-')}-${process.pid}.log`)
  const log = openSync(path, 'wx', 0o600)
  try {
    await started([join(__dirname, 'builder.js'), JSON.stringify({ requests, log: path })], log)
  } finally {
    closeSync(log)
  }
  return path
}

/** Waits until the system has started a process of its own, and no longer. */
function started(args, log) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', log, log], windowsHide: true })
    child.on('error', reject)
    child.on('spawn', () => {
      child.unref()
      resolve()
    })
  })
}

module.exports = { buildInBackground }
