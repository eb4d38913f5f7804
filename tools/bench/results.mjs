// Writes figures as tables, and ratios of them beside the limits that they should keep. Says which limits were kept,
// and enforces none: the figures of a busy machine would fail for no reason.

import { rounded, shown, summary } from './statistics.mjs'

const MEBIBYTE = 2 ** 20

/**
 * How many times faster a hit should be than three git spawns, by the size of the tree. Any other tree counts as small.
 */
const TIMES_FASTER_THAN_SPAWNS = { small: 4, medium: 2, large: 1.4 }

const table = (head, lines) =>
  [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const title = (tree) =>
  `${tree.name}: ${tree.files.toLocaleString('en')} files, ${tree.directories.toLocaleString('en')} directories`

/**
 * Returns the table of all rows of all trees: median, quartiles and count. A row that was not measured has an empty
 * cell.
 */
function figuresTable(trees) {
  const names = [...new Set(trees.flatMap(({ figures }) => [...figures.keys()]))]
  const cell = (values) => (values?.length > 0 ? `${shown(summary(values))} ×${values.length}` : '')
  return table(
    ['milliseconds', ...trees.map(title)],
    names.map((name) => [name, ...trees.map(({ figures }) => cell(figures.get(name)))]),
  )
}

/** Returns the table of the rows that belong to no tree. */
function addonTable({ bytes, loads, memory }) {
  const lines = [['size of the addon', `${bytes.toLocaleString('en')} bytes`]]
  for (const [figures, unit] of [
    [loads, 'ms'],
    [memory, 'MiB'],
  ]) {
    for (const [name, values] of figures) lines.push([name, `${shown(summary(values))} ${unit} ×${values.length}`])
  }
  return table(['the addon', 'figure'], lines)
}

/**
 * Returns a function from the name of a row to its median. The median of a row that was not measured is NaN, and so is
 * every ratio of it. Throws if there is no such row.
 */
function medians(figures) {
  return (name) => {
    const values = figures.get(name)
    if (values === undefined) throw new Error(`there is no row \`${name}\``)
    return values.length > 0 ? summary(values).median : Number.NaN
  }
}

/**
 * The most milliseconds by which a process that hits may take longer than an empty one, and `dev-bin get`. Only a small
 * tree has a limit: in a larger one, these processes take as long as the hit.
 */
const MOST_OVER_EMPTY = { Bun: [4, 6], Node: [5, 6] }

/** Returns how much longer than an empty process the processes of a runtime take that hit. */
function startsOf(of, runtime) {
  const [hit, get] = MOST_OVER_EMPTY[runtime]
  const empty = of(`empty process, ${runtime}`)
  return [
    [`process that hits - empty process, ${runtime}`, of(`process that hits, ${runtime}`) - empty, '≤', hit, 'ms'],
    [
      `\`dev-bin get\` on a hit - empty process, ${runtime}`,
      of(`\`dev-bin get\` on a hit, ${runtime}`) - empty,
      '≤',
      get,
      'ms',
    ],
  ]
}

/** Returns the ratios of a tree: each with its tree, name, value, relation, limit and unit. */
function ratiosOf(tree) {
  const of = medians(tree.figures)
  const hit = of('hit, Rust')
  const throughBun = of('hit, Bun')
  const throughNode = of('hit, Node')
  const one = of('lstat of every path, one thread')
  const two = of('lstat of every path, two threads')
  const spawns = of('three git spawns and a hash, Bun')
  const inPlace = of('fingerprint after an edit in place, Node')
  const byRename = of('fingerprint after an edit by rename, Node')
  const inCrate = of('hit in scope crate, Rust')
  const found = [
    ['hit in Rust / `lstat` on one thread', hit / one, '≤', 1, '×'],
    ['hit in Rust / the faster `lstat` of one thread and two', hit / Math.min(one, two), '≤', 1.1, '×'],
    ['hit through Bun - hit in Rust', throughBun - hit, '≤', 0.3, 'ms'],
    ['three git spawns and a hash / hit, Bun', spawns / throughBun, '≥', TIMES_FASTER_THAN_SPAWNS[tree.size] ?? 4, '×'],
    ['`git status` / hit, Bun', of('`git status --porcelain`, Bun') / throughBun, '≥', 1, '×'],
    ['fingerprint after an edit in place / hit, Node', inPlace / throughNode, '≤', 1.2, '×'],
    ['fingerprint after an edit by rename / hit, Node', byRename / throughNode, '≤', 1.2, '×'],
    [
      'first sweep / reading and hashing every file',
      of('first sweep, Rust') / of('reading and hashing every file, Rust'),
      '≤',
      1.5,
      '×',
    ],
    ['event loop kept busy by a hit, Bun', of('event loop kept busy by a hit, Bun'), '≤', 1, 'ms'],
    ['event loop kept busy by a hit, Node', of('event loop kept busy by a hit, Node'), '≤', 1, 'ms'],
  ]
  if (tree.size === 'small') found.push(...startsOf(of, 'Bun'), ...startsOf(of, 'Node'))
  const crateAlone = 'hit in scope crate, its crate alone in a tree, Rust'
  if (tree.figures.has(crateAlone)) {
    found.push(['hit in scope crate / the same with its crate alone in a tree', inCrate / of(crateAlone), '≤', 2, '×'])
  }
  return found.map((ratio) => [tree.name, ...ratio])
}

/** Returns the ratio of a hit's cost for each path in the largest tree to that in the next smaller one. */
function growth(trees) {
  const bySize = [...trees].sort((a, b) => a.files + a.directories - (b.files + b.directories))
  if (bySize.length < 2) return []
  const [smaller, larger] = bySize.slice(-2)
  const perPath = ({ figures, files, directories }) => medians(figures)('hit, Rust') / (files + directories)
  const what = `hit in Rust for each path / the same in \`${smaller.name}\``
  return [[larger.name, what, perPath(larger) / perPath(smaller), '≤', 1.2, '×']]
}

function addonRatios({ bytes, loads, memory, tree }) {
  const load = medians(loads)
  const peak = medians(memory)
  const found = [['', 'size of the addon', bytes / MEBIBYTE, '≤', 4, 'MiB']]
  for (const runtime of ['Bun', 'Node']) {
    const more = load(`loading the addon, ${runtime}`) - load(`loading an empty addon, ${runtime}`)
    found.push(['', `loading the addon - loading an empty one, ${runtime}`, more, '≤', 5, 'ms'])
  }
  for (const runtime of memory.size > 0 ? ['Bun', 'Node'] : []) {
    const more =
      peak(`peak memory of a process that hits, ${runtime}`) - peak(`peak memory of an empty process, ${runtime}`)
    found.push([tree, `peak memory of a process that hits - of an empty one, ${runtime}`, more, '≤', 64, 'MiB'])
  }
  return found
}

/** Returns the table of all ratios: the limit, the value of this run, and if it keeps the limit. */
function ratiosTable(trees, addon) {
  const lines = [
    ...trees.filter(({ size }) => size !== 'crate').flatMap(ratiosOf),
    ...growth(trees),
    ...addonRatios(addon),
  ]
  return table(
    ['tree', 'what', 'wanted', 'this run', 'met'],
    lines.map(([tree, what, value, relation, limit, unit]) => {
      const isMet = relation === '≤' ? value <= limit : value >= limit
      const isMeasured = Number.isFinite(value)
      return [
        tree,
        what,
        `${relation} ${limit} ${unit}`,
        isMeasured ? `${rounded(value)} ${unit}` : '',
        isMeasured ? (isMet ? 'yes' : 'no') : 'not measured',
      ]
    }),
  )
}

/** Returns the whole page, as Markdown. */
export function page({ command, facts, trees, addon, core, team }) {
  return `# Figures

Made by \`${command}\`.

${Object.entries(facts)
  .map(([name, fact]) => `- ${name}: ${fact}`)
  .join('\n')}

## What must hold

Ratios and differences of medians, all of this run.

${ratiosTable(trees, addon)}

## Trees

Median, quartiles in brackets, and how often it was measured. Rows of a tree are taken in turns with a warm page cache.

- \`lstat\` is the bare system call in Rust, over a list that was made before, of absolute paths: every file that git tracks
  or does not ignore, every directory that holds one, and the root. Of two threads each takes half, and the second one is
  started for it; it gains nothing where the kernel leaves it on the processor of the first one until that is done.
- A hit in Rust is \`resolve::get_dev_binary\`, from options to answer; through Bun and Node it is \`getDevBinary\`, from call
  to settled promise. Where no scope is named it is \`tree\`.
- The spawns are \`git rev-parse HEAD\`, \`git diff HEAD\` and \`git ls-files --others --exclude-standard\`, one after the other
  by \`Bun.spawnSync\`, their output digested by SHA-256.
- First sweep, and reading and hashing, are taken in a new process each time that has looked at every path before,
  from task to answer. The cache directory of the first sweep is empty; reading and hashing is done on all cores
  by the same implementation of SHA-256, over a list that was made before. With a \`stat\` of each file before and after, and
  a listing of every directory, it is what no first sweep does without: that neither opens a repository, nor reads git's
  index, nor knows of ignore rules or a toolchain, nor remembers anything.
- An edit adds a byte to a file that was not written for two seconds, and is put back after the answer.
- Node's event loop is busy for as long as it does not wait, from call to promise, which is no less than the longest delay
  of anything else; in Bun it is the time from the call to the loop's next turn.
- Processes are timed from start to end; the empty one runs an empty CommonJS file, and the one that hits is such a file, too.
  \`dev-bin get\` is run in the checkout, with \`-p\` and without \`--repo\`, and its output is a pipe.

${figuresTable(trees)}

## The addon

Loading is \`require\` in a new process. Memory is the peak (VmHWM) of a new process on \`${addon.tree}\`.

${addonTable(addon)}

## A team's store

A static server on loopback has what was published. A download is a whole call with digests of the toolchain at hand, until the
binary is in the cache, on disk; curl, \`zstd -d\` and \`sha256sum\` leave their file to the page cache.

${team.map((line) => `- ${line}`).join('\n')}

## The Rust core

\`cargo bench --bench core\`: trees of 4 KiB files; lower bound, estimate and upper bound of the mean.

\`\`\`text
${core}
\`\`\`
`
}
