'use strict'

// Which checkout is meant when none is named.

const { dirname, join, resolve } = require('node:path')
const { isDevMode } = require('..')
const { UsageError } = require('./arguments.js')

const FORK = 'openshell-fork'

/** `openshell-fork` here, or else the checkout around here, or else the fork in that. */
function findCheckout(here = process.cwd()) {
  const fork = join(here, FORK)
  if (isDevMode(fork)) return fork
  for (let directory = resolve(here); ; directory = dirname(directory)) {
    if (isDevMode(directory)) return directory
    if (directory === dirname(directory)) break
  }
  throw new UsageError(`\`${here}\` is in no git checkout, and has no \`${FORK}\`; name one with \`--repo DIR\``)
}

module.exports = { findCheckout }
