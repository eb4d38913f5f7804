import type { CacheOptions, DevBinaryOptions, ListOptions, PruneOptions } from './lib/types/options.js'
import type {
  CacheEntry,
  DevBinary,
  Explanation,
  KnownInputs,
  Pruning,
  RunningBuild,
  Verification,
} from './lib/types/results.js'

export { DevBinaryError, type DevBinaryErrorCode } from './lib/types/errors.js'
export type * from './lib/types/events.js'
export type * from './lib/types/options.js'
export type * from './lib/types/results.js'

/**
 * Returns an up-to-date binary of a crate, built from a checkout. Takes it from the cache if no input has changed since
 * it was built, and runs cargo otherwise.
 *
 * Never throws synchronously. The work is done on a thread of its own, so the event loop stays free.
 *
 * @throws {DevBinaryError} by rejection; {@link DevBinaryErrorCode} lists the codes.
 * @throws the reason of `signal`, by rejection, if the call was aborted.
 * @throws what `onEvent` threw, or what its promise rejected with, by rejection.
 *
 * @example
 * ```ts
 * const gateway = await getDevBinary({ crate: 'openshell-server', bin: 'openshell-gateway' })
 * spawn(gateway.path, ['--help'])
 * ```
 */
export declare function getDevBinary(options: DevBinaryOptions): Promise<DevBinary>

/**
 * Returns several binaries, in the order asked. All requests share one sweep of a checkout, and builds in one checkout
 * run one after the other. If some fail, the others are built all the same.
 *
 * @throws {DevBinaryError} by rejection, after all requests have settled: the error of the first request that failed.
 * Its `results` tell of each request.
 * @throws the reason of `signal`, or what `onEvent` threw, by rejection, if the first request that failed ended with
 * that. It has no `results`.
 *
 * @example
 * ```ts
 * const [gateway, sandbox] = await getDevBinaries([
 *   { crate: 'openshell-server', bin: 'openshell-gateway' },
 *   { crate: 'openshell-sandbox' },
 * ])
 * ```
 */
export declare function getDevBinaries<const Requests extends readonly DevBinaryOptions[]>(
  requests: Requests,
): Promise<{ -readonly [Index in keyof Requests]: DevBinary }>

/**
 * Watches the inputs of a binary, or of several, and builds ahead. Yields the binary at once, and again whenever inputs
 * have changed and the build has succeeded. Several binaries come as they are ready; `crate` and `bin` tell them apart.
 *
 * Looks at the inputs as a hit does, so that it works on any file system. The looks take at most 1 % of a processor, and
 * are at most 2 seconds apart where one takes 20 milliseconds or less. A build starts when the inputs have been still for
 * 300 milliseconds, with low priority (`nice` is 10). A change during a build ends cargo at once, and the build begins
 * again. Of the results that the caller has not taken yet, only the newest of each binary is kept.
 *
 * A failure is an event, `failed`, and the iteration goes on: when the inputs change, it builds again, and other failures
 * than those of sources are tried again every 10 seconds. `rebuild` applies to the first build.
 *
 * The iteration begins with the first `next`. `break` ends it, and everything that it started, before the loop is left. It
 * goes on while the loop's body runs.
 *
 * @throws {DevBinaryError} by rejection of `next`: `INVALID_OPTION` if an option has a wrong type or does not exist,
 * `BINDING_LOAD`.
 * @throws the reason of `signal`, by rejection of `next`, if one was aborted.
 * @throws what `onEvent` threw, or what its promise rejected with, by rejection of `next`.
 *
 * @example
 * ```ts
 * for await (const gateway of watch({ crate: 'openshell-server', bin: 'openshell-gateway' })) {
 *   console.log(gateway.path)
 * }
 * ```
 */
export declare function watch(options: DevBinaryOptions | readonly DevBinaryOptions[]): AsyncIterableIterator<DevBinary>

/**
 * Returns the fingerprint of the binary that {@link getDevBinary} would return, 64 hex digits, as far as it is known
 * before a build. Builds nothing. Writes nothing but the stat cache, which makes the next call quicker.
 *
 * @throws {DevBinaryError} by rejection, with any error that {@link getDevBinary} can end with before it builds.
 */
export declare function fingerprint(options: DevBinaryOptions): Promise<string>

/**
 * Returns what {@link getDevBinary} would do now, and why. Builds nothing. Writes nothing but the stat cache, which
 * makes the next call quicker.
 *
 * @throws {DevBinaryError} by rejection, also with the error that a build would end with at once: a crate, a binary, a
 * profile, a feature or a target that does not exist, or a toolchain that is not installed.
 */
export declare function explain(options: DevBinaryOptions): Promise<Explanation>

/**
 * Returns the inputs of a binary as its last build in this checkout was seen to read them, and the runs that read them.
 * Builds nothing.
 *
 * @throws {DevBinaryError} by rejection; `NOT_BUILT` if nothing is left of a build in this checkout.
 */
export declare function inputs(options: DevBinaryOptions): Promise<KnownInputs>

/**
 * Compares the binary that {@link getDevBinary} returns with a build in a target directory of its own. Builds the
 * binary first if it is not in the cache. Takes as long as one cold build, or as two if the results differ.
 *
 * @throws {DevBinaryError} by rejection; `CHANGED_DURING_BUILD` if the inputs changed during the comparison.
 */
export declare function verify(options: DevBinaryOptions): Promise<Verification>

/**
 * Returns the entries of the cache, the last used first, and damaged entries after the others. Takes no lock and writes
 * nothing.
 *
 * @throws {DevBinaryError} by rejection; `CACHE_UNUSABLE` if the cache directory is not this user's alone, or is in use
 * for something else.
 */
export declare function list(options?: ListOptions): Promise<CacheEntry[]>

/**
 * Returns the builds that run now in the processes that share the cache, this one included, the longest first. Takes no
 * lock and writes nothing. Builds on a file system without locks are not listed.
 *
 * @throws {DevBinaryError} by rejection; `CACHE_UNUSABLE` if the cache directory is not this user's alone, or is in use
 * for something else.
 */
export declare function builds(options?: CacheOptions): Promise<RunningBuild[]>

/**
 * Removes entries until the limits hold, the least recently used first, and files that ended processes and removed
 * checkouts have left behind. Waits while another process prunes the same cache, and then looks at what is left.
 *
 * These entries stay: one that was used within the last hour, one that a process runs, one that a lock protects, and
 * the newest entry of each binary of each checkout. If the cache is over its size, entries that newer builds of the
 * same checkout have superseded may go before their hour is over.
 *
 * The same happens without a call, after a build: once a day, and whenever the cache is over its size.
 *
 * @throws {DevBinaryError} by rejection; `CACHE_UNUSABLE` if the cache directory is not this user's alone, or is in use
 * for something else; `INVALID_OPTION` if a size or an age cannot be parsed.
 */
export declare function prune(options?: PruneOptions): Promise<Pruning>

/**
 * Returns true if `repo` is a checkout to build from: a directory with a `.git`. Synchronous, and never throws.
 *
 * @param repo default: `openshell-fork` below the working directory
 */
export declare function isDevMode(repo?: string): boolean
