// The events of calls. `index.d.ts` exports them.

import type { DevBinaryError } from './errors.js'
import type { BuildProgress, MissReason } from './results.js'

/** A step of a call. */
export type DevBinaryEvent =
  /** The binary is in the cache. */
  | { type: 'hit'; bin: string; fingerprint: string }
  /** The binary is not in the cache, or `rebuild` was asked for. */
  | { type: 'miss'; bin: string; reasons: MissReason[] }
  /**
   * The call waits for another one to finish. `entry`: one that builds the same binary. `checkout`: one of this process
   * that builds in the same checkout. `cargo`: the process that holds cargo's own lock. `zigbuild`: the process that
   * runs zig. `since` is the time when it began, in milliseconds since 1970. The first event of a wait has no
   * `progress`. Others follow as that build goes on, four a second at most, and tell how far it is.
   */
  | {
      type: 'waiting'
      on: 'entry' | 'checkout' | 'cargo' | 'zigbuild'
      pid?: number
      since?: number
      progress?: BuildProgress
    }
  /** cargo starts. `command` is its command line, and `expectedMs` how many milliseconds the last build took. */
  | { type: 'building'; bin: string; command: string; expectedMs?: number }
  /**
   * cargo's progress line changed. `done` and `total` count units, `compiling` names those that compile now, and
   * `slowest` the one of them that has compiled for the longest time. `elapsedMs` is the time since cargo started, and
   * `leftMs` the time that is left if it takes as long as the last time, both in milliseconds.
   */
  | {
      type: 'progress'
      done: number
      total: number
      compiling: string[]
      slowest?: { unit: string; elapsedMs: number }
      elapsedMs: number
      leftMs?: number
    }
  /**
   * The compiler or cargo wrote a message, rendered without colours. `level` is `error`, `warning`, `note` or `help`.
   */
  | { type: 'diagnostic'; level: string; rendered: string }
  /** cargo finished, after `elapsedMs` milliseconds. */
  | { type: 'built'; bin: string; elapsedMs: number }
  /** The binary is in the cache now. `size` is in bytes, and `buildMs` is how many milliseconds cargo took. */
  | { type: 'published'; bin: string; path: string; size: number; sha256: string; buildMs: number }
  /** The binary comes from the team's store. `bytes` of `total` are there. */
  | { type: 'downloading'; bin: string; bytes: number; total: number }
  /** It has come from the store at `url` after `elapsedMs` milliseconds, and is in the cache. `size` is in bytes. */
  | { type: 'downloaded'; bin: string; path: string; size: number; url: string; elapsedMs: number }
  /** It is in the store at `url`. `bytes` were sent; what the store had already is not sent again. */
  | { type: 'shared'; bin: string; url: string; bytes: number }
  /** Something is not as it should be, and the call goes on. */
  | { type: 'warning'; message: string }
  /** There is no up-to-date binary now, and {@link watch} goes on. Only it has this event. */
  | { type: 'failed'; error: DevBinaryError }
