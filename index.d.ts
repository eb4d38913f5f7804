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

/**
 * The global `AbortSignal` as `@types/node`, Bun's types or the library `dom` declare it. Without any of them, the
 * members that a signal must have.
 */
export type CallSignal = typeof globalThis extends { AbortSignal: { prototype: infer Global } }
  ? Global
  : {
      readonly aborted: boolean
      readonly reason?: unknown
      throwIfAborted?(): void
      addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
      removeEventListener(type: 'abort', listener: () => void): void
    }

/** A request. No option is required, and one that is `undefined` counts as left out. */
export interface DevBinaryOptions {
  /**
   * The cargo package, such as `openshell-server`.
   * @default as for `cargo run` in `repo`: the only default member of the workspace that has a binary, or the one with
   * `default-run`
   */
  crate?: string | undefined
  /**
   * The name of the binary or the example.
   * @default the package's `default-run`, its only binary, or the one that has the package's name
   */
  bin?: string | undefined
  /**
   * The kind of artifact: a binary; an example; the library as a `cdylib`, for Node-API and other foreign functions, or
   * as a `staticlib`.
   * @default 'bin'; 'cdylib' where the package has no binary and its `crate-type` names that
   */
  kind?: 'bin' | 'cdylib' | 'staticlib' | 'example' | undefined
  /**
   * Other binaries of the package. They are built with this one and put beside it, so that it finds them in its own
   * directory as after `cargo build`.
   */
  with?: readonly string[] | undefined
  /**
   * The Rust target triple. For zigbuild it may end with a glibc version, as in `x86_64-unknown-linux-gnu.2.28`.
   * @default the target that cargo's configuration names, else the host's; if it names several, the host's
   */
  target?: string | undefined
  /**
   * Run cargo even if the binary is in the cache, and replace it there.
   * @default false
   */
  rebuild?: boolean | undefined
  /**
   * Run cargo if need be. With `false`, the call rejects with `NOT_BUILT` where cargo would have to run, and asks no
   * team's store.
   * @default true
   */
  build?: boolean | undefined
  /**
   * The directory of the cargo workspace, anywhere in a git worktree, or without git.
   * @default 'openshell-fork' below the working directory
   */
  repo?: string | undefined
  /** The features to enable, as in cargo's `--features`. */
  features?: readonly string[] | undefined
  /**
   * Leave the package's default features out.
   * @default false
   */
  noDefaultFeatures?: boolean | undefined
  /**
   * The cargo profile.
   * @default 'release'
   */
  profile?: string | undefined
  /**
   * The command that builds: `cargo build` or `cargo zigbuild`. `auto` chooses zigbuild if the target's operating
   * system or architecture is not the host's, or if the target names a glibc version.
   * @default 'auto'
   */
  builder?: 'auto' | 'cargo' | 'zigbuild' | undefined
  /**
   * The files that count as inputs, besides those that are ignored or outside the checkout and that a build was seen to
   * read.
   * - `crate`: the files that an earlier build of this crate was seen to read, and files that are added to the packages
   *   it was built from. An edit elsewhere, or a commit, is a hit.
   * - `tree`: HEAD, and every file of the workspace's directory that git tracks or does not ignore. For a build script
   *   that asks git for the commit, or that reads files of other packages without declaring them.
   * @default 'crate'
   */
  scope?: 'tree' | 'crate' | undefined
  /** Patterns in gitignore syntax, relative to `repo`, of paths that no build reads. They do not count as inputs. */
  exclude?: readonly string[] | undefined
  /**
   * Watch builds, on Linux: then everything that rustc, build scripts and the programs that they start read counts,
   * declared or not. With `off`, only the files that they declare are known. A build gives the same either way.
   * @default `DEV_BIN_OBSERVE` in `env`, else 'auto'
   */
  observe?: 'auto' | 'off' | undefined
  /**
   * More arguments for `cargo build`: `--locked`, `--frozen`, `--offline`, `--config`, `-Z`, `--all-features`, `-j`,
   * `--keep-going`, `--ignore-rust-version`. Arguments that can change a binary are part of the request. An argument is
   * refused with `INVALID_OPTION` if it has an option here, says where cargo writes, or changes what cargo prints.
   */
  cargoArgs?: readonly string[] | undefined
  /**
   * A path for a copy, such as `src-tauri/binaries/gateway-{target}{exe}`: `{target}` is the triple that is built for,
   * and `{exe}` is `.exe` for Windows and empty otherwise. Missing directories are made. The copy is replaced as a
   * whole, and only if it differs. In the workspace, it does not count as an input of this request.
   */
  out?: string | undefined
  /**
   * A team's store, which is asked for the binary before a build. Needs `@openlock/dev-bin-remote`. A failure of the store
   * is a warning, and the build goes on.
   * @default the variables `DEV_BIN_REMOTE_*` in `env`
   */
  remote?: RemoteOptions | undefined
  /**
   * The directory of the cache. It is created for this user alone. A directory is refused with `CACHE_UNUSABLE` if
   * other users may write to it, if it is a symbolic link, or if it holds files of another purpose.
   * @default `DEV_BIN_CACHE_DIR` in `env`, else '~/.cache/openlock/dev-bin'
   */
  cacheDir?: string | undefined
  /**
   * The size that the cache may have on disk when it is pruned after a build: a size such as `5GiB` or `500MB`, a
   * number of bytes, or `none` or `Infinity` for no limit.
   * @default `DEV_BIN_MAX_SIZE` in `env`, else '5GiB'
   */
  maxSize?: string | number | undefined
  /**
   * The time for which a binary is kept after its last use when the cache is pruned after a build: an age such as `30d`
   * or `12h`, a number of milliseconds, or `none` or `Infinity` for no limit.
   * @default `DEV_BIN_MAX_AGE` in `env`, else '30d'
   */
  maxAge?: string | number | undefined
  /**
   * How much lower than the process's own the priority of builds is, 0 to 19, as in the command `nice`. With more than 0,
   * builds read and write when no other process does (I/O class `idle`, on Linux), and have the priority class
   * `BELOW_NORMAL` on Windows.
   * @default 0; 10 for {@link watch}
   */
  nice?: number | undefined
  /**
   * The environment of the build. A variable that is `undefined` is not set. Variables that git sets for a hook of its
   * repository, and cargo for a build script of its package, are left out: `GIT_DIR`, `CARGO_FEATURE_*` and the like.
   * On Unix, a value of `process.env` that is not UTF-8 is passed on unchanged, though JavaScript cannot show it.
   * @default `process.env` as it is at the call
   */
  env?: Readonly<Record<string, string | undefined>> | undefined
  /** Ends the call, and cargo with everything that it started. The promise rejects with the signal's own reason. */
  signal?: CallSignal | undefined
  /**
   * The form of the messages on stderr. `auto`: a live line on a terminal, and plain lines elsewhere. `plain`: always
   * plain lines. `silent`: none. stdout is never written.
   * @default 'auto'
   */
  report?: 'auto' | 'plain' | 'silent' | undefined
  /**
   * Hears the events of the call, in order, in its async context. If the function throws, or its promise rejects, the
   * call ends with that as its rejection. Events do not wait for the promises that it returns, and the call settles
   * after them.
   */
  onEvent?: ((event: DevBinaryEvent) => void) | undefined
}

