// The program that speaks to a team's store, in tests.

import { execFileSync } from 'node:child_process'
import { programPath } from '../lib/remote.js'

/** Makes a key in `file`, and returns its public part. */
export function keygen(file: string): string {
  const program = programPath(process.env)
  if (program === undefined) throw new Error('`dev-bin-remote` is not built: run `npm test`')
  return execFileSync(program, ['keygen', file], { encoding: 'utf8' }).trim()
}
