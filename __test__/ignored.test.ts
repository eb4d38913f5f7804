// Paths that do not count, since git ignores them, they are a cache, or an option excludes them.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inChild } from './program.js'
import {
  Checkout,
  HELLO,
  listener,
  mainPrinting,
  only,
  PATIENCE_MS,
  plainEnvironment,
  sourceReason,
  temporaryDirectory,
} from './support.js'

setDefaultTimeout(PATIENCE_MS)

const CACHEDIR_TAG =
  'Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by cargo.\n'

test('ignored files and directories marked as caches do not count; tracked files in them do', async () => {
  const checkout = new Checkout({ ...HELLO, '.gitignore': '/target\nignored/\n*.log\n' })
  checkout.write('ignored/tracked.txt', 'a')
  checkout.write('cache/tracked.txt', 'a')
  checkout.git('add', '--force', '.')
  checkout.git('commit', '--quiet', '--message', 'tracked')
  checkout.write('cache/CACHEDIR.TAG', CACHEDIR_TAG)
  const before = await checkout.fingerprint()
  for (const path of ['ignored/new.txt', 'ignored/deep/er/new.txt', 'debug.log', 'src/debug.log']) {
    checkout.write(path, 'x')
  }
  for (const path of ['cache/new.txt', 'cache/deep/er/new.txt', 'target/x', 'target/release/x']) {
    checkout.write(path, 'x')
  }
  expect(await checkout.fingerprint()).toBe(before)

  const seen = new Set([before])
  checkout.write('ignored/tracked.txt', 'b')
  seen.add(await checkout.fingerprint())
  checkout.write('cache/tracked.txt', 'b')
  seen.add(await checkout.fingerprint())
  // The first file has no signature, so it marks no cache. The second one is another program's, and cargo enters it.
  checkout.write('cache/CACHEDIR.TAG', CACHEDIR_TAG.replace('8', '9'))
  seen.add(await checkout.fingerprint())
  checkout.write('cache/CACHEDIR.TAG', CACHEDIR_TAG.replace('cargo', 'hand'))
  seen.add(await checkout.fingerprint())
  expect(seen.size).toBe(5)
})

test('a target directory that git does not ignore causes no second build', async () => {
  const { '.gitignore': _, ...files } = HELLO
  const checkout = new Checkout(files)
  const { events, onEvent } = listener()
  const first = await checkout.get({ onEvent })
  expect(first.outcome).toBe('built')
  expect(only(events, 'building')).toHaveLength(1)
  expect(only(events, 'warning')).toEqual([])
  expect(await checkout.get()).toMatchObject({ outcome: 'cached', path: first.path })
})

test('a lock file counts though git ignores it, and one that the build makes is no change of its inputs', async () => {
  const { 'Cargo.lock': lock, ...files } = HELLO
  const checkout = new Checkout({ ...files, '.gitignore': '/target\nCargo.lock\n' })
  const first = await checkout.get()
  expect(first.outcome).toBe('built')
  expect(await checkout.get()).toMatchObject({ outcome: 'cached', path: first.path })
  checkout.write('Cargo.lock', `# by hand\n${lock}`)
  const edited = await checkout.get()
  expect(edited.reasons).toEqual([sourceReason(['Cargo.lock', 'changed'])])
})

test('excluded paths do not count: files, directories, tracked ones, except those that a later pattern takes back', async () => {
  const checkout = new Checkout({
    ...HELLO,
    'docs/guide.md': 'a',
    'docs/deep/guide.md': 'a',
    'README.md': 'a',
    'notes/a.md': 'a',
    'notes/keep.md': 'a',
  })
  const exclude = ['/README.md', 'docs/', '*.tmp', '/notes/*', '!/notes/keep.md']
  const before = await checkout.fingerprint({ exclude })
  for (const path of ['docs/guide.md', 'docs/deep/guide.md', 'README.md', 'notes/a.md']) checkout.write(path, 'b')
  for (const path of ['docs/new.md', 'x.tmp', 'src/x.tmp', 'notes/new.md']) checkout.write(path, 'new')
  rmSync(join(checkout.repo, 'docs/guide.md'))
  expect(await checkout.fingerprint({ exclude })).toBe(before)

  const seen = new Set([before])
  checkout.write('notes/keep.md', 'b')
  seen.add(await checkout.fingerprint({ exclude }))
  checkout.write('src/README.md', 'only the one at the root is excluded')
  seen.add(await checkout.fingerprint({ exclude }))
  checkout.write('src/main.rs', mainPrinting('two'))
  seen.add(await checkout.fingerprint({ exclude }))
  expect(seen.size).toBe(4)
})

