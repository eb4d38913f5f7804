'use strict'

// Says why the addon could not be loaded.
//
// Promises: one line with the platform, the package that was expected, the first cause that says something, and what to
// do. The error of the loader, with everything that it tried, is the `cause`.

const { DevBinaryError } = require('./error.js')

/** The platforms that there are packages for. tools/release/targets.mjs has their triples. */
const PLATFORMS = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-arm64-msvc',
  'win32-x64-msvc',
]

/** The paths below which `bun build --compile` puts a program's own files. */
const IN_PROGRAM = /[/\\](\$bunfs|~BUN)[/\\]/

/**
 * Returns the error for users. `problems` has an error for each place that was looked at, `name` is this package, and
 * `libc` the libc of this process on Linux.
 */
function loadFailure(problems, name, libc) {
  const platform = hostPlatform(libc)
  const { cause, hint } = diagnose(name, platform, problems.map(inOneLine))
  const message = `cannot load the native addon for ${platform} from \`${name}-${platform}\`: ${cause}; ${hint}`
  const tried = new AggregateError(problems, problems.map(({ message }) => message).join('\n'))
  const failure = new DevBinaryError('BINDING_LOAD', message, { cause: tried })
  // Not given to the constructor, which would add it to the message a second time.
  failure.hint = hint
  return failure
}

/** Returns the platform of this process, as the package for it is called. */
function hostPlatform(libc) {
  const { platform, arch } = process
  const abi = { linux: libc === 'musl' ? 'musl' : 'gnu', win32: 'msvc' }[platform]
  return abi === undefined ? `${platform}-${arch}` : `${platform}-${arch}-${abi}`
}

/** Returns whether this process is a program that `bun build --compile` has made. */
function isCompiled() {
  return globalThis.Bun !== undefined && IN_PROGRAM.test(globalThis.Bun.main)
}

/** Returns the cause and the remedy. */
function diagnose(name, platform, causes) {
  const cause = causes.find(saysSomething)
  if (cause !== undefined) return { cause, hint: remedyOf(cause, name) }
  if (!PLATFORMS.includes(platform)) {
    return {
      cause: 'there is no such package',
      hint: `build from source with \`npm run build\`; there are packages for ${PLATFORMS.join(', ')}`,
    }
  }
  if (isCompiled()) {
    return {
      cause: 'it is not in this program',
      hint: "run `bun install --os='*' --cpu='*'` before `bun build --compile`, so that the target's package is there",
    }
  }
  const others = PLATFORMS.filter((other) => other !== platform && isInstalled(`${name}-${other}`))
  if (others.length > 0) {
    return {
      cause: `it is not installed, but ${others.map((other) => `\`${name}-${other}\``).join(', ')} is`,
      hint: 'install on the platform that the program runs on, or for both',
    }
  }
  return {
    cause: 'it is not installed',
    hint: `reinstall ${name} with optional dependencies, or run \`npm run build\` in its sources`,
  }
}

/** Returns what to do about a cause that the system or the runtime has named. */
function remedyOf(cause, name) {
  if (process.env.NAPI_RS_NATIVE_LIBRARY_PATH) {
    return 'unset NAPI_RS_NATIVE_LIBRARY_PATH, or have it name an addon for this platform'
  }
  const needed = /version `GLIBC_([\d.]+)' not found/.exec(cause)
  if (needed) return `use a system with glibc ${needed[1]} or newer`
  if (/loading addons is disabled|access to this API has been restricted/i.test(cause)) {
    if (process.permission === undefined) return 'start Node without `--no-addons`, also in NODE_OPTIONS'
    return `start Node with \`--allow-addons\`, and have \`--allow-fs-read\` name the directory of ${name}`
  }
  const cannotBeMapped = /failed to map segment|operation not permitted/i.test(cause)
  // Either the addon was unpacked and cannot be mapped, or it could not be unpacked.
  if (isCompiled() && (cannotBeMapped || IN_PROGRAM.test(cause))) {
    return 'set BUN_TMPDIR to a directory that exists and that this user can write to, on a file system that is not mounted noexec'
  }
  if (cannotBeMapped) return 'move node_modules to a file system that is not mounted noexec'
  return `reinstall ${name} on this machine`
}

/**
 * Returns the line of an error that names the problem. Yarn's Plug'n'Play names the missing file after a description of
 * its search.
 */
function inOneLine(error) {
  const message = String(error?.message ?? error)
  const [first] = message.split('\n')
  const missing = /^(?:Source path|Missing package): (.*)$/m.exec(message)
  return missing ? `Cannot find module '${missing[1]}'` : first
}

/** Returns false for the message of a place that is empty: one of two always is. */
function saysSomething(message) {
  if (message.startsWith(`Cannot find module '${__dirname}`)) return false
  return !/^(Cannot (find|require) module '?(\.\/|@openlock\/)|@openlock\/dev-bin tried to access @openlock\/)/.test(
    message,
  )
}

function isInstalled(name) {
  try {
    require.resolve(`${name}/package.json`)
    return true
  } catch {
    return false
  }
}

exports.isCompiled = isCompiled
exports.loadFailure = loadFailure
