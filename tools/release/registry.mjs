// Starts a registry on loopback. It has only the packages that are published to it.

import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** How long the registry may take to start, in milliseconds. */
const PATIENCE_MS = 60_000

/** Starts a registry with its files in `directory`. Returns its address, and the function that stops it. */
export async function startRegistry(directory) {
  const port = await freePort()
  const config = join(directory, 'config.yaml')
  mkdirSync(directory, { recursive: true })
  writeFileSync(
    config,
    `storage: ./storage
web: { enable: false }
auth: { htpasswd: { file: ./htpasswd, max_users: -1 } }
uplinks: {}
packages:
  '**': { access: $all, publish: $all, unpublish: $all }
max_body_size: 64mb
log: { type: stdout, format: json, level: warn }
`,
  )
  const verdaccio = createRequire(import.meta.url).resolve('verdaccio/package.json')
  const child = spawn(
    process.execPath,
    [join(dirname(verdaccio), 'bin', 'verdaccio'), '--config', config, '--listen', `127.0.0.1:${port}`],
    { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += chunk))
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const stop = async () => {
    child.kill()
    await ended
  }
  process.once('exit', () => child.kill())

  const url = `http://127.0.0.1:${port}/`
  const deadline = Date.now() + PATIENCE_MS
  while (!(await answers(url))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop()
      throw new Error(`verdaccio does not answer at ${url}:\n${printed}`)
    }
    await sleep(50)
  }
  return { url, stop }
}

async function answers(url) {
  try {
    return (await fetch(`${url}-/ping`)).ok
  } catch {
    return false
  }
}

async function freePort() {
  const server = createServer()
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address()
  await new Promise((closed) => server.close(closed))
  return port
}
