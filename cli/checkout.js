'use strict'

// Which checkout is meant when none is named.

const { existsSync } = require('node:fs')
const { dirname, join, resolve } = require('node:path')
const { isDevMode } = require('..')
const { UsageError } = require('./arguments.js')

const FORK = 'openshell-fork'

/** `openshell-fork` here, or else the checkout around here, or the fork in that when there is nothing else to build. */
function findCheckout(here = workingDirectory()) {
  // It has been removed, which is for the call itself to tell.
  if (here === undefined) return undefined
  const fork = join(here, FORK)
  if (isDevMode(fork)) return fork
  for (let directory = resolve(here); ; directory = dirname(directory)) {
    if (isDevMode(directory)) {
      const inside = join(directory, FORK)
      return !existsSync(join(directory, 'Cargo.toml')) && isDevMode(inside) ? inside : directory
    }
    if (directory === dirname(directory)) break
  }
  const problem = `\`${here}\` is in no git checkout, and has no \`${FORK}\`; name one with \`--repo DIR\``
  throw new UsageError(problem, 'NOT_A_CHECKOUT')
}

function workingDirectory() {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}

module.exports = { findCheckout }
