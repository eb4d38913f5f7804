// Edits that cost a build in scope `crate`, and edits that do not.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { explain } from '../index.js'
import { APP_SCRIPT, manifest, spelling, WORKSPACE, World, walk, workspace } from './crates.js'
import { Checkout, HELLO, listener, mainPrinting, observes, only, output, PATIENCE_MS, rejection } from './support.js'

setDefaultTimeout(PATIENCE_MS)

test('a toolchain file at the root counts, tracked or not, and costs one build', async () => {
  const world = new World()
  world.write('rust-toolchain.toml', '[toolchain]\ncomponents = ["rustc"]\n')
  expect((await world.look()).outcome).toBe('built')
  await walk(world, 'cached', [
    ['nothing', () => {}],
    ['nothing, again', () => {}],
  ])
  await walk(world, 'built', [
    ['another text', () => world.write('rust-toolchain.toml', '[toolchain]\ncomponents = ["cargo"]\n')],
    ['no such file', () => world.remove('rust-toolchain.toml')],
  ])
  await walk(world, 'cached', [['nothing', () => {}]])
})

test('a crate that comes to match a pattern of members counts by its manifest, and one elsewhere does not', async () => {
  const patterns = workspace().replace('members = [', 'members = ["more/*", ')
  const world = new World({ ...WORKSPACE, 'Cargo.toml': patterns, 'more/README.md': 'none yet\n' })
  expect((await world.look()).outcome).toBe('built')
  await walk(world, 'cached', [
    ['a manifest elsewhere', () => world.write('docs/example/Cargo.toml', '[workspace]\n')],
    ['a directory without a manifest', () => world.write('more/new/src/lib.rs', '')],
  ])
  await walk(world, 'built', [['its manifest', () => world.write('more/new/Cargo.toml', manifest('new'))]])
  await walk(world, 'cached', [['its source', () => world.write('more/new/src/lib.rs', 'pub fn two() {}\n')]])
})

test('files that the crate is not built from cost no build, and neither does git', async () => {
  const world = new World()
  const cold = await world.look()
  expect(cold.outcome).toBe('built')
  await walk(world, 'cached', [
    ['nothing', () => {}],
    ['README edited', () => world.write('README.md', 'two\n')],
    ['documentation added', () => world.write('docs/deep/guide.md', 'two\n')],
    ['a file beside one that is included', () => world.write('assets/unused.txt', 'two\n')],
    ['another binary edited', () => world.write('other/src/main.rs', 'fn main() { println!("two"); }\n')],
    ["another crate's tests edited", () => world.write('other/tests/it.rs', '#[test]\nfn it() {}\n')],
    ["another crate's benches edited", () => world.write('other/benches/speed.rs', 'fn main() { println!(); }\n')],
    ['a dev-dependency edited', () => world.write('helper/src/lib.rs', 'pub fn help() {}\n')],
    ['an optional dependency edited that is off', () => world.write('extra/src/lib.rs', 'pub const EXTRA: u8 = 2;\n')],
    ['a source touched', () => utimesSync(join(world.repo, 'app/src/main.rs'), new Date(), new Date())],
    ['another variable set', () => Object.assign(world.env, { UNRELATED: 'two' })],
    ['all of that committed', () => world.commit('two')],
    ['the commit amended', () => world.git('commit', '--quiet', '--amend', '--message', 'other words')],
    ['another branch', () => world.git('checkout', '--quiet', '-b', 'topic')],
    [
      'a commit on it',
      () => {
        world.write('docs/topic.md', 'topic\n')
        world.commit('topic')
      },
    ],
    [
      'the branch rebased',
      () => {
        world.git('checkout', '--quiet', 'main')
        world.write('docs/main.md', 'main\n')
        world.commit('main')
        world.git('rebase', '--quiet', 'main', 'topic')
      },
    ],
    [
      'changes stashed',
      () => {
        world.write('README.md', 'three\n')
        world.git('stash', '--quiet')
      },
    ],
    ['and popped', () => world.git('stash', 'pop', '--quiet')],
    [
      'back to a branch with equal inputs',
      () => {
        world.git('checkout', '--quiet', '--', 'README.md')
        world.git('checkout', '--quiet', 'main')
      },
    ],
  ])
})

test('changes of the crate that are stashed and popped are served from the cache both ways', async () => {
  const world = new World()
  await world.look()
  world.write('app/src/part.rs', 'pub const PART: &str = "two";\n')
  expect(await world.look()).toMatchObject({ outcome: 'built', facts: { own: 'two' } })
  world.git('stash', '--quiet')
  expect(await world.look()).toMatchObject({ outcome: 'cached', facts: { own: 'one' } })
  world.git('stash', 'pop', '--quiet')
  expect(await world.look()).toMatchObject({ outcome: 'cached', facts: { own: 'two' } })
})

