// Edits that cost a build in scope `crate`, and edits that do not.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type DevBinaryOptions, explain } from '../index.js'
import {
  Checkout,
  HELLO,
  listener,
  mainPrinting,
  observes,
  only,
  output,
  PATIENCE_MS,
  plainEnvironment,
  rejection,
} from './support.js'

setDefaultTimeout(PATIENCE_MS)

const manifest = (name: string, rest = '') =>
  `[package]\nname = "${name}"\nversion.workspace = true\nedition = "2024"\n${rest}`

const workspace = (version = '0.1.0', debugAssertions = false, rest = '') =>
  `[workspace]
members = ["app", "core", "macros", "extra", "helper", "other"]
resolver = "3"

[workspace.package]
version = "${version}"

[profile.release]
opt-level = 0
debug-assertions = ${debugAssertions}
${rest}`

const spelling = (word: string) =>
  `#[proc_macro]\npub fn spell(_: proc_macro::TokenStream) -> proc_macro::TokenStream { "\\"${word}\\"".parse().unwrap() }\n`

/** A build script that passes the names and the content of a directory to the crate, as one variable. */
const LISTING = `fn listing(directory: &str) -> String {
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    files.iter().map(|path| std::fs::read_to_string(path).unwrap().trim().to_owned() + ";").collect()
}
`

const APP_SCRIPT = `${LISTING}
fn main() {
    for path in ["../schemas", "../notes.txt", "../ignored/declared.txt"] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-env-changed=SEEN");
    println!("cargo::rustc-env=SCHEMAS={}", listing("../schemas"));
    println!("cargo::rustc-env=NOTES={}", std::fs::read_to_string("../notes.txt").unwrap().trim());
    println!("cargo::rustc-env=DECLARED={}", std::fs::read_to_string("../ignored/declared.txt").unwrap().trim());
    println!("cargo::rustc-env=SEEN_BY_SCRIPT={}", std::env::var("SEEN").unwrap_or("-".into()));
    println!("cargo::rustc-env=SCRIPT=one");
}
`

/** A build script that declares nothing, so that all of its package counts. */
const SILENT_SCRIPT = `${LISTING}
fn main() { println!("cargo::rustc-env=FILES={}", listing(".")); }
`

const APP_MAIN = `mod part;
include!("../../ignored/table.rs");

fn main() {
    println!("own {}", part::PART);
    println!("string {}", include_str!("../../assets/banner.txt").trim());
    println!("bytes {}", include_bytes!("../../assets/blob.bin").len());
    println!("schemas {}", env!("SCHEMAS"));
    println!("notes {}", env!("NOTES"));
    println!("declared {}", env!("DECLARED"));
    println!("script {}", env!("SCRIPT"));
    println!("table {TABLE}");
    println!("outside {}", include_str!("../../../outside.txt").trim());
    println!("core {}", core_part::CORE);
    println!("core-files {}", core_part::FILES);
    println!("external {}", external::EXTERNAL);
    println!("external-files {}", external::FILES);
    println!("macro {}", macros::spell!());
    println!("flavour {}", option_env!("FLAVOUR").unwrap_or("-"));
    println!("seen {}", env!("SEEN_BY_SCRIPT"));
    println!("must {}", env!("MUST"));
    println!("version {}", env!("CARGO_PKG_VERSION"));
    println!("checks {}", cfg!(debug_assertions));
    #[cfg(feature = "extra")]
    println!("extra {}", extra::EXTRA);
}
`

