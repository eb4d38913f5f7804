// The rows of a tree, each with the function that takes one figure of it.
//
// Rows are quick, slow or edits. Quick rows write nothing and leave caches as they were, so a round takes them several
// times. Slow rows start processes, so a round takes them once. An edit leaves a file that is too young for a stat
// cache to trust, so it comes last in a round, and the next round waits until the file is old enough.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { askAfresh } from './children.mjs'

/** Returns the milliseconds that `program` takes from its start to its end. */
function timed(program, args, cwd, env = process.env) {
  const began = performance.now()
  const { status, error, stderr } = spawnSync(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const ms = performance.now() - began
  if (error) throw error
  if (status !== 0) throw new Error(`\`${[program, ...args].join(' ')}\` failed:\n${stderr}`)
  return ms
}

const milliseconds = async (answer) => (await answer).ms

/**
 * Returns the rows of `tree`. `programs` has paths of programs to start, `children` has those that already run, and
 * `alone` is the tree that holds only the designated crate.
 */
export function rows(tree, { alone, programs, children, temporary }) {
  const { rust, bun, node } = children
  const { directory, list } = tree
  const options = { ...tree.options, scope: 'tree' }
  const inCrate = { ...tree.options, scope: 'crate' }
  const quick = {
    'lstat of every path, one thread': () => rust.ask({ do: 'lstat', paths: list, threads: 1 }),
    'lstat of every path, two threads': () => rust.ask({ do: 'lstat', paths: list, threads: 2 }),
    'hit, Rust': () => rust.ask({ do: 'hit', options }),
    'hit, Bun': () => bun.ask({ do: 'hit', options }),
    'hit, Node': () => node.ask({ do: 'hit', options }),
    'three git spawns and a hash, Bun': () => bun.ask({ do: 'spawns', repo: directory }),
    '`git status --porcelain`, Bun': () => bun.ask({ do: 'status', repo: directory }),
    'hit in scope crate, Rust': () => rust.ask({ do: 'hit', options: inCrate }),
    'hit in scope crate, Bun': () => bun.ask({ do: 'hit', options: inCrate }),
  }
  if (alone !== undefined && alone !== tree) {
    const there = { ...alone.options, scope: 'crate' }
    quick['hit in scope crate, its crate alone in a tree, Rust'] = () => rust.ask({ do: 'hit', options: there })
  }
  quick['event loop kept busy by a hit, Bun'] = () => bun.ask({ do: 'delay', options })
  quick['event loop kept busy by a hit, Node'] = () => node.ask({ do: 'delay', options })

  const empty = join(temporary, 'empty.cjs')
  const cold = [programs.cold, JSON.stringify(options)]
  const cargo = ['build', '--quiet', '--release', '--package', options.crate, '--bin', options.bin ?? options.crate]
  const wanted = ['-p', options.crate, ...(options.bin ? ['--bin', options.bin] : []), '--scope', 'tree', '--quiet']
  if (options.features) wanted.push('--features', options.features.join(','))
  const getEnvironment = { ...process.env, DEV_BIN_CACHE_DIR: options.cacheDir }
  const get = (runtime) => timed(runtime, [programs.command, 'get', ...wanted], directory, getEnvironment)
  if (options.features) cargo.push('--features', options.features.join(','))
  const afresh = (task) => askAfresh(programs.probe, [], { do: 'lstat', paths: list, threads: 1 }, task)
  const slow = {
    'first sweep, Rust': async () => {
      const cacheDir = mkdtempSync(join(temporary, 'cache-'))
      const answer = await afresh({ do: 'fingerprint', options: { ...options, cacheDir } })
      rmSync(cacheDir, { recursive: true })
      return answer
    },
    'reading and hashing every file, Rust': () => afresh({ do: 'hash', paths: list }),
    'the same with stat before and after, listing every directory, Rust': () => afresh({ do: 'walk', paths: list }),
    'cargo with nothing to do': () => ({ ms: timed('cargo', cargo, directory) }),
    'process that hits, Bun': () => ({ ms: timed(programs.bun, cold) }),
    'empty process, Bun': () => ({ ms: timed(programs.bun, [empty]) }),
    '`dev-bin get` on a hit, Bun': () => ({ ms: get(programs.bun) }),
    'process that hits, Node': () => ({ ms: timed(programs.node, cold) }),
    'empty process, Node': () => ({ ms: timed(programs.node, [empty]) }),
    '`dev-bin get` on a hit, Node': () => ({ ms: get(programs.node) }),
  }
  const edits = {
    'fingerprint after an edit in place, Node': (file) => edited(file, writeFileSync, node, options),
    'fingerprint after an edit by rename, Node': (file) => edited(file, writeAndRename, node, options),
  }
  const measured = (group) =>
    Object.entries(group).map(([name, measure]) => ({ name, measure: (file) => milliseconds(measure(file)) }))
  return { quick: measured(quick), slow: measured(slow), edits: measured(edits) }
}

/** Writes a file as most editors do: beside the old one, and then in its place. */
function writeAndRename(path, content) {
  const temporary = `${path}.dev-bin-bench`
  writeFileSync(temporary, content)
  renameSync(temporary, path)
}

/**
 * Edits `file`, asks for the fingerprint, and puts the old content back. Asks once before the edit, since the first
 * call after other programs have run finds cold caches. Each hit that this is compared with follows another call, too.
 */
async function edited(file, write, child, options) {
  await child.ask({ do: 'fingerprint', options })
  const before = readFileSync(file)
  const restore = () => writeFileSync(file, before)
  process.once('exit', restore)
  write(file, Buffer.concat([before, Buffer.from('\n')]))
  try {
    return await child.ask({ do: 'fingerprint', options })
  } finally {
    process.removeListener('exit', restore)
    restore()
  }
}
