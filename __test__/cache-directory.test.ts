// The directory of the cache: where it is, whose it is, its tag, and those that cannot be used.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { list, prune } from '../index.js'
import { Cache } from './cache.js'
import { Program, RUNTIMES } from './program.js'
import {
  Checkout,
  entry,
  isRoot,
  listener,
  mainPrinting,
  mode,
  only,
  output,
  PATIENCE_MS,
  rejection,
} from './support.js'

setDefaultTimeout(PATIENCE_MS)

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

test('a cache has a tag that says what it is', async () => {
  const cache = new Cache()
  await cache.built('one')
  expect(readFileSync(join(cache.cacheDir, 'CACHEDIR.TAG'), 'utf8')).toStartWith(
    'Signature: 8a477f597d28d172789f06886806bc55',
  )
  expect(readFileSync(join(cache.cacheDir, 'README'), 'utf8')).toContain('dev-bin prune')
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

describe('a cache is refused, and says why,', () => {
  test('when it is a symbolic link', async () => {
    const cache = new Cache()
    await cache.built('one')
    const link = join(cache.directory, 'link')
    symlinkSync(cache.cacheDir, link)
    const calls = [list({ cacheDir: link }), prune({ cacheDir: link }), cache.get({ cacheDir: link })]
    for (const error of await Promise.all(calls.map(rejection))) {
      expect(error.code).toBe('CACHE_UNUSABLE')
      expect(error.message).toContain('symbolic link')
      expect(error.hint).toContain(cache.cacheDir)
    }
  })

  test.skipIf(!isRoot)('when it belongs to another user, or others may write to it', async () => {
    const cache = new Cache()
    await cache.built('one')
    chmodSync(cache.cacheDir, 0o777)
    expect((await rejection(cache.prune())).message).toContain('other users may write')
    chmodSync(cache.cacheDir, 0o700)
    spawnSync('chown', ['12345', cache.cacheDir])
    expect((await rejection(cache.prune({ all: true }))).message).toContain('belongs to user 12345')
    expect((await rejection(cache.list())).code).toBe('CACHE_UNUSABLE')
  })
})

// A mount namespace for one process, which ends with it. root needs no user namespace for that.
const unshare = ['unshare', isRoot ? '-m' : '-rm', 'sh', '-ec']
const canMount = spawnSync(unshare[0] as string, [...unshare.slice(1), 'mount -t tmpfs tmpfs /mnt']).status === 0
if (!canMount) console.warn('mounts are not allowed here: read-only and full caches are not tested')

describe.skipIf(!canMount)('on a file system of its own', () => {
  const mounted = (checkout: Checkout, mount: string, source?: string) => {
    mkdirSync(checkout.cacheDir, { recursive: true, mode: 0o700 })
    const prefix = [...unshare, `${mount.replaceAll('DIR', `'${checkout.cacheDir}'`)}; exec "$@"`, 'sh']
    return new Program('node', checkout.options(), source, { prefix })
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

  test('that is full, `watch` says so, and goes on when there is room', async () => {
    const checkout = new Checkout()
    const room = join(checkout.directory, 'room')
    const watching = `
      const { watch } = require(${JSON.stringify(entry)})
      const grow = () => require('node:child_process').execFileSync('mount', ['-o', 'remount,size=99m', options.cacheDir])
      when(${JSON.stringify(room)}, grow)
      const onEvent = (event) => {
        if (event.type === 'failed') note(event.error.message)
      }
      ;(async () => { for await (const binary of watch({ ...options, onEvent })) say({ type: 'resolved', binary }) })()`
    const program = mounted(checkout, 'mount -t tmpfs -o size=128k,mode=0700 tmpfs DIR', watching)
    expect((await program.says('note')).note).toContain('No space left on device')
    writeFileSync(room, '')
    expect((await program.says('resolved')).binary.outcome).toBe('built')
    program.process.kill('SIGTERM')
    expect(await program.ended()).toBe('SIGTERM')
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