/** Every kind of thing that a build reads, and things that no build of \`app\` does. */
const WORKSPACE = {
  'Cargo.toml': workspace(),
  '.gitignore': '/target\n/ignored\n',
  'app/Cargo.toml': manifest(
    'app',
    `[features]
extra = ["dep:extra"]

[dependencies]
core-part.path = "../core"
external.path = "../../external"
extra = { path = "../extra", optional = true }
macros.path = "../macros"

[dev-dependencies]
helper.path = "../helper"
`,
  ),
  'app/build.rs': APP_SCRIPT,
  'app/src/main.rs': APP_MAIN,
  'app/src/part.rs': 'pub const PART: &str = "one";\n',
  'assets/banner.txt': 'one\n',
  'assets/blob.bin': '1',
  'assets/unused.txt': 'one\n',
  'schemas/a.txt': 'one\n',
  'notes.txt': 'one\n',
  'ignored/declared.txt': 'one\n',
  'ignored/table.rs': 'const TABLE: &str = "one";\n',
  '../outside.txt': 'one\n',
  'core/Cargo.toml': manifest('core-part'),
  'core/build.rs': SILENT_SCRIPT,
  'core/data.txt': 'one\n',
  'core/src/lib.rs': 'pub const CORE: &str = "one";\npub const FILES: &str = env!("FILES");\n',
  'core/tests/it.rs': '',
  '../external/Cargo.toml': '[package]\nname = "external"\nversion = "0.1.0"\nedition = "2024"\n',
  '../external/build.rs': SILENT_SCRIPT,
  '../external/data.txt': 'one\n',
  '../external/src/lib.rs': 'pub const EXTERNAL: &str = "one";\npub const FILES: &str = env!("FILES");\n',
  'macros/Cargo.toml': manifest('macros', '[lib]\nproc-macro = true\n'),
  'macros/src/lib.rs': spelling('one'),
  'extra/Cargo.toml': manifest('extra'),
  'extra/src/lib.rs': 'pub const EXTRA: &str = "one";\n',
  'helper/Cargo.toml': manifest('helper'),
  'helper/src/lib.rs': '',
  'other/Cargo.toml': manifest('other'),
  'other/src/main.rs': 'fn main() {}\n',
  'other/tests/it.rs': '',
  'other/benches/speed.rs': 'fn main() {}\n',
  'README.md': 'one\n',
}

type Facts = Record<string, string>

class World extends Checkout {
  env: Record<string, string | undefined> = { MUST: 'one' }

  constructor(files: Record<string, string> = WORKSPACE) {
    super(files)
    execFileSync('cargo', ['generate-lockfile', '--offline', '--quiet'], { cwd: this.repo, env: plainEnvironment() })
    this.commit('lock file')
  }

  /** Makes the call of all these tests. Returns its outcome, and what the program prints of its inputs. */
  async look(options: Partial<DevBinaryOptions> = {}): Promise<{ outcome: string; facts: Facts }> {
    const { outcome, prints } = await this.run({
      crate: 'app',
      scope: 'crate',
      env: plainEnvironment(this.env),
      ...options,
    })
    return { outcome, facts: Object.fromEntries(prints.split('\n').map((line) => line.split(' ', 2))) }
  }

  remove(path: string): void {
    rmSync(join(this.repo, path), { recursive: true })
  }
}

/**
 * Takes one step after the other, and compares each result. The step's name is compared, too, so that a failure names
 * it.
 */
async function walk(world: World, expected: string, steps: [step: string, () => void, facts?: Facts][]): Promise<void> {
  for (const [step, take, says] of steps) {
    take()
    const { outcome, facts } = await world.look()
    expect({ step, outcome, facts }).toMatchObject({ step, outcome: expected, facts: says ?? {} })
  }
}

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

test('path sets that are deleted or damaged cost a build at most', async () => {
  const world = new World()
  await world.look()
  const kept = join(world.cacheDir, 'path-sets')
  const damages: [string, () => void][] = [
    ['deleted', () => rmSync(kept, { recursive: true })],
    ['emptied', () => writeAll(kept, '')],
    ['truncated', () => writeAll(kept, '{"sets":[{"packages":["app"')],
    ['without anything in them', () => writeAll(kept, '{"sets":[{}]}')],
    ['of other crates', () => writeAll(kept, '{"sets":[{"packages":["other"],"files":[],"variables":[]}]}')],
  ]
  let value = 'one'
  for (const [damage, inflict] of damages) {
    inflict()
    expect({ damage, ...(await world.look()) }).toMatchObject({ damage, facts: { string: value } })
    inflict()
    value = damage.replaceAll(' ', '-')
    world.write('assets/banner.txt', `${value}\n`)
    expect({ damage, ...(await world.look()) }).toMatchObject({ damage, facts: { string: value } })
    expect({ damage, ...(await world.look()) }).toMatchObject({ damage, outcome: 'cached' })
  }
})

