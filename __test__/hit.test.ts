// Changes of files and of git that cause a build, and changes that do not.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, lutimesSync, readdirSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { Checkout, HELLO, listener, mainPrinting, only, PATIENCE_MS, sourceReason } from './support.js'

setDefaultTimeout(PATIENCE_MS)

function retarget(checkout: Checkout, link: string, target: string): void {
  unlinkSync(join(checkout.repo, link))
  symlinkSync(target, join(checkout.repo, link))
}

test('cold, then cached: the same file, and the only event is a hit', async () => {
  const checkout = new Checkout()
  const cold = await checkout.run()
  expect(cold.outcome).toBe('built')
  expect(cold.prints).toBe('one -')
  expect(cold.binary.reasons).toEqual([{ kind: 'first-build' }])

  const { events, onEvent } = listener()
  const hit = await checkout.run({ onEvent })
  expect(hit.outcome).toBe('cached')
  expect(hit.binary).toMatchObject({ path: cold.binary.path, sha256: cold.binary.sha256, reasons: [] })
  expect(events).toEqual([{ type: 'hit', bin: 'hello', fingerprint: cold.binary.fingerprint }])
})

test('an edit builds and says what changed; reverting it hits the old entry', async () => {
  const checkout = new Checkout()
  const first = await checkout.run()
  checkout.write('src/main.rs', mainPrinting('two'))
  const { events, onEvent } = listener()
  const second = await checkout.run({ onEvent })
  expect(second).toMatchObject({ outcome: 'built', prints: 'two -' })
  expect(second.binary.reasons).toEqual([
    { kind: 'source', paths: [{ path: 'src/main.rs', change: 'changed' }], count: 1 },
  ])
  expect(only(events, 'miss')).toEqual([{ type: 'miss', bin: 'hello', reasons: second.binary.reasons }])
  checkout.write('src/main.rs', mainPrinting('one'))
  expect(await checkout.run()).toMatchObject({
    outcome: 'cached',
    prints: 'one -',
    binary: { path: first.binary.path },
  })
})

test('an untracked file that the build reads counts when it comes, changes and goes', async () => {
  const checkout = new Checkout({
    ...HELLO,
    'src/main.rs': 'fn main() {\n    println!("{}", include_str!("text.txt").trim());\n}\n',
  })
  checkout.write('src/text.txt', 'one')
  const first = await checkout.run()
  expect(first).toMatchObject({ outcome: 'built', prints: 'one' })

  checkout.write('notes.txt', 'a')
  expect((await checkout.run()).binary.reasons).toEqual([sourceReason(['notes.txt', 'added'])])
  checkout.write('notes.txt', 'b')
  expect((await checkout.run()).binary.reasons).toEqual([sourceReason(['notes.txt', 'changed'])])
  rmSync(join(checkout.repo, 'notes.txt'))
  checkout.write('src/text.txt', 'two')
  const last = await checkout.run()
  expect(last).toMatchObject({ outcome: 'built', prints: 'two' })
  expect(last.binary.reasons).toEqual([sourceReason(['notes.txt', 'removed'], ['src/text.txt', 'changed'])])

  checkout.write('src/text.txt', 'one')
  expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: 'one', binary: { path: first.binary.path } })
})

test('a tracked file that is deleted is reported as removed, and as added when it is back', async () => {
  const checkout = new Checkout({ ...HELLO, 'README.md': 'read me' })
  const first = await checkout.get()
  rmSync(join(checkout.repo, 'README.md'))
  expect((await checkout.get()).reasons).toEqual([sourceReason(['README.md', 'removed'])])
  checkout.write('README.md', 'read me again')
  expect((await checkout.get()).reasons).toEqual([sourceReason(['README.md', 'added'])])
  checkout.write('README.md', 'read me')
  expect((await checkout.get()).path).toBe(first.path)
})

test('more than twenty changed files are counted, and twenty of them listed', async () => {
  const checkout = new Checkout()
  await checkout.get()
  for (let index = 10; index < 35; index++) checkout.write(`notes/${index}.txt`, 'x')
  const [reason] = (await checkout.get()).reasons
  expect(reason).toMatchObject({ kind: 'source', count: 25 })
  expect(reason?.kind === 'source' && reason.paths.map(({ path }) => path)).toEqual(
    Array.from({ length: 20 }, (_, index) => `notes/${index + 10}.txt`),
  )
})

test('the bit that makes a file executable counts, the other bits of its mode do not', async () => {
  const checkout = new Checkout({ ...HELLO, 'tool.sh': 'true' })
  const tool = join(checkout.repo, 'tool.sh')
  chmodSync(tool, 0o644)
  const first = await checkout.get()
  chmodSync(tool, 0o600)
  expect(await checkout.fingerprint()).toBe(first.fingerprint)
  chmodSync(tool, 0o755)
  expect((await checkout.get()).reasons).toEqual([sourceReason(['tool.sh', 'changed'])])
  chmodSync(tool, 0o644)
  expect(await checkout.get()).toMatchObject({ outcome: 'cached', path: first.path })
})

