// Breaks an installed package in the ways that occur, and checks the one line that the user gets.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { RUNTIMES } from './project.mjs'
import { manifest, root } from './targets.mjs'

/** Asserts that `answer` is the loader's error, in one line, and that it matches the patterns. */
function assertNotLoaded(answer, target, ...patterns) {
  assert.equal(answer.code, 'BINDING_LOAD', `expected an error, got ${JSON.stringify(answer)}`)
  assert.ok(!answer.message.includes('\n'), `more than one line: ${answer.message}`)
  const naming = `cannot load the native addon for ${target.platform} from \`${target.package}\`: `
  assert.ok(answer.message.startsWith(naming), answer.message)
  assert.ok(answer.message.endsWith(`; ${answer.hint}`), answer.message)
  for (const pattern of patterns) assert.match(answer.message, pattern)
}

const inEachRuntime = (work) => {
  for (const runtime of Object.values(RUNTIMES)) work([runtime, 'job.cjs'])
}

/** Removes the platform package. */
export function withoutPlatformPackage(project, target) {
  const there = project.directoryOf(target.package)
  project.whileHidden(there, () => {
    inEachRuntime((command) => {
      assertNotLoaded(project.job(command), target, /: it is not installed; reinstall /)
    })
    const program = project.compile('launcher-without')
    assertNotLoaded(project.job([program], { cwd: '/' }), target, /: it is not in this program; run `bun install /)
  })
}

/** Has the package of the other libc alone, as in node_modules that a container has installed. */
export function withTheOtherLibcsPackage(project, target) {
  const other = target.package.replace(/gnu$|musl$/, (abi) => ({ gnu: 'musl', musl: 'gnu' })[abi])
  const there = project.directoryOf(target.package)
  cpSync(there, project.beside(other), { recursive: true })
  try {
    project.whileHidden(there, () => {
      inEachRuntime((command) => {
        const installed = new RegExp(`: it is not installed, but \`${other}\` is; install on the platform`)
        assertNotLoaded(project.job(command), target, installed)
      })
    })
  } finally {
    rmSync(project.beside(other), { recursive: true })
  }
}

/** Replaces the addon by one for another libc, and by one that needs a later glibc. */
export function withForeignAddons(project, target) {
  const file = join(project.directoryOf(target.package), target.addon)
  const whole = readFileSync(file)
  const text = whole.toString('latin1')
  const highest = /\bGLIBC_2\.\d\d\0/.exec(text)[0]
  const foreign = [
    // An addon for musl needs `libc.so`.
    ['libc.so.6\0', 'libc.so\0', [/: (.*: )?(\/.*)?libc\.so: .*; reinstall /]],
    [highest, 'GLIBC_9.99\0', [/: .*version `GLIBC_9\.99' not found.*; use a system with glibc 9\.99 or newer$/]],
  ]
  try {
    for (const [from, to, patterns] of foreign) {
      replaceFile(file, Buffer.from(text.replaceAll(from, to.padEnd(from.length, '\0')), 'latin1'))
      inEachRuntime((command) => assertNotLoaded(project.job(command), target, ...patterns))
    }
  } finally {
    replaceFile(file, whole)
  }
}

/**
 * Replaces a file by a new one. Writing to it would change other projects: package managers share files by hard links.
 */
function replaceFile(file, content) {
  const temporary = `${file}.new`
  writeFileSync(temporary, content)
  chmodSync(temporary, 0o755)
  cpSync(temporary, file, { force: true })
}

/**
 * Does `work` while nothing in `directory` can be executed. Returns the reason if that cannot be set up. `work` runs as
 * this user.
 */
function whileMountedNoexec(directory, work) {
  const sudo = process.getuid() === 0 ? [] : ['sudo', '-n']
  const asRoot = (...command) => {
    const [program, ...args] = [...sudo, ...command]
    const { error, status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
    if (error) return error.message
    return status === 0 ? undefined : stderr.trim()
  }
  const refusal = asRoot('mount', '-t', 'tmpfs', '-o', 'noexec,nosuid,nodev,mode=1777', 'none', directory)
  if (refusal !== undefined) return refusal
  try {
    work()
  } finally {
    const stuck = asRoot('umount', directory)
    if (stuck !== undefined) console.error(`error: ${directory} stays mounted: ${stuck}`)
  }
}

/**
 * Runs the launcher with a temporary directory that is mounted noexec, and then follows the hint. Returns the reason if
 * that cannot be tried.
 */
export function withNoexecTemporaryDirectory(project, target, program) {
  const [noexec, usable] = ['noexec', 'usable'].map((name) => join(project.directory, name))
  for (const directory of [noexec, usable]) mkdirSync(directory, { recursive: true })
  const refusal = whileMountedNoexec(noexec, () => {
    const env = { TMPDIR: noexec, BUN_TMPDIR: undefined }
    const advice = /failed to map segment.*; set BUN_TMPDIR to a directory that exists /
    assertNotLoaded(project.job([program], { cwd: '/', env }), target, advice)
    const mended = project.job([program], { cwd: '/', env: { ...env, BUN_TMPDIR: usable } })
    assert.equal(mended.outcome, 'cached')
  })
  return refusal && `nothing may be mounted here: ${refusal}`
}

/**
 * Runs the commands of the documents that set another temporary directory, in a home that has no such directory yet.
 */
export function withAnotherTemporaryDirectory(project, target, program) {
  const page = readFileSync(join(root, 'docs', 'compiled-programs.md'), 'utf8')
  const commands = /^(mkdir -p .*\nBUN_TMPDIR=.* launcher)$/m.exec(page)?.[1]
  assert.ok(commands, 'docs/compiled-programs.md does not say how to set BUN_TMPDIR')
  const home = join(project.directory, 'fresh-home')
  const env = { HOME: home, PATH: `${dirname(program)}:${process.env.PATH}` }
  const job = (script) => project.job(['sh', '-euc', script], { cwd: '/', env })
  assertNotLoaded(job(commands.split('\n')[1]), target, /; set BUN_TMPDIR to a directory that exists /)
  assert.equal(job(commands).outcome, 'cached')
}

/**
 * Loads two copies of the package into one process, as if a dependency had one of its own. They must wait for each
 * other.
 */
export function withTwoCopies(project, target) {
  const nested = join(project.directory, 'node_modules', 'launcher', 'node_modules', dirname(manifest.name))
  for (const name of [manifest.name, target.package]) {
    cpSync(project.directoryOf(name), join(nested, name.split('/')[1]), { recursive: true, dereference: true })
  }
  const program = `
    const one = require('${manifest.name}')
    const other = require(${JSON.stringify(join(nested, manifest.name.split('/')[1]))})
    const options = JSON.parse(process.env.REHEARSAL_OPTIONS)
    Promise.all([one, other].map(({ getDevBinary }) => getDevBinary(options))).then(
      (answers) => console.log(JSON.stringify({ copies: one === other ? 1 : 2, answers })),
    )
  `
  writeFileSync(join(project.directory, 'copies.cjs'), program)
  for (const [name, runtime] of Object.entries(RUNTIMES)) {
    const { copies, answers } = project.job([runtime, 'copies.cjs'], { cache: `copies-${name}` })
    assert.equal(copies, 2)
    assert.equal(answers[0].path, answers[1].path)
    assert.deepEqual(answers.map(({ outcome }) => outcome).sort(), ['built', 'cached'])
  }
}