function writeAll(directory: string, text: string): void {
  for (const name of readdirSync(directory)) writeFileSync(join(directory, name), text)
}

const including = (number: number) => `fn main() { println!("file {}", include_str!("../../assets/${number}.txt")); }\n`

const one = (name: string, rest: Record<string, string>) => ({
  'Cargo.toml': `[workspace]\nmembers = ["${name}"]\nresolver = "3"\n[profile.release]\nopt-level = 0\n`,
  [`${name}/Cargo.toml`]: `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2024"\n`,
  '.gitignore': '/target\n',
  ...rest,
})

test('eight branches that read eight different files are all served from the cache', async () => {
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8]
  const assets = Object.fromEntries([0, ...numbers].map((number) => [`assets/${number}.txt`, `${number}`]))
  const world = new World(one('app', { ...assets, 'app/src/main.rs': including(0) }))
  for (const number of numbers) {
    world.git('checkout', '--quiet', '-b', `branch${number}`)
    world.write('app/src/main.rs', including(number))
    world.commit(`${number}`)
    expect(await world.look()).toMatchObject({ outcome: 'built', facts: { file: `${number}` } })
  }
  for (const number of numbers) {
    world.git('checkout', '--quiet', `branch${number}`)
    expect(await world.look()).toMatchObject({ outcome: 'cached', facts: { file: `${number}` } })
    world.write(`assets/${number - 1}.txt`, 'not read on this branch')
    expect(await world.look()).toMatchObject({ outcome: 'cached', facts: { file: `${number}` } })
    world.git('checkout', '--quiet', '--', 'assets')
  }
})

test('without dep-info, cargo runs each time and every call says why', async () => {
  const world = new World(one('app', { 'assets/1.txt': '1', 'app/src/main.rs': including(1) }))
  // A compiler wrapper that removes dep-info, so that cargo has none either.
  const wrapper = join(world.directory, 'wrapper')
  writeFileSync(
    wrapper,
    '#!/bin/sh\n"$@" || exit\nfor file in "$CARGO_TARGET"/release/deps/*.d; do rm -f "$file"; done\n',
    {
      mode: 0o755,
    },
  )
  world.env = { RUSTC_WRAPPER: wrapper, CARGO_TARGET: join(world.repo, 'target') }
  for (const scope of ['crate', 'tree'] as const) {
    const { events, onEvent } = listener()
    expect(await world.look({ scope, onEvent })).toMatchObject({ outcome: 'built', facts: { file: '1' } })
    const warnings = only(events, 'warning').map(({ message }) => message)
    expect(warnings).toEqual([expect.stringContaining('does not tell what the build read')])
    const again = await explain(world.options({ crate: 'app', scope, env: plainEnvironment(world.env) }))
    expect(again.reasons).toEqual([{ kind: 'unknown-reads', detail: expect.stringContaining('it has no dep-info') }])
    world.write('assets/1.txt', '2')
    expect(await world.look({ scope })).toMatchObject({ outcome: 'built', facts: { file: '2' } })
    world.write('assets/1.txt', '1')
    expect(await world.look({ scope })).toMatchObject({ outcome: 'built', facts: { file: '1' } })
  }
})

const saying = (expression: string) => `fn main() { println!("says {}", ${expression}); }\n`

