/**
 * An up-to-date binary of a crate, built from a checkout: from the cache when nothing that matters has changed since it
 * was built, from cargo otherwise.
 *
 * Nothing is thrown synchronously. The event loop stays free: the work happens on a thread of its own.
 *
 * @throws {DevBinaryError} by rejection; see {@link DevBinaryErrorCode} for when.
 * @throws the reason of `signal`, by rejection, when it was aborted.
 *
 * @example
 * ```ts
 * const gateway = await getDevBinary({ crate: 'openshell-server', bin: 'openshell-gateway' })
 * spawn(gateway.path, ['--help'])
 * ```
 */
export declare function getDevBinary(options: DevBinaryOptions): Promise<DevBinary>

/**
 * Several binaries at once, in the order asked: one look at a checkout for all of them, and builds in it one after the
 * other. When some fail, the others are built all the same.
 *
 * @throws {DevBinaryError} by rejection: that of the first one that failed; its `results` tell of every one.
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
 * The fingerprint that {@link getDevBinary} would answer with, as far as it is known before a build. Nothing is built,
 * and nothing is written but what makes the next look at the checkout quicker.
 *
 * @throws {DevBinaryError} by rejection, with the codes that need no build to be found.
 */
export declare function fingerprint(options: DevBinaryOptions): Promise<string>

/**
 * What {@link getDevBinary} would do now, and why. Nothing is built, and nothing is written but what makes the next
 * look at the checkout quicker.
 *
 * @throws {DevBinaryError} by rejection, with the codes that need no build to be found.
 */
export declare function explain(options: DevBinaryOptions): Promise<Explanation>

/**
 * What counts for the binary as its last build in this checkout was seen to read it, and which runs read it. Nothing is built.
 *
 * @throws {DevBinaryError} by rejection, with the codes that need no build to be found, and `NOT_BUILT` when nothing is left of
 * a build.
 */
export declare function inputs(options: DevBinaryOptions): Promise<KnownInputs>

/**
 * Builds the crate afresh in a private target directory and compares the result with what {@link getDevBinary} gives,
 * which is built first if it is not in the cache. Takes as long as a cold build; as two where they differ.
 *
 * @throws {DevBinaryError} by rejection; `CHANGED_DURING_BUILD` when the inputs changed during the comparison.
 */
export declare function verify(options: DevBinaryOptions): Promise<Verification>

/**
 * What the cache holds, the last used first, and after that what is damaged. Takes no lock and writes nothing.
 *
 * @throws {DevBinaryError} by rejection; `CACHE_UNUSABLE` when the cache directory is not this user's alone, or in use for
 * something else.
 */
export declare function list(options?: ListOptions): Promise<CacheEntry[]>

/**
 * Removes entries, the least recently used first, until the limits hold, and what is left over from processes that were
 * killed and checkouts that are gone. What was used within the last hour, is executed or locked, or is the newest entry
 * of a binary of a checkout, stays; down to the size, what a checkout has left behind by building others since goes earlier. Waits for others that prune the same cache, and then looks at what is left.
 *
 * The same happens by itself after a build, once a day and whenever the binaries take more than they may.
 *
 * @throws {DevBinaryError} by rejection; `CACHE_UNUSABLE` when the cache directory is not this user's alone, or in use for
 * something else; `INVALID_OPTION` for a size or an age that is none.
 */
export declare function prune(options?: PruneOptions): Promise<Pruning>

/**
 * True when `repo` holds a checkout to build from: a directory with a `.git`. Synchronous, never throws.
 *
 * @param repo default: `openshell-fork` below the working directory
 */
export declare function isDevMode(repo?: string): boolean

/** What every failure of this package is, an abort excepted. */
export declare class DevBinaryError extends Error {
  constructor(code: DevBinaryErrorCode, message: string, details?: { hint?: string | undefined; cause?: unknown })
  readonly name: 'DevBinaryError'
  /** Stable; to be matched on. */
  readonly code: DevBinaryErrorCode
  /** What to do next, where that is known. `message` ends with it, too. */
  readonly hint?: string
  /** What came of each request of {@link getDevBinaries}, in the order asked. */
  readonly results?: PromiseSettledResult<DevBinary>[]
}

