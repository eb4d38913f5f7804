// Files of every kind and under any name, links, and directories of any depth.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import {
  Checkout,
  eachChanges,
  entry,
  HELLO,
  mainPrinting,
  PATIENCE_MS,
  plainEnvironment,
  temporaryDirectory,
  unix,
} from './support.js'

setDefaultTimeout(PATIENCE_MS)

const linux = process.platform === 'linux'

test.if(linux)('names that are not UTF-8 count like any other, tracked and untracked', async () => {
  const checkout = new Checkout()
  const path = Buffer.concat([Buffer.from(`${checkout.repo}/caf`), Buffer.from([0xe9])])
  writeFileSync(path, 'a')
  checkout.commit('latin-1')
  await checkout.get()
  expect((await checkout.get()).outcome).toBe('cached')
  writeFileSync(path, 'b')
  expect((await checkout.get()).reasons).toEqual([
    { kind: 'source', paths: [{ path: 'caf\ufffd', change: 'changed' }], count: 1 },
  ])
  const other = Buffer.concat([Buffer.from(`${checkout.repo}/caf`), Buffer.from([0xe8])])
  await eachChanges(checkout, [
    () => writeFileSync(other, 'a'),
    () => writeFileSync(other, 'b'),
    () => rmSync(path as unknown as string),
    () => writeFileSync(join(checkout.repo, 'line\nbreak "quoted"\\'), 'a'),
  ])
})

test.if(unix)('FIFOs and sockets are seen and never opened', async () => {
  const checkout = new Checkout()
  const fifo = join(checkout.repo, 'fifo')
  const socket = join(checkout.repo, 'socket')
  const server = createServer()
  let connections = 0
  server.on('connection', () => connections++)
  await eachChanges(checkout, [() => execFileSync('mkfifo', [fifo])])
  await new Promise<void>((listening) => server.listen(socket, listening))
  try {
    const first = await checkout.run()
    expect(first).toMatchObject({ outcome: 'built', prints: 'one -' })
    expect(await checkout.get()).toMatchObject({ outcome: 'cached', path: first.binary.path })
    expect(connections).toBe(0)
  } finally {
    await new Promise((closed) => server.close(closed))
  }
})

test.if(unix)('a tracked file that became a FIFO is one, and does not hang the call', async () => {
  const checkout = new Checkout({ ...HELLO, 'README.md': 'a' })
  await eachChanges(checkout, [
    () => {
      rmSync(join(checkout.repo, 'README.md'))
      execFileSync('mkfifo', [join(checkout.repo, 'README.md')])
    },
  ])
})

test('links that lead nowhere, to themselves or out of the checkout count by their targets', async () => {
  const checkout = new Checkout()
  const outside = join(checkout.directory, 'outside')
  mkdirSync(outside)
  await eachChanges(checkout, [
    () => symlinkSync('nowhere', join(checkout.repo, 'dangling')),
    () => symlinkSync('loop', join(checkout.repo, 'loop')),
    () => symlinkSync(outside, join(checkout.repo, 'out')),
    () => symlinkSync('.', join(checkout.repo, 'src/round')),
  ])
  const before = await checkout.fingerprint()
  writeFileSync(join(outside, 'x'), 'x')
  expect(await checkout.fingerprint()).toBe(before)
})

test('a directory that a link replaces is another input, though the files behind it are the same', async () => {
  const checkout = new Checkout({ ...HELLO, 'src/main.rs': mainPrinting('one') })
  const first = await checkout.get()
  renameSync(join(checkout.repo, 'src'), join(checkout.directory, 'src'))
  symlinkSync('../src', join(checkout.repo, 'src'))
  const linked = await checkout.run()
  expect(linked).toMatchObject({ outcome: 'built', prints: 'one -' })
  rmSync(join(checkout.repo, 'src'))
  renameSync(join(checkout.directory, 'src'), join(checkout.repo, 'src'))
  expect(await checkout.get()).toMatchObject({ outcome: 'cached', path: first.path })
})

test('a directory in the place of a tracked file, and a file in that of a directory, count', async () => {
  const checkout = new Checkout({ ...HELLO, 'notes/a.md': 'a', 'README.md': 'a' })
  await eachChanges(checkout, [
    () => {
      rmSync(join(checkout.repo, 'README.md'))
      checkout.write('README.md/deep.md', 'a')
    },
    () => checkout.write('README.md/deep.md', 'b'),
    () => {
      rmSync(join(checkout.repo, 'notes'), { recursive: true })
      checkout.write('notes', 'a')
    },
    () => checkout.write('notes', 'b'),
  ])
})

test('directories may be as deep as paths can be long', async () => {
  const checkout = new Checkout()
  checkout.write(`${'d/'.repeat(1500)}file`, 'one\n')
  const first = await checkout.run()
  expect(first.outcome).toBe('built')
  expect((await checkout.run()).outcome).toBe('cached')
  checkout.write(`${'d/'.repeat(1500)}file`, 'two\n')
  expect((await checkout.run()).outcome).toBe('built')
})

test.if(linux)('only below the checkout can a path be too long', async () => {
  const checkout = new Checkout()
  const inRepo = (...command: string[]) => execFileSync('env', ['-C', checkout.repo, ...command])
  const [first, ...others] = Array.from({ length: 40 }, (_, at) => `${at}`.padEnd(100, 'd'))
  const longest = [first, ...others, 'd'.repeat(40)].join('/')
  const write = (text: string) => inRepo('sh', '-c', 'printf %s "$0" > "$1"', text, `${longest}/file`)
  inRepo('mkdir', '-p', longest)
  write('one')
  expect(`${checkout.repo}/${longest}`.length).toBeGreaterThan(4096)
  expect((await checkout.run()).outcome).toBe('built')
  expect((await checkout.run()).outcome).toBe('cached')
  write('two')
  expect((await checkout.run()).outcome).toBe('built')
  expect((await checkout.run()).outcome).toBe('cached')

  inRepo('env', '-C', longest, 'mkdir', '-p', 'd'.repeat(100))
  const problem = await checkout.run().catch((error) => error)
  expect(problem).toMatchObject({ code: 'INPUT_UNREADABLE' })
  expect(problem.message).toContain('its path is longer than this system takes')
  expect((await checkout.run({ exclude: [`${first}/`] })).outcome).toBe('built')
  inRepo('rm', '-rf', `${first}`)
})

test.if(unix)('neither depth nor width takes more open files than a process may have', async () => {
  const checkout = new Checkout()
  const deep = join('deep', ...Array.from({ length: 150 }, () => 'a'), 'file')
  checkout.write(deep, 'x')
  for (let directory = 0; directory < 300; directory++) checkout.write(`wide/${directory}/file`, 'x')
  const fingerprints = new Set([await checkout.fingerprint()])
  const program = `require(${JSON.stringify(entry)}).fingerprint(JSON.parse(process.argv[1])).then(console.log)`
  const options = JSON.stringify(checkout.options({ cacheDir: temporaryDirectory() }))
  // The hard limit, too, since Node raises the soft one.
  const limited = ['-c', 'ulimit -n 100 && exec "$@"', 'sh', process.execPath, '-e', program, options]
  fingerprints.add(execFileSync('sh', limited, { encoding: 'utf8', env: plainEnvironment() }).trim())
  expect(fingerprints.size).toBe(1)
})
