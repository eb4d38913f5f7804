// The errors of calls. `index.d.ts` exports them.

import type { DevBinary } from './results.js'

/** The error of every call that fails, unless its signal was aborted or its `onEvent` threw. */
export declare class DevBinaryError extends Error {
  constructor(code: DevBinaryErrorCode, message: string, details?: { hint?: string | undefined; cause?: unknown })
  readonly name: 'DevBinaryError'
  /** The code to match on. It is stable; the message is not. */
  readonly code: DevBinaryErrorCode
  /** The next step for the user, if one is known. `message` ends with it, too. */
  readonly hint?: string
  /** The results of all requests of {@link getDevBinaries}, in the order asked; left out by the other functions. */
  readonly results?: PromiseSettledResult<DevBinary>[]
}

export type DevBinaryErrorCode =
  /**
   * An option has a wrong type, an unknown name, or a value that cargo would refuse. The message lists what there is.
   */
  | 'INVALID_OPTION'
  /** `repo` is not a directory with a `Cargo.toml`, or git's files around it cannot be read. */
  | 'NOT_A_CHECKOUT'
  /** cargo, cargo-zigbuild, zig, a toolchain or a target is missing. The hint has the command that installs it. */
  | 'TOOL_NOT_FOUND'
  /** The workspace has no such package. The hint lists the packages that have binaries. */
  | 'UNKNOWN_CRATE'
  /** The package has no such binary. The hint lists its binaries. */
  | 'UNKNOWN_BIN'
  /** A file or directory that counts as an input cannot be read. The message names it. */
  | 'INPUT_UNREADABLE'
  /** cargo failed, or a signal ended it. The message has its exit status and the compiler's rendered errors. */
  | 'BUILD_FAILED'
  /** The inputs changed during each of three builds. The message names the changed paths. */
  | 'CHANGED_DURING_BUILD'
  /**
   * Nothing is left of a build in this checkout that would show what it read ({@link inputs}), or the binary would have
   * to be built, and `build` is false.
   */
  | 'NOT_BUILT'
  /**
   * The cache directory cannot be used, or not safely, or is in use for something else. The hint says how to repair it.
   */
  | 'CACHE_UNUSABLE'
  /** The native addon cannot be loaded. The message names the platform, the expected package, and the cause. */
  | 'BINDING_LOAD'
  /** A team's store does not have a binary that it was to be given; only with `publish: 'wait'`. */
  | 'REMOTE_FAILED'
  /** No thread can be started, and the hint says what to do; or this package has a defect. */
  | 'INTERNAL'
