// All forms of checkouts, and the files that a call leaves alone.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import type { DevBinary, DevBinaryOptions } from '../index.js'
import {
  Checkout,
  entry,
  HELLO,
  listener,
  mainPrinting,
  only,
  PATIENCE_MS,
  plainEnvironment,
  temporaryDirectory,
  tracingProgram,
} from './support.js'

setDefaultTimeout(PATIENCE_MS)

const unix = process.platform !== 'win32'
const linux = process.platform === 'linux'

/** Returns the answer of `task` in a process of its own, whose environment is `env`. */
function inChild(task: 'fingerprint', options: DevBinaryOptions, env: Record<string, string>): string
function inChild(task: 'getDevBinary', options: DevBinaryOptions, env: Record<string, string>): DevBinary
function inChild(task: string, options: DevBinaryOptions, env: Record<string, string>): unknown {
  const program = `
    const { ${task} } = require(${JSON.stringify(entry)})
    ${task}(${JSON.stringify(options)}).then((answer) => console.log(JSON.stringify(answer)))`
  return JSON.parse(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8', env }))
}

/** Everything that writing to a file or directory changes, for all of them below `directory`. */
function listing(directory: string): Record<string, string> {
  const paths = ['', ...readdirSync(directory, { recursive: true, encoding: 'utf8' })]
  // Root may write to the stat cache, whatever its mode.
  const described = paths
    .filter((path) => !path.startsWith(join('cache', 'stat-cache')))
    .map((path) => {
      const { ino, mode, size, mtimeNs, ctimeNs } = lstatSync(join(directory, path), { bigint: true })
      return [path, [ino, mode, size, mtimeNs, ctimeNs].join(' ')] as const
    })
  return Object.fromEntries(described)
}

/** Asks for the fingerprint after each change, and expects a new one each time. */
async function eachChanges(checkout: Checkout, changes: (() => void)[]): Promise<void> {
  const seen = [await checkout.fingerprint()]
  for (const change of changes) {
    change()
    const now = await checkout.fingerprint()
    expect(seen, `after change ${seen.length}`).not.toContain(now)
    seen.push(now)
  }
}

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

test('variables that redirect git have no effect', async () => {
  const checkout = new Checkout()
  const other = new Checkout({ ...HELLO, 'more.txt': 'more' })
  const redirecting = {
    GIT_DIR: join(other.repo, '.git'),
    GIT_COMMON_DIR: join(other.repo, '.git'),
    GIT_WORK_TREE: other.repo,
    GIT_INDEX_FILE: join(other.repo, '.git/index'),
    GIT_OBJECT_DIRECTORY: join(other.repo, '.git/objects'),
    GIT_CEILING_DIRECTORIES: checkout.directory,
    GIT_NAMESPACE: 'other',
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'core.worktree',
    GIT_CONFIG_VALUE_0: other.repo,
  }
  const before = await checkout.fingerprint()
  expect(await checkout.fingerprint({ env: plainEnvironment(redirecting) })).toBe(before)
  expect(inChild('fingerprint', checkout.options(), plainEnvironment(redirecting))).toBe(before)
  const own = inChild('fingerprint', checkout.options({ env: plainEnvironment(redirecting) }), plainEnvironment())
  expect(own).toBe(before)
})

test('a call leaves the index as it is, also one that git would refresh', async () => {
  const checkout = new Checkout()
  const index = join(checkout.repo, '.git/index')
  utimesSync(join(checkout.repo, 'src/main.rs'), 1_000_000_000, 1_000_000_000)
  checkout.write('Cargo.toml', `${HELLO['Cargo.toml']}\n`)
  const before = { bytes: readFileSync(index), stat: statSync(index, { bigint: true }) }
  const repository = readdirSync(join(checkout.repo, '.git'), { recursive: true })
  expect((await checkout.get()).outcome).toBe('built')
  expect((await checkout.get()).outcome).toBe('cached')
  const { ino, mtimeNs, ctimeNs } = statSync(index, { bigint: true })
  expect(readFileSync(index).equals(before.bytes)).toBe(true)
  expect({ ino, mtimeNs, ctimeNs }).toEqual({
    ino: before.stat.ino,
    mtimeNs: before.stat.mtimeNs,
    ctimeNs: before.stat.ctimeNs,
  })
  expect(readdirSync(join(checkout.repo, '.git'), { recursive: true })).toEqual(repository)
})

/** The directory of the real cargo and rustc, behind rustup where there is one. */
function toolchainDirectory(): string {
  const sysroot = execFileSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8', env: plainEnvironment() }).trim()
  return join(sysroot, 'bin')
}

test.if(unix)('a build spawns no git, and a hit spawns nothing at all', async () => {
  const checkout = new Checkout()
  const log = join(checkout.directory, 'log')
  const path = join(checkout.directory, 'toolchain/bin')
  mkdirSync(path, { recursive: true })
  // The compiler's library makes them a toolchain. Without it, they would be asked for the toolchain that they choose.
  mkdirSync(join(path, '../lib'))
  writeFileSync(join(path, '../lib/librustc_driver-0123.so'), '')
  for (const name of ['cargo', 'rustc']) tracingProgram(join(path, name), log, join(toolchainDirectory(), name))
  for (const name of ['git', 'rustup', 'cc', 'sh', 'zig', 'uname']) {
    const found = Bun.which(name)
    const goOn = found ? `exec ${found} "$@"` : 'exit 1'
    writeFileSync(join(path, name), `#!/bin/sh\necho ${name} >>${log}\n${goOn}\n`, { mode: 0o755 })
  }
  const env = plainEnvironment({ PATH: [path, process.env.PATH].join(delimiter), RUSTC: join(path, 'rustc') })
  const spawned = () => new Set(readFileSync(log, 'utf8').trim().split('\n'))
  expect((await checkout.run({ env })).outcome).toBe('built')
  expect(spawned()).toContain('cargo')
  expect(spawned()).toContain('rustc')
  expect(spawned()).not.toContain('git')

  writeFileSync(log, '')
  expect(await checkout.get({ env })).toMatchObject({ outcome: 'cached' })
  expect(inChild('getDevBinary', checkout.options({ env }), env)).toMatchObject({ outcome: 'cached' })
  await checkout.fingerprint({ env })
  expect(readFileSync(log, 'utf8')).toBe('')
})

test.if(unix)('without git on the machine everything works', async () => {
  const checkout = new Checkout()
  const path = join(checkout.directory, 'path')
  mkdirSync(path)
  for (const name of ['cargo', 'rustc']) symlinkSync(join(toolchainDirectory(), name), join(path, name))
  for (const name of ['cc', 'ld']) {
    const found = Bun.which(name)
    if (found) symlinkSync(found, join(path, name))
  }
  const env = { ...plainEnvironment(), PATH: path }
  expect(inChild('getDevBinary', checkout.options({ env }), env)).toMatchObject({ outcome: 'built' })
  expect(inChild('getDevBinary', checkout.options({ env }), env)).toMatchObject({ outcome: 'cached' })
})

test('a hit writes nothing, neither to the cache nor to the checkout', async () => {
  const checkout = new Checkout()
  const first = await checkout.get()
  // Identities that had not settled during the build may have settled now. They are written once.
  const all = () =>
    Object.entries(listing(checkout.directory)).filter(([path]) => !path.startsWith(join('cache', 'stat-cache')))
  const before = all()
  expect(before.length).toBeGreaterThan(20)
  expect(await checkout.get()).toMatchObject({ outcome: 'cached', path: first.path })
  expect(inChild('getDevBinary', checkout.options(), plainEnvironment())).toMatchObject({ outcome: 'cached' })
  await checkout.fingerprint()
  expect(all()).toEqual(before)
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

test('what stands where a file of rules would be, and is none, is not waited for', async () => {
  const checkout = new Checkout({ ...HELLO, 'docs/text.md': 'one\n', 'notes/text.md': 'one\n' })
  for (const path of ['docs/.gitignore', 'notes/CACHEDIR.TAG', '.git/excludes'])
    execFileSync('mkfifo', [join(checkout.repo, path)])
  checkout.git('config', 'core.excludesFile', join(checkout.repo, '.git', 'excludes'))
  expect((await checkout.run()).outcome).toBe('built')
  expect((await checkout.run()).outcome).toBe('cached')
})

test('asking for a fingerprint makes no cache', async () => {
  const checkout = new Checkout()
  const before = listing(checkout.directory)
  await checkout.fingerprint()
  expect(listing(checkout.directory)).toEqual(before)
})

// Modes do not stop root. The test still shows that nothing is written.
test.if(unix)('a cache and a checkout that are read-only still hit', async () => {
  const checkout = new Checkout()
  // The call runs in a process of its own, since that ends only when it has written everything.
  const first = inChild('getDevBinary', checkout.options(), plainEnvironment())
  const directories = readdirSync(checkout.directory, { recursive: true, encoding: 'utf8' })
    .map((path) => join(checkout.directory, path))
    .filter((path) => lstatSync(path).isDirectory())
  for (const directory of directories) chmodSync(directory, 0o500)
  try {
    const before = listing(checkout.directory)
    expect(await checkout.get()).toMatchObject({ outcome: 'cached', path: first.path })
    expect(listing(checkout.directory)).toEqual(before)
  } finally {
    for (const directory of directories) chmodSync(directory, 0o700)
  }
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