test('every file that the crate is built from costs a build, and is in the binary', async () => {
  const world = new World()
  await world.look()
  const anotherBinary = () => world.write('app/src/bin/late.rs', 'fn main() {}\n')
  await walk(world, observes ? 'cached' : 'built', [['another binary of the package', anotherBinary]])
  await walk(world, 'built', [
    ['own source', () => world.write('app/src/part.rs', 'pub const PART: &str = "two";\n'), { own: 'two' }],
    [
      'own module under its other name',
      () => {
        world.remove('app/src/part.rs')
        world.write('app/src/part/mod.rs', 'pub const PART: &str = "three";\n')
      },
      { own: 'three' },
    ],
    ['a file of include_str!', () => world.write('assets/banner.txt', 'two\n'), { string: 'two' }],
    ['a file of include_bytes!', () => world.write('assets/blob.bin', '12'), { bytes: '2' }],
    ['a file in a declared directory', () => world.write('schemas/a.txt', 'two\n'), { schemas: 'two;' }],
    ['one added there', () => world.write('schemas/b.txt', 'three\n'), { schemas: 'two;three;' }],
    ['one removed there', () => world.remove('schemas/a.txt'), { schemas: 'three;' }],
    ['a declared file', () => world.write('notes.txt', 'two\n'), { notes: 'two' }],
    ['a declared file that git ignores', () => world.write('ignored/declared.txt', 'two\n'), { declared: 'two' }],
    [
      'an included file that git ignores',
      () => world.write('ignored/table.rs', 'const TABLE: &str = "two";\n'),
      { table: 'two' },
    ],
    ['a file outside the checkout', () => world.write('../outside.txt', 'two\n'), { outside: 'two' }],
    ['the build script', () => world.write('app/build.rs', APP_SCRIPT.replace('=one', '=two')), { script: 'two' }],
    [
      'a dependency',
      () => world.write('core/src/lib.rs', 'pub const CORE: &str = "two";\npub const FILES: &str = env!("FILES");\n'),
      { core: 'two' },
    ],
    [
      'a file of a package whose build script declares nothing',
      () => world.write('core/data.txt', 'two\n'),
      { 'core-files': 'two;' },
    ],
    ['one added to it', () => world.write('core/more.txt', 'three\n'), { 'core-files': 'two;three;' }],
    [
      'a dependency outside the checkout',
      () =>
        world.write(
          '../external/src/lib.rs',
          'pub const EXTERNAL: &str = "two";\npub const FILES: &str = env!("FILES");\n',
        ),
      { external: 'two' },
    ],
    ['a file added to it', () => world.write('../external/more.txt', 'two\n'), { 'external-files': 'one;two;' }],
    ['a procedural macro', () => world.write('macros/src/lib.rs', spelling('two')), { macro: 'two' }],
    ['a variable of a build script', () => Object.assign(world.env, { SEEN: 'two' }), { seen: 'two' }],
    ['a variable of env!', () => Object.assign(world.env, { MUST: 'two' }), { must: 'two' }],
    ['a variable of option_env!', () => Object.assign(world.env, { FLAVOUR: 'two' }), { flavour: 'two' }],
    ['that variable unset', () => Object.assign(world.env, { FLAVOUR: undefined, MUST: 'three' }), { flavour: '-' }],
    [
      'a configuration file above the checkout',
      () => world.write('../.cargo/config.toml', '[env]\nFLAVOUR = "above"\n'),
      { flavour: 'above' },
    ],
    ['one in the checkout', () => world.write('.cargo/config.toml', '[env]\nFLAVOUR = "here"\n'), { flavour: 'here' }],
    ['a key that the package inherits', () => world.write('Cargo.toml', workspace('0.2.0')), { version: '0.2.0' }],
    ['a setting of the profile', () => world.write('Cargo.toml', workspace('0.2.0', true)), { checks: 'true' }],
  ])
  // rustc refuses this one. cargo would not have run rustc, since no run had read the new file.
  world.write('app/src/part.rs', 'pub const PART: &str = "four";\n')
  const ambiguous = await rejection(world.look())
  expect(ambiguous).toMatchObject({ code: 'BUILD_FAILED' })
  expect(ambiguous.message).toContain('part')
})

test("an optional dependency's sources count exactly when its feature is on", async () => {
  const world = new World()
  const features = ['extra']
  await world.look()
  expect(await world.look({ features })).toMatchObject({ outcome: 'built', facts: { extra: 'one' } })
  world.write('extra/src/lib.rs', 'pub const EXTRA: &str = "two";\n')
  expect(await world.look()).toMatchObject({ outcome: 'cached' })
  expect(await world.look({ features })).toMatchObject({ outcome: 'built', facts: { extra: 'two' } })
})

/** One package that has a vendored dependency from crates.io, so that nothing is downloaded. */
const VENDORED = {
  'Cargo.toml':
    '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\nleaf = "1"\n[workspace]\n',
  'src/main.rs': 'fn main() {\n    println!("leaf {}", leaf::LEAF);\n    println!("flavour {}", leaf::FLAVOUR);\n}\n',
  '.cargo/config.toml':
    '[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "vendor"\n[profile.release]\nopt-level = 0\n',
  '.gitignore': '/target\n',
  'vendor/leaf/.cargo-checksum.json': '{"files":{},"package":null}',
  'vendor/leaf/Cargo.toml': '[package]\nname = "leaf"\nversion = "1.0.0"\nedition = "2024"\n',
  'vendor/leaf/build.rs': `fn main() {
    println!("cargo::rerun-if-env-changed=LEAF_FLAVOUR");
    println!("cargo::rustc-env=FLAVOUR={}", std::env::var("LEAF_FLAVOUR").unwrap_or("-".into()));
}
`,
  'vendor/leaf/src/lib.rs': 'pub const LEAF: &str = "released";\npub const FLAVOUR: &str = env!("FLAVOUR");\n',
}

