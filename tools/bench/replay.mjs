// `npm run replay`: counts how many builds each scope would have asked for over the last commits of a repository.
//
// Compiles only the newest commit, once for each scope, to learn what the crate is built from. Then takes the
// fingerprint of each commit from the oldest to the newest, and compares it with those before it.
// Does not promise: to know files that only older commits read. The count for scope `crate` is that of a user who has
// built the newest commit.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { commandLine } from '../scripts/arguments.mjs'
import { setUp } from '../scripts/setup.mjs'

const USAGE = `usage: npm run replay -- --repo DIR --crate C [--bin B] [--commits N] [--features a,b] [--in-place]
  --commits N   how many commits, by first parents from HEAD (default: 300)
  --in-place    work in DIR itself, which must be clean, to use what is built there; HEAD is put back at the end.
                Without it, in a clone that is removed afterwards, which takes a cold build for each scope unless
                CARGO_TARGET_DIR is set`

const OPTIONS = {
  repo: { type: 'string' },
  crate: { type: 'string' },
  bin: { type: 'string' },
  commits: { type: 'string', default: '300' },
  features: { type: 'string' },
  'in-place': { type: 'boolean', default: false },
}
const SCOPES = ['tree', 'crate']

const { values, usageError } = commandLine(USAGE, OPTIONS)
const { repo, crate, bin, commits, features, 'in-place': inPlace } = values
if (repo === undefined || crate === undefined) usageError('`--repo` and `--crate` are needed')
if (!/^[1-9]\d{0,6}$/.test(commits)) usageError(`\`--commits\` takes a number, not \`${commits}\``)

/** Runs git without hooks and advice, and returns its output. */
function git(directory, ...args) {
  const quiet = ['-c', 'core.hooksPath=/dev/null', '-c', 'advice.detachedHead=false']
  return execFileSync('git', [...quiet, '-C', directory, ...args], { encoding: 'utf8', maxBuffer: 2 ** 28 }).trim()
}

/** Returns a checkout that may be moved through history, and the function that moves it back. */
function workplace(temporary) {
  const source = resolve(repo)
  if (!inPlace) {
    const clone = join(temporary, 'checkout')
    git(source, 'clone', '--quiet', '--shared', source, clone)
    return { directory: clone, restore: () => {} }
  }
  if (git(source, 'status', '--porcelain') !== '') usageError(`\`${source}\` is not clean`)
  const start = git(source, 'rev-parse', 'HEAD')
  return { directory: source, restore: () => git(source, 'reset', '--quiet', '--hard', start) }
}

setUp()
const { getDevBinary, fingerprint } = createRequire(import.meta.url)('../../index.js')
const temporary = mkdtempSync(join(tmpdir(), 'dev-bin-replay-'))
process.once('exit', () => rmSync(temporary, { recursive: true, force: true }))
const { directory, restore } = workplace(temporary)
process.once('exit', restore)
// An interruption must end in `exit`, too, so that HEAD is put back.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))

const history = git(directory, 'log', '--first-parent', '--reverse', '--format=%H', `--max-count=${commits}`).split(
  '\n',
)
const options = { repo: directory, cacheDir: join(temporary, 'cache'), crate, bin, features: features?.split(',') }
for (const scope of SCOPES) await getDevBinary({ ...options, scope })

const seen = Object.fromEntries(SCOPES.map((scope) => [scope, new Map()]))
const skipped = []
for (const commit of history) {
  // `reset` leaves the text of `.git/HEAD` as it is, as `git pull` does. A build script may watch that file.
  git(directory, 'reset', '--quiet', '--hard', commit)
  if (!existsSync(join(directory, 'Cargo.toml'))) {
    skipped.push(commit)
    continue
  }
  for (const scope of SCOPES) {
    const found = await fingerprint({ ...options, scope })
    if (!seen[scope].has(found)) seen[scope].set(found, commit)
  }
}

if (skipped.length > 0) console.error(`${skipped.length} commits have no Cargo.toml and are left out`)
console.error(`commits that build in scope crate:\n${[...seen.crate.values()].join('\n')}`)
console.log('| binary | commits | builds, scope `tree` | builds, scope `crate` |')
console.log('| --- | --- | --- | --- |')
console.log(`| ${bin ?? crate} | ${history.length - skipped.length} | ${seen.tree.size} | ${seen.crate.size} |`)
