// The results of calls. `index.d.ts` exports them.

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
  /** The parts of the inputs that limit who in a team is served the binary; empty where no team's store is set. */
  notPortable: NotPortable[]
}

/** A part of the inputs that is not the same on each machine of a team. */
export interface NotPortable {
  /** The part in a few words, such as `it depends on `/opt/sdk/lib.a`, which is this machine's own`. */
  part: string
  /**
   * The machines that share the binary in spite of it: `none`; those where the checkout has the same path
   * (`equal-paths`); or those that are equal in this part (`equal-machines`).
   */
  sharing: 'none' | 'equal-paths' | 'equal-machines'
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
  /** The URL of the team's store that the binary came from; left out if it was built here. */
  origin?: string
  /** The keys that had signed it there; empty if it was built here. */
  signers: string[]
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
