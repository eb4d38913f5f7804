// Several binaries at once: beside each other in one entry, and in one call.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type DevBinaryError, getDevBinaries, list, prune } from '../index.js'
import { devBin } from './command.js'
import { Compared } from './oracle.js'
import { environment, STARTING, saying, workspace } from './packages.js'
import { output, PATIENCE_MS } from './support.js'

setDefaultTimeout(PATIENCE_MS)

test('binaries that start each other are put beside each other, and count together', async () => {
  const world = new Compared({ 'src/main.rs': STARTING, 'src/bin/worker.rs': saying('one') })
  const looked = () => world.look({ scope: 'crate', with: ['worker'] })
  expect(await looked()).toMatchObject({ outcome: 'built', prints: 'one', builds: 1 })
  expect(await looked()).toMatchObject({ outcome: 'cached', prints: 'one' })
  world.write('src/bin/worker.rs', saying('two'))
  expect(await looked()).toMatchObject({ outcome: 'built', prints: 'two' })
  const { path } = await world.get({ crate: 'app', with: ['worker'], scope: 'crate' })
  expect(output(join(dirname(path), 'worker'))).toBe('two')
  const unknown = await world.get({ crate: 'app', with: ['wroker'], scope: 'crate' }).catch((error) => error)
  expect(unknown).toMatchObject({ code: 'UNKNOWN_BIN', hint: expect.stringContaining('worker') })
})

test.skipIf(process.platform !== 'linux')('an entry is running while any binary in it runs', async () => {
  const waiting = 'fn main() { println!("up"); std::io::stdin().read_line(&mut String::new()).unwrap(); }\n'
  const world = new Compared({ 'src/main.rs': STARTING, 'src/bin/worker.rs': waiting })
  const { path } = await world.get({ crate: 'app', with: ['worker'] })
  const worker = spawn(join(dirname(path), 'worker'), { stdio: ['pipe', 'pipe', 'inherit'] })
  await new Promise((resolve) => worker.stdout.once('data', resolve))
  const where = { cacheDir: world.cacheDir, env: {} }
  expect(await list(where)).toMatchObject([{ path, running: true }])
  await prune({ ...where, all: true })
  expect(existsSync(path)).toBe(true)
  worker.stdin.end('\n')
  await new Promise((resolve) => worker.once('close', resolve))
  await prune({ ...where, all: true })
  expect(existsSync(path)).toBe(false)
})

const TWO = { one: ['', { 'src/main.rs': saying('one') }], two: ['', { 'src/main.rs': saying('two') }] } as const

test('several at once: in the order asked, and all that can be built is built', async () => {
  const checkout = workspace({
    one: [...TWO.one],
    two: [...TWO.two],
    bad: ['', { 'src/main.rs': 'fn main() { nonsense }' }],
  })
  const wanted = (crate: string) => ({ ...checkout.options(), crate, bin: undefined, profile: 'dev' })
  const both = await getDevBinaries([wanted('two'), wanted('one')])
  expect(both.map(({ path }) => output(path))).toEqual(['two', 'one'])
  expect(await getDevBinaries([])).toEqual([])

  checkout.write('one/src/main.rs', saying('edited'))
  const error: DevBinaryError = await getDevBinaries([wanted('bad'), wanted('one')]).then(
    () => Promise.reject(new Error('it must fail')),
    (error) => error,
  )
  expect(error.code).toBe('BUILD_FAILED')
  const [bad, one] = error.results ?? []
  expect(bad).toMatchObject({ status: 'rejected', reason: error })
  if (one?.status !== 'fulfilled') throw new Error('the other one must be built')
  expect(output(one.value.path)).toBe('edited')
})

test('several on the command line: a path a line, or an array in the last line', async () => {
  const checkout = workspace({
    one: [...TWO.one],
    two: ['', { 'src/bin/a.rs': saying('a'), 'src/bin/b.rs': saying('b') }],
    bad: ['', { 'src/main.rs': 'fn main() { nonsense }' }],
  })
  const get = (...args: string[]) =>
    devBin('node', ['get', '--profile', 'dev', '--quiet', ...args], { cwd: checkout.repo, env: environment(checkout) })
  const names = async (...args: string[]) =>
    (await get(...args)).stdout
      .trim()
      .split('\n')
      .map((path) => basename(path))
  expect(await names('-p', 'two', '--bin', 'b', '--bin', 'a')).toEqual(['b', 'a'])
  expect(await names('-p', 'two', '--bin', 'b', '--package', 'one', '--bin', 'one')).toEqual(['b', 'one'])
  const partly = await get('-p', 'bad', '-p', 'one')
  expect(partly).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('error[BUILD_FAILED]') })
  const lines = (await get('--json', '-p', 'bad', '-p', 'one')).stdout.trim().split('\n')
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject([
    { type: 'error', code: 'BUILD_FAILED' },
    { type: 'result', bin: 'one', outcome: 'cached' },
  ])
  for (const [command, args, says] of [
    ['get', ['-p', 'one', '-p', 'two', '-p', 'bad', '--bin', 'a', '--bin', 'b'], 'each takes one `--bin`'],
    ['get', ['-p', 'one', '-p', 'two', '--out', 'x'], '`--out` is a path for one binary alone'],
    ['run', ['-p', 'one', '-p', 'two'], '`run` takes one binary'],
    ['why', ['-p', 'two', '--bin', 'a', '--bin', 'b'], '`why` takes one binary'],
  ] as const) {
    const { status, stderr } = await devBin('bun', [command, ...args], {
      cwd: checkout.repo,
      env: environment(checkout),
    })
    expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining(says) })
  }
})
