// All forms of checkouts: submodules, worktrees, sparse and partial ones, and repositories of every kind.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  Checkout,
  eachChanges,
  HELLO,
  listener,
  mainPrinting,
  only,
  PATIENCE_MS,
  temporaryDirectory,
} from './support.js'

setDefaultTimeout(PATIENCE_MS)

/** A checkout whose program prints what a file in `vendor/lib` says, and the repository that the file comes from. */
function withLibrary() {
  const checkout = new Checkout({
    ...HELLO,
    'src/main.rs': 'fn main() {\n    println!("{}", include_str!("../vendor/lib/text.txt").trim());\n}\n',
  })
  const upstream = new Checkout({ 'text.txt': 'one', 'src/other.txt': 'a', '.gitignore': '*.log\n' })
  return { checkout, upstream }
}

test('a submodule counts by its files and by its own HEAD, under its own ignore rules', async () => {
  const { checkout, upstream } = withLibrary()
  checkout.git('submodule', '--quiet', 'add', upstream.repo, 'vendor/lib')
  checkout.commit('submodule')
  const first = await checkout.run()
  expect(first).toMatchObject({ outcome: 'built', prints: 'one' })

  checkout.write('vendor/lib/text.txt', 'two')
  const edited = await checkout.run()
  expect(edited).toMatchObject({ outcome: 'built', prints: 'two' })
  expect(edited.binary.reasons).toEqual([
    { kind: 'source', paths: [{ path: 'vendor/lib/text.txt', change: 'changed' }], count: 1 },
  ])

  const from = checkout.git('-C', 'vendor/lib', 'rev-parse', 'HEAD')
  checkout.git('-C', 'vendor/lib', 'commit', '--quiet', '--all', '--message', 'two')
  const to = checkout.git('-C', 'vendor/lib', 'rev-parse', 'HEAD')
  const committed = await checkout.get()
  expect(committed.reasons).toEqual([{ kind: 'head', repository: 'vendor/lib', from, to }])

  checkout.write('vendor/lib/debug.log', 'ignored by the submodule')
  expect(await checkout.get()).toMatchObject({ outcome: 'cached', path: committed.path })
  checkout.write('debug.log', 'ignored by the submodule alone')
  checkout.write('vendor/lib/new.txt', 'new')
  expect((await checkout.get()).reasons).toEqual([
    {
      kind: 'source',
      paths: [
        { path: 'debug.log', change: 'added' },
        { path: 'vendor/lib/new.txt', change: 'added' },
      ],
      count: 2,
    },
  ])

  rmSync(join(checkout.repo, 'debug.log'))
  rmSync(join(checkout.repo, 'vendor/lib/new.txt'))
  checkout.git('submodule', '--quiet', 'update')
  expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: 'one', binary: { path: first.binary.path } })
})

test('a submodule in a submodule counts, and one that is not checked out does no harm', async () => {
  const inner = new Checkout({ 'inner.txt': 'a' })
  const outer = new Checkout({ 'outer.txt': 'a' })
  outer.git('submodule', '--quiet', 'add', inner.repo, 'inner')
  outer.commit('submodule')
  const checkout = new Checkout()
  checkout.git('submodule', '--quiet', 'add', outer.repo, 'outer')
  checkout.commit('submodule')
  await eachChanges(checkout, [
    () => checkout.git('submodule', '--quiet', 'update', '--init', '--recursive'),
    () => checkout.write('outer/inner/inner.txt', 'b'),
    () => checkout.write('outer/inner/new.txt', 'b'),
  ])
})

test('a repository inside the checkout counts like a part of it', async () => {
  const { checkout, upstream } = withLibrary()
  mkdirSync(join(checkout.repo, 'vendor'))
  renameSync(upstream.repo, join(checkout.repo, 'vendor/lib'))
  const first = await checkout.run()
  expect(first.prints).toBe('one')
  checkout.write('vendor/lib/debug.log', 'ignored by the inner repository')
  expect((await checkout.get()).outcome).toBe('cached')
  checkout.write('vendor/lib/text.txt', 'two')
  expect(await checkout.run()).toMatchObject({ outcome: 'built', prints: 'two' })
  checkout.git('-C', 'vendor/lib', 'commit', '--quiet', '--all', '--message', 'two')
  expect((await checkout.get()).reasons).toMatchObject([{ kind: 'head', repository: 'vendor/lib' }])
})

