// `npm test`: runs all checks that a change must pass, the quick ones first. Stops at the first failure. The last lines
// are the runners' own counts.

import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { installServers } from './servers.mjs'
import { buildRemote, local, root, setUp } from './setup.mjs'

const nodeTests = join('__test__', 'node')

/**
 * Returns the tests for Node. Node 20 expands no patterns, and a pattern without a match must not count as a success.
 */
function nodeTestFiles() {
  const names = existsSync(join(root, nodeTests)) ? readdirSync(join(root, nodeTests)) : []
  const files = names.filter((name) => name.endsWith('.test.mjs')).sort()
  if (files.length === 0) throw new Error(`there are no tests in ${nodeTests}`)
  return files.map((name) => join(nodeTests, name))
}

const STEPS = [
  { title: 'cargo fmt', command: ['cargo', 'fmt', '--all', '--check'] },
  { title: 'cargo clippy', command: ['cargo', 'clippy', '--workspace', '--all-targets', '--', '-D', 'warnings'] },
  { title: 'cargo doc', command: ['cargo', 'doc', '--no-deps'], env: { RUSTDOCFLAGS: '-D warnings' } },
  { title: 'biome', command: [local('biome'), 'ci', '.'] },
  { title: 'tsc', command: [local('tsc'), '--noEmit'] },
  {
    title: 'tsc, as a bundler resolves',
    command: [local('tsc'), '--noEmit', '--module', 'esnext', '--moduleResolution', 'bundler'],
  },
  { title: 'cargo test', command: ['cargo', 'test', '--workspace'], counts: cargoCounts },
  { title: 'bun test', command: [local('bun'), 'test'], counts: bunCounts, after: () => servers },
  {
    title: 'node --test',
    command: () => [process.execPath, '--test', '--test-reporter=spec', ...nodeTestFiles()],
    counts: nodeCounts,
  },
]

/** Adds up the lines `test result: ok. 12 passed; 0 failed; 1 ignored; …`, one of each test binary. */
function cargoCounts(text) {
  const results = [...text.matchAll(/^test result: .*?(\d+) passed; (\d+) failed; (\d+) ignored/gm)]
  const sum = (group) => results.reduce((total, result) => total + Number(result[group]), 0)
  return `${sum(1)} passed; ${sum(2)} failed; ${sum(3)} ignored`
}

/** Returns the lines ` 12 pass`, ` 1 skip` and ` 0 fail` as one. */
function bunCounts(text) {
  return [...text.matchAll(/^ *(\d+ (?:pass|skip|todo|fail))$/gm)].map((match) => match[1]).join(', ')
}

/** Returns the lines `ℹ pass 12` or `# pass 12` as one. */
function nodeCounts(text) {
  return [...text.matchAll(/^[ℹ#] (pass|fail|skipped) (\d+)$/gm)]
    .map(([, what, count]) => `${count} ${what}`)
    .join(', ')
}

/** Runs a program and shows its output at once. Returns its status, and the text of both streams without colours. */
function runVisibly([program, ...args], env) {
  const colour = process.stdout.isTTY && !process.env.NO_COLOR ? { CARGO_TERM_COLOR: 'always', FORCE_COLOR: '1' } : {}
  const child = spawn(program, args, {
    cwd: root,
    env: { ...process.env, ...colour, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  })
  const printed = []
  for (const stream of ['stdout', 'stderr']) {
    child[stream].on('data', (chunk) => {
      printed.push(chunk)
      process[stream].write(chunk)
    })
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => {
      resolve({ status, signal, text: stripVTControlCharacters(Buffer.concat(printed).toString()) })
    })
  })
}

setUp()
buildRemote()
// They are loaded from the network while cargo compiles.
const servers = installServers()
const summary = []
for (const { title, command, env, counts, after } of STEPS) {
  console.log(`\n# ${title}`)
  try {
    await after?.()
    const { status, signal, text } = await runVisibly(typeof command === 'function' ? command() : command, env)
    if (counts !== undefined) summary.push(`${title}: ${counts(text)}`)
    if (status !== 0) throw new Error(signal ?? `exit status ${status}`)
  } catch (error) {
    console.log(['', ...summary].join('\n'))
    console.error(`error: ${title} failed: ${error.message}`)
    process.exit(1)
  }
}
console.log(['', ...summary].join('\n'))