export interface CacheOptions {
  /**
   * As in {@link DevBinaryOptions}.
   * @default `DEV_BIN_CACHE_DIR` in `env`, else '~/.cache/openlock/dev-bin'
   */
  cacheDir?: string | undefined
  /**
   * The variables to read `DEV_BIN_CACHE_DIR` and `DEV_BIN_LOG` from, and for {@link prune} also `DEV_BIN_MAX_SIZE` and
   * `DEV_BIN_MAX_AGE`.
   * @default `process.env` as it is at the call
   */
  env?: Readonly<Record<string, string | undefined>> | undefined
  /** Ends the call. The promise rejects with the signal's own reason. */
  signal?: CallSignal | undefined
}

export interface ListOptions extends CacheOptions {
  /**
   * Read every binary, and compare its digest with its manifest.
   * @default false
   */
  check?: boolean | undefined
}

export interface PruneOptions extends CacheOptions {
  /**
   * As in {@link DevBinaryOptions}, but for this call.
   * @default `DEV_BIN_MAX_SIZE` in `env`, else '5GiB'
   */
  maxSize?: string | number | undefined
  /**
   * As in {@link DevBinaryOptions}, but for this call.
   * @default `DEV_BIN_MAX_AGE` in `env`, else '30d'
   */
  maxAge?: string | number | undefined
  /**
   * Remove all entries but those that a process runs or a lock protects. A launcher that has just got a path may find
   * it gone.
   * @default false
   */
  all?: boolean | undefined
  /**
   * Report what would be removed, and remove nothing.
   * @default false
   */
  dryRun?: boolean | undefined
}

