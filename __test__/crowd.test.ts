// Sixteen processes get, run and prune at once: for a few seconds here, and for a minute by `npm run crowd`.
//
// Each process has binaries of its own. When it is done with one, it makes it look unused for three hours, so that the
// others may remove it at the moment when it is asked for again.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { readdirSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { list, prune } from '../index.js'
import { Program } from './program.js'
import { Checkout, entry, PATIENCE_MS } from './support.js'

const SECONDS = Number(process.env.DEV_BIN_CROWD_SECONDS ?? 6)
const CAP = 4 * 1024 * 1024

setDefaultTimeout(PATIENCE_MS + SECONDS * 4000)

const MAIN = `fn main() {
    println!("{}", option_env!("TAG").unwrap_or("-"));
    if std::env::args().nth(1).is_some() { let _ = std::io::stdin().read_line(&mut String::new()); }
}
`

/** Gets and runs binaries, keeps some running, makes others look old, and prints what happened. */
const GETTER = `
const { spawn, execFileSync } = require('node:child_process')
const { utimesSync } = require('node:fs')
const until = Date.now() + Number(process.env.SECONDS) * 1000
const counts = { cached: 0, built: 0, ran: 0, held: 0 }
const forget = (path) => {
  const then = (Date.now() - 3 * 3_600_000) / 1000
  try { utimesSync(path + '.json', then, then) } catch (error) { if (error.code !== 'ENOENT') throw error }
}
const tagged = (tag) => getDevBinary({ ...options, env: { ...options.env, TAG: tag } })
async function hold(path, tag) {
  // A process that has run for hours still uses it.
  const child = spawn(path, ['wait'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise((resolve, reject) => { child.on('exit', resolve); child.on('error', reject) })
  const [chunk] = await Promise.race([require('node:events').once(child.stdout, 'data'), ended.then(() => [''])])
  if (String(chunk).trim() !== tag) throw new Error('it printed ' + chunk)
  forget(path)
  for (let look = 0; look < 10; look++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (!existsSync(path)) throw new Error(path + ' was removed while it ran')
  }
  // A process that gets its path now may run it.
  child.stdin.end('\\n')
  if ((await ended) !== 0) throw new Error('it failed')
  counts.held++
}
async function work() {
  for (let round = 0; Date.now() < until; round++) {
    const tag = process.env.NAME + '-' + ((round >> 2) % 2)
    const binary = await tagged(tag)
    counts[binary.outcome]++
    const printed = execFileSync(binary.path, { encoding: 'utf8' }).trim()
    if (printed !== tag) throw new Error('it printed ' + printed)
    counts.ran++
    if (round % 3 === 0) await hold(binary.path, tag)
    forget(binary.path)
  }
}
work().then(() => note(counts), (error) => note(String(error.stack)))
`

const PRUNER = `
const { prune } = require(${JSON.stringify(entry)})
const until = Date.now() + Number(process.env.SECONDS) * 1000
const counts = { prunings: 0, removed: 0 }
async function work() {
  while (Date.now() < until) {
    const { removed, problems } = await prune({ cacheDir: options.cacheDir, maxSize: Number(process.env.CAP) / 8 })
    if (problems.length > 0) throw new Error(problems.join())
    counts.prunings++
    counts.removed += removed.length
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 50))
  }
}
work().then(() => note(counts), (error) => note(String(error.stack)))
`

test(`sixteen processes get, prune and run for ${SECONDS} seconds: every get works, nothing in use goes`, async () => {
  const place = new Checkout()
  place.write('src/main.rs', MAIN)
  // The first build happens before the processes start, so that none of them waits for it.
  await place.get()
  const options = place.options()
  const names = Array.from({ length: 16 }, (_, index) => `p${index}`)
  const programs = names.map((name, index) => {
    const isPruner = index % 4 === 3
    const env = { NAME: name, SECONDS: String(SECONDS), CAP: String(CAP) }
    const own = { ...options, env: { ...options.env, CARGO_TARGET_DIR: join(place.directory, `target-${name}`) } }
    return new Program(index % 2 === 0 ? 'node' : 'bun', own, isPruner ? PRUNER : GETTER, { env })
  })
  const notes = await Promise.all(programs.map(async (program) => (await program.says('note')).note))
  expect(notes.filter((note) => typeof note === 'string')).toEqual([])
  await Promise.all(programs.map((program) => program.ended()))
  const total = (name: string) =>
    notes.reduce<number>((sum, note) => sum + ((note as Record<string, number>)[name] ?? 0), 0)
  const totals = Object.fromEntries(['cached', 'built', 'ran', 'held', 'prunings', 'removed'].map((n) => [n, total(n)]))
  if (process.env.DEV_BIN_CROWD_SECONDS !== undefined) console.log(totals)
  expect(Object.entries(totals).filter(([, count]) => count === 0)).toEqual([])

  // Hours later, the limit holds.
  const cache = { cacheDir: place.cacheDir }
  expect((await list({ ...cache, check: true })).filter(({ damage }) => damage !== undefined)).toEqual([])
  for (const { path } of await list(cache))
    utimesSync(`${path}.json`, Date.now() / 1000 - 10_800, Date.now() / 1000 - 10_800)
  const { over } = await prune({ ...cache, maxSize: CAP })
  expect(over).toBe(false)
  for (const name of ['tmp', 'locks']) expect(readdirSync(join(place.cacheDir, name))).toEqual([])
  expect(Number(execFileSync('du', ['-s', '-B1', place.cacheDir], { encoding: 'utf8' }).split('\t')[0])).toBeLessThan(
    CAP + 64 * 1024,
  )
  rmSync(place.repo, { recursive: true })
})
