// A binary is never older than its sources, even where cargo compares times and is wrong.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { copyFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DevBinaryOptions } from '../index.js'
import { Checkout, listener, mainPrinting, only, output, PATIENCE_MS, plainEnvironment } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const LONG_AGO = new Date('2001-02-03T04:05:06Z')

/** Makes a call. Returns its result, what the binary prints, and all warnings. */
async function look(checkout: Checkout, options: Partial<DevBinaryOptions> = {}) {
  const { events, onEvent } = listener()
  const { outcome, prints } = await checkout.run({ ...options, onEvent })
  return { outcome, prints, warnings: only(events, 'warning').map(({ message }) => message) }
}

/** Builds as a user does in a terminal, and returns what the binary in `target` prints. */
function cargo(checkout: Checkout, env: Record<string, string> = {}): string {
  const options = { cwd: checkout.repo, env: plainEnvironment(env), stdio: 'pipe' } as const
  execFileSync('cargo', ['build', '--release', '--quiet', '--offline'], options)
  return join(checkout.repo, 'target/release/hello')
}

/** Ways to change a file that leave it a time of modification that cargo finds no newer than its last build. */
const REPLACEMENTS: [string, (from: string, to: string) => void][] = [
  ['mv', (from, to) => renameSync(from, to)],
  ['cp -p', (from, to) => execFileSync('cp', ['-p', from, to])],
  ['an edit that keeps the time', inPlace],
]

function inPlace(from: string, to: string): void {
  const { atime, mtime } = statSync(to)
  copyFileSync(from, to)
  utimesSync(to, atime, mtime)
}

function replace(checkout: Checkout, path: string, text: string, how: (from: string, to: string) => void): void {
  const from = join(checkout.directory, 'replacement')
  writeFileSync(from, text)
  utimesSync(from, LONG_AGO, LONG_AGO)
  how(from, join(checkout.repo, path))
}

for (const [name, how] of REPLACEMENTS) {
  test(`a source that is replaced by ${name} is in the binary, and a warning names the package that cargo took for fresh`, async () => {
    const checkout = new Checkout()
    await look(checkout)
    replace(checkout, 'src/main.rs', mainPrinting('two'), how)
    // If cargo noticed the change, this test would show nothing.
    expect(output(cargo(checkout))).toBe('one -')
    const { outcome, prints, warnings } = await look(checkout)
    expect({ outcome, prints }).toEqual({ outcome: 'built', prints: 'two -' })
    expect(warnings).toEqual([
      expect.stringMatching(/^cargo takes `hello` for fresh, but src\/main\.rs is not what was built; /),
    ])

    replace(checkout, 'src/main.rs', mainPrinting('six'), how)
    expect(await look(checkout, { scope: 'crate' })).toMatchObject({ outcome: 'built', prints: 'six -' })
  })
}

test('the files that git checks out are in the binary', async () => {
  const checkout = new Checkout()
  checkout.git('checkout', '--quiet', '-b', 'two')
  checkout.write('src/main.rs', mainPrinting('two'))
  checkout.commit('two')
  for (const scope of ['tree', 'crate'] as const) {
    for (const [branch, prints] of [
      ['main', 'one -'],
      ['two', 'two -'],
      ['main', 'one -'],
    ] as const) {
      checkout.git('checkout', '--quiet', branch)
      expect(await look(checkout, { scope })).toMatchObject({ prints })
    }
  }
})

/** A package with everything that makes several runs of rustc: a library, a binary, a build script. */
const SEVERAL = {
  'Cargo.toml':
    '[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\nnear.path = "../near"\n[workspace]\n',
  'Cargo.lock':
    'version = 4\n\n[[package]]\nname = "hello"\nversion = "0.1.0"\ndependencies = [\n "near",\n]\n\n[[package]]\nname = "near"\nversion = "0.1.0"\n',
  'build.rs': `fn main() {
    println!("cargo::rerun-if-changed=words");
    println!("cargo::rerun-if-env-changed=FLAVOUR");
    println!("cargo::rustc-env=WORDS={}", std::fs::read_to_string("words/a.txt").unwrap());
    println!("cargo::rustc-env=SCRIPT={}", std::env::var("FLAVOUR").unwrap_or("-".into()));
}
`,
  'words/a.txt': 'one',
  'src/lib.rs': 'pub const LIB: &str = "one";\n',
  'src/deep/part.rs': 'pub const PART: &str = "one";\n',
  'src/main.rs': `#[path = "deep/part.rs"]
mod part;

fn main() {
    println!(
        "{} {} {} {} {} {}",
        hello::LIB, part::PART, env!("WORDS"), env!("SCRIPT"), option_env!("FLAVOUR").unwrap_or("-"), near::FILE,
    );
}
`,
  '../near/Cargo.toml': '[package]\nname = "near"\nversion = "0.1.0"\nedition = "2024"\n',
  '../near/build.rs':
    'fn main() { println!("cargo::rustc-env=FILE={}", std::fs::read_to_string("file.txt").unwrap()); }\n',
  '../near/file.txt': 'one',
  '../near/src/lib.rs': 'pub const FILE: &str = env!("FILE");\n',
  '.gitignore': '/target\n',
}