/**
 * A binary in the cache. If its manifest cannot be read, or no binary lies beside the manifest, `damage` says so. Then
 * `crate`, `checkout` and `sha256` are empty, `size` is 0, `fingerprint` has 16 digits, and both times are that of the
 * damaged file.
 */
export interface CacheEntry {
  /** The absolute path of the binary. */
  path: string
  /** The name of the binary, the example or the library. */
  bin: string
  /** The target triple, if the request named one. */
  target?: string
  /** The cargo package. */
  crate: string
  /** The absolute path of the checkout that it was built in. Other checkouts may be served it, too. */
  checkout: string
  /** The fingerprint, 64 hex digits. */
  fingerprint: string
  /** SHA-256 of the binary as it was published, 64 hex digits. */
  sha256: string
  /** The size of the binary, in bytes. */
  size: number
  /** The room of the binary and its manifest on disk, in bytes. Includes blocks that it shares with other entries. */
  diskSize: number
  /** The URL of the team's store that it came from; left out if it was built here. */
  origin?: string
  /** The keys that had signed it there; empty if it was built here. */
  signers: string[]
  /** The time when it was built, in milliseconds since 1970. */
  builtAt: number
  /** The time of its last use, in milliseconds since 1970. A use is recorded once an hour. */
  usedAt: number
  /** True if a process of this user runs it. Left out where the system does not tell: anywhere but on Linux. */
  running?: boolean
  /**
   * The damage, in words; left out if the entry is as it was published. Without `check`, the binary's bytes are not
   * read, so only other damage is found.
   */
  damage?: string
}

/** A build that runs now. */
export interface RunningBuild {
  /** The process that builds. */
  pid: number
  /** The time when it began, in milliseconds since 1970. */
  since: number
  /** The cargo package. */
  crate: string
  /** The name of the binary, the example or the library. */
  bin: string
  /** The target triple, if the request named one. */
  target?: string
  /** The absolute path of the checkout that it builds in. */
  checkout: string
  /** How far it is; left out until cargo has said so, as while it waits for another build. */
  progress?: BuildProgress
}

/** How far a build is that another call makes. Known anew four times a second at most. */
export interface BuildProgress {
  /** The units that are done. */
  done: number
  /** The units in all. */
  total: number
  /** The units that compile, the one that has compiled for the longest time first. */
  compiling: string[]
  /** The time since cargo started, in milliseconds. */
  elapsedMs: number
  /** The time that is left if it takes as long as the last time, in milliseconds; left out if none is known. */
  leftMs?: number
}

/** The result of {@link prune}. With `dryRun`, that of the same call without it. */
export interface Pruning {
  /**
   * The entries in the order of their removal, each with the bytes on disk that it freed. The reason is `age` if it was
   * unused for longer than `maxAge`, `size` if the cache was over `maxSize`, and `all` if the option asked for it.
   */
  removed: { entry: CacheEntry; reason: 'age' | 'size' | 'all'; freed: number }[]
  /** The bytes on disk that were freed, by entries and by other files. */
  freed: number
  /** The number of other files and directories that were removed. A directory counts once. */
  leftovers: number
  /** The number of entries that are left. */
  kept: number
  /**
   * The size on disk of everything that is left, in bytes. Includes unfinished files. Blocks that entries share count
   * once.
   */
  size: number
  /** True if `size` is more than `maxSize`, because the entries that are left must stay. */
  over: boolean
  /** Sentences about what failed: an entry that could not be removed, or the cache's tag that could not be written. */
  problems: string[]
}