export type DevBinaryErrorCode =
  /** An option has a wrong type, an unknown name, or a value that cargo would refuse; the message lists what there is. */
  | 'INVALID_OPTION'
  /** `repo` is not a directory with a `Cargo.toml`, or git's files around it cannot be read. */
  | 'NOT_A_CHECKOUT'
  /** cargo, cargo-zigbuild, zig, a toolchain or a target is missing; the hint has the command that installs it. */
  | 'TOOL_NOT_FOUND'
  /** The workspace has no such package; the hint lists those with binaries. */
  | 'UNKNOWN_CRATE'
  /** The package has no such binary; the hint lists its binaries. */
  | 'UNKNOWN_BIN'
  /** A file or directory that counts as an input cannot be read; the message names it. */
  | 'INPUT_UNREADABLE'
  /** cargo failed; the message has its exit status and the compiler's rendered errors. */
  | 'BUILD_FAILED'
  /** The inputs changed during each of three builds; the message names what changed. */
  | 'CHANGED_DURING_BUILD'
  /** Nothing is left of a build in this checkout that could tell what it read. */
  | 'NOT_BUILT'
  /** The cache directory cannot be used, or not safely, or is in use for something else; the hint says how to mend it. */
  | 'CACHE_UNUSABLE'
  /** The native addon cannot be loaded; the message names the platform, the package that was expected, and the cause. */
  | 'BINDING_LOAD'
  /** No thread can be started, as the hint then says, or a defect of this package. */
  | 'INTERNAL'

