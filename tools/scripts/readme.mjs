// `npm run readme`: types the example of the README as it stands, in a new clone and an empty home directory, with
// Rust, Node and git. It takes as long as a first build of the addon.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, run } from './setup.mjs'

const directory = mkdtempSync(join(tmpdir(), 'dev-bin-readme-'))
process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
const clone = join(directory, 'clone')
const home = join(directory, 'home')
mkdirSync(home)
run('git', ['clone', '--quiet', root, clone])

// The README's other blocks are for the reader's own project. `__test__/documents.test.ts` types them, and those of
// docs/.
const readme = readFileSync(join(clone, 'README.md'), 'utf8')
const example = /^## Example\n([\s\S]*?)^## /m.exec(readme)?.[1] ?? ''
const blocks = [...example.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block)
if (blocks.length === 0) fail('README has no example to type')
const made = [...new Set(blocks.join('').match(/(?<= )\/tmp\/[\w-]+/g))]
for (const path of made) if (existsSync(path)) fail(`\`${path}\`, which README makes, is there already`)
process.once('exit', () => {
  for (const path of made) rmSync(path, { recursive: true, force: true })
})

const { PATH, CARGO_HOME = join(homedir(), '.cargo'), RUSTUP_HOME = join(homedir(), '.rustup') } = process.env
const env = { PATH, HOME: home, CARGO_HOME, RUSTUP_HOME, TERM: 'dumb' }
for (const block of blocks) {
  console.log(`${block.trimEnd().replaceAll(/^/gm, '$ ')}`)
  const { status } = spawnSync('bash', ['-euo', 'pipefail', '-c', block], { cwd: clone, env, stdio: 'inherit' })
  if (status !== 0) fail(`this failed with exit status ${status}`)
}
const list = join(clone, 'cli', 'dev-bin.js')
const { stdout } = spawnSync('node', [list, 'list', '--json'], { env, encoding: 'utf8' })
const [entry] = JSON.parse(stdout)
if (!entry?.path.startsWith(join(home, '.cache', 'openlock', 'dev-bin'))) fail('nothing was built into the new home')
console.log(`the README's example works: ${blocks.length} blocks, and ${entry.path}`)

function fail(problem) {
  console.error(`error: ${problem}`)
  process.exit(1)
}
