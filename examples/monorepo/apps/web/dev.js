// `pnpm dev`: runs the gateway, built if need be, and a client of it.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { getDevBinary } from '@openlock/dev-bin'

const { path } = await getDevBinary({
  repo: fileURLToPath(new URL('../gateway', import.meta.url)),
  profile: 'dev',
  // An edit of files beside the gateway, such as this one, is a hit.
  scope: 'crate',
})
const gateway = spawn(path, { stdio: ['ignore', 'pipe', 'inherit'] })
// turbo signals only this process, so it passes the signal on to the gateway. When the gateway ends, this process ends,
// too.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => gateway.kill(signal))
process.once('exit', () => gateway.kill())
gateway.once('exit', (code) => {
  process.exitCode = code ?? 1
})

for await (const line of createInterface({ input: gateway.stdout })) {
  const address = /^listening on (.*)$/.exec(line)?.[1]
  // An app would start its own server here, and pass the address on to it.
  if (address !== undefined) console.log(`the gateway says: ${await (await fetch(address)).text()}`)
}
