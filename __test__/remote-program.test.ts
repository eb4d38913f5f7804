// Where the program that speaks to a team's store is found, as package managers lay its packages out.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { stageRemote, stageRemotePlatform, stageRoot } from '../tools/release/stage.mjs'
import { hostTarget, manifest, remotePackage, TARGETS } from '../tools/release/targets.mjs'
import { PATIENCE_MS, plainEnvironment, root, temporaryDirectory } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const host = hostTarget()
const OTHER_ABI: Record<string, string> = { gnu: 'musl', musl: 'gnu' }
const otherLibc = host.remotePackage.replace(/gnu$|musl$/, (abi: string) => OTHER_ABI[abi] ?? abi)

/** Puts what matters of a package into `directory`, and returns that. */
function put(directory: string, name: string): string {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ name, version: manifest.version }))
  if (name === manifest.name) cpSync(join(root, 'lib'), join(directory, 'lib'), { recursive: true, filter: isNoAddon })
  else if (name !== remotePackage) writeFileSync(join(directory, host.installedProgram), '')
  return directory
}

const isNoAddon = (path: string) => !path.endsWith('.node')

function link(to: string, path: string) {
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(to, path, 'junction')
}

/** Returns the path of the program that the package in `directory` finds, in each runtime; empty if it finds none. */
function found(directory: string): string[] {
  const module = JSON.stringify(join(directory, 'lib', 'remote.js'))
  const program = `process.stdout.write(require(${module}).programPath({}) ?? '')`
  const env = plainEnvironment()
  return ['node', process.execPath].map((runtime) =>
    execFileSync(runtime, ['-e', program], { cwd: dirname(directory), encoding: 'utf8', env }),
  )
}

const twice = (path: string) => [path, path]

describe("the program for a team's store is found", () => {
  const inModules = (directory: string, name: string) => join(directory, 'node_modules', ...name.split('/'))

  test('in one directory with all packages, as npm and bun have it', () => {
    const project = temporaryDirectory()
    const packages = [manifest.name, remotePackage, host.remotePackage]
    const [installed = '', , platform = ''] = packages.map((name) => put(inModules(project, name), name))
    expect(found(installed)).toEqual(twice(realpathSync(join(platform, host.installedProgram))))
  })

  test('in a directory that only the package above it sees, as pnpm has it', () => {
    const store = join(temporaryDirectory(), 'somewhere')
    const [own, remote] = ['own', 'remote'].map((name) => join(store, name)) as [string, string]
    const installed = put(inModules(own, manifest.name), manifest.name)
    const platform = put(inModules(join(store, 'platform'), host.remotePackage), host.remotePackage)
    link(put(inModules(remote, remotePackage), remotePackage), inModules(own, remotePackage))
    link(platform, inModules(remote, host.remotePackage))
    expect(found(installed)).toEqual(twice(realpathSync(join(platform, host.installedProgram))))
  })

  test.if(process.platform === 'linux')('in the package of this libc, though that of another is there, too', () => {
    const project = temporaryDirectory()
    for (const name of [remotePackage, otherLibc, host.remotePackage]) put(inModules(project, name), name)
    const installed = put(inModules(project, manifest.name), manifest.name)
    const program = realpathSync(join(inModules(project, host.remotePackage), host.installedProgram))
    expect(found(installed)[0]).toBe(program)
  })

  test('nowhere if there is none', () => {
    const installed = put(inModules(temporaryDirectory(), manifest.name), manifest.name)
    expect(found(installed)).toEqual(twice(''))
  })
})

describe("of the packages for a team's store", () => {
  const read = (directory: string) => JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))

  test('one depends on those of all platforms at its own version, and the root on none but as an optional peer', () => {
    const { name, version, optionalDependencies } = read(stageRemote(temporaryDirectory()))
    expect({ name, version }).toEqual({ name: remotePackage, version: manifest.version })
    const ofTargets = TARGETS.map((target) => [target.remotePackage, manifest.version])
    expect(optionalDependencies).toEqual(Object.fromEntries(ofTargets))
    const published = read(stageRoot(temporaryDirectory()))
    expect(Object.keys(published.optionalDependencies)).toEqual(TARGETS.map((target) => target.package))
    expect(published.dependencies).toBeUndefined()
    expect(published.peerDependencies).toEqual({ [remotePackage]: `^${manifest.version}` })
    expect(published.peerDependenciesMeta).toEqual({ [remotePackage]: { optional: true } })
  })

  test('that of a platform has the program, executable though an artifact is not, for this platform alone', () => {
    const directory = temporaryDirectory()
    const program = join(directory, host.program)
    writeFileSync(program, 'program')
    chmodSync(program, 0o644)
    const staged = stageRemotePlatform(host, program, directory)
    const { os, cpu, libc, files, main } = read(staged)
    expect({ os, cpu, libc }).toEqual({ os: [host.os], cpu: [host.cpu], libc: host.libc && [host.libc] })
    expect(files).toContain(host.installedProgram)
    expect(main).toBeUndefined()
    const packed = JSON.parse(
      execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
        cwd: staged,
        encoding: 'utf8',
        shell: process.platform === 'win32',
      }),
    )
    const [{ files: listed }] = Object.values(packed) as [{ files: { path: string; mode: number }[] }]
    const names = ['LICENSE', 'README.md', 'THIRD-PARTY-LICENSES.txt', host.installedProgram, 'package.json']
    expect(listed.map(({ path }) => path).sort()).toEqual(names.sort())
    const mode = listed.find(({ path }) => path === host.installedProgram)?.mode
    if (process.platform !== 'win32') expect(mode).toBe(0o755)
  })
})
