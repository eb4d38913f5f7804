// Describes the machine and the commit of a run. Figures mean nothing without them.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { local, root } from '../scripts/setup.mjs'

function output(program, ...args) {
  return execFileSync(program, args, { cwd: root, encoding: 'utf8' }).trim()
}

/**
 * Returns the type of the file system that holds `directory`, found by the longest mount point above it. Linux only.
 */
function fileSystem(directory) {
  if (process.platform !== 'linux') return 'unknown'
  const mounts = readFileSync('/proc/self/mounts', 'utf8').trim().split('\n')
  const above = mounts
    .map((line) => line.split(' '))
    .filter(([, point]) => point === '/' || `${directory}/`.startsWith(`${point}/`))
  const [, , type, options] = above.reduce((best, next) => (next[1].length >= best[1].length ? next : best))
  return `${type} (${options.split(',').slice(0, 2).join(',')})`
}

/** Returns facts about this machine and this commit, by name. `directory` holds the trees. */
export function machine(directory) {
  const processors = os.cpus()
  const changed = output('git', 'status', '--porcelain', '--untracked-files=no') === '' ? '' : ', with changes'
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: `${output('git', 'rev-parse', '--short=12', 'HEAD')}${changed}`,
    processor: `${processors[0].model.trim()}, ${os.availableParallelism()} of ${processors.length} cores`,
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    kernel: `${os.type()} ${os.release()}`,
    'file system': fileSystem(directory),
    versions: [
      `Node ${process.versions.node}`,
      `Bun ${output(local('bun'), '--version')}`,
      output('git', '--version').replace('version ', ''),
      output('rustc', '--version').split(' (')[0],
    ].join(', '),
  }
}
