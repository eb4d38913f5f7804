'use strict'

// Which workspace is meant when none is named.

const { existsSync } = require('node:fs')
const { dirname, join, resolve } = require('node:path')
const { isDevMode } = require('..')
const { load } = require('../lib/load.js')
const { UsageError } = require('./arguments.js')

const FORK = 'openshell-fork'

/**
 * `openshell-fork` here, or else the workspace that a cargo started here works on, or else the fork in the git checkout
 * around here.
 */
function findCheckout(here = workingDirectory()) {
  // It has been removed, which is for the call itself to tell.
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

function workingDirectory() {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}

/** The package that a cargo started here works on; none where `checkout` is not the workspace around here. */
function packageHere(checkout, here = workingDirectory()) {
  if (here === undefined || load().workspaceAround(here) !== checkout) return undefined
  return load().packageAround(here) ?? undefined
}

module.exports = { findCheckout, packageHere }
