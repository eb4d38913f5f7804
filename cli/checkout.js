'use strict'

// Finds the workspace and the package where the command line names none.

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
  const { exists, workspaceAround } = load()
  const isRepository = (directory) => exists(`${directory}/.git`)
  const fork = `${here === '/' ? '' : here}/${FORK}`
  if (isRepository(fork)) return fork
  const workspace = workspaceAround(here)
  if (workspace) return workspace
  const { dirname, join } = require('node:path')
  for (let directory = here; ; directory = dirname(directory)) {
    const inside = join(directory, FORK)
    if (isRepository(directory) && exists(join(inside, 'Cargo.toml')) && isRepository(inside)) return inside
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

/**
 * Returns the checkout that a command line means which names none, and its crates: `given`, or else the one that cargo
 * would find from here.
 */
function around(given) {
  const repo = findCheckout()
  if (given !== undefined) return { repo, crate: given }
  const here = packageHere(repo)
  return { repo, crate: here === undefined ? undefined : [here] }
}

module.exports = { around }