export interface DevBinary {
  /**
   * `<cacheDir>/<first 16 digits of the fingerprint>/<bin>[-<target>]`: absolute, executable, and never written again.
   * A binary that would not start from there stays where cargo put it, and a warning says so.
   */
  path: string
  /** The absolute path of the copy, if `out` asked for one. */
  out?: string
  /** The cargo package. */
  crate: string
  /** The name of the target; for a library, that of the Rust crate. */
  bin: string
  /** `cached` if it was in the cache, `downloaded` if it came from the team's store, and `built` if this call built it. */
  outcome: 'cached' | 'downloaded' | 'built'
  /** SHA-256 over the request and everything that the build reads, 64 hex digits. */
  fingerprint: string
  /** SHA-256 of the binary, 64 hex digits. */
  sha256: string
  /** The size of the binary, in bytes. */
  size: number
  /** The duration of the call, in milliseconds. */
  elapsedMs: number
  /** Why it was built, the most telling reason first; empty if it was not. */
  reasons: MissReason[]
}

/** A team's store. Each member has its variable in `env`. The store's credentials come from its usual variables. */
export interface RemoteOptions {
  /**
   * The store: `s3://bucket/prefix?endpoint=…`, `gcs://`, `azblob://`, `webdavs://`, `rediss://`, `ghac://`, or
   * `file:///a/mounted/share`.
   * @default `DEV_BIN_REMOTE_URL` in `env`; there is no store without it
   */
  url?: string | undefined
  /**
   * The public keys that are trusted, as `dev-bin remote keygen` prints them. A binary is taken only if one of them
   * signed it. They must not come from the checkout.
   * @default `DEV_BIN_REMOTE_KEYS` in `env`, separated by commas
   */
  keys?: readonly string[] | undefined
  /**
   * - `off`: the store is not asked.
   * - `read`: binaries are taken from it.
   * - `publish`: what is built is put into it, too.
   * @default `DEV_BIN_REMOTE_MODE` in `env`, else 'read'
   */
  mode?: 'off' | 'read' | 'publish' | undefined
  /**
   * The file with the private key that signs what is published; several during a rotation.
   * @default `DEV_BIN_REMOTE_SIGNING_KEY_FILE` in `env`
   */
  signingKeyFile?: string | readonly string[] | undefined
  /**
   * The most milliseconds that a download may take; also no more than the last build took, but five seconds at least.
   * @default 60_000
   */
  timeout?: number | undefined
  /**
   * - `later`: a call returns before what it built is in the store. A process that ends first does not publish.
   * - `wait`: it returns afterwards, and rejects with `REMOTE_FAILED` if the store does not have it.
   * - `always`: the same, also for a binary that was in the cache.
   * @default 'later'
   */
  publish?: 'later' | 'wait' | 'always' | undefined
}

/** A forecast of what {@link getDevBinary} would do now. */
export interface Explanation {
  /** The cargo package. */
  crate: string
  /** The name of the target. */
  bin: string
  /**
   * `hit` if a call would return a cached binary, and `miss` if it would run cargo. With `rebuild` it is always `miss`.
   */
  outcome: 'hit' | 'miss'
  /** The absolute path of the cached binary; left out for a miss. */
  path?: string
  /** The fingerprint as far as it is known before a build, 64 hex digits. */
  fingerprint: string
  /** Why it would be built, the most telling reason first; empty for a hit. */
  reasons: MissReason[]
  /** The runs of the last build that read a changed file, as far as they are known, by the file's path in `reasons`. */
  readBy: Record<string, string[]>
  /** True if the workspace lies in a git worktree. Without git there is no commit, and no file is tracked. */
  inWorktree: boolean
  /**
   * Why other worktrees and clones are not served the binary of the last build in this checkout, each in a few words
   * such as `it holds the path of the checkout`; empty if they are.
   */
  boundBy: string[]
}

