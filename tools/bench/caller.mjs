// Measures the public surface in Node or in Bun. Reads one task a line from stdin, and writes one answer a line to
// stdout.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const require = createRequire(import.meta.url)

async function hit(options) {
  const { getDevBinary } = require('../../index.js')
  const { outcome } = await getDevBinary(options)
  if (outcome !== 'cached') throw new Error(`${options.repo}: a hit was expected and the binary was ${outcome}`)
}

/** Runs a program to its end. In Bun, by Bun's own function, which is quicker than that of node:child_process. */
function run(program, args, cwd) {
  const { Bun } = globalThis
  if (Bun === undefined) return spawnSync(program, args, { cwd, maxBuffer: 2 ** 30 }).stdout
  return Bun.spawnSync([program, ...args], { cwd, stdin: 'ignore', stderr: 'ignore' }).stdout
}

const TASKS = {
  hit: ({ options }) => hit(options),
  fingerprint: ({ options }) => require('../../index.js').fingerprint(options),
  /** Does what a launcher does without this package. */
  spawns: ({ repo }) => {
    const hash = createHash('sha256')
    hash.update(run('git', ['rev-parse', 'HEAD'], repo))
    hash.update(run('git', ['diff', 'HEAD'], repo))
    hash.update(run('git', ['ls-files', '--others', '--exclude-standard'], repo))
    return hash.digest('hex')
  },
  status: ({ repo }) => run('git', ['status', '--porcelain'], repo),
  load: ({ path, call }) => require(path)[call]?.(),
  nothing: () => {},
}

/**
 * Returns the milliseconds for which a hit keeps the event loop from other work. In Node, that is the whole time during
 * which the loop was not idle, and no single delay can be longer. Bun does not measure that, so there it is the time
 * from the call to the loop's next turn.
 */
async function delay({ options }) {
  if (globalThis.Bun === undefined) {
    const before = performance.eventLoopUtilization()
    await hit(options)
    return performance.eventLoopUtilization(before).active
  }
  const began = performance.now()
  const result = hit(options)
  await new Promise(setImmediate)
  const turned = performance.now() - began
  await result
  return turned
}

/** Returns the peak memory of this process in MiB. Linux only. */
function peakMemory() {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
}

for await (const line of createInterface({ input: process.stdin })) {
  const task = JSON.parse(line)
  let answer
  try {
    if (task.do === 'delay') answer = { ms: await delay(task) }
    else {
      const began = performance.now()
      await TASKS[task.do](task)
      answer = { ms: performance.now() - began }
    }
    if (task.memory) answer.mebibytes = peakMemory()
  } catch (error) {
    answer = { error: error.message }
  }
  console.log(JSON.stringify(answer))
}