/**
 * The global `AbortSignal`, as `@types/node`, Bun's types or the library `dom` declare it; what is needed of one where none
 * of them is there.
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

export interface DevBinaryOptions {
  /**
   * cargo package, such as `openshell-server`.
   * @default as for `cargo run` in `repo`: the only default member of the workspace that has a binary, or the one with
   * `default-run`
   */
  crate?: string | undefined
  /**
   * Name of the binary or the example.
   * @default the package's `default-run`, its only binary, or the one that is called like the package
   */
  bin?: string | undefined
  /**
   * What is wanted: a binary; an example; the library as a `cdylib`, for Node-API and other foreign functions, or as a
   * `staticlib`.
   * @default 'bin'; 'cdylib' where the package has no binary and its `crate-type` names that
   */
  kind?: 'bin' | 'cdylib' | 'staticlib' | 'example' | undefined
  /**
   * Other binaries of the package that are built with this one and put beside it, so that it finds them in the directory
   * of its own file, as after `cargo build`.
   */
  with?: readonly string[] | undefined
  /**
   * Rust target triple; for zigbuild also with a glibc version behind it, as in `x86_64-unknown-linux-gnu.2.28`.
   * @default what cargo's configuration names, else the host's; of several there, the host's
   */
  target?: string | undefined
  /**
   * Run cargo even when the binary is in the cache, and replace it there.
   * @default false
   */
  rebuild?: boolean | undefined
  /**
   * Directory of the cargo workspace, anywhere in a git worktree, or without git.
   * @default 'openshell-fork' below the working directory
   */
  repo?: string | undefined
  /** Features to enable, as in cargo's `--features`. */
  features?: readonly string[] | undefined
  /**
   * Leave the package's default features out.
   * @default false
   */
  noDefaultFeatures?: boolean | undefined
  /**
   * cargo profile.
   * @default 'release'
   */
  profile?: string | undefined
  /**
   * Who builds: `cargo build` or `cargo zigbuild`. `auto` chooses zigbuild when the target's operating system or
   * architecture is not the host's, or when the target names a glibc version.
   * @default 'auto'
   */
  builder?: 'auto' | 'cargo' | 'zigbuild' | undefined
  /**
   * Which files count as inputs. `crate`: what an earlier build of this crate was seen to read, with whatever is added to
   * the packages it was built from; so an edit elsewhere, and a commit, is a hit. `tree`: HEAD, every tracked file of the
   * workspace's directory and every untracked one that git does not ignore; for a build script that asks git for the
   * commit, or reads files of other packages without saying so. Both: what was read outside the checkout, or is ignored,
   * counts too.
   * @default 'crate'
   */
  scope?: 'tree' | 'crate' | undefined
  /** Patterns in gitignore syntax, relative to `repo`, of paths that no build reads. They do not count as inputs. */
  exclude?: readonly string[] | undefined
  /**
   * Whether builds are watched, on Linux: what rustc, build scripts and the programs that they start read counts then, declared
   * or not. `off`: what they declare is all that is known. A build gives the same either way.
   * @default `DEV_BIN_OBSERVE` in `env`, else 'auto'
   */
  observe?: 'auto' | 'off' | undefined
  /**
   * Further arguments for `cargo build`: `--locked`, `--frozen`, `--offline`, `--config`, `-Z`, `--all-features`, `-j`,
   * `--keep-going`, `--ignore-rust-version`. Those that can change a binary are part of the request. What has an option
   * here, says where cargo writes or changes what it prints is refused.
   */
  cargoArgs?: readonly string[] | undefined
  /**
   * Where a copy is wanted besides, such as `src-tauri/binaries/gateway-{target}{exe}`: `{target}` is the triple that is
   * built for, `{exe}` is `.exe` on Windows. Directories are made. The copy is replaced as a whole, and only when it
   * differs. In the workspace, it does not count as an input of this request.
   */
  out?: string | undefined
  /**
   * Where binaries are kept. Created for this user alone; refused when others may write to it, when it is a symbolic
   * link, or when it holds files of another purpose.
   * @default `DEV_BIN_CACHE_DIR` in `env`, else '~/.cache/openlock/dev-bin'
   */
  cacheDir?: string | undefined
  /**
   * What the cache may take on disk when it is pruned after a build: a size such as `5GiB` or `500MB`, a number of bytes,
   * or `none`.
   * @default `DEV_BIN_MAX_SIZE` in `env`, else '5GiB'
   */
  maxSize?: string | number | undefined
  /**
   * How long a binary is kept after its last use when the cache is pruned after a build: an age such as `30d` or `12h`, a
   * number of milliseconds, or `none`.
   * @default `DEV_BIN_MAX_AGE` in `env`, else '30d'
   */
  maxAge?: string | number | undefined
  /**
   * The environment of the build; a variable that is `undefined` is not set. What git says to a hook of its repository, and
   * cargo to a build script of its package, is left out: `GIT_DIR`, `CARGO_FEATURE_*` and the like. On Unix, what
   * `process.env` cannot show, since it is not UTF-8, is handed on as it is.
   * @default `process.env` as it is at the call
   */
  env?: Readonly<Record<string, string | undefined>> | undefined
  /** Ends the call, and cargo with everything it started. The promise rejects with the signal's own reason. */
  signal?: CallSignal | undefined
  /**
   * What is drawn on stderr: `auto` a live line on a terminal and plain lines elsewhere. stdout is never written.
   * @default 'auto'
   */
  report?: 'auto' | 'plain' | 'silent' | undefined
  /**
   * Hears what happens, in order, in the async context of the call. What it throws ends the call and is its rejection;
   * so is what it rejects with, when it is async. The call settles after the promises that it returned.
   */
  onEvent?: ((event: DevBinaryEvent) => void) | undefined
}

export interface ListOptions {
  /** As in {@link DevBinaryOptions}. */
  cacheDir?: string | undefined
  /** Where `DEV_BIN_CACHE_DIR` and `DEV_BIN_LOG` are read from. Default: `process.env` as it is at the call. */
  env?: Readonly<Record<string, string | undefined>> | undefined
  /** Ends the call. The promise rejects with the signal's own reason. */
  signal?: CallSignal | undefined
  /**
   * Read every binary and compare its digest with its manifest.
   * @default false
   */
  check?: boolean | undefined
}

export interface PruneOptions extends Omit<ListOptions, 'check'> {
  /** As in {@link DevBinaryOptions}. */
  maxSize?: string | number | undefined
  /** As in {@link DevBinaryOptions}. */
  maxAge?: string | number | undefined
  /**
   * Remove everything but what is executed or locked. A launcher that was just told a path may find it gone.
   * @default false
   */
  all?: boolean | undefined
  /**
   * Tell what would be removed, and remove nothing.
   * @default false
   */
  dryRun?: boolean | undefined
}

/**
 * A binary in the cache. Where its manifest cannot be read, or no binary stands beside it, `damage` says so, `crate`,
 * `checkout` and `sha256` are empty, `size` is 0, `fingerprint` has 16 digits, and the times are that of the damage.
 */