test('a variable that a registry crate reads counts, and so does a patch of that crate', async () => {
  const world = new World(VENDORED)
  expect(await world.look()).toMatchObject({ outcome: 'built', facts: { leaf: 'released', flavour: '-' } })
  world.env.LEAF_FLAVOUR = 'mint'
  expect(await world.look()).toMatchObject({ outcome: 'built', facts: { leaf: 'released', flavour: 'mint' } })
  expect(await world.look()).toMatchObject({ outcome: 'cached' })

  world.write('../leaf/Cargo.toml', VENDORED['vendor/leaf/Cargo.toml'])
  world.write('../leaf/src/lib.rs', 'pub const LEAF: &str = "patched";\npub const FLAVOUR: &str = "-";\n')
  world.write('Cargo.toml', `${VENDORED['Cargo.toml']}[patch.crates-io]\nleaf.path = "../leaf"\n`)
  expect(await world.look()).toMatchObject({ outcome: 'built', facts: { leaf: 'patched' } })
  world.write('../leaf/src/lib.rs', 'pub const LEAF: &str = "patched twice";\npub const FLAVOUR: &str = "-";\n')
  expect(await world.look()).toMatchObject({ outcome: 'built', facts: { leaf: 'patched' } })
  expect(await world.look()).toMatchObject({ outcome: 'cached' })
})

test('scope tree counts files that a build read, even if they are ignored or outside the checkout', async () => {
  const world = new World()
  const scope = 'tree'
  await world.look({ scope })
  expect(await world.look({ scope })).toMatchObject({ outcome: 'cached' })
  for (const [path, text, facts] of [
    ['ignored/table.rs', 'const TABLE: &str = "two";\n', { table: 'two' }],
    ['ignored/declared.txt', 'two\n', { declared: 'two' }],
    ['../outside.txt', 'two\n', { outside: 'two' }],
    ['../external/more.txt', 'two\n', { 'external-files': 'one;two;' }],
  ] as const) {
    world.write(path, text)
    expect({ path, ...(await world.look({ scope })) }).toMatchObject({ path, outcome: 'built', facts })
  }
  world.write('ignored/unread.txt', 'two\n')
  expect(await world.look({ scope })).toMatchObject({ outcome: 'cached' })
})

test('the commit of a deletion changes no file, and is a hit', async () => {
  const script = 'fn main() { for place in [".", "notes"] { std::fs::read_dir(place).map(Iterator::count).ok(); } }\n'
  const checkout = new Checkout({ ...HELLO, 'build.rs': script, 'notes/only.txt': 'a', 'notes.txt': 'a' })
  const first = await checkout.get({ scope: 'crate' })
  rmSync(join(checkout.repo, 'notes'), { recursive: true })
  rmSync(join(checkout.repo, 'notes.txt'))
  const second = await checkout.get({ scope: 'crate' })
  expect(second).toMatchObject({ outcome: 'built', reasons: [{ kind: 'source', count: 2 }] })
  checkout.commit('without them')
  expect(await checkout.get({ scope: 'crate' })).toMatchObject({ outcome: 'cached', path: second.path })
  checkout.git('checkout', '--quiet', 'HEAD^')
  expect(await checkout.get({ scope: 'crate' })).toMatchObject({ outcome: 'cached', path: first.path })
})

test('rebuild runs cargo although the binary is in the cache, and explain says that it would', async () => {
  const checkout = new Checkout()
  const scope = 'crate'
  const first = await checkout.run({ scope })
  const path = first.binary.path
  expect(await explain(checkout.options({ scope }))).toEqual({
    crate: 'hello',
    bin: 'hello',
    outcome: 'hit',
    path,
    fingerprint: first.binary.fingerprint,
    reasons: [],
    readBy: {},
    inWorktree: true,
    boundBy: [],
    notPortable: [],
  })
  const reasons = [{ kind: 'rebuild' }]
  expect(await explain(checkout.options({ scope, rebuild: true }))).toMatchObject({ outcome: 'miss', reasons })
  const { events, onEvent } = listener()
  const again = await checkout.run({ scope, rebuild: true, onEvent })
  expect(again).toMatchObject({ outcome: 'built', prints: 'one -', binary: { path, reasons } })
  expect(only(events, 'building')).toHaveLength(1)
  checkout.write('src/main.rs', mainPrinting('two'))
  const source = [{ kind: 'source', paths: [{ path: 'src/main.rs', change: 'changed' }], count: 1 }]
  const explanation = await explain(checkout.options({ scope }))
  expect(explanation).toMatchObject({ outcome: 'miss', reasons: source })
  expect(explanation.path).toBeUndefined()
  expect(output(path)).toBe('one -')
})
