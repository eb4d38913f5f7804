// The types as a caller uses them. `tsc` checks this file, and nothing runs it.

import {
  type BuildProgress,
  type builds,
  type CacheEntry,
  type ChangedPath,
  type DevBinary,
  DevBinaryError,
  type DevBinaryErrorCode,
  type DevBinaryEvent,
  type DevBinaryOptions,
  type Explanation,
  type explain,
  type fingerprint,
  getDevBinaries,
  getDevBinary,
  type inputs,
  type isDevMode,
  type KnownInput,
  type KnownInputs,
  type list,
  type MissReason,
  type Pruning,
  type prune,
  type RunningBuild,
  type Verification,
  type verify,
  watch,
} from '../../index.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <_T extends true>() => {}

// The signal is the runtime's own, and can be passed on to its functions.
holds<Equal<DevBinaryOptions['signal'], AbortSignal | undefined>>()

// A value that is not known may be undefined, under exactOptionalPropertyTypes.
void new DevBinaryError('INTERNAL', 'defect', { hint: undefined, cause: undefined })

// Functions.
holds<Equal<ReturnType<typeof getDevBinary>, Promise<DevBinary>>>()
const pair = getDevBinaries([{ crate: 'one' }, { crate: 'two' }])
holds<Equal<typeof pair, Promise<[DevBinary, DevBinary]>>>()
holds<Equal<ReturnType<typeof getDevBinaries<DevBinaryOptions[]>>, Promise<DevBinary[]>>>()
for await (const binary of watch([{ crate: 'one' }, { crate: 'two' }])) holds<Equal<typeof binary, DevBinary>>()
holds<Equal<ReturnType<typeof watch>, AsyncIterableIterator<DevBinary>>>()
holds<Equal<ReturnType<typeof fingerprint>, Promise<string>>>()
holds<Equal<ReturnType<typeof explain>, Promise<Explanation>>>()
holds<Equal<ReturnType<typeof inputs>, Promise<KnownInputs>>>()
holds<Equal<KnownInputs['inputs'], KnownInput[]>>()
holds<Equal<ReturnType<typeof verify>, Promise<Verification>>>()
holds<Equal<ReturnType<typeof list>, Promise<CacheEntry[]>>>()
holds<Equal<ReturnType<typeof builds>, Promise<RunningBuild[]>>>()
holds<Equal<ReturnType<typeof prune>, Promise<Pruning>>>()
holds<Equal<Parameters<typeof isDevMode>, [repo?: string | undefined]>>()
holds<Equal<ReturnType<typeof isDevMode>, boolean>>()

// No option is required, and each may be undefined, under exactOptionalPropertyTypes.
const least: DevBinaryOptions = {}
const all: Required<DevBinaryOptions> = {
  crate: 'hello',
  bin: undefined,
  kind: 'cdylib',
  with: ['other'] as const,
  target: 'x86_64-unknown-linux-gnu.2.28',
  rebuild: undefined,
  build: false,
  repo: undefined,
  features: ['a', 'b'] as const,
  noDefaultFeatures: true,
  profile: undefined,
  builder: 'zigbuild',
  scope: 'crate',
  exclude: ['docs/**'] as const,
  observe: 'off',
  remote: {
    url: 's3://bucket',
    keys: ['ed25519:x'] as const,
    mode: 'publish',
    signingKeyFile: ['one', 'two'] as const,
    timeout: 1_000,
    publish: 'wait',
  },
  cargoArgs: ['--locked'] as const,
  out: undefined,
  cacheDir: undefined,
  maxSize: '5GiB',
  maxAge: undefined,
  nice: 19,
  env: { ...process.env, TAG: undefined },
  signal: AbortSignal.timeout(1),
  report: 'plain',
  onEvent: undefined,
}
holds<Equal<Extract<keyof DevBinaryOptions, `${string}Dir`>, 'cacheDir'>>()
void [least, all]
// @ts-expect-error: there is no such kind
void getDevBinary({ kind: 'dylib' })
// @ts-expect-error: there is no such option
void getDevBinary({ crate: 'hello', features_: [] })
// @ts-expect-error: features are a list
void getDevBinary({ crate: 'hello', features: 'a,b' })
// @ts-expect-error: there is no such scope
void getDevBinary({ crate: 'hello', scope: 'file' })
// @ts-expect-error: a variable is a string
void getDevBinary({ crate: 'hello', env: { JOBS: 4 } })