/** The inputs of a binary. */
export interface KnownInputs {
  /** The cargo package. */
  crate: string
  /** The name of the target. */
  bin: string
  /** The fingerprint of the build that the inputs are known from, 64 hex digits. */
  fingerprint: string
  /** True if nothing has changed since that build, so that a call would return its binary. */
  isCurrent: boolean
  /** The inputs, ordered by kind and name. */
  inputs: KnownInput[]
  /**
   * The runs that may have read more than is known, such as `the build script of `app``, each with the reason. They
   * count by what they declare.
   */
  opaque: { run: string; reason: string }[]
}

/** One input. */
export interface KnownInput {
  /**
   * - `file`: a file, by its bytes.
   * - `absent`: a path where nothing is.
   * - `directory`: a directory, by the names in it.
   * - `link`: a symbolic link, by its target.
   * - `system`: the files of one of the system's directories that were read.
   * - `program`: a program, by the path where the `PATH` leads to it.
   * - `tool`: a program that builds.
   * - `config`: one of cargo's configuration files.
   * - `variable`: a variable, by its value.
   * - `head`: the commit of a repository. The name is its path in the checkout, and empty for the checkout itself.
   */
  kind: 'file' | 'absent' | 'directory' | 'link' | 'system' | 'program' | 'tool' | 'config' | 'variable' | 'head'
  /** A name, or a path: relative to the checkout if it lies in it, and absolute otherwise. */
  name: string
  /** The runs that read it; empty if it counts by itself, as manifests do. */
  readBy: string[]
}

/** How a binary compares with fresh builds of the same inputs. */
export interface Verification {
  /**
   * - `equal`: a fresh build gives the same bytes, those of libraries included.
   * - `not-reproducible`: two fresh builds differ from each other, so the difference to the binary means nothing.
   * - `stale`: two fresh builds agree, and the binary differs from them.
   */
  verdict: 'equal' | 'not-reproducible' | 'stale'
  /** The binary that was compared. */
  binary: DevBinary
  /** SHA-256 of each fresh build, 64 hex digits. */
  fresh: string[]
}

/**
 * Why a binary was built: the difference from the last build of the same crate and binary in this checkout, or else in
 * another checkout of the same repository.
 */
export type MissReason =
  /** No such build is known. */
  | { kind: 'first-build' }
  /** The call asked for a `rebuild`. */
  | { kind: 'rebuild' }
  /** The binary in the cache was not as it had been published. */
  | { kind: 'corrupt'; detail: string }
  /** Options differ, by name. */
  | { kind: 'request'; options: string[] }
  /** Files differ: the first 20, and how many there are in all. */
  | { kind: 'source'; paths: ChangedPath[]; count: number }
  /**
   * HEAD moved, of the checkout (`repository` is empty) or of a repository in it. `from` and `to` are its commits, or
   * its branches if the commits are equal; left out for an unborn HEAD.
   */
  | { kind: 'head'; repository: string; from?: string; to?: string }
  /** A program that builds differs: cargo, rustc, zig, … */
  | { kind: 'toolchain'; tool: string; from?: string; to?: string }
  /** Variables differ, by name. */
  | { kind: 'environment'; names: string[] }
  /** cargo's configuration files differ. */
  | { kind: 'cargo-config'; files: string[] }
  /** The last build left no trace of what it read, so that cargo has to look. `detail` names the missing trace. */
  | { kind: 'unknown-reads'; detail: string }
  /** Another checkout has built it from the same inputs, and its binary may depend on its place: `boundBy` says why. */
  | { kind: 'bound'; checkout: string; boundBy: string[] }

export interface ChangedPath {
  /** The path relative to the checkout, with `/`. Bytes that are not UTF-8 are replaced. */
  path: string
  change: 'added' | 'removed' | 'changed'
}

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
