// Puts the gateway where Tauri looks for a sidecar: at `externalBin` of tauri.conf.json, with the target behind it. Both
// `beforeDevCommand` and `beforeBuildCommand` run it. The file is replaced only when it differs, so `tauri dev`, which
// watches `src-tauri`, does not start the app anew for nothing.

import { fileURLToPath } from 'node:url'
import { getDevBinary } from '@openlock/dev-bin'

const path = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url))

// What Tauri tells its commands: whether it builds for debugging, and for which target.
const { TAURI_ENV_DEBUG, TAURI_ENV_TARGET_TRIPLE } = process.env

const { out } = await getDevBinary({
  repo: path('gateway'),
  scope: 'crate',
  profile: TAURI_ENV_DEBUG === 'true' ? 'dev' : 'release',
  target: TAURI_ENV_TARGET_TRIPLE,
  out: path('src-tauri/binaries/gateway-{target}{exe}'),
})
console.log(out)
