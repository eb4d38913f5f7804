// Binaries in the cache, and caches that cannot be used.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { canTrace, Program, RUNTIMES, traced } from './program.js'
import { Checkout, listener, mainPrinting, only, output, PATIENCE_MS, rejection, UNOBSERVED } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const isRoot = process.getuid?.() === 0
const mode = (path: string) => statSync(path).mode & 0o7777

describe('an entry is noticed and built again with a warning when its binary', () => {
  const damages: Record<string, (path: string, elsewhere: string) => void> = {
    'is truncated': (path) => truncateSync(path, statSync(path).size - 1),
    'is emptied': (path) => truncateSync(path, 0),
    'is longer than it was': (path) => writeFileSync(path, 'x', { flag: 'a' }),
    'cannot be executed any more': (path) => chmodSync(path, 0o644),
    'may be written by others': (path) => chmodSync(path, 0o777),
    'has another byte in it': (path) => {
      const bytes = readFileSync(path)
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
      writeFileSync(path, bytes)
    },
    'is another program of the same size': (path) => {
      const bytes = Buffer.alloc(statSync(path).size)
      bytes.write('#!/bin/sh\necho intruder\nexit\n')
      rmSync(path)
      writeFileSync(path, bytes, { mode: 0o755 })
    },
    'is a link out of the cache': (path, elsewhere) => {
      renameSync(path, elsewhere)
      symlinkSync(elsewhere, path)
    },
    'is behind a link out of the cache': (path, elsewhere) => {
      renameSync(dirname(path), elsewhere)
      symlinkSync(elsewhere, dirname(path))
    },
    'is a link to nowhere': (path) => {
      rmSync(path)
      symlinkSync('/nowhere', path)
    },
    'is a directory': (path) => {
      rmSync(path)
      mkdirSync(join(path, 'inside'), { recursive: true })
    },
    'is a FIFO': (path) => {
      rmSync(path)
      execFileSync('mkfifo', ['-m', '755', path])
    },
    'is gone': (path) => rmSync(path),
    'has lost its manifest': (path) => rmSync(`${path}.json`),
    'has an empty manifest': (path) => truncateSync(`${path}.json`, 0),
    'has garbage for a manifest': (path) => writeFileSync(`${path}.json`, '\0\xff{'),
    'has a manifest that is cut off': (path) => truncateSync(`${path}.json`, statSync(`${path}.json`).size - 10),
    'has JSON of another kind for a manifest': (path) => writeFileSync(`${path}.json`, '{"format":1}'),
    'has a FIFO for a manifest': (path) => {
      rmSync(`${path}.json`)
      execFileSync('mkfifo', [`${path}.json`])
    },
    'has a directory for a manifest': (path) => {
      rmSync(`${path}.json`)
      mkdirSync(`${path}.json`)
    },
  }
  for (const [what, damage] of Object.entries(damages)) {
    test(what, async () => {
      const checkout = new Checkout()
      const { path } = await checkout.get()
      damage(path, join(checkout.directory, 'elsewhere'))
      const { events, onEvent } = listener()
      const again = await checkout.run({ onEvent })
      expect(again).toMatchObject({ outcome: 'built', prints: 'one -', binary: { path } })
      expect(again.binary.reasons).toMatchObject([{ kind: 'corrupt' }])
      const [warning] = only(events, 'warning')
      expect(warning?.message).toContain(path)
      expect(mode(path)).toBe(0o755)
      expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: 'one -' })
    })
  }

  test('has the manifest of another entry', async () => {
    const checkout = new Checkout()
    const one = await checkout.get()
    checkout.write('src/main.rs', mainPrinting('two'))
    const two = await checkout.get()
    copyFileSync(one.path, two.path)
    copyFileSync(`${one.path}.json`, `${two.path}.json`)
    const again = await checkout.run()
    expect(again).toMatchObject({ outcome: 'built', prints: 'two -', binary: { path: two.path } })
    expect(again.binary.reasons).toMatchObject([{ kind: 'corrupt' }])
  })

  test.skipIf(!isRoot)('belongs to another user', async () => {
    const checkout = new Checkout()
    const { path } = await checkout.get()
    chownSync(path, 65534, 65534)
    expect((await checkout.run()).binary.reasons).toMatchObject([{ kind: 'corrupt' }])
    expect(statSync(path).uid).toBe(0)
  })
})

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

