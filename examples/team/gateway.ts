// Starts the gateway: the binary that CI or a colleague has built of this state, if the team's store has it, and else one
// that is built here.
//
// The store and the keys that are trusted are in a file of the user's own, and not in this repository: a branch that could
// change them could have everyone who checks it out run a binary of its choice.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { getDevBinary, type RemoteOptions } from '@openlock/dev-bin'

/** Returns the user's settings, `{ "url": "s3://…", "keys": ["ed25519:…"] }`. Without the file, variables have them, if any. */
function teamStore(): RemoteOptions | undefined {
  const file = join(homedir(), '.config', 'our-team', 'dev-bin.json')
  if (!existsSync(file)) return undefined
  const { url, keys } = JSON.parse(readFileSync(file, 'utf8'))
  // Not the mode: only the workflow publishes.
  return { url, keys, mode: 'read' }
}

const repo = fileURLToPath(new URL('gateway', import.meta.url))
const { path } = await getDevBinary({ repo, crate: 'gateway', remote: teamStore() })
const { status } = spawnSync(path, process.argv.slice(2), { stdio: 'inherit' })
process.exitCode = status ?? 1