test('a symbolic link counts by its target, and so does a file that takes its place', async () => {
  const main = 'fn main() {\n    println!("{}", include_str!("../current"));\n}\n'
  const checkout = new Checkout({
    ...HELLO,
    'src/main.rs': main,
    'a.txt': 'a',
    'b.txt': 'b',
  })
  symlinkSync('a.txt', join(checkout.repo, 'current'))
  checkout.commit('link')
  const first = await checkout.run()
  expect(first.prints).toBe('a')
  // cargo compares the time of the file that the link leads to, and notices the change only if a source is newer.
  checkout.write('src/main.rs', main)
  retarget(checkout, 'current', 'b.txt')
  const second = await checkout.run()
  expect(second).toMatchObject({ outcome: 'built', prints: 'b' })
  expect(second.binary.reasons).toEqual([sourceReason(['current', 'changed'])])
  retarget(checkout, 'current', 'a.txt')
  expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: 'a', binary: { path: first.binary.path } })

  // A link's target and a file's bytes may be the same string.
  unlinkSync(join(checkout.repo, 'current'))
  checkout.write('current', 'a.txt')
  checkout.write('src/main.rs', main)
  expect(await checkout.run()).toMatchObject({ outcome: 'built', prints: 'a.txt' })
})

for (const flag of ['assume-unchanged', 'skip-worktree']) {
  test(`a file with the flag ${flag} in the index counts by its content on disk`, async () => {
    const checkout = new Checkout()
    await checkout.get()
    checkout.git('update-index', `--${flag}`, 'src/main.rs')
    expect((await checkout.get()).outcome).toBe('cached')
    checkout.write('src/main.rs', mainPrinting('two'))
    expect(checkout.git('status', '--porcelain')).toBe('')
    const edited = await checkout.run()
    expect(edited).toMatchObject({ outcome: 'built', prints: 'two -' })
    expect(edited.binary.reasons).toEqual([sourceReason(['src/main.rs', 'changed'])])
  })
}

test('an edit is the same edit staged or not; a commit of it is another HEAD and says so', async () => {
  const checkout = new Checkout()
  await checkout.get()
  checkout.write('src/main.rs', mainPrinting('two'))
  checkout.write('new.txt', 'new')
  const unstaged = await checkout.get()
  expect(unstaged.outcome).toBe('built')
  checkout.git('add', '--intent-to-add', 'new.txt')
  expect(await checkout.get()).toMatchObject({ outcome: 'cached', path: unstaged.path })
  checkout.git('add', '--all')
  expect(await checkout.get()).toMatchObject({ outcome: 'cached', path: unstaged.path })

  const from = checkout.git('rev-parse', 'HEAD')
  checkout.commit('two')
  const to = checkout.git('rev-parse', 'HEAD')
  const committed = await checkout.run()
  expect(committed).toMatchObject({ outcome: 'built', prints: 'two -' })
  expect(committed.binary.reasons).toEqual([{ kind: 'head', repository: '', from, to }])
  // HEAD on another branch is the same commit.
  checkout.git('checkout', '--quiet', '--detach')
  checkout.git('pack-refs', '--all')
  expect((await checkout.get()).outcome).toBe('cached')
})

test('a file that is staged and edited again counts by its content on disk', async () => {
  const checkout = new Checkout()
  checkout.write('src/main.rs', mainPrinting('staged'))
  checkout.git('add', '--all')
  checkout.write('src/main.rs', mainPrinting('on disk'))
  expect((await checkout.run()).prints).toBe('on disk -')
})

test('switching to another branch and back hits on both', async () => {
  const checkout = new Checkout()
  const main = await checkout.run()
  checkout.git('checkout', '--quiet', '-b', 'other')
  checkout.write('src/main.rs', mainPrinting('two'))
  checkout.commit('two')
  const other = await checkout.run()
  expect(other).toMatchObject({ outcome: 'built', prints: 'two -' })
  expect(other.binary.reasons).toMatchObject([sourceReason(['src/main.rs', 'changed']), { kind: 'head' }])
  for (const [branch, before] of [
    ['main', main],
    ['other', other],
    ['main', main],
  ] as const) {
    checkout.git('checkout', '--quiet', branch)
    const again = await checkout.run()
    expect(again).toMatchObject({ outcome: 'cached', prints: before.prints, binary: { path: before.binary.path } })
  }
})

test('times alone never build, older or newer', async () => {
  const checkout = new Checkout()
  const first = await checkout.get()
  const everything = readdirSync(checkout.repo, { recursive: true, encoding: 'utf8' })
  for (const seconds of [1, 1_000_000_000, 4_000_000_000]) {
    for (const path of everything) {
      if (!path.startsWith('target')) lutimesSync(join(checkout.repo, path), seconds, seconds)
    }
    expect(await checkout.get()).toMatchObject({ outcome: 'cached', path: first.path })
  }
})

test('rewriting a file with the bytes it has does not build', async () => {
  const checkout = new Checkout()
  const first = await checkout.get()
  rmSync(join(checkout.repo, 'src/main.rs'))
  checkout.write('src/main.rs', mainPrinting('one'))
  expect(await checkout.get()).toMatchObject({ outcome: 'cached', path: first.path })
})