export interface CacheEntry {
  /** Where it is. */
  path: string
  /** Binary target. */
  bin: string
  /** Target triple, if one was asked for. */
  target?: string
  /** cargo package. */
  crate: string
  /** The checkout it was built in. Others may be served it, too. */
  checkout: string
  /** 64 hex digits. */
  fingerprint: string
  /** SHA-256 of the binary as it was published, 64 hex digits. */
  sha256: string
  /** Size of the binary in bytes. */
  size: number
  /** What it takes on disk with its manifest, in bytes; blocks that it shares with other entries included. */
  diskSize: number
  /** When it was built, in milliseconds since 1970. */
  builtAt: number
  /** When it was last used, in milliseconds since 1970, noted once an hour. */
  usedAt: number
  /** Whether a process of this user runs it; left out where the system does not tell (anywhere but on Linux). */
  running?: boolean
  /**
   * What is wrong with it; left out for what is as it was published. Without `check`, only what shows without a look at
   * the binary's bytes.
   */
  damage?: string
}

/** What {@link prune} did, or with `dryRun` would have done. */
export interface Pruning {
  /** In the order of their removal: not used for longer than `maxAge`, over `maxSize`, or because of `all`. */
  removed: { entry: CacheEntry; reason: 'age' | 'size' | 'all'; freed: number }[]
  /** Bytes on disk that are free now. */
  freed: number
  /** How many other files and directories were removed, each directory counted once. */
  leftovers: number
  /** How many entries are left. */
  kept: number
  /** What is left, in bytes on disk, unfinished files included; what several entries share is counted once. */
  size: number
  /** Whether that is more than `maxSize`, since it must stay. */
  over: boolean
  /** What could not be removed, and why. */
  problems: string[]
}

export interface DevBinary {
  /**
   * `<cacheDir>/<first 16 digits of the fingerprint>/<bin>[-<target>]`: absolute, executable, never written again. A binary
   * that would not start from there stays where cargo put it, with a warning.
   */
  path: string
  /** Where the copy is that `out` asked for. */
  out?: string
  /** cargo package. */
  crate: string
  /** Name of the target; of a library, that of the crate. */
  bin: string
  /** Whether it was in the cache or built by this call. */
  outcome: 'cached' | 'built'
  /** SHA-256 over the request and everything the build reads, 64 hex digits. */
  fingerprint: string
  /** SHA-256 of the binary, 64 hex digits. */
  sha256: string
  /** Size of the binary in bytes. */
  size: number
  /** Milliseconds that the call took. */
  elapsedMs: number
  /** Why it was built, the most telling first; empty when it was not. */
  reasons: MissReason[]
}

/** What {@link getDevBinary} would do. */
export interface Explanation {
  /** cargo package. */
  crate: string
  /** Name of the target. */
  bin: string
  /** Whether the binary is in the cache. */
  outcome: 'hit' | 'miss'
  /** Where it is; on a hit alone. */
  path?: string
  /** As far as it is known before a build, 64 hex digits. */
  fingerprint: string
  /** Why it would be built, the most telling first; empty on a hit. */
  reasons: MissReason[]
  /** The runs of the last build that read what changed, by its path in `reasons`, as far as that is known. */
  readBy: Record<string, string[]>
  /** Whether the workspace lies in a git worktree. Without git there is no commit, and no file is tracked. */
  inWorktree: boolean
  /**
   * Why worktrees and clones are not served the binary that the last build in this checkout gave, each in a few words
   * such as `it holds the path of the checkout`; empty where they are.
   */
  boundBy: string[]
}

/** What counts for a binary. */
export interface KnownInputs {
  /** cargo package. */
  crate: string
  /** Name of the target. */
  bin: string
  /** Of the build that this is known from, 64 hex digits. */
  fingerprint: string
  /** Whether a call would be served that build's binary: nothing has changed since. */
  isCurrent: boolean
  /** By kind and name. */
  inputs: KnownInput[]
  /**
   * Runs that may have read more than is known, and so count by what they declare: such as `the build script of
   * `app``, and why.
   */
  opaque: { run: string; reason: string }[]
}

