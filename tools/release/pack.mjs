// Packs the staged packages, and publishes them.
//
// Promises: a package is published after those that it depends on, and the root last, so that none can be installed whose
// platform packages are missing. A package
// that the registry has already, byte for byte, is left alone, so that an interrupted release can be run again.

import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../scripts/setup.mjs'
import { stagePlatform, stageRemote, stageRemotePlatform, stageRoot } from './stage.mjs'
import { manifest, output, remotePackage, TARGETS } from './targets.mjs'

const shell = process.platform === 'win32'

/**
 * Packs the packages of each platform with the addon and the program that `fileOf` returns by target and name, and then
 * those above them. Returns names and tarballs.
 */
export function packAll(fileOf, destination) {
  mkdirSync(destination, { recursive: true })
  const packed = (name, stage) => ({ name, tarball: pack(stage, destination) })
  const platforms = TARGETS.flatMap((target) => {
    const [addon, program] = [target.addon, target.program].map((name) => fileOf(target, name))
    return [
      packed(target.package, stagePlatform(target, addon, output)),
      packed(target.remotePackage, stageRemotePlatform(target, program, output)),
    ]
  })
  return [...platforms, packed(remotePackage, stageRemote(output)), packed(manifest.name, stageRoot(output))]
}

function pack(directory, destination) {
  const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', destination], {
    cwd: directory,
    encoding: 'utf8',
    shell,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { filename } = theOne(JSON.parse(packed))
  return join(destination, filename)
}

/**
 * Returns npm's answer about one package. npm 11 and older return an array for `pack` and the bare answer for `view`;
 * npm 12 returns an object by name for `pack` and an array for `view`.
 */
export function theOne(answer) {
  const all = typeof answer === 'object' ? Object.values(answer) : [answer]
  if (all.length !== 1) throw new Error(`npm is asked about one package, and answers ${JSON.stringify(answer)}`)
  return all[0]
}

/**
 * Publishes packages in their order, with more arguments for npm. Returns the names of those that the registry did not
 * have.
 */
export function publishAll(packages, ...args) {
  return packages.filter((each) => publish(each, args)).map(({ name }) => name)
}

/** Publishes a package. Returns false if the registry has it already. */
function publish({ name, tarball }, args) {
  const there = view(`${name}@${manifest.version}`, 'dist.integrity', args)
  if (there !== undefined) {
    const ours = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`
    if (there === ours) return false
    throw new Error(`${name}@${manifest.version} is published already, and is not what is in ${tarball}`)
  }
  const tag = tagFor(manifest.version, view(`${name}@latest`, 'version', args))
  run('npm', ['publish', tarball, '--tag', tag, '--loglevel=error', ...args], { quiet: true })
  return true
}

/**
 * Returns the tag that a version is published under. `latest` stays with the highest version: `npm install` without a
 * version must not install a patch of an older line.
 */
export function tagFor(version, latest) {
  if (version.includes('-')) return 'next'
  const [ours, theirs] = [version, latest ?? '0.0.0'].map((each) => each.split('-')[0].split('.').map(Number))
  const differing = ours.findIndex((part, index) => part !== theirs[index])
  const isOlder = differing !== -1 && ours[differing] < theirs[differing]
  return isOlder ? `latest-${ours[0]}.${ours[1]}` : 'latest'
}

/** Returns a field of a package in the registry; undefined if the registry has no such version. */
function view(specification, field, args) {
  const command = ['view', specification, field, '--json', '--loglevel=silent', ...args]
  const { status, stdout } = spawnSync('npm', command, { encoding: 'utf8', shell })
  const answer = stdout.trim() === '' ? undefined : JSON.parse(stdout)
  if (status === 0) return answer === undefined ? undefined : theOne(answer)
  if (answer?.error?.code === 'E404') return undefined
  throw new Error(`\`npm view ${specification}\` failed: ${answer?.error?.summary ?? stdout}`)
}