// A listener may be async, and may return a value, which is ignored.
void getDevBinary({ crate: 'hello', onEvent: async ({ type }) => void type })
void getDevBinary({ crate: 'hello', onEvent: () => {} })
void getDevBinary({ crate: 'hello', onEvent: ({ type }) => console.log(type) })

// Events narrow by their type, and a switch over all of them is exhaustive.
const never = (value: never) => value
function describe(event: DevBinaryEvent): string {
  switch (event.type) {
    case 'hit':
      return event.fingerprint
    case 'miss':
      return event.reasons.map(reason).join()
    case 'waiting':
      holds<Equal<typeof event.on, 'entry' | 'checkout' | 'cargo' | 'zigbuild'>>()
      holds<Equal<typeof event.progress, BuildProgress | undefined>>()
      return `${event.pid?.toFixed()} ${event.since?.toFixed()}`
    case 'building':
      return event.command
    case 'progress':
      return `${event.done / event.total} ${event.compiling.join()}`
    case 'diagnostic':
      return event.level + event.rendered
    case 'built':
      return event.elapsedMs.toFixed()
    case 'published':
      return `${event.path} ${event.size.toFixed()} ${event.sha256}`
    case 'downloading':
      return `${event.bytes.toFixed()} ${event.total.toFixed()}`
    case 'downloaded':
      return `${event.path} ${event.size.toFixed()} ${event.url} ${event.elapsedMs.toFixed()}`
    case 'shared':
      return `${event.url} ${event.bytes.toFixed()}`
    case 'warning':
      return event.message
    case 'failed':
      return event.error.code
    default:
      return never(event)
  }
}

function reason(reason: MissReason): string {
  switch (reason.kind) {
    case 'first-build':
    case 'rebuild':
      return reason.kind
    case 'corrupt':
    case 'unknown-reads':
      return reason.detail
    case 'bound':
      return [reason.checkout, ...reason.boundBy].join()
    case 'request':
      return reason.options.join()
    case 'source':
      holds<Equal<typeof reason.paths, ChangedPath[]>>()
      return `${reason.count.toFixed()} ${reason.paths.map(({ path, change }) => path + change).join()}`
    case 'head':
      return `${reason.repository} ${reason.from} ${reason.to}`
    case 'toolchain':
      return `${reason.tool} ${reason.from} ${reason.to}`
    case 'environment':
      return reason.names.join()
    case 'cargo-config':
      return reason.files.join()
    default:
      return never(reason)
  }
}
void [describe, reason]

// Codes are a union of literals: a switch over all of them is exhaustive, and a mistyped one is an error.
function advice(code: DevBinaryErrorCode): string {
  switch (code) {
    case 'INVALID_OPTION':
    case 'NOT_A_CHECKOUT':
    case 'TOOL_NOT_FOUND':
    case 'UNKNOWN_CRATE':
    case 'UNKNOWN_BIN':
    case 'INPUT_UNREADABLE':
    case 'BUILD_FAILED':
    case 'CHANGED_DURING_BUILD':
    case 'NOT_BUILT':
    case 'CACHE_UNUSABLE':
    case 'BINDING_LOAD':
    case 'REMOTE_FAILED':
    case 'INTERNAL':
      return code
    default:
      return never(code)
  }
}
try {
  await getDevBinary({ crate: 'hello' })
} catch (error) {
  if (error instanceof DevBinaryError) {
    holds<Equal<typeof error.hint, string | undefined>>()
    holds<Equal<typeof error.name, 'DevBinaryError'>>()
    advice(error.code)
    // @ts-expect-error: there is no such code
    void (error.code === 'BUILD_BROKEN')
    // @ts-expect-error: it is stable
    error.code = 'INTERNAL'
  }
}

// Results.
declare const binary: DevBinary
holds<Equal<typeof binary.outcome, 'cached' | 'downloaded' | 'built'>>()
declare const explanation: Explanation
holds<Equal<typeof explanation.outcome, 'hit' | 'miss'>>()
holds<Equal<Verification['verdict'], 'equal' | 'not-reproducible' | 'stale'>>()
