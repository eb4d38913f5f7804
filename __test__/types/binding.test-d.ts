// Compares `index.d.ts`, which is written by hand, with `binding.d.ts`, which is generated from the Rust code, in both
// directions. So no field, event or reason can be in only one of them. `tsc` checks this file, and nothing runs it.

import type * as surface from '../../index.js'
import type * as native from '../../lib/binding.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <_T extends true>() => {}

/** The same type with its aliases resolved. `Array<T>` and `T[]` are the same then. */
type Plain<T> = T extends (infer E)[] ? Plain<E>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T

type Terminal = native.Task | 'failed' | 'aborted'
type NativeEvent = Exclude<native.Message, { type: Terminal }>

/** The events of the addon: `watch`, which is JavaScript, adds `failed`. */
type CallEvent = Exclude<surface.DevBinaryEvent, { type: 'failed' }>

holds<Equal<Plain<NativeEvent>, Plain<CallEvent>>>()
holds<Equal<Plain<native.MissReason>, Plain<surface.MissReason>>>()
holds<Equal<Plain<native.ChangedPath>, Plain<surface.ChangedPath>>>()
holds<Equal<Plain<native.NativeBinary>, Plain<surface.DevBinary>>>()
holds<Equal<Plain<native.NativeExplanation>, Plain<surface.Explanation>>>()
holds<Equal<Plain<native.NativeInputs>, Plain<surface.KnownInputs>>>()
holds<Equal<Plain<native.NativeVerification>, Plain<surface.Verification>>>()
holds<Equal<Plain<native.NativeEntry>, Plain<surface.CacheEntry>>>()
holds<Equal<Plain<native.NativePruning>, Plain<surface.Pruning>>>()

/** The options that the addon does not get, and those that JavaScript adds. */
type Kept = 'signal' | 'onEvent'
type Added = 'task' | 'listening' | 'workingDirectory'
type Options = keyof (surface.DevBinaryOptions & surface.ListOptions & surface.PruneOptions)
holds<Equal<Exclude<Options, Kept>, Exclude<keyof native.NativeRequest, Added>>>()
holds<Equal<surface.DevBinaryOptions['report'], native.ReportMode | undefined>>()
