// Binaries in the cache: the files of an entry, hits after moves and copies, rebuilds, unfinished files.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { readdirSync, readlinkSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { canTrace, Program, RUNTIMES, traced } from './program.js'
import { Checkout, listener, mainPrinting, only, output, PATIENCE_MS, UNOBSERVED } from './support.js'

setDefaultTimeout(PATIENCE_MS)

describe('an entry still hits', () => {
  test('when it was touched: the same bytes under another time', async () => {
    const checkout = new Checkout()
    const { path } = await checkout.get()
    utimesSync(path, 1, 1)
    const { events, onEvent } = listener()
    expect(await checkout.run({ onEvent })).toMatchObject({ outcome: 'cached', prints: 'one -' })
    expect(only(events, 'warning')).toEqual([])
  })

  test('when the whole cache was copied, as a backup is', async () => {
    const checkout = new Checkout()
    await checkout.get()
    execFileSync('cp', ['-a', checkout.cacheDir, `${checkout.cacheDir}-copy`])
    rmSync(checkout.cacheDir, { recursive: true })
    renameSync(`${checkout.cacheDir}-copy`, checkout.cacheDir)
    expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: 'one -' })
  })

  test('after one look when everything beside it is gone that is not its own', async () => {
    const checkout = new Checkout()
    checkout.write('src/main.rs', 'fn main() { println!("plain"); }\n')
    const { path } = await checkout.get({ env: checkout.environment(UNOBSERVED) })
    for (const name of readdirSync(checkout.cacheDir)) {
      if (join(checkout.cacheDir, name) !== dirname(path)) rmSync(join(checkout.cacheDir, name), { recursive: true })
    }
    // Its path sets are gone with the rest, so cargo may have to run once more.
    const env = checkout.environment(UNOBSERVED)
    expect((await checkout.run({ env })).prints).toBe('plain')
    expect(await checkout.run({ env })).toMatchObject({ outcome: 'cached', prints: 'plain', binary: { path } })
  })
})

test('an entry is a binary, its inputs and its manifest below the fingerprint; nothing else is left', async () => {
  const checkout = new Checkout()
  const { path, fingerprint } = await checkout.get()
  expect(dirname(path)).toBe(join(checkout.cacheDir, fingerprint.slice(0, 16)))
  expect(readdirSync(dirname(path)).sort()).toEqual(['hello', 'hello.inputs.json', 'hello.json'])
  expect(readdirSync(join(checkout.cacheDir, 'tmp'))).toEqual([])
  expect(readdirSync(join(checkout.cacheDir, 'locks'))).toEqual([])
})

describe('a rebuild', () => {
  test('leaves a process alone that runs the old binary', async () => {
    const checkout = new Checkout()
    const echo = 'fn main() { for line in std::io::stdin().lines() { println!("heard {}", line.unwrap()); } }\n'
    checkout.write('src/main.rs', echo)
    const { path } = await checkout.get()
    const inode = statSync(path).ino
    const old = Bun.spawn([path], { stdin: 'pipe', stdout: 'pipe' })
    const { events, onEvent } = listener()
    const rebuilt = await checkout.get({ rebuild: true, onEvent })
    expect(rebuilt).toMatchObject({ path, outcome: 'built', reasons: [{ kind: 'rebuild' }] })
    expect(only(events, 'building')).toHaveLength(1)
    expect(statSync(path).ino).not.toBe(inode)
    if (process.platform === 'linux') expect(readlinkSync(`/proc/${old.pid}/exe`)).toBe(`${path} (deleted)`)
    old.stdin.write('you\n')
    old.stdin.end()
    expect(await new Response(old.stdout).text()).toBe('heard you\n')
    expect(await old.exited).toBe(0)
  })

  for (const runtime of RUNTIMES) {
    test(`can be executed at once though ${runtime} starts other processes all the time`, async () => {
      const checkout = new Checkout()
      await checkout.get()
      const source = `
        const { execFileSync, spawn } = require('node:child_process')
        let over = false
        let storms = 0
        const storm = () => {
          if (over) return
          storms++
          // In a later turn, since libuv handles ends of children first, and would handle nothing else.
          const again = () => setTimeout(storm, 1)
          spawn('true', { stdio: 'ignore' }).on('exit', again).on('error', (error) => note(String(error)))
        }
        const go = async () => {
          for (let index = 0; index < 3; index++) storm()
          for (let round = 0; round < 5; round++) {
            const { path } = await get({ rebuild: true })
            for (let run = 0; run < 3; run++) note(execFileSync(path, { encoding: 'utf8' }).trim())
          }
        }
        go().catch((error) => note(String(error))).then(() => { over = true; say({ type: 'note', note: storms }) })
      `
      const program = new Program(runtime, checkout.options(), source)
      expect(await program.ended()).toBe(0)
      const notes = program.only('note').map(({ note }) => note)
      expect(notes.slice(0, -1)).toEqual(Array(15).fill('one -'))
      expect(notes.at(-1)).toBeGreaterThan(15)
    })
  }

  // A process that is forked while the binary is written has it open for writing until it executes a program. That is
  // quicker than the write, so many forks would not always show it. Here both the forked processes and the write are
  // slow.
  test.skipIf(!canTrace)('can be executed at once though a process was forked while it was written', async () => {
    const checkout = new Checkout()
    await checkout.get()
    const source = `
      const { Worker } = require('node:worker_threads')
      new Worker("while (true) require('node:child_process').spawnSync('/bin/sh', ['-c', ':'])", { eval: true })
      settle(get({ rebuild: true })).then(() => when(${JSON.stringify(join(checkout.directory, 'over'))}, () => process.exit()))
    `
    const slow = ['-e', 'inject=execve:delay_enter=700ms', '-e', 'inject=fsync:delay_enter=1500ms:when=1']
    const prefix = traced('-o', '/dev/null', '-e', 'trace=execve,fsync', ...slow)
    const program = new Program('node', checkout.options(), source, { prefix })
    const { binary } = await program.says('resolved')
    expect(output(binary.path)).toBe('one -')
    checkout.write('../over', '')
    await program.ended()
  })
})

test('unfinished files older than an hour are removed by the next build, younger ones stay', async () => {
  const checkout = new Checkout()
  await checkout.get()
  const temporary = join(checkout.cacheDir, 'tmp')
  const hours = (count: number) => (Date.now() - count * 3_600_000) / 1000
  for (const [name, age] of Object.entries({ '.tmpOld': 1.1, '.tmpYoung': 0.9, '.tmpFuture': -1, mine: 9 })) {
    writeFileSync(join(temporary, name), 'x')
    utimesSync(join(temporary, name), hours(age), hours(age))
  }
  await checkout.get()
  expect(readdirSync(temporary).sort()).toEqual(['.tmpFuture', '.tmpOld', '.tmpYoung', 'mine'])
  checkout.write('src/main.rs', mainPrinting('two'))
  await checkout.get()
  expect(readdirSync(temporary).sort()).toEqual(['.tmpFuture', '.tmpYoung', 'mine'])
})