test('a build in a terminal is taken as it is when nothing was changed after it', async () => {
  const checkout = new Checkout(SEVERAL)
  expect(await look(checkout)).toMatchObject({ outcome: 'built', prints: 'one one one - - one' })
  for (const [path, prints] of [
    ['src/lib.rs', 'two one one - - one'],
    ['src/deep/part.rs', 'two two one - - one'],
    ['words/a.txt', 'two two two - - one'],
    ['../near/file.txt', 'two two two - - two'],
  ] as const) {
    checkout.write(path, textAt(path).replace('one', 'two'))
    const before = statSync(cargo(checkout)).mtimeMs
    expect({ path, ...(await look(checkout)) }).toEqual({ path, outcome: 'built', prints, warnings: [] })
    expect(statSync(join(checkout.repo, 'target/release/hello')).mtimeMs).toBe(before)
  }
})

/** Returns the first content of a path of {@link SEVERAL}. */
function textAt(path: string): string {
  return (SEVERAL as Record<string, string>)[path] ?? ''
}

for (const [path, prints, printsLast] of [
  ['src/lib.rs', 'two one one - - one', 'six one one - - one'],
  ['src/deep/part.rs', 'one two one - - one', 'one six one - - one'],
  ['words/a.txt', 'one one two - - one', 'one one six - - one'],
  ['../near/file.txt', 'one one one - - two', 'one one one - - six'],
] as const) {
  test(`an edit of ${path} that keeps its time, with and without a build in a terminal before it, is in the binary`, async () => {
    const checkout = new Checkout(SEVERAL)
    await look(checkout)
    // The target directory has the record of our own build once, and once none.
    replace(checkout, path, textAt(path).replace('one', 'two'), inPlace)
    const vouched = await look(checkout)
    expect(vouched).toMatchObject({ outcome: 'built', prints })
    expect(vouched.warnings).toHaveLength(1)

    checkout.write('src/main.rs', `${SEVERAL['src/main.rs']}\n`)
    checkout.write(
      'src/lib.rs',
      `${path === 'src/lib.rs' ? textAt(path).replace('one', 'two') : SEVERAL['src/lib.rs']}\n`,
    )
    if (path === '../near/file.txt') checkout.write('../near/src/lib.rs', `${textAt('../near/src/lib.rs')}\n`)
    cargo(checkout)
    replace(checkout, path, textAt(path).replace('one', 'six'), inPlace)
    const unvouched = await look(checkout)
    expect(unvouched).toMatchObject({ outcome: 'built', prints: printsLast })
    expect(unvouched.warnings).toEqual([
      expect.stringMatching(/ for fresh, but .+ (was changed after the last build|is not what was built); /),
    ])
  })
}

test('an edit that cargo sees does not hide one in the same package that it does not', async () => {
  const checkout = new Checkout(SEVERAL)
  await look(checkout)
  for (const word of ['two', 'six']) {
    for (const path of ['src/lib.rs', 'words/a.txt'])
      replace(checkout, path, textAt(path).replace('one', word), inPlace)
    checkout.write('src/main.rs', `${SEVERAL['src/main.rs']}// ${word}\n`)
    // There is a record of the library's build once, and once there is none.
    if (word === 'six') cargo(checkout)
    expect(await look(checkout)).toMatchObject({ outcome: 'built', prints: `${word} one ${word} - - one` })
  }
})

test('an old directory that is moved into place after a build in a terminal is in the binary', async () => {
  const checkout = new Checkout(SEVERAL)
  const [here, aside] = [join(checkout.repo, 'src/deep'), join(checkout.directory, 'deep')]
  checkout.write('../deep/part.rs', 'pub const PART: &str = "old";\n')
  utimesSync(join(aside, 'part.rs'), LONG_AGO, LONG_AGO)
  await look(checkout)
  checkout.write('src/main.rs', `${SEVERAL['src/main.rs']}\n`)
  cargo(checkout)
  renameSync(here, join(checkout.directory, 'new'))
  renameSync(aside, here)
  expect(await look(checkout)).toMatchObject({ outcome: 'built', prints: 'one old one - - one' })
})