test('a repository that the checkout ignores does not count', async () => {
  const checkout = new Checkout({ ...HELLO, '.gitignore': '/target\n/vendor\n' })
  const before = await checkout.fingerprint()
  const other = new Checkout({ 'text.txt': 'a' })
  mkdirSync(join(checkout.repo, 'vendor'))
  renameSync(other.repo, join(checkout.repo, 'vendor/lib'))
  expect(await checkout.fingerprint()).toBe(before)
})

test('in a linked worktree the second call hits, and an edit and a commit of its own build', async () => {
  const checkout = new Checkout({
    ...HELLO,
    // The path is missing in a linked worktree, so cargo itself runs the script every time.
    'build.rs': `fn main() {
    println!("cargo::rerun-if-changed=.git/HEAD");
}\n`,
  })
  checkout.write('.git/info/exclude', '*.local\n')
  const worktree = join(checkout.directory, 'worktree')
  checkout.git('worktree', 'add', '--quiet', '-b', 'side', worktree)
  expect(lstatSync(join(worktree, '.git')).isFile()).toBe(true)
  const options = { repo: worktree }
  const first = await checkout.run(options)
  expect(first).toMatchObject({ outcome: 'built', prints: 'one -' })
  writeFileSync(join(worktree, 'x.local'), 'excluded for all worktrees')
  expect(await checkout.run(options)).toMatchObject({ outcome: 'cached', binary: { path: first.binary.path } })

  writeFileSync(join(worktree, 'src/main.rs'), mainPrinting('two'))
  expect(await checkout.run(options)).toMatchObject({ outcome: 'built', prints: 'two -' })
  checkout.git('-C', worktree, 'commit', '--quiet', '--all', '--message', 'two')
  expect((await checkout.get(options)).reasons).toMatchObject([{ kind: 'head', repository: '' }])
  expect((await checkout.get(options)).outcome).toBe('cached')
  // The main worktree has moved neither its HEAD nor a file.
  expect(await checkout.run()).toMatchObject({ prints: 'one -' })
})

test('a repository without a commit counts by its files, and its first commit is a new HEAD', async () => {
  const checkout = new Checkout()
  rmSync(join(checkout.repo, '.git'), { recursive: true })
  checkout.git('init', '--quiet', '--initial-branch=main')
  expect(await checkout.run()).toMatchObject({ outcome: 'built', prints: 'one -' })
  checkout.git('add', '--all')
  expect((await checkout.get()).outcome).toBe('cached')
  checkout.commit('first')
  const to = checkout.git('rev-parse', 'HEAD')
  expect((await checkout.get()).reasons).toEqual([{ kind: 'head', repository: '', to }])
})

test('a SHA-256 repository works like any other', async () => {
  const checkout = new Checkout(HELLO, ['--object-format=sha256'])
  expect(checkout.git('rev-parse', 'HEAD')).toHaveLength(64)
  const first = await checkout.run()
  expect(first).toMatchObject({ outcome: 'built', prints: 'one -' })
  checkout.write('src/main.rs', mainPrinting('two'))
  expect(await checkout.run()).toMatchObject({ outcome: 'built', prints: 'two -' })
  const from = checkout.git('rev-parse', 'HEAD')
  checkout.commit('two')
  const to = checkout.git('rev-parse', 'HEAD')
  expect((await checkout.get()).reasons).toEqual([{ kind: 'head', repository: '', from, to }])
})

for (const index of [[], ['--sparse-index']]) {
  test(`in a sparse checkout ${index.join()} files outside it are absent, and a file that is put there counts`, async () => {
    const checkout = new Checkout({ ...HELLO, 'docs/guide.md': 'a', 'docs/deep/guide.md': 'a', 'README.md': 'a' })
    const whole = await checkout.get()
    checkout.git('sparse-checkout', 'set', '--cone', ...index, 'src')
    expect(readdirSync(checkout.repo)).not.toContain('docs')
    const sparse = await checkout.run()
    expect(sparse).toMatchObject({ outcome: 'built', prints: 'one -' })
    checkout.write('src/main.rs', mainPrinting('two'))
    expect(await checkout.run()).toMatchObject({ outcome: 'built', prints: 'two -' })
    checkout.write('src/main.rs', mainPrinting('one'))
    expect(await checkout.get()).toMatchObject({ outcome: 'cached', path: sparse.binary.path })
    checkout.write('docs/guide.md', 'b')
    expect((await checkout.get()).outcome).toBe('built')
    rmSync(join(checkout.repo, 'docs'), { recursive: true })
    checkout.git('sparse-checkout', 'disable')
    expect(await checkout.get()).toMatchObject({ outcome: 'cached', path: whole.path })
  })
}