for (const scope of ['crate', 'tree'] as const) {
  test(`scope ${scope}: worktrees and clones share a binary unless it may depend on where its checkout lies`, async () => {
    const world = new World(one('app', { 'app/src/main.rs': saying('"nothing"') }))
    const worktree = join(world.directory, 'worktree')
    const clone = join(world.directory, 'clone')
    world.git('worktree', 'add', '--quiet', '--detach', worktree)
    world.git('clone', '--quiet', world.repo, clone)
    const first = await world.look({ scope })
    expect(first.outcome).toBe('built')
    for (const repo of [worktree, clone]) expect(await world.look({ scope, repo })).toMatchObject({ outcome: 'cached' })

    const source = saying('env!("CARGO_MANIFEST_DIR")')
    for (const repo of [world.repo, worktree, clone]) {
      writeFileSync(join(repo, 'app/src/main.rs'), source)
      const says = join(repo, 'app')
      expect(await world.look({ scope, repo })).toMatchObject({ outcome: 'built', facts: { says } })
      expect(await world.look({ scope, repo })).toMatchObject({ outcome: 'cached', facts: { says } })
    }
    // These get the path through the build script, which no dep-info shows. No part of the path is in the binary here.
    const script = `fn main() {
    let here = std::env::current_dir().unwrap();
    let name = here.parent().unwrap().file_name().unwrap();
    println!("cargo::rustc-env=LENGTH={}", name.len());
}
`
    for (const repo of [world.repo, worktree, clone]) {
      writeFileSync(join(repo, 'app/build.rs'), script)
      writeFileSync(join(repo, 'app/src/main.rs'), saying('env!("LENGTH")'))
      const says = `${basename(repo).length}`
      expect(await world.look({ scope, repo })).toMatchObject({ outcome: 'built', facts: { says } })
      expect(await world.look({ scope, repo })).toMatchObject({ outcome: 'cached', facts: { says } })
      const { boundBy } = await explain(world.options({ crate: 'app', scope, repo, env: plainEnvironment(world.env) }))
      expect(boundBy).toEqual(['the build script of `app` can tell where it runs'])
    }
  })
}

const WATCHING_GIT = one('app', {
  'app/build.rs': `fn main() {
    println!("cargo::rerun-if-changed=../.git/HEAD");
    println!("cargo::rerun-if-changed=../.git/refs/tags");
    let tags = std::fs::read_dir("../.git/refs/tags").map_or(0, |tags| tags.count());
    let head = std::fs::read_to_string("../.git/HEAD").unwrap_or("linked".into());
    println!("cargo::rustc-env=GIT={}:{tags}", head.trim().rsplit('/').next().unwrap());
}
`,
  'app/src/main.rs': saying('env!("GIT")'),
})

test("git's own files count by content where a build script watches them", async () => {
  const world = new World(WATCHING_GIT)
  expect(await world.look()).toMatchObject({ outcome: 'built', facts: { says: 'main:0' } })
  world.commit('HEAD still names the branch')
  expect(await world.look()).toMatchObject({ outcome: 'cached' })
  world.git('tag', 'v1')
  expect(await world.look()).toMatchObject({ outcome: 'built', facts: { says: 'main:1' } })
  world.git('checkout', '--quiet', '-b', 'topic')
  expect(await world.look()).toMatchObject({ outcome: 'built', facts: { says: 'topic:1' } })
  world.git('checkout', '--quiet', 'main')
  expect(await world.look()).toMatchObject({ outcome: 'cached', facts: { says: 'main:1' } })
})

test('a watched file that does not exist, as in a linked worktree, does not make every call a build', async () => {
  const world = new World(WATCHING_GIT)
  const repo = join(world.directory, 'worktree')
  world.git('worktree', 'add', '--quiet', '-b', 'linked', repo)
  for (const scope of ['crate', 'tree'] as const) {
    expect(await world.look({ repo, scope })).toMatchObject({ outcome: 'built', facts: { says: 'linked:0' } })
    expect(await world.look({ repo, scope })).toMatchObject({ outcome: 'cached' })
  }
})

test('a missing file that a build script watches counts when it appears, and the build sees it', async () => {
  const script = `fn main() {
    println!("cargo::rerun-if-changed=../local/settings.txt");
    println!("cargo::rustc-env=SETTING={}", std::fs::read_to_string("../local/settings.txt").unwrap_or("none".into()));
}
`
  const files = {
    'app/build.rs': script,
    'app/src/main.rs': saying('env!("SETTING")'),
    '.gitignore': '/target\n/local\n',
  }
  const world = new World(one('app', files))
  for (const scope of ['crate', 'tree'] as const) {
    expect(await world.look({ scope })).toMatchObject({ facts: { says: 'none' } })
    expect(await world.look({ scope })).toMatchObject({ outcome: 'cached' })
    world.write('local/settings.txt', 'loud')
    expect(await world.look({ scope })).toMatchObject({ outcome: 'built', facts: { says: 'loud' } })
    renameSync(join(world.repo, 'local'), join(world.directory, `local-${scope}`))
    mkdirSync(join(world.repo, 'local'))
    expect(await world.look({ scope })).toMatchObject({ outcome: 'cached', facts: { says: 'none' } })
  }
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
