// Puts the gateway where Tauri looks for a sidecar: at the path in `externalBin` of tauri.conf.json, followed by the
// target. `beforeDevCommand` and `beforeBuildCommand` run this script. The file is replaced only if it differs, so that
// `tauri dev`, which watches `src-tauri`, does not restart the app without a reason.

import { fileURLToPath } from 'node:url'
import { getDevBinary } from '@openlock/dev-bin'

const path = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url))

// Tauri sets these variables for its commands: if it builds for debugging, and the target.
const { TAURI_ENV_DEBUG, TAURI_ENV_TARGET_TRIPLE } = process.env

const { out } = await getDevBinary({
  repo: path('gateway'),
  scope: 'crate',
  profile: TAURI_ENV_DEBUG === 'true' ? 'dev' : 'release',
  target: TAURI_ENV_TARGET_TRIPLE,
  out: path('src-tauri/binaries/gateway-{target}{exe}'),
})
console.log(out)