test('an excluded file never builds, and other patterns are other options', async () => {
  const checkout = new Checkout({ ...HELLO, 'README.md': 'a' })
  const exclude = ['*.md']
  const first = await checkout.get({ exclude })
  checkout.write('README.md', 'b')
  expect(await checkout.get({ exclude })).toMatchObject({ outcome: 'cached', path: first.path })
  const all = await checkout.get()
  expect(all.reasons).toEqual([{ kind: 'request', options: ['exclude'] }, sourceReason(['README.md', 'added'])])
})

test('what stands where a file of rules would be, and is none, is not waited for', async () => {
  const checkout = new Checkout({ ...HELLO, 'docs/text.md': 'one\n', 'notes/text.md': 'one\n' })
  for (const path of ['docs/.gitignore', 'notes/CACHEDIR.TAG', '.git/excludes'])
    execFileSync('mkfifo', [join(checkout.repo, path)])
  checkout.git('config', 'core.excludesFile', join(checkout.repo, '.git', 'excludes'))
  expect((await checkout.run()).outcome).toBe('built')
  expect((await checkout.run()).outcome).toBe('cached')
})

test('paths that the repository or the user excludes everywhere do not count', async () => {
  const checkout = new Checkout()
  checkout.write('.git/info/exclude', '*.here\n')
  const home = temporaryDirectory()
  writeFileSync(join(home, '.gitconfig'), '[core]\n\texcludesFile = ~/excludes\n')
  writeFileSync(join(home, 'excludes'), '*.everywhere\n')
  const ofUser = plainEnvironment({ HOME: home, XDG_CONFIG_HOME: undefined })
  const fingerprint = () => inChild('fingerprint', checkout.options({ env: ofUser }), plainEnvironment())
  const before = fingerprint()
  checkout.write('x.here', 'x')
  checkout.write('src/x.everywhere', 'x')
  expect(fingerprint()).toBe(before)

  // git's default for the setting.
  writeFileSync(join(home, '.gitconfig'), '')
  expect(fingerprint()).not.toBe(before)
  mkdirSync(join(home, '.config/git'), { recursive: true })
  writeFileSync(join(home, '.config/git/ignore'), '*.everywhere\n')
  expect(fingerprint()).toBe(before)
  // The repository's own setting comes before the user's.
  checkout.git('config', 'core.excludesFile', join(home, 'none'))
  expect(fingerprint()).not.toBe(before)
})

test('a change of .gitignore takes files in and leaves files out', async () => {
  const checkout = new Checkout({ ...HELLO, '.gitignore': '/target\n*.log\n' })
  checkout.write('a.log', 'a')
  checkout.write('deep/b.txt', 'b')
  const first = await checkout.get()
  checkout.write('.gitignore', '/target\n*.txt\n')
  const second = await checkout.get()
  expect(second.reasons).toEqual([
    {
      kind: 'source',
      paths: [
        { path: '.gitignore', change: 'changed' },
        { path: 'a.log', change: 'added' },
        { path: 'deep/b.txt', change: 'removed' },
      ],
      count: 3,
    },
  ])
  checkout.write('deep/b.txt', 'ignored now')
  expect((await checkout.get()).path).toBe(second.path)
  checkout.write('deep/.gitignore', '!*.txt\n')
  expect((await checkout.get()).reasons).toMatchObject([
    {
      paths: [
        { path: 'deep/.gitignore', change: 'added' },
        { path: 'deep/b.txt', change: 'added' },
      ],
    },
  ])
  rmSync(join(checkout.repo, 'deep/.gitignore'))
  checkout.write('deep/b.txt', 'b')
  checkout.write('.gitignore', '/target\n*.log\n')
  expect(await checkout.get()).toMatchObject({ outcome: 'cached', path: first.path })
})
