// Changes that cause a build, and changes that do not.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, lutimesSync, readdirSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { MissReason } from '../index.js'
import { Checkout, HELLO, listener, mainPrinting, only, PATIENCE_MS, plainEnvironment } from './support.js'

setDefaultTimeout(PATIENCE_MS)

/** Returns the reason that names these files. */
const source = (...paths: [path: string, change: 'added' | 'removed' | 'changed'][]): MissReason => ({
  kind: 'source',
  paths: paths.map(([path, change]) => ({ path, change })),
  count: paths.length,
})

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
  expect((await checkout.run()).binary.reasons).toEqual([source(['notes.txt', 'added'])])
  checkout.write('notes.txt', 'b')
  expect((await checkout.run()).binary.reasons).toEqual([source(['notes.txt', 'changed'])])
  rmSync(join(checkout.repo, 'notes.txt'))
  checkout.write('src/text.txt', 'two')
  const last = await checkout.run()
  expect(last).toMatchObject({ outcome: 'built', prints: 'two' })
  expect(last.binary.reasons).toEqual([source(['notes.txt', 'removed'], ['src/text.txt', 'changed'])])

  checkout.write('src/text.txt', 'one')
  expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: 'one', binary: { path: first.binary.path } })
})

test('a tracked file that is deleted is reported as removed, and as added when it is back', async () => {
  const checkout = new Checkout({ ...HELLO, 'README.md': 'read me' })
  const first = await checkout.get()
  rmSync(join(checkout.repo, 'README.md'))
  expect((await checkout.get()).reasons).toEqual([source(['README.md', 'removed'])])
  checkout.write('README.md', 'read me again')
  expect((await checkout.get()).reasons).toEqual([source(['README.md', 'added'])])
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
  expect((await checkout.get()).reasons).toEqual([source(['tool.sh', 'changed'])])
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
  expect(second.binary.reasons).toEqual([source(['current', 'changed'])])
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
    expect(edited.binary.reasons).toEqual([source(['src/main.rs', 'changed'])])
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
  expect(other.binary.reasons).toMatchObject([source(['src/main.rs', 'changed']), { kind: 'head' }])
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
  expect(edited.reasons).toEqual([source(['Cargo.lock', 'changed'])])
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
  expect(all.reasons).toEqual([{ kind: 'request', options: ['exclude'] }, source(['README.md', 'added'])])
})

/** Returns numbers that are the same in every run. */
function* numbers(): Generator<number, never> {
  for (let state = 1; ; state = (state * 48271) % 2147483647) yield state
}

test('variables that cannot change a binary never cause a build, whatever their values', async () => {
  const checkout = new Checkout()
  const first = await checkout.get({ env: plainEnvironment({ TAG: 'x' }) })
  const names = [
    ...['TERM', 'COLORTERM', 'COLUMNS', 'LINES', 'NO_COLOR', 'CLICOLOR_FORCE', 'PWD', 'OLDPWD', 'SHLVL', '_'],
    ...['CARGO_BUILD_JOBS', 'CARGO_TERM_COLOR', 'CARGO_TERM_VERBOSE', 'CARGO_NET_RETRY', 'CARGO_MAKEFLAGS'],
    ...['CARGO_REGISTRY_TOKEN', 'CARGO_REGISTRIES_MINE_TOKEN', 'GITHUB_TOKEN', 'GH_TOKEN', 'AWS_SECRET_ACCESS_KEY'],
    ...['SSH_AUTH_SOCK', 'SSH_CONNECTION', 'DISPLAY', 'WAYLAND_DISPLAY', 'XDG_SESSION_ID', 'DBUS_SESSION_BUS_ADDRESS'],
    ...['TMUX', 'TMUX_PANE', 'WINDOWID', 'VSCODE_PID', 'EDITOR', 'PAGER', 'MAIL', 'HISTFILE', 'LS_COLORS', 'CI'],
    ...['GITHUB_RUN_ID', 'GITHUB_SHA', 'RUNNER_TEMP', 'RUST_LOG', 'RUST_BACKTRACE', 'MAKEFLAGS', 'NUM_JOBS'],
    ...['CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER', 'CCACHE_DIR', 'SCCACHE_DIR', 'OPENLOCK_SESSION'],
  ]
  const random = numbers()
  for (let round = 0; round < 40; round++) {
    const noise = names
      .filter(() => random.next().value % 3 > 0)
      .map((name) => [name, String(random.next().value)] as const)
    const env = plainEnvironment({ TAG: 'x', ...Object.fromEntries(noise) })
    expect(await checkout.get({ env })).toMatchObject({ outcome: 'cached', path: first.path })
  }
})

