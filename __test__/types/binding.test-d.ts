// `index.d.ts` is written by hand and `binding.d.ts` is generated from the Rust code; here they are held against each
// other, both ways, so that a field, an event or a reason cannot be in one of them alone. Checked by `tsc`, never run.

import type * as surface from '../../index.js'
import type * as native from '../../lib/binding.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <_T extends true>() => {}

/** The same type with its aliases resolved, `Array<T>` and `T[]` alike. */
type Plain<T> = T extends (infer E)[] ? Plain<E>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T

type Terminal = native.Task | 'failed' | 'aborted'
type NativeEvent = Exclude<native.Message, { type: Terminal }>

holds<Equal<Plain<NativeEvent>, Plain<surface.DevBinaryEvent>>>()
holds<Equal<Plain<native.MissReason>, Plain<surface.MissReason>>>()
holds<Equal<Plain<native.ChangedPath>, Plain<surface.ChangedPath>>>()
holds<Equal<Plain<native.NativeBinary>, Plain<surface.DevBinary>>>()
holds<Equal<Plain<native.NativeExplanation>, Plain<surface.Explanation>>>()
holds<Equal<Plain<native.NativeInputs>, Plain<surface.KnownInputs>>>()
holds<Equal<Plain<native.NativeVerification>, Plain<surface.Verification>>>()
holds<Equal<Plain<native.NativeEntry>, Plain<surface.CacheEntry>>>()
holds<Equal<Plain<native.NativePruning>, Plain<surface.Pruning>>>()

/** What JavaScript keeps for itself, and what it adds. */
type Kept = 'signal' | 'onEvent'
type Added = 'task' | 'listening' | 'workingDirectory'
type Options = keyof (surface.DevBinaryOptions & surface.ListOptions & surface.PruneOptions)
holds<Equal<Exclude<Options, Kept>, Exclude<keyof native.NativeRequest, Added>>>()
holds<Equal<surface.DevBinaryOptions['report'], native.ReportMode | undefined>>()
