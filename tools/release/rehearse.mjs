// `npm run release:rehearse`: goes through a release on this machine, from the build to a user's project.
//
// Builds the addon of this machine's platform, and the program for a team's store, as they are published, stages and checks the packages, publishes them to a
// registry on loopback, and installs them into empty projects with each package manager. Uses them there as users do,
// and breaks them. The files of the other platforms are stand-ins, which no program loads.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commandLine } from '../scripts/arguments.mjs'
import { installPackages } from '../scripts/setup.mjs'
import { buildAddon, buildProgram } from './build.mjs'
import * as cases from './cases.mjs'
import { oldestGlibc } from './glibc.mjs'
import { problemsOf } from './inspect.mjs'
import { packAll, publishAll } from './pack.mjs'
import { MANAGERS, makeCheckout, Project, RUNTIMES } from './project.mjs'
import { startRegistry } from './registry.mjs'
import { GLIBC_FLOOR, hostTarget, manifest, output, remotePackage, root } from './targets.mjs'
import * as team from './team.mjs'

const USAGE = `usage: npm run release:rehearse [-- --addons DIR]
  --addons DIR  take this platform's addon and program from DIR instead of building them`

/** The largest size of the packed root package, in bytes. */
const MAX_ROOT_SIZE = 50 * 1024

const { values } = commandLine(USAGE, { addons: { type: 'string' } })
const target = hostTarget()
const untested = []

/** Does `work`, and prints its name before and its duration after it. */
async function step(what, work) {
  const began = performance.now()
  process.stdout.write(`${what} … `)
  const result = await work()
  console.log(`${((performance.now() - began) / 1000).toFixed(1)} s${typeof result === 'string' ? `, ${result}` : ''}`)
  return result
}

/**
 * Does a step that may be impossible here. `work` returns the reason then, which is printed now and again at the end.
 */
function tryStep(what, work) {
  return step(what, () => {
    const reason = work()
    if (reason === undefined) return
    untested.push(`${what}: ${reason}`)
    return `NOT TESTED: ${reason}`
  })
}

/** Returns the path of a program of a package that only releases need. */
const tool = (name, path) => join(root, 'tools', 'release', 'node_modules', name, path)

/** Packs all packages, with stand-ins for the files of other platforms. */
function packAllWithStandIns(addons, directory) {
  const standIn = join(directory, 'stand-in')
  writeFileSync(standIn, 'the file of a platform that this machine is not\n')
  const fileOf = (each, name) => (each === target ? join(addons, name) : standIn)
  return packAll(fileOf, join(directory, 'tarballs'))
}

/** Publishes all packages. The second time must publish nothing, as when an interrupted release is run again. */
function publish(packages, { url }) {
  const npmrc = join(directory, 'npmrc')
  // npm publishes nothing without a token, even if the registry needs none.
  writeFileSync(npmrc, `registry=${url}\n${url.replace('http:', '')}:_authToken=rehearsal\n`)
  // Provenance needs a service that attests where packages come from, and there is none here.
  const args = ['--userconfig', npmrc, '--provenance=false']
  const names = packages.map(({ name }) => name)
  assert.deepEqual(publishAll(packages, ...args), names)
  assert.equal(names.at(-1), manifest.name)
  assert.deepEqual(publishAll(packages, ...args), [])
}

/** Gets a binary from each kind of module, in each runtime. */
function useAs(project) {
  const built = project.job([RUNTIMES.node, 'job.mjs'])
  assert.equal(built.outcome, 'built', JSON.stringify(built))
  assert.equal(execFileSync(built.path, { encoding: 'utf8' }), 'hello\n')
  for (const runtime of Object.values(RUNTIMES)) {
    for (const program of ['job.mjs', 'job.cjs']) {
      const { outcome, path } = project.job([runtime, program])
      assert.deepEqual({ outcome, path }, { outcome: 'cached', path: built.path })
    }
  }
}

/**
 * Runs the program by its name, with the package manager: it must print its version, and the path that the job gets.
 */
function useProgram(project) {
  assert.equal(project.devBin(['--version']).trim(), `dev-bin ${manifest.version}`)
  const { path } = project.job([RUNTIMES.node, 'job.cjs'])
  assert.equal(project.devBin(['get', '-p', 'hello', '--repo', project.repo]), `${path}\n`)
}

/** Compiles the launcher, and runs it while the rest of the package is hidden. Returns its path. */
function useCompiled(project) {
  const program = project.compile('launcher')
  project.whileHidden(join(project.directory, 'node_modules'), () => {
    const built = project.job([program], { cwd: '/', cache: 'compiled' })
    assert.equal(built.outcome, 'built', JSON.stringify(built))
    assert.equal(project.job([program], { cwd: '/', cache: 'compiled' }).outcome, 'cached')
  })
  return program
}