test('an index that is split, has extensions or an older version is read like any other', async () => {
  const checkout = new Checkout()
  checkout.write('tracked.log', 'a')
  checkout.write('.git/info/exclude', '*.log\n')
  checkout.git('add', '--force', 'tracked.log')
  checkout.git('commit', '--quiet', '--message', 'tracked')
  const before = await checkout.fingerprint()
  for (const args of [['--index-version', '4'], ['--split-index'], ['--no-split-index'], ['--untracked-cache']]) {
    checkout.git('update-index', ...args)
    expect(await checkout.fingerprint(), args.join(' ')).toBe(before)
  }
  checkout.write('tracked.log', 'b')
  expect(await checkout.fingerprint()).not.toBe(before)
})

test('a partial clone without an ignore file that it leaves out counts without it, and says so once a call', async () => {
  const origin = new Checkout({ ...HELLO, 'docs/.gitignore': '*.tmp\n', 'docs/page.md': 'page' })
  origin.git('config', 'uploadpack.allowFilter', 'true')
  const checkout = new Checkout()
  rmSync(checkout.repo, { recursive: true })
  mkdirSync(checkout.repo)
  const url = `file://${origin.repo}`
  checkout.git('clone', '--quiet', '--filter=blob:none', '--no-checkout', url, '.')
  checkout.git('sparse-checkout', 'set', '--no-cone', '/src', '/Cargo.toml', '/Cargo.lock', '/.gitignore')
  checkout.git('checkout', '--quiet', 'main')
  // The rules of a directory that does not exist do not count.
  const quiet = listener()
  expect((await checkout.run({ onEvent: quiet.onEvent })).prints).toBe('one -')
  expect(only(quiet.events, 'warning')).toEqual([])
  checkout.write('docs/x.tmp', 'x')
  for (const outcome of ['built', 'cached']) {
    const { events, onEvent } = listener()
    expect(await checkout.run({ onEvent })).toMatchObject({ outcome, prints: 'one -' })
    expect(only(events, 'warning').map(({ message }) => message)).toEqual([
      expect.stringContaining('`docs/.gitignore`'),
    ])
  }
  const without = await checkout.fingerprint()
  expect(checkout.git('show', ':docs/.gitignore')).toBe('*.tmp')
  expect(await checkout.fingerprint()).not.toBe(without)
})

test('a checkout below another repository, or reached through a link, is the one that was named', async () => {
  const outer = new Checkout({ 'x.txt': 'x' })
  const checkout = new Checkout()
  const inside = join(outer.repo, 'fork')
  renameSync(checkout.repo, inside)
  const link = join(checkout.directory, 'link')
  symlinkSync(inside, link)
  const first = await checkout.run({ repo: inside })
  expect(first.prints).toBe('one -')
  outer.write('x.txt', 'y')
  outer.git('commit', '--quiet', '--all', '--message', 'outside')
  expect(await checkout.get({ repo: link })).toMatchObject({ outcome: 'cached', path: first.binary.path })
})

test('a repository whose git directory is elsewhere, or behind a link, works like any other', async () => {
  const elsewhere = join(temporaryDirectory(), 'git')
  const checkout = new Checkout(HELLO, [`--separate-git-dir=${elsewhere}`])
  const before = await checkout.fingerprint()
  rmSync(join(checkout.repo, '.git'))
  symlinkSync(elsewhere, join(checkout.repo, '.git'))
  expect(await checkout.fingerprint()).toBe(before)
  await eachChanges(checkout, [() => checkout.commit('next')])
})

test('in the middle of a merge, files with conflicts count by their content on disk', async () => {
  const checkout = new Checkout({ ...HELLO, 'notes.txt': 'a' })
  checkout.git('checkout', '--quiet', '-b', 'other')
  checkout.write('notes.txt', 'b')
  checkout.commit('b')
  checkout.git('checkout', '--quiet', 'main')
  checkout.write('notes.txt', 'c')
  checkout.commit('c')
  expect(() => checkout.git('merge', 'other')).toThrow()
  expect(checkout.git('ls-files', '--unmerged')).not.toBe('')
  expect((await checkout.get()).outcome).toBe('built')
  expect((await checkout.get()).outcome).toBe('cached')
  await eachChanges(checkout, [() => checkout.write('notes.txt', 'b'), () => checkout.write('notes.txt', 'c')])
})