test("a variable that cargo's configuration sets is in the binary: set, changed and unset", async () => {
  const checkout = new Checkout(SEVERAL)
  const configure = (value: string) => checkout.write('.cargo/config.toml', `[env]\nFLAVOUR = "${value}"\n`)
  configure('mint')
  expect(await look(checkout)).toMatchObject({ prints: 'one one one mint mint one' })
  configure('lime')
  expect(await look(checkout)).toMatchObject({ outcome: 'built', prints: 'one one one lime lime one' })
  checkout.write('.cargo/config.toml', '')
  expect(await look(checkout)).toMatchObject({ outcome: 'built', prints: 'one one one - - one' })
  // The caller's own value comes before the configured one.
  configure('mint')
  const env = plainEnvironment({ FLAVOUR: 'plum' })
  expect(await look(checkout, { env })).toMatchObject({ outcome: 'built', prints: 'one one one plum plum one' })
})

test('checkouts that share a target directory never get the binary of another one', async () => {
  const checkout = new Checkout()
  const clone = join(checkout.directory, 'clone')
  const worktree = join(checkout.directory, 'worktree')
  checkout.git('clone', '--quiet', checkout.repo, clone)
  checkout.git('worktree', 'add', '--quiet', '--detach', worktree)
  const env = plainEnvironment({ CARGO_TARGET_DIR: join(checkout.directory, 'shared') })
  const checkouts = [checkout.repo, clone, worktree]
  for (const round of ['a', 'b', 'c']) {
    for (const [index, repo] of checkouts.entries())
      writeFileSync(join(repo, 'src/main.rs'), mainPrinting(`${round}${index}`))
    for (const [index, repo] of checkouts.entries()) {
      for (const scope of ['tree', 'crate'] as const) {
        const { prints } = await look(checkout, { repo, env, scope })
        expect(prints).toBe(`${round}${index} -`)
      }
    }
  }
})

test('a target directory elsewhere that another program used last is not trusted', async () => {
  const checkout = new Checkout()
  const clone = join(checkout.directory, 'clone')
  checkout.git('clone', '--quiet', checkout.repo, clone)
  writeFileSync(join(clone, 'src/main.rs'), mainPrinting('two'))
  utimesSync(join(clone, 'src/main.rs'), LONG_AGO, LONG_AGO)
  const shared = { CARGO_TARGET_DIR: join(checkout.directory, 'shared') }
  cargo(checkout, shared)
  const env = plainEnvironment(shared)
  expect(await look(checkout, { repo: clone, env })).toMatchObject({ outcome: 'built', prints: 'two -' })
})

test('every variable and tool that can change the binary does, and unrelated ones cost nothing', async () => {
  const checkout = new Checkout()
  checkout.write(
    'src/main.rs',
    'fn main() { println!("{} {}", option_env!("IMAGE_TAG").unwrap_or("-"), cfg!(loud)); }\n',
  )
  const rustc = execFileSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8', env: plainEnvironment() }).trim()
  const wrapper = join(checkout.directory, 'rustc')
  writeFileSync(wrapper, `#!/bin/sh\nexec '${rustc}/bin/rustc' --cfg loud "$@"\n`, { mode: 0o755 })
  const get = (extra: Record<string, string>) => look(checkout, { env: plainEnvironment(extra) })
  expect(await get({})).toMatchObject({ outcome: 'built', prints: '- false' })
  expect(await get({ IMAGE_TAG: 'v1' })).toMatchObject({ outcome: 'built', prints: 'v1 false' })
  expect(await get({ IMAGE_TAG: 'v2' })).toMatchObject({ outcome: 'built', prints: 'v2 false' })
  expect(await get({ IMAGE_TAG: 'v1' })).toMatchObject({ outcome: 'cached', prints: 'v1 false' })
  expect(await get({ RUSTFLAGS: '--cfg loud' })).toMatchObject({ outcome: 'built', prints: '- true' })
  expect(await get({ RUSTC: wrapper })).toMatchObject({ outcome: 'built', prints: '- true' })
  for (const session of ['1', '2', '3']) {
    expect(await get({ SESSION: session, TERM: session, PWD: session })).toMatchObject({ outcome: 'cached' })
  }
})
