// The options of calls. `index.d.ts` exports them.

import type { DevBinaryEvent } from './events.js'

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
   * Run cargo if need be. With `false`, the call rejects with `NOT_BUILT` where cargo would have to run. A team's store
   * is asked all the same, without a wait for other calls.
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
   * - `crate`: the files that an earlier build of this crate was seen to read. Where it may have read more than is known,
   *   all files of the packages it was built from, and those that are added to them. An edit elsewhere, or a commit, is a
   *   hit.
   * - `tree`: HEAD, and every file of the workspace's directory that git tracks or does not ignore. For a build script
   *   that asks git for the commit, or that reads files of other packages without declaring them.
   * @default 'crate'
   */
  scope?: 'tree' | 'crate' | undefined
  /** Patterns in gitignore syntax, relative to `repo`, of paths that no build reads. They do not count as inputs. */
  exclude?: readonly string[] | undefined
  /**
   * Observe builds, on Linux: then everything that rustc, build scripts and the programs that they start read counts,
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
   * The most milliseconds that a download may take. A download may take no longer than the last build did either, unless
   * that took less than five seconds. With 0, the store is not asked, and what came from it earlier is served.
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