function checkTypes(project) {
  const strict = ['--strict', '--isolatedModules', '--verbatimModuleSyntax', '--exactOptionalPropertyTypes', '--noEmit']
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules', '@types'), '--target', 'es2023']
  const tsc = [process.execPath, join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '--ignoreConfig']
  const check = (...args) => project.run([...tsc, ...strict, ...types, ...args])
  check('--module', 'nodenext', 'consumer.mts', 'consumer.cts')
  check('--module', 'esnext', '--moduleResolution', 'bundler', 'consumer.mts')
}

installPackages()
installPackages(join('tools', 'release'), '--omit=dev')
const addons = values.addons ?? join(output, 'addons')
if (values.addons === undefined) {
  await step(`Building the addon for ${target.triple}`, () => void buildAddon(target, addons))
  await step(`Building the program for ${target.triple}`, () => void buildProgram(target, addons))
}

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'dev-bin-rehearsal-')))
process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }))

await step('Inspecting the addon and the program', () => {
  const files = [target.addon, target.program].map((name) => join(addons, name))
  for (const file of files) assert.deepEqual(problemsOf(target, file), [], file)
  return `${files.map((file) => statSync(file).size).join(' and ')} bytes`
})
const packages = await step('Packing', () => packAllWithStandIns(addons, directory))
const { tarball: rootTarball } = packages.at(-1)
await step('Checking the root package, and that above the programs', () => {
  const { size } = statSync(rootTarball)
  assert.ok(size <= MAX_ROOT_SIZE, `${rootTarball} has ${size} bytes, more than ${MAX_ROOT_SIZE}`)
  for (const { tarball } of packages.slice(-2)) {
    execFileSync(process.execPath, [tool('publint', 'src/cli.js'), 'run', tarball, '--strict'], { stdio: 'pipe' })
  }
  execFileSync(process.execPath, [tool('@arethetypeswrong/cli', 'dist/index.js'), rootTarball], { stdio: 'pipe' })
  return `${size} bytes packed`
})

const registry = await step('Starting a registry', () => startRegistry(join(directory, 'registry')))
try {
  await step('Publishing', () => publish(packages, registry))
  makeCheckout(join(directory, 'checkout'))
  for (const manager of Object.keys(MANAGERS)) {
    const project = new Project(directory, manager, registry.url)
    await step(`${manager}: install`, () => {
      project.install(manifest.name)
      assert.deepEqual(project.platforms, [target.package])
      assert.equal(JSON.parse(readFileSync(join(project.installed, 'package.json'))).version, manifest.version)
    })
    await step(`${manager}: the job, from an ES module and from CommonJS, in Node and in Bun`, () => useAs(project))
    await step(`${manager}: dev-bin`, () => useProgram(project))
    await step(`${manager}: a team's store without its package`, () => team.withoutProgram(project))
    await step(`${manager}: types, for nodenext and for bundlers`, () => checkTypes(project))
    let launcher
    await step(`${manager}: a compiled launcher, alone`, () => {
      launcher = useCompiled(project)
    })
    await step(`${manager}: two copies in one process`, () => cases.withTwoCopies(project, target))
    await step(`${manager}: no platform package`, () => cases.withoutPlatformPackage(project, target))
    if (target.os === 'linux') {
      await step(`${manager}: the other libc's package`, () => cases.withTheOtherLibcsPackage(project, target))
      await tryStep(`${manager}: a temporary directory without execution`, () =>
        cases.withNoexecTemporaryDirectory(project, target, launcher),
      )
      await step(`${manager}: another temporary directory, as docs/compiled-programs.md says`, () =>
        cases.withAnotherTemporaryDirectory(project, target, launcher),
      )
    }
    if (target.libc === 'glibc') {
      await step(`${manager}: addons for another libc, and for a later one`, () =>
        cases.withForeignAddons(project, target),
      )
    }
    if (target.libc === 'glibc' && process.arch === 'x64') {
      await step(`${manager}: the job on the oldest glibc`, () => {
        const bun = [...oldestGlibc(target), RUNTIMES.bun]
        const mapped = project.run([...bun, '--print', "require('node:fs').readFileSync('/proc/self/maps', 'utf8')"])
        assert.match(mapped, new RegExp(`/libc-${GLIBC_FLOOR}\\.so`))
        assert.equal(project.job([...bun, 'job.cjs']).outcome, 'cached')
      })
    }
    await step(`${manager}: a team's store`, () => {
      project.install(remotePackage)
      team.withProgram(project, target, launcher)
    })
  }
} finally {
  await registry.stop()
}
for (const what of untested) console.error(`NOT TESTED: ${what}`)
