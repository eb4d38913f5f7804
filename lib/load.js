'use strict'

// The addon, or why there is none.
//
// Promises: nothing is loaded before the first call. A failure is told in one line: the platform, the package that was
// expected, the first cause that says something, and what to do; all of what was tried is its `cause`.
// The generated `binding.js` goes by `/usr/bin/ldd` first, which on a system with two libcs may be the other one's; and
// where there is none, by a report of the process, which takes longer than a hit. What this very process runs on decides
// then.
// Does not promise: that in a compiled program, where only what `binding.js` finds is embedded; nor where a variable says
// which addon it must be, which `binding.js` alone heeds.

const { existsSync, readFileSync } = require('node:fs')
const { DevBinaryError } = require('./error.js')

const NAME = '@openlock/dev-bin'
/** What there are packages for; tools/release/targets.mjs has the triples. */
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

let binding

function load() {
  if (binding !== undefined) return binding
  try {
    binding = (existsSync('/usr/bin/ldd') ? undefined : ofThisLibc()) ?? require('./binding.js')
    return binding
  } catch (error) {
    binding = ofThisLibc()
    if (binding !== undefined) return binding
    throw explained(error)
  }
}

/** In the order of `binding.js`, so that a clone has its own. */
function ofThisLibc() {
  if (process.platform !== 'linux' || isCompiled() || isPrescribed()) return undefined
  const platform = hostPlatform()
  return tryRequire(`./dev-bin.${platform}.node`) ?? tryRequire(`${NAME}-${platform}`)
}

function isPrescribed() {
  const { NAPI_RS_NATIVE_LIBRARY_PATH: path, NAPI_RS_ENFORCE_VERSION_CHECK: check } = process.env
  return Boolean(path) || Boolean(check && check !== '0')
}

function tryRequire(specifier) {
  try {
    return require(specifier)
  } catch {
    return undefined
  }
}

function explained(error) {
  const platform = hostPlatform()
  const expected = `${NAME}-${platform}`
  const { cause, hint } = diagnosis(platform, triedIn(error))
  const told = `cannot load the native addon for ${platform} from \`${expected}\`: ${cause}; ${hint}`
  const result = new DevBinaryError('BINDING_LOAD', told, { cause: error })
  result.hint = hint
  return result
}

function diagnosis(platform, tried) {
  const cause = tried.find(isTelling)
  if (cause !== undefined) return { cause, hint: remedy(cause) }
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
  const others = PLATFORMS.filter((other) => other !== platform && isInstalled(`${NAME}-${other}`))
  if (others.length > 0) {
    return {
      cause: `it is not installed, but ${others.map((other) => `\`${NAME}-${other}\``).join(', ')} is`,
      hint: 'install on the platform that the program runs on, or for both',
    }
  }
  return {
    cause: 'it is not installed',
    hint: `reinstall ${NAME} with optional dependencies, or run \`npm run build\` in its sources`,
  }
}

function remedy(cause) {
  if (process.env.NAPI_RS_NATIVE_LIBRARY_PATH) {
    return 'unset NAPI_RS_NATIVE_LIBRARY_PATH, or have it name an addon for this platform'
  }
  const needed = /version `GLIBC_([\d.]+)' not found/.exec(cause)
  if (needed) return `use a system with glibc ${needed[1]} or newer`
  if (/loading addons is disabled|access to this API has been restricted/i.test(cause)) {
    if (process.permission === undefined) return 'start Node without `--no-addons`, also in NODE_OPTIONS'
    return `start Node with \`--allow-addons\`, and have \`--allow-fs-read\` name the directory of ${NAME}`
  }
  // Unpacked and not to be mapped, or not even unpacked.
  const isNotMapped = /failed to map segment|operation not permitted/i.test(cause)
  if (isCompiled() && (isNotMapped || IN_PROGRAM.test(cause))) {
    return 'set BUN_TMPDIR to a directory that exists and that this user can write to, on a file system that is not mounted noexec'
  }
  if (isNotMapped) return 'move node_modules to a file system that is not mounted noexec'
  return `reinstall ${NAME} on this machine`
}

/** What the loader met, the first first, each in one line. */
function triedIn(error) {
  const messages = []
  for (let cause = error?.cause; cause instanceof Error; cause = cause.cause) {
    messages.unshift(inOneLine(cause.message))
  }
  return messages.length > 0 ? messages : [inOneLine(error?.message ?? error)]
}

/** Yarn's Plug'n'Play says what it has not found below what it has done to find it. */
function inOneLine(message) {
  const [told] = String(message).split('\n')
  const missing = /^(?:Source path|Missing package): (.*)$/m.exec(message)
  return missing ? `Cannot find module '${missing[1]}'` : told
}

/** The generated loader tries more places than there are; that one of them is empty tells nothing. */
function isTelling(message) {
  if (message.startsWith(`Cannot find module '${__dirname}`)) return false
  return !/^(Cannot (find|require) module '?(\.\/|@openlock\/)|@openlock\/dev-bin tried to access @openlock\/)/.test(
    message,
  )
}

function hostPlatform() {
  const { platform, arch } = process
  if (platform === 'linux') return `${platform}-${arch}-${isMusl() ? 'musl' : 'gnu'}`
  if (platform === 'win32') return `${platform}-${arch}-msvc`
  return `${platform}-${arch}`
}

/** Which libc this very process runs on; a system can have both. glibc's `libc.so` is a text, and is not mapped. */
function isMusl() {
  try {
    return /\/(ld-musl-|libc\.musl-|libc\.so$)/m.test(readFileSync('/proc/self/maps', 'utf8'))
  } catch {
    return false
  }
}

/** Where `bun build --compile` puts a program's own files. */
const IN_PROGRAM = /[/\\](\$bunfs|~BUN)[/\\]/

function isCompiled() {
  return globalThis.Bun !== undefined && IN_PROGRAM.test(globalThis.Bun.main)
}

function isInstalled(name) {
  try {
    require.resolve(`${name}/package.json`)
    return true
  } catch {
    return false
  }
}

exports.load = load
