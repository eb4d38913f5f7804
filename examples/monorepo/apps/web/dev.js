// `pnpm dev`: the gateway, built if need be, and what works against it.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { getDevBinary } from '@openlock/dev-bin'

const { path } = await getDevBinary({
  repo: fileURLToPath(new URL('../gateway', import.meta.url)),
  profile: 'dev',
  // An edit of what lies beside the gateway, as this file does, is a hit.
  scope: 'crate',
})
const gateway = spawn(path, { stdio: ['ignore', 'pipe', 'inherit'] })
// turbo ends a task with a signal to the task alone. The gateway ends with it, and it with the gateway.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => gateway.kill(signal))
process.once('exit', () => gateway.kill())
gateway.once('exit', (code) => {
  process.exitCode = code ?? 1
})

for await (const line of createInterface({ input: gateway.stdout })) {
  const address = /^listening on (.*)$/.exec(line)?.[1]
  // Here an app would start its own server, and tell it the address.
  if (address !== undefined) console.log(`the gateway says: ${await (await fetch(address)).text()}`)
}
