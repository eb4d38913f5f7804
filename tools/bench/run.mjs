// `npm run bench`: measures a hit, and the programs to compare it with, in one run.
//
// Promises: rows of a tree are taken in turns, after a first call of each. So page cache, clock rate and other work are
// the same for all of them. tools/bench/RESULTS.md says what each figure means. The exit status says only if the
// figures could be taken.
// Does not promise: figures that mean anything on a machine that does other work.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { commandLine } from '../scripts/arguments.mjs'
import { local, root, setUp } from '../scripts/setup.mjs'
import { addonBytes, loadTimes, peakMemory } from './addon.mjs'
import { Child } from './children.mjs'
import { buildBenches, coreFigures } from './core.mjs'
import { machine } from './machine.mjs'
import { page } from './results.mjs'
import { takeFigures } from './rounds.mjs'
import { rows } from './rows.mjs'
import { teamFigures } from './team.mjs'
import { editable, generate, listPaths, SIZES } from './trees.mjs'

const USAGE = `usage: npm run bench                 every tree; some minutes
       npm run bench -- --quick      the smaller trees, few repetitions; under a minute once everything is built
       npm run bench -- --repo DIR --crate C [--bin B] [--features a,b]
                                     a real checkout, which must be clean: one of its files at a time is edited and
                                     put back, and its crate is built if it is not
  --trees a,b    which ones: crate, small, medium, large (default: small,medium,large)
  --rounds N     how many rounds on each tree (default: by its size)
  --out FILE     where the tables go (default: tools/bench/RESULTS.md; with --quick they are printed alone)`

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  repo: { type: 'string' },
  crate: { type: 'string' },
  bin: { type: 'string' },
  features: { type: 'string' },
  trees: { type: 'string' },
  rounds: { type: 'string' },
  out: { type: 'string' },
}

/** Rounds on a tree, and passes over its quick rows in each. */
const REPETITIONS = {
  crate: { count: 10, passes: 5 },
  small: { count: 14, passes: 5 },
  medium: { count: 12, passes: 3 },
  large: { count: 10, passes: 1 },
}
const QUICK_REPETITIONS = { count: 2, passes: 2 }
const LOADS = 15
const PEAKS = 3

const { values, usageError } = commandLine(USAGE, OPTIONS)
const { quick } = values
if ((values.repo === undefined) !== (values.crate === undefined)) usageError('`--repo` and `--crate` belong together')
if (values.rounds !== undefined && !/^[1-9]\d{0,3}$/.test(values.rounds)) {
  usageError(`\`--rounds\` takes a number, not \`${values.rounds}\``)
}
const everyTree = values.repo !== undefined ? [] : quick ? ['small', 'medium'] : ['small', 'medium', 'large']
const names = values.trees?.split(',') ?? everyTree
for (const name of names) {
  if (!Object.hasOwn(SIZES, name))
    usageError(`there is no tree \`${name}\`; there are ${Object.keys(SIZES).join(', ')}`)
}
if (values.repo !== undefined) {
  const status = execFileSync('git', ['-C', values.repo, 'status', '--porcelain'], { encoding: 'utf8' })
  if (status !== '') usageError(`\`${values.repo}\` is not clean`)
}

setUp()
console.error('Building the Rust side (cargo bench --no-run)')
const benches = buildBenches()
const { getDevBinary } = createRequire(import.meta.url)('../../index.js')
const temporary = realpathSync(mkdtempSync(join(tmpdir(), 'dev-bin-bench-')))
process.once('exit', () => rmSync(temporary, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))

const programs = {
  probe: benches.probe,
  node: process.execPath,
  bun: local('bun'),
  caller: join(root, 'tools', 'bench', 'caller.mjs'),
  cold: join(root, 'tools', 'bench', 'cold.cjs'),
  command: join(root, 'cli', 'dev-bin.js'),
}
writeFileSync(join(temporary, 'empty.cjs'), '')

/** Returns a tree that is ready to be measured, with its binary built in both scopes. */
async function prepared(name, size, directory, request) {
  const options = { ...request, repo: directory, cacheDir: join(temporary, `cache-of-${name}`), report: 'silent' }
  for (const scope of ['tree', 'crate']) await getDevBinary({ ...options, scope })
  const list = join(temporary, `paths-of-${name}`)
  const { names: paths, ...counts } = listPaths(directory, list)
  return { name, size, directory, list, options, ...counts, files: counts.files, editable: editable(directory, paths) }
}

/** Makes one of the generated trees. */
async function generated(size) {
  console.error(`Making the tree \`${size}\``)
  const directory = join(temporary, size)
  mkdirSync(directory)
  return prepared(size, size, directory, { crate: generate(directory, SIZES[size]) })
}

const alone = await generated('crate')
const trees = []
for (const name of names) trees.push(name === 'crate' ? alone : await generated(name))
if (values.repo !== undefined) {
  const { crate, bin } = values
  console.error(`Building \`${crate}\` in ${values.repo}`)
  const request = { crate, bin, features: values.features?.split(',') }
  trees.push(await prepared(crate, 'real', realpathSync(resolve(values.repo)), request))
}

const children = {
  rust: new Child(programs.probe, []),
  bun: new Child(programs.bun, [programs.caller]),
  node: new Child(programs.node, [programs.caller]),
}
for (const tree of trees) {
  const repetitions = quick ? QUICK_REPETITIONS : (REPETITIONS[tree.size] ?? REPETITIONS.small)
  const count = values.rounds === undefined ? repetitions.count : Number(values.rounds)
  console.error(`Measuring \`${tree.name}\`: ${count} rounds, each after files have aged for two seconds`)
  const files = tree.editable.slice(0, count)
  const measured = rows(tree, { alone, programs, children, temporary })
  tree.figures = await takeFigures(tree.directory, measured, { count, passes: repetitions.passes, files })
}
for (const child of Object.values(children)) await child.end()

console.error('Measuring the addon')
const largest = trees.reduce((best, next) => (next.files > best.files ? next : best))
const addon = {
  bytes: addonBytes(),
  loads: await loadTimes(programs, temporary, quick ? 3 : LOADS),
  memory: process.platform === 'linux' ? await peakMemory(programs, largest.options, quick ? 1 : PEAKS) : new Map(),
  tree: largest.name,
}
console.error('Measuring the Rust core (cargo bench --bench core)')
const core = coreFigures(benches.core, quick)

console.error("Measuring a team's store")
const team = await teamFigures(quick ? 3 : 10)

const command = ['npm run bench', ...(process.argv.length > 2 ? ['--'] : []), ...process.argv.slice(2)].join(' ')
const text = page({ command, facts: machine(temporary), trees, addon, core, team })
console.log(text)
const out = values.out ?? (quick ? undefined : join(root, 'tools', 'bench', 'RESULTS.md'))
if (out !== undefined) {
  writeFileSync(out, text)
  console.error(`Written to ${out}`)
}