describe('a new cache', () => {
  test('is for this user alone, whatever the umask', async () => {
    const checkout = new Checkout()
    const cacheDir = join(checkout.cacheDir, 'some', 'where')
    const source = 'process.umask(0); settle(get())'
    const program = new Program('node', checkout.options({ cacheDir }), source)
    const { binary } = await program.says('resolved')
    expect(mode(cacheDir)).toBe(0o700)
    for (const entry of readdirSync(cacheDir, { withFileTypes: true })) {
      const own = entry.isDirectory() ? 0o700 : 0o600
      expect([entry.name, mode(join(cacheDir, entry.name))]).toEqual([entry.name, own])
    }
    expect(mode(binary.path)).toBe(0o755)
    expect(await checkout.run({ cacheDir })).toMatchObject({ outcome: 'cached', prints: 'one -' })
  })

  for (const runtime of RUNTIMES) {
    test(`is in the home directory by default, in ${runtime}`, async () => {
      const checkout = new Checkout()
      const { cacheDir: _, ...options } = checkout.options()
      const home = join(checkout.directory, 'home')
      mkdirSync(home)
      const program = new Program(runtime, options, undefined, { env: { HOME: home } })
      const { binary } = await program.says('resolved')
      expect(binary.path.startsWith(join(home, '.cache', 'openlock', 'dev-bin', '/'))).toBe(true)
      expect(output(binary.path)).toBe('one -')
      expect(mode(join(home, '.cache', 'openlock', 'dev-bin'))).toBe(0o700)
    })
  }

  test('may be named relative to the working directory, and through a link', async () => {
    const checkout = new Checkout()
    mkdirSync(join(checkout.directory, 'real'), { mode: 0o700 })
    symlinkSync('real', join(checkout.directory, 'link'))
    const source = `process.chdir(${JSON.stringify(checkout.directory)}); settle(get({ cacheDir: 'link/cache' }))`
    const { binary } = await new Program('node', checkout.options(), source).says('resolved')
    expect(binary.path.startsWith(join(checkout.directory, 'link', 'cache', '/'))).toBe(true)
    expect(output(binary.path)).toBe('one -')
    expect(existsSync(join(checkout.directory, 'real', 'cache'))).toBe(true)
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

describe('a cache directory is refused, and the error says how to mend it, when', () => {
  const refused = async (checkout: Checkout, cacheDir = checkout.cacheDir) => {
    const { events, onEvent } = listener()
    const error = await rejection(checkout.get({ cacheDir, onEvent }))
    expect(error.code).toBe('CACHE_UNUSABLE')
    expect(error.message).toContain(cacheDir)
    expect(only(events, 'building')).toEqual([])
    return error
  }

  for (const [who, bits] of [
    ['its group', 0o770],
    ['every user', 0o707],
    ['every user, as in /tmp,', 0o1777],
  ] as const) {
    test(`${who} may write to it, even if the binary is there`, async () => {
      const checkout = new Checkout()
      await checkout.get()
      chmodSync(checkout.cacheDir, bits)
      expect((await refused(checkout)).hint).toContain(`chmod go-w '${checkout.cacheDir}'`)
      chmodSync(checkout.cacheDir, 0o700)
      expect((await checkout.get()).outcome).toBe('cached')
    })
  }

  test('another user owns it', async () => {
    const checkout = new Checkout()
    let foreign = '/usr'
    if (isRoot) {
      foreign = checkout.cacheDir
      mkdirSync(foreign, { mode: 0o700 })
      chownSync(foreign, 65534, 65534)
    }
    const error = await refused(checkout, foreign)
    expect(error.message).toContain(`belongs to user ${statSync(foreign).uid}`)
    expect(error.hint).toContain('chown')
  })

  test('it is a file', async () => {
    const checkout = new Checkout()
    writeFileSync(checkout.cacheDir, '')
    expect((await refused(checkout)).hint).toContain('cacheDir')
  })

  test('it is below a file', async () => {
    const checkout = new Checkout()
    writeFileSync(checkout.cacheDir, '')
    expect((await refused(checkout, join(checkout.cacheDir, 'below'))).hint).toContain('cacheDir')
  })

  test('a part of it is a file', async () => {
    const checkout = new Checkout()
    mkdirSync(checkout.cacheDir, { mode: 0o700 })
    writeFileSync(join(checkout.cacheDir, 'locks'), '')
    expect((await refused(checkout)).hint).toContain('cacheDir')
  })
})

// A mount namespace for one process, which ends with it. root needs no user namespace for that.
const unshare = ['unshare', isRoot ? '-m' : '-rm', 'sh', '-ec']
const canMount = spawnSync(unshare[0] as string, [...unshare.slice(1), 'mount -t tmpfs tmpfs /mnt']).status === 0
if (!canMount) console.warn('mounts are not allowed here: read-only and full caches are not tested')

describe.skipIf(!canMount)('on a file system of its own', () => {
  const mounted = (checkout: Checkout, mount: string) => {
    mkdirSync(checkout.cacheDir, { recursive: true, mode: 0o700 })
    const prefix = [...unshare, `${mount.replaceAll('DIR', `'${checkout.cacheDir}'`)}; exec "$@"`, 'sh']
    return new Program('node', checkout.options(), undefined, { prefix })
  }

  test('that is read-only, a new binary is refused before it is built', async () => {
    const checkout = new Checkout()
    const program = mounted(checkout, 'mount -t tmpfs -o ro,mode=0700 tmpfs DIR')
    const error = await program.says('rejected')
    expect(error.code).toBe('CACHE_UNUSABLE')
    expect(error.message).toContain(checkout.cacheDir)
    expect(error.message).toContain('hint: ')
    expect(program.only('building')).toEqual([])
  })

  test('that is read-only, one that is there hits', async () => {
    const checkout = new Checkout()
    await checkout.get()
    const program = mounted(checkout, 'mount --bind DIR DIR; mount -o remount,ro,bind DIR')
    expect((await program.says('resolved')).binary.outcome).toBe('cached')
    // And the error for one that is not names what is to be writable.
    checkout.write('src/main.rs', mainPrinting('two'))
    const other = mounted(checkout, 'mount --bind DIR DIR; mount -o remount,ro,bind DIR')
    expect((await other.says('rejected')).message).toContain(`\`${checkout.cacheDir}\``)
  })

  test('that is full, the error names the binary that was built, and nothing is published', async () => {
    const checkout = new Checkout()
    const program = mounted(checkout, 'mount -t tmpfs -o size=128k,mode=0700 tmpfs DIR')
    const error = await program.says('rejected')
    expect(error.code).toBe('CACHE_UNUSABLE')
    expect(error.message).toContain('No space left on device')
    const built = join(checkout.repo, 'target', 'release', 'hello')
    expect(error.message).toContain(built)
    expect(output(built)).toBe('one -')
    expect(program.only('published')).toEqual([])
  })

  test('that has no room for as much as a file, the error says so before anything is built', async () => {
    const checkout = new Checkout()
    const program = mounted(checkout, 'mount -t tmpfs -o nr_inodes=2,mode=0700 tmpfs DIR')
    const error = await program.says('rejected')
    expect(error.code).toBe('CACHE_UNUSABLE')
    expect(error.message).toContain('No space left on device')
    expect(program.only('building')).toEqual([])
  })
})
