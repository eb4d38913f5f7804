// `npm run bench:team`: measures a download from a team's store beside curl, zstd and sha256sum, and a miss with a store that
// has nothing beside the same miss without a store.
//
// Promises: the rows are taken in turns, from a server on loopback, with digests of the toolchain that earlier calls have
// taken. The exit status says only if the figures could be taken.
// Does not promise: figures that mean anything on a machine that does other work.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { commandLine, isMain } from '../scripts/arguments.mjs'
import { buildRemote, root, setUp } from '../scripts/setup.mjs'
import { rounded, shown, summary } from './statistics.mjs'

const USAGE = `usage: npm run bench:team [-- --rounds N]
  --rounds N     how often each row is taken (default: 10)`

/** The bytes of data in the binary that is downloaded. */
const DATA = 60 << 20
/** A download takes at most so many times as long as curl, zstd and sha256sum. */
const MOST_TIMES = 1.3
/** A store that has nothing may add so many milliseconds to a miss. */
const MOST_ADDED_MS = 50

const { getDevBinary, list } = createRequire(import.meta.url)('../../index.js')
const { programPath } = createRequire(import.meta.url)('../../lib/remote.js')

/** Returns bytes that zstd makes about half as long, as it does with a binary. */
function data() {
  const bytes = Buffer.alloc(DATA)
  let state = 1
  for (let at = 0; at < DATA; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes.writeUInt32LE((at >> 4) & 1 ? state : state & 0x0f000f00, at)
  }
  return bytes
}

/** Makes a checkout of a crate whose binary holds the data, and returns its directory. */
function checkout(temporary) {
  const repo = join(temporary, 'repo')
  mkdirSync(join(repo, 'src'), { recursive: true })
  const write = (name, content) => writeFileSync(join(repo, name), content)
  write('Cargo.toml', '[package]\nname = "large"\nversion = "0.1.0"\nedition = "2021"\n')
  write('.gitignore', '/target\n')
  write('data.bin', data())
  write(
    'src/main.rs',
    'static DATA: &[u8] = include_bytes!("../data.bin");\nfn main() { println!("{}", DATA[std::env::args().count()]) }\n',
  )
  for (const args of [
    ['init', '--quiet'],
    ['add', '.'],
  ])
    execFileSync('git', args, { cwd: repo })
  return repo
}

/** Serves a directory, and returns its URL and the function that ends the server. */
async function serve(directory) {
  const program = join(root, 'tools', 'bench', 'static.mjs')
  const child = spawn(process.execPath, [program, directory], { stdio: ['pipe', 'pipe', 'inherit'] })
  const { value: port } = await createInterface(child.stdout)[Symbol.asyncIterator]().next()
  return { host: `127.0.0.1:${port}`, end: () => child.stdin.end() }
}

/** Returns the milliseconds of a call until it is told to build. cargo is ended then. */
async function untilBuilding(options) {
  const controller = new AbortController()
  const began = performance.now()
  let ms
  const onEvent = ({ type, message }) => {
    if (type === 'warning') throw new Error(message)
    if (type !== 'building') return
    ms = performance.now() - began
    controller.abort()
  }
  await getDevBinary({ ...options, onEvent, signal: controller.signal }).catch((error) => {
    if (ms === undefined) throw error
  })
  return ms
}