/** One thing that counts. */
export interface KnownInput {
  /**
   * `file`: its bytes. `absent`: that nothing is there. `directory`: the names in it. `link`: where it leads. `system`: what
   * was read of the system's files in that directory. `program`: where it is found on the `PATH`. `tool`: a program that
   * builds. `config`: one of cargo's configuration files. `variable`: its value. `head`: the commit of a repository, whose
   * path in the checkout is the name, empty for the checkout itself.
   */
  kind: 'file' | 'absent' | 'directory' | 'link' | 'system' | 'program' | 'tool' | 'config' | 'variable' | 'head'
  /** A path, relative to the checkout where it lies in it, or a name. */
  name: string
  /** The runs that read it; empty where it counts by itself, as manifests do. */
  readBy: string[]
}

/** How a binary compares with fresh builds of the same inputs. */
export interface Verification {
  /**
   * `equal`: a fresh build gives the same bytes, those of libraries included. `not-reproducible`: two fresh builds differ
   * from each other, so the difference is explained. `stale`: two fresh builds agree, and the binary differs.
   */
  verdict: 'equal' | 'not-reproducible' | 'stale'
  /** What was compared. */
  binary: DevBinary
  /** SHA-256 of the fresh builds, 64 hex digits each. */
  fresh: string[]
}

/** Why a binary was built: what differs from the last build of the same crate and binary in this checkout, or
 * else in another one of the same repository. */
export type MissReason =
  /** There is no such last build. */
  | { kind: 'first-build' }
  /** `rebuild` was asked for. */
  | { kind: 'rebuild' }
  /** The binary was in the cache, and not as it had been put there. */
  | { kind: 'corrupt'; detail: string }
  /** Options, by name. */
  | { kind: 'request'; options: string[] }
  /** Files: the first 20, and how many there are in all. */
  | { kind: 'source'; paths: ChangedPath[]; count: number }
  /**
   * HEAD of the checkout (`repository` is empty) or of a repository in it: its commits, or where these are the same, the
   * branches; none for an unborn HEAD.
   */
  | { kind: 'head'; repository: string; from?: string; to?: string }
  /** A program that builds: cargo, rustc, zig, … */
  | { kind: 'toolchain'; tool: string; from?: string; to?: string }
  /** Variables, by name. */
  | { kind: 'environment'; names: string[] }
  /** cargo's configuration files. */
  | { kind: 'cargo-config'; files: string[] }
  /** The last build left no trace of what it read, so that cargo has to look; `detail` says which trace is missing. */
  | { kind: 'unknown-reads'; detail: string }
  /**
   * Another checkout of the repository has built it from the same, and it may depend on where that lies: why, in words.
   */
  | { kind: 'bound'; checkout: string; boundBy: string[] }

export interface ChangedPath {
  /** Relative to the checkout, with `/`; bytes that are not UTF-8 are replaced. */
  path: string
  change: 'added' | 'removed' | 'changed'
}

/** What happens during a call. */
export type DevBinaryEvent =
  /** The binary is in the cache. */
  | { type: 'hit'; bin: string; fingerprint: string }
  /** It is not, or `rebuild` was asked for. */
  | { type: 'miss'; bin: string; reasons: MissReason[] }
  /**
   * Someone else must finish first: `entry`, another call that builds the same binary; `checkout`, another call of this
   * process that builds in the same checkout; `cargo`, whoever holds cargo's own lock; `zigbuild`, whoever runs zig.
   * `since` is in milliseconds since 1970.
   */
  | { type: 'waiting'; on: 'entry' | 'checkout' | 'cargo' | 'zigbuild'; pid?: number; since?: number }
  /** cargo starts; `command` is what one would type, `expectedMs` how many milliseconds the last build took. */
  | { type: 'building'; bin: string; command: string; expectedMs?: number }
  /**
   * cargo's progress line changed: units done, units in all, what compiles now, and what of that for the longest time; how
   * many milliseconds cargo has run, and how many are left if it takes as long as the last time.
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
  /** A message of the compiler's or of cargo's, rendered without colours; `level` is `error`, `warning`, `note` or `help`. */
  | { type: 'diagnostic'; level: string; rendered: string }
  /** cargo finished; milliseconds that it took. */
  | { type: 'built'; bin: string; elapsedMs: number }
  /** The binary is in the cache now; `buildMs` is how many milliseconds cargo took. */
  | { type: 'published'; bin: string; path: string; size: number; sha256: string; buildMs: number }
  /** Something is not as it should be, and the call goes on. */
  | { type: 'warning'; message: string }
