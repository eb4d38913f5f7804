// Uses a team's store with an installed package: without the program that speaks to it, and then with it.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { oldestGlibc } from './glibc.mjs'
import { RUNTIMES } from './project.mjs'
import { manifest, remotePackage } from './targets.mjs'

const load = createRequire(import.meta.url)

/** Returns the variables of a store in the project. The directory of it exists then. */
function storeOf(project, keys) {
  const store = join(project.directory, 'store')
  mkdirSync(store, { recursive: true })
  return { DEV_BIN_REMOTE_URL: pathToFileURL(store).href, DEV_BIN_REMOTE_KEYS: keys }
}

/** Has a store and no program: that is one warning, which names the package, and the binary is built. */
export function withoutProgram(project) {
  const key = `ed25519:${Buffer.alloc(32, 1).toString('base64')}`
  const env = { ...storeOf(project, key), DEV_BIN_CACHE_DIR: join(project.directory, 'no-program') }
  const { stdout, stderr } = project.devBinFully(['get', '-p', 'hello', '--repo', project.repo], env)
  assert.equal(execFileSync(stdout.trim(), { encoding: 'utf8' }), 'hello\n')
  const command = `npm install --save-optional ${remotePackage}`
  assert.equal(stderr.split(command).length, 2, `expected one warning with \`${command}\`, got ${stderr}`)
}

/**
 * Makes a key, puts a binary into a store, and gets it from there, in each runtime and in a compiled launcher. The
 * program must be that of the package for this platform, and run on the oldest glibc.
 */
export function withProgram(project, target, launcher) {
  const program = load(join(project.installed, 'lib', 'remote.js')).programPath({})
  assert.ok(program, 'the program is installed, and not found')
  assert.equal(basename(program), target.installedProgram)
  assert.equal(load(join(dirname(program), 'package.json')).name, target.remotePackage)
  const version = [program, '--version']
  const commands = [version, ...(isOldGlibcHere(target) ? [[...oldestGlibc(target), ...version]] : [])]
  for (const command of commands) assert.match(project.run(command), new RegExp(`\\b${manifest.version}\\b`))

  const key = join(project.directory, 'signing.key')
  const team = storeOf(project, project.devBin(['remote', 'keygen', key]).trim())
  assert.match(team.DEV_BIN_REMOTE_KEYS, /^ed25519:\S+$/)
  const publishing = { ...team, DEV_BIN_REMOTE_MODE: 'publish', DEV_BIN_REMOTE_SIGNING_KEY_FILE: key }
  project.devBin(['remote', 'publish', '-p', 'hello', '--repo', project.repo], publishing)
  for (const [name, runtime] of Object.entries(RUNTIMES)) {
    assertDownloaded(project.job([runtime, 'job.cjs'], { cache: `team-${name}`, env: team }))
  }
  // A compiled program has no packages, and must not look where it was compiled: that may be anybody's directory elsewhere.
  assert.equal(project.job([launcher], { cwd: '/', cache: 'compiled-alone', env: team }).outcome, 'built')
  const env = { ...team, DEV_BIN_REMOTE_PROGRAM: program }
  assertDownloaded(project.job([launcher], { cwd: '/', cache: 'team-compiled', env }))
}

function assertDownloaded(answer) {
  assert.equal(answer.outcome, 'downloaded', JSON.stringify(answer))
  assert.equal(execFileSync(answer.path, { encoding: 'utf8' }), 'hello\n')
}

/** Returns whether this machine has a toolchain with the oldest glibc. */
function isOldGlibcHere({ libc }) {
  return libc === 'glibc' && process.arch === 'x64'
}