/** Takes both rows of a download `rounds` times, in turns. */
async function downloads(options, host, blob, rounds) {
  const figures = { download: [], curl: [] }
  const file = join(options.cacheDir, '..', 'fetched')
  const pipeline = `set -o pipefail; curl -sf http://${host}/1/blobs/${blob} | zstd -dqc > ${file} && sha256sum ${file}`
  const remote = { ...options.remote, url: `webdav://${host}/` }
  // The first call digests the toolchain, and is not counted.
  for (let round = 0; round <= rounds; round++) {
    // Not `prune`, which forgets the digests of the toolchain, too.
    for (const { path } of await list({ cacheDir: options.cacheDir })) rmSync(dirname(path), { recursive: true })
    const { outcome, elapsedMs } = await getDevBinary({ ...options, remote })
    if (outcome !== 'downloaded') throw new Error(`the binary was ${outcome}, not downloaded`)
    const began = performance.now()
    const { status, stderr } = spawnSync('bash', ['-c', pipeline], { encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
    if (round === 0) continue
    figures.download.push(elapsedMs)
    figures.curl.push(performance.now() - began)
  }
  return figures
}

/** Takes both rows of a miss `rounds` times, in turns. */
async function misses(options, host, rounds) {
  const figures = { without: [], empty: [] }
  const remote = { ...options.remote, url: `webdav://${host}/none` }
  for (let round = 0; round <= rounds; round++) {
    // Each call is to miss.
    writeFileSync(join(options.repo, 'src', 'main.rs'), `fn main() { println!("${round}") }\n`)
    const without = await untilBuilding({ ...options, remote: { mode: 'off' } })
    const empty = await untilBuilding({ ...options, remote })
    if (round === 0) continue
    figures.without.push(without)
    figures.empty.push(empty)
  }
  return figures
}

/** Returns the lines of both comparisons, each with its limit. */
export async function teamFigures(rounds) {
  const lacking = ['bash', 'curl', 'zstd', 'sha256sum'].filter((name) => spawnSync(name, ['--version']).error)
  if (lacking.length > 0) return [`not measured: ${lacking.join(', ')} is not installed`]
  buildRemote('--release')
  const program = programPath(process.env)
  const temporary = realpathSync(mkdtempSync(join(tmpdir(), 'dev-bin-team-')))
  const servers = []
  try {
    const [key, store, read] = ['key', 'store', 'read'].map((name) => join(temporary, name))
    mkdirSync(store)
    const keys = [execFileSync(program, ['keygen', key], { encoding: 'utf8' }).trim()]
    const options = { repo: checkout(temporary), crate: 'large', cacheDir: join(temporary, 'cache'), report: 'silent' }
    const publishing = { url: `file://${store}`, keys, mode: 'publish', signingKeyFile: key, publish: 'wait' }
    const { size } = await getDevBinary({ ...options, remote: publishing })
    cpSync(store, read, { recursive: true })
    const [blob] = readdirSync(join(read, '1', 'blobs'))
    const encoded = statSync(join(read, '1', 'blobs', blob)).size
    servers.push(await serve(read))
    const { host } = servers[0]
    const reading = { ...options, remote: { keys } }
    const download = await downloads(reading, host, blob, rounds)
    const miss = await misses(reading, host, rounds)
    return described({ size, encoded }, download, miss)
  } finally {
    for (const server of servers) server.end()
    rmSync(temporary, { recursive: true, force: true })
  }
}

function described({ size, encoded }, download, miss) {
  const median = (values) => summary(values).median
  const times = median(download.download) / median(download.curl)
  const added = median(miss.empty) - median(miss.without)
  const met = (isMet) => (isMet ? 'met' : 'not met')
  const row = (name, values) => `${name}: ${shown(summary(values))} ms ×${values.length}`
  return [
    row(`download of ${rounded(size / 1e6)} MB, ${rounded(encoded / 1e6)} MB compressed`, download.download),
    row('curl of the blob, `zstd -d` and `sha256sum`', download.curl),
    `download / curl, zstd and sha256sum: ${rounded(times)} × (≤ ${MOST_TIMES} ×, ${met(times <= MOST_TIMES)})`,
    row('miss without a store, until cargo starts', miss.without),
    row('miss with a store that has nothing, until cargo starts', miss.empty),
    `added by a store that has nothing: ${rounded(added)} ms (≤ ${MOST_ADDED_MS} ms, ${met(added <= MOST_ADDED_MS)})`,
  ]
}

if (isMain(import.meta.url)) {
  const { values, usageError } = commandLine(USAGE, { rounds: { type: 'string', default: '10' } })
  if (!/^[1-9]\d{0,2}$/.test(values.rounds)) usageError(`\`--rounds\` takes a number, not \`${values.rounds}\``)
  setUp()
  for (const line of await teamFigures(Number(values.rounds))) console.log(line)
}
