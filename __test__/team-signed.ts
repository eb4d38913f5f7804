// Publications that no member would make, signed with a key that the team trusts.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { programPath } from '../lib/remote.js'
import type { Team } from './team.js'

/**
 * Replaces the only entry of the team's store by one with other needs or another binary. The path set stays. Returns the
 * needs that it had.
 */
export async function replaceEntry(
  team: Team,
  { requires = {}, binary }: { requires?: object; binary?: string },
): Promise<{ glibc?: string; libraries?: string[] }> {
  const [manifest = ''] = team.objects('keys')
  const key = basename(manifest)
  const signingKeyFile = join(team.directory, 'key')
  const child = spawn(programPath(process.env) as string, ['serve'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const ask = async (id: number, request: object) => {
    child.stdin.write(`${JSON.stringify(request)}\n`)
    for (;;) {
      const answer = JSON.parse((await lines.next()).value ?? '{"error":{"message":"it ended"}}')
      if (answer.error) throw new Error(answer.error.message)
      if (answer.id === id && answer.ok) return answer.ok
    }
  }
  await ask(0, { url: team.url, keys: [team.trusted], mode: 'publish', signingKeyFile })
  const { manifest: old } = await ask(1, { id: 1, op: 'look', key })
  await ask(2, { id: 2, op: 'fetch', key, into: team.directory })
  rmSync(manifest)
  const [{ name }] = old.files
  const files = [{ name, path: binary ?? join(team.directory, name), executable: true }]
  const changed = { requires: { ...old.requires, ...requires }, extra: old.extra, builtAt: old.builtAt }
  await ask(3, { id: 3, op: 'publish', key, manifest: changed, files })
  child.stdin.end()
  await once(child, 'close')
  return old.requires
}
