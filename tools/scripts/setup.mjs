// Makes the addon of a clone loadable. Installs the packages if the lock file has changed since they were installed,
// and builds the addon if a byte of its sources has changed since it was built.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** The directory of the addon, and of the types that `napi build` generates beside it. */
export const addonDirectory = join(root, 'lib')

const ADDON_SOURCES = [
  'Cargo.toml',
  'Cargo.lock',
  'build.rs',
  'package.json',
  'tools/scripts/build.mjs',
  'src',
  'addon',
  'observer',
]

/** Runs a program in the clone. If it fails, ends this process with its status. */
export function run(program, args, { quiet = false, ...options } = {}) {
  const result = spawnSync(program, args, {
    cwd: root,
    stdio: quiet ? ['ignore', 'ignore', 'inherit'] : ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
    ...options,
  })
  if (result.error) {
    console.error(`error: \`${program}\` cannot be started: ${result.error.message}`)
    process.exit(1)
  }
  if (result.status !== 0) {
    console.error(
      `error: \`${[program, ...args].join(' ')}\` failed (${result.signal ?? `exit status ${result.status}`})`,
    )
    process.exit(result.status ?? 1)
  }
}

/** Returns the path of a program that npm has installed into the clone. */
export function local(program) {
  const suffix = process.platform === 'win32' ? '.cmd' : ''
  return join(root, 'node_modules', '.bin', program + suffix)
}

/** Returns the digest of files and directories of the clone. A path with a dot is a file. */
function digest(paths) {
  const hash = createHash('sha256')
  const add = (path) => {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0')
  }
  for (const path of paths) {
    if (path.includes('.') || path === 'LICENSE') add(path)
    else {
      const below = readdirSync(join(root, path), { recursive: true, withFileTypes: true })
      const files = below.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
      for (const file of files.sort()) add(file.slice(root.length + 1))
    }
  }
  return hash.digest('hex')
}

/** Does `work`, unless it was done with the same digest before and `isThere` says that its result still exists. */
function once(stamp, current, isThere, work) {
  if (isThere && existsSync(stamp) && readFileSync(stamp, 'utf8') === current) return
  work()
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, current)
}

/** Installs the packages that a directory's lock file names, unless they are installed. */
export function installPackages(directory = '.', ...args) {
  const modules = join(root, directory, 'node_modules')
  once(join(modules, '.dev-bin-stamp'), digest([join(directory, 'package-lock.json')]), existsSync(modules), () => {
    console.error(`Installing packages (npm ci${directory === '.' ? '' : ` in ${directory}`})`)
    const quietly = ['--no-audit', '--no-fund', '--loglevel=error']
    run('npm', ['ci', ...args, ...quietly], { quiet: true, cwd: join(root, directory) })
  })
}

/**
 * Ends this process if bun does not run. Its install script makes it a program, and npm may be configured to run none.
 */
export function assertThatBunRuns(bun = local('bun')) {
  const { status } = spawnSync(bun, ['--version'], { stdio: 'ignore', shell: process.platform === 'win32' })
  if (status === 0) return
  console.error('error: bun is installed and does not run: npm has not run its install script')
  console.error(
    'Run `npm rebuild bun --ignore-scripts=false`; npm 12 and newer also want it in `allowScripts` of package.json.',
  )
  process.exit(1)
}

/**
 * Builds the program that speaks to a team's store: without optimization, for the tests, unless `switches` say otherwise.
 * cargo knows if that is done.
 */
export function buildRemote(...switches) {
  run('cargo', ['build', '--quiet', '--package', 'openlock-dev-bin-remote', ...switches])
}

/** Installs the packages and builds the addon, as far as that is not done. */
export function setUp() {
  installPackages()
  assertThatBunRuns()
  const isTyped = existsSync(join(addonDirectory, 'binding.d.ts'))
  const addon = isTyped && readdirSync(addonDirectory).some((name) => name.endsWith('.node'))
  once(join(root, 'target', '.dev-bin-stamp'), digest(ADDON_SOURCES), addon, () => {
    console.error('Building the addon (npm run build)')
    run('npm', ['run', '--silent', 'build'], { quiet: true })
  })
}