test('variables that steer cargo or rustc build, say so, and hit when they are back', async () => {
  const checkout = new Checkout({
    ...HELLO,
    'Cargo.toml': `${HELLO['Cargo.toml']}\n[lints.rust]\nunexpected_cfgs = "allow"\n`,
    'src/main.rs': 'fn main() {\n    println!("{} {}", cfg!(loud), cfg!(debug_assertions));\n}\n',
  })
  const plain = await checkout.run()
  expect(plain.prints).toBe('false false')
  for (const [variable, value, prints] of [
    ['RUSTFLAGS', '--cfg loud', 'true false'],
    ['CARGO_ENCODED_RUSTFLAGS', '--cfg\x1floud', 'true false'],
    ['CARGO_BUILD_RUSTFLAGS', '--cfg loud', 'true false'],
    ['CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS', 'true', 'false true'],
    ['CARGO_PROFILE_RELEASE_OPT_LEVEL', '1', 'false false'],
  ] as const) {
    const env = plainEnvironment({ [variable]: value })
    const steered = await checkout.run({ env })
    expect(steered).toMatchObject({ outcome: 'built', prints })
    const named = steered.binary.reasons.map((reason) => (reason.kind === 'environment' ? reason.names : []))
    expect(named.flat()).toContain(variable)
    expect(await checkout.run({ env })).toMatchObject({ outcome: 'cached', prints })
    expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: plain.prints })
  }
})

test('every variable that steers a build changes the fingerprint, set, emptied or changed', async () => {
  const checkout = new Checkout()
  const seen = new Set([await checkout.fingerprint()])
  const names = [
    ...['RUSTFLAGS', 'RUSTC', 'RUSTC_WRAPPER', 'RUSTC_WORKSPACE_WRAPPER', 'RUSTC_BOOTSTRAP', 'CARGO_INCREMENTAL'],
    ...['CARGO_BUILD_TARGET', 'CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER', 'CARGO_PROFILE_RELEASE_LTO'],
    ...['CC', 'CXX', 'AR', 'CFLAGS', 'CXXFLAGS', 'LDFLAGS', 'CC_x86_64_unknown_linux_gnu', 'TARGET_CC', 'HOST_CFLAGS'],
    ...['PKG_CONFIG_PATH', 'PKG_CONFIG_ALL_STATIC', 'LIBCLANG_PATH', 'BINDGEN_EXTRA_CLANG_ARGS', 'SOURCE_DATE_EPOCH'],
    ...['SDKROOT', 'MACOSX_DEPLOYMENT_TARGET', 'PROTOC'],
  ]
  for (const name of names) {
    for (const value of ['', '1', '2'])
      seen.add(await checkout.fingerprint({ env: plainEnvironment({ [name]: value }) }))
  }
  expect(seen.size).toBe(1 + 3 * names.length)
})

/** Goes through `values` of a variable twice: each value is built once, hit from then on, and printed every time. */
async function backAndForth(
  checkout: Checkout,
  variable: string,
  values: [value: string | undefined, prints: string][],
) {
  for (const outcome of ['built', 'cached']) {
    for (const [value, prints] of values) {
      const env = plainEnvironment({ [variable]: value })
      expect(await checkout.run({ env })).toMatchObject({ outcome, prints })
      expect(await checkout.run({ env })).toMatchObject({ outcome: 'cached', prints })
    }
  }
}

test('a variable that a crate reads with option_env! counts, unset, empty and set', async () => {
  await backAndForth(new Checkout(), 'TAG', [
    [undefined, 'one -'],
    ['v1', 'one v1'],
    ['', 'one'],
    ['v2', 'one v2'],
  ])
})

test('a variable that a build script declares counts, and the value that it passes to env! is in the binary', async () => {
  const checkout = new Checkout({
    ...HELLO,
    'build.rs': `fn main() {
    println!("cargo::rerun-if-env-changed=FLAVOUR");
    println!("cargo::rustc-env=TASTE={}", std::env::var("FLAVOUR").unwrap_or("plain".into()));
}\n`,
    'src/main.rs': 'fn main() {\n    println!("{}", env!("TASTE"));\n}\n',
  })
  await backAndForth(checkout, 'FLAVOUR', [
    [undefined, 'plain'],
    ['mint', 'mint'],
    ['lemon', 'lemon'],
  ])
})

test('a variable that one branch reads and the other does not counts on the one only', async () => {
  const checkout = new Checkout()
  const tagged = (value: string) => ({ env: plainEnvironment({ TAG: value }) })
  await checkout.get(tagged('a'))
  checkout.git('checkout', '--quiet', '-b', 'other')
  checkout.write('src/main.rs', 'fn main() {\n    println!("none");\n}\n')
  checkout.commit('none')
  expect(await checkout.run(tagged('a'))).toMatchObject({ outcome: 'built', prints: 'none' })
  expect(await checkout.run(tagged('b'))).toMatchObject({ outcome: 'cached', prints: 'none' })
  checkout.git('checkout', '--quiet', 'main')
  expect(await checkout.run(tagged('b'))).toMatchObject({ outcome: 'built', prints: 'one b' })
  expect(await checkout.run(tagged('a'))).toMatchObject({ outcome: 'cached', prints: 'one a' })
})

test("a variable that cargo sets for build scripts alone is the caller's everywhere else", async () => {
  const checkout = new Checkout({
    ...HELLO,
    'src/main.rs': 'fn main() {\n    println!("{}", option_env!("PROFILE").unwrap_or("-"));\n}\n',
  })
  await backAndForth(checkout, 'PROFILE', [
    [undefined, '-'],
    ['staging', 'staging'],
    ['live', 'live'],
  ])
})
