'use strict'

// Finds the workspace and the package where the command line names none.

const { existsSync } = require('node:fs')
const { dirname, join, resolve } = require('node:path')
const { isDevMode } = require('..')
const { load } = require('../lib/load.js')
const { UsageError } = require('./arguments.js')

const FORK = 'openshell-fork'

/**
 * Returns `openshell-fork` below the working directory, or else the workspace that cargo would find from here, or else
 * the fork in a git checkout around here. Throws if there is none of them.
 */
function findCheckout(here = workingDirectory()) {
  // The working directory has been removed. The call itself says so.
  if (here === undefined) return undefined
  const fork = join(here, FORK)
  if (isDevMode(fork)) return fork
  const workspace = load().workspaceAround(here)
  if (workspace) return workspace
  for (let directory = resolve(here); ; directory = dirname(directory)) {
    const inside = join(directory, FORK)
    if (isDevMode(directory) && existsSync(join(inside, 'Cargo.toml')) && isDevMode(inside)) return inside
    if (directory === dirname(directory)) break
  }
  const problem = `\`${here}\` is in no cargo workspace, and has no \`${FORK}\`; name one with \`--repo DIR\``
  throw new UsageError(problem, 'NOT_A_CHECKOUT')
}

/** Returns the working directory; undefined if it has been removed. */
function workingDirectory() {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}

/** Returns the package that cargo would find from here; undefined if `checkout` is not the workspace around here. */
function packageHere(checkout, here = workingDirectory()) {
  if (here === undefined || load().workspaceAround(here) !== checkout) return undefined
  return load().packageAround(here) ?? undefined
}

module.exports = { findCheckout, packageHere }
