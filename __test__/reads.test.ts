// Every file that a build reads counts, however it is reached. After each change, the binary equals that of a clean
// build.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Compared, package_, printing, reading, SCOPES, script } from './oracle.js'
import { PATIENCE_MS } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const TAG = 'Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by cargo.\n'
const LISTING = `{
    let names = std::fs::read_dir("data").unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names.join(",")
}`

/** A crate in a git repository of its own, from which cargo fetches what `reference` names. */
function fetched(world: Compared, files: Record<string, string>, reference = ''): void {
  for (const [path, text] of Object.entries(files)) world.write(`../fetched/${path}`, text)
  const git = (...args: string[]) => world.git('-C', '../fetched', ...args)
  git('init', '--quiet', '--initial-branch=main')
  git('add', '--all')
  git('commit', '--quiet', '--message', 'start')
  world.write(
    'Cargo.toml',
    package_('app', `[dependencies]\nfetched = { git = "file://${world.directory}/fetched"${reference} }\n`),
  )
  world.write('src/main.rs', printing('fetched::read()'))
  world.env = { CARGO_HOME: join(world.directory, 'cargo-home') }
  world.cargo(world.repo, 'generate-lockfile', '--quiet')
  world.commit('with a fetched crate')
}

type Edit = (world: Compared, value: string) => void
const writing =
  (path: string): Edit =>
  (world, value) =>
    world.write(path, value)

/** A way to read a file: the files before the first build, and the changes after it. */
const WAYS: [title: string, files: Record<string, string>, edit: Edit, prepare?: (world: Compared) => void][] = [
  [
    'a build script without declarations reads an ignored file that `package.include` takes in',
    {
      '.gitignore': '/target\n/dist\n',
      'Cargo.toml': package_('app', 'include = ["src/**", "/dist/*.html", "build.rs"]\n'),
      'build.rs': script(reading('dist/index.html')),
    },
    writing('dist/index.html'),
  ],
  [
    'a build script without declarations reads a file that comes to be included',
    {
      '.gitignore': '/target\n/data\n',
      'Cargo.toml': package_('app', 'include = ["src", "data/"]\n'),
      'build.rs': script(LISTING),
    },
    (world, value) => world.write(`data/${value}`, ''),
  ],
  [
    'a build script without declarations reads an ignored file, where there is no git',
    { '.gitignore': '/target\n/data\n', 'build.rs': script(reading('data/x')) },
    writing('data/x'),
    (world) => rmSync(join(world.repo, '.git'), { recursive: true }),
  ],
  [
    'a build script without declarations reads an ignored file of a package that git does not track',
    {
      '.gitignore': '/target\n/inner\n',
      'Cargo.toml': package_('app', '[dependencies]\ninner.path = "inner"\n'),
      'src/main.rs': printing('inner::READ'),
      'inner/Cargo.toml': package_('inner'),
      'inner/.gitignore': '/data\n',
      'inner/build.rs': script(reading('data/x')),
      'inner/src/lib.rs': 'pub const READ: &str = env!("READ");\n',
    },
    writing('inner/data/x'),
  ],
  [
    "a build script without declarations reads what another program's tag marks as a cache",
    { 'build.rs': script(reading('data/x')) },
    writing('data/x'),
    (world) => world.write('data/CACHEDIR.TAG', TAG.replace('cargo', 'hand')),
  ],
  [
    'a build script without declarations of an ignored vendored crate reads its files',
    {
      '.gitignore': '/target\n/vendor\n',
      '.cargo/config.toml': '[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "vendor"\n',
      'Cargo.toml': package_('app', '[dependencies]\nfetched = "0.1.0"\n'),
      'src/main.rs': printing('fetched::READ'),
      'vendor/fetched/.cargo-checksum.json': '{"files":{},"package":null}',
      'vendor/fetched/Cargo.toml': package_('fetched'),
      'vendor/fetched/build.rs': script(reading('data/x')),
      'vendor/fetched/src/lib.rs': 'pub const READ: &str = env!("READ");\n',
      'vendor/fetched/data/x': '0',
    },
    writing('vendor/fetched/data/x'),
  ],
  [
    'flags name an argument file, which rustc reads beside a package outside the workspace',
    {
      '.cargo/config.toml': '[build]\nrustflags = ["@flags"]\n',
      flags: '',
      'Cargo.toml': package_('app', '[dependencies]\nnear.path = "../near"\n[workspace]\n'),
      'src/main.rs': printing('near::READ'),
      '../near/Cargo.toml': package_('near'),
      '../near/src/lib.rs': 'pub const READ: &str = if cfg!(one) { "1" } else if cfg!(two) { "2" } else { "none" };\n',
      '../near/flags': '',
    },
    (world, value) => world.write('../near/flags', `--cfg\n${Number(value) % 2 === 0 ? 'one' : 'two'}\n`),
  ],
  [
    'a build script without declarations reads through a link to a directory',
    { 'build.rs': script(reading('data/deep/x')) },
    writing('../far/deep/x'),
    (world) => symlinkSync('../far', join(world.repo, 'data')),
  ],
  [
    'a build script without declarations reads through a link to a link',
    { 'build.rs': script(reading('x')) },
    writing('../far/x'),
    (world) => {
      mkdirSync(join(world.directory, 'far'))
      symlinkSync('far/x', join(world.directory, 'near'))
      symlinkSync('../near', join(world.repo, 'x'))
    },
  ],
  [
    'the code includes a file that another command puts below the target directory',
    { 'src/main.rs': printing('include_str!("../target/plugin/x")') },
    writing('target/plugin/x'),
    (world) => world.write('target/CACHEDIR.TAG', TAG),
  ],
  [
    'a build script declares a directory that another command puts below the target directory',
    {
      'build.rs': script(LISTING.replaceAll('"data"', '"target/plugin"'), 'rerun-if-changed=target/plugin'),
    },
    (world, value) => world.write(`target/plugin/${value}`, ''),
    (world) => world.write('target/CACHEDIR.TAG', TAG),
  ],
  [
    'a build script declares a directory in which a cache lies',
    { '.gitignore': '/target\n/data\n', 'build.rs': script(reading('data/cache/x'), 'rerun-if-changed=data') },
    writing('data/cache/x'),
    (world) => world.write('data/cache/CACHEDIR.TAG', TAG),
  ],
  [
    'a build script reads behind a link and `..`',
    { 'build.rs': script(reading('link/../x'), 'rerun-if-changed=link/../x') },
    writing('../far/x'),
    (world) => {
      world.write('../far/inside/y', '')
      symlinkSync('../far/inside', join(world.repo, 'link'))
    },
  ],
  [
    'the build script of a fetched crate declares a file outside the checkout',
    {},
    writing('../system.h'),
    (world) => {
      const header = join(world.directory, 'system.h')
      fetched(world, {
        'Cargo.toml': package_('fetched'),
        'build.rs': script(reading(header), `rerun-if-changed=${header}`),
        'src/lib.rs': 'pub fn read() -> &\'static str { env!("READ") }\n',
      })
    },
  ],
  [
    'the build script of a fetched crate declares a file of the checkout',
    {},
    writing('settings.conf'),
    (world) => {
      const settings = join(world.repo, 'settings.conf')
      fetched(world, {
        'Cargo.toml': package_('fetched'),
        'build.rs': script(reading(settings), `rerun-if-changed=${settings}`),
        'src/lib.rs': 'pub fn read() -> &\'static str { env!("READ") }\n',
      })
    },
  ],
  [
    'a path dependency inherits from a workspace that it names',
    {
      'Cargo.toml': package_('app', '[workspace]\nexclude = ["far"]\n[dependencies]\nlib.path = "far/lib"\n'),
      'src/main.rs': printing('lib::READ'),
      'far/lib/Cargo.toml':
        '[package]\nname = "lib"\nworkspace = "../ws"\nversion.workspace = true\ndescription.workspace = true\n',
      'far/lib/src/lib.rs': 'pub const READ: &str = env!("CARGO_PKG_DESCRIPTION");\n',
      'far/ws/Cargo.toml':
        '[workspace]\nmembers = ["../lib"]\n[workspace.package]\nversion = "0.1.0"\ndescription = "0"\n',
    },
    (world, value) =>
      world.write(
        'far/ws/Cargo.toml',
        `[workspace]\nmembers = ["../lib"]\n[workspace.package]\nversion = "0.1.0"\ndescription = "${value}"\n`,
      ),
  ],
  [
    'a vendored crate lies outside the checkout',
    {
      'Cargo.toml': package_('app', '[dependencies]\nvendored = "1"\n'),
      '.cargo/config.toml':
        '[source.crates-io]\nreplace-with = "near"\n[source.near]\ndirectory = "../vendor"\n[net]\noffline = true\n',
      'src/main.rs': printing('vendored::READ'),
      '../vendor/vendored/Cargo.toml': '[package]\nname = "vendored"\nversion = "1.0.0"\n',
      '../vendor/vendored/.cargo-checksum.json': `{"files":{},"package":"${'0'.repeat(64)}"}`,
      '../vendor/vendored/src/lib.rs': 'pub const READ: &str = "0";\n',
    },
    (world, value) => world.write('../vendor/vendored/src/lib.rs', `pub const READ: &str = "${value}";\n`),
  ],
  [
    'cargo builds in a directory apart from the target directory',
    {
      '.gitignore': '/target\n/made\n/x\n',
      '.cargo/config.toml': '[build]\nbuild-dir = "made"\n',
      'src/main.rs': printing('include_str!("../x")'),
    },
    writing('x'),
  ],
]

for (const [title, files, edit, prepare] of WAYS) {
  test(title, async () => {
    const world = new Compared(files)
    prepare?.(world)
    if (existsSync(join(world.repo, '.git'))) world.commit('prepared')
    for (const [index, scope] of SCOPES.entries()) {
      for (const value of [1, 2].map((number) => `${number + 2 * index}`)) {
        edit(world, value)
        const prints = world.clean()
        expect({ scope, ...(await world.look({ scope })) }).toMatchObject({ scope, outcome: 'built', prints })
        expect({ scope, ...(await world.look({ scope })) }).toMatchObject({ scope, outcome: 'cached', prints })
      }
    }
  })
}

for (const [title, reference] of [
  ['', ''],
  [' from a branch', ', branch = "main"'],
] as const) {
  test(`a file that a crate fetched${title} reads is in the binary also when its time says that it is old`, async () => {
    const world = new Compared({})
    const header = join(world.directory, 'system.h')
    writeFileSync(header, '1')
    const files = {
      'Cargo.toml': package_('fetched'),
      'build.rs': script(reading(header), `rerun-if-changed=${header}`),
      'src/lib.rs': 'pub fn read() -> &\'static str { env!("READ") }\n',
    }
    fetched(world, files, reference)
    expect(await world.look()).toMatchObject({ prints: '1' })
    const other = join(world.directory, 'other.h')
    writeFileSync(other, '2')
    utimesSync(other, new Date(2001, 1), new Date(2001, 1))
    renameSync(other, header)
    expect(await world.look()).toMatchObject({ outcome: 'built', prints: '2' })
  })
}

test('the files that a crate of kind dylib reads count', async () => {
  const world = new Compared({
    'Cargo.toml': package_('app', '[dependencies]\nshared.path = "shared"\n[workspace]\n'),
    'src/main.rs': printing('shared::READ'),
    'shared/Cargo.toml': package_('shared', '[lib]\ncrate-type = ["dylib", "rlib"]\n'),
    'shared/src/lib.rs':
      'pub const READ: &str = match option_env!("FLAVOUR") { Some(flavour) => flavour, None => "-" };\n',
  })
  for (const scope of SCOPES) {
    for (const flavour of ['sweet', 'sour']) {
      world.env = { FLAVOUR: flavour }
      expect(await world.look({ scope })).toMatchObject({ prints: flavour, warnings: [] })
    }
    expect(await world.look({ scope })).toMatchObject({ outcome: 'cached', prints: 'sour' })
  }
})

test('a patch in cargo’s configuration counts when it comes to apply', async () => {
  const world = new Compared({})
  fetched(world, { 'Cargo.toml': package_('fetched'), 'src/lib.rs': 'pub fn read() -> &\'static str { "fetched" }\n' })
  const patch = (version: string) => world.write('third/Cargo.toml', package_('fetched').replace('0.1.0', version))
  world.write('third/src/lib.rs', 'pub fn read() -> &\'static str { "patched" }\n')
  const config = `[patch."file://${world.directory}/fetched"]\nfetched.path = "third"\n`
  world.write('.cargo/config.toml', config)
  world.write(
    'Cargo.toml',
    `${package_('app', '[workspace]\nexclude = ["third"]\n[dependencies]\n')}fetched = { version = "0.1", git = "file://${world.directory}/fetched" }\n`,
  )
  for (const scope of SCOPES) {
    for (const version of ['0.3.0', '0.1.0']) {
      patch(version)
      const prints = world.clean()
      expect({ scope, version, ...(await world.look({ scope })) }).toMatchObject({ scope, version, prints })
    }
  }
})

/** The ways in which a checkout reads a file beside it. */
const BESIDE: Record<string, Record<string, string>> = {
  'the code includes it': { 'src/main.rs': printing('include_str!("../../shared/x")') },
  'the code includes it by an absolute path': {
    'src/main.rs': printing('include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/x"))'),
  },
  'a build script declares it': { 'build.rs': script(reading('../shared/x'), 'rerun-if-changed=../shared/x') },
  'a build script declares its real path': {
    'build.rs': `fn main() {
    let path = std::fs::canonicalize("../shared/x").unwrap();
    println!("cargo::rerun-if-changed={}", path.display());
    println!("cargo::rustc-env=READ={}", std::fs::read_to_string(path).unwrap());
}
`,
  },
  'a path dependency is there': {
    'Cargo.toml': package_('app', '[dependencies]\nshared.path = "../shared"\n[workspace]\n'),
    'src/main.rs': printing('shared::READ'),
    '../shared/Cargo.toml': package_('shared'),
    '../shared/src/lib.rs': 'pub const READ: &str = include_str!("../x");\n',
  },
}

for (const [title, files] of Object.entries(BESIDE)) {
  test(`two clones have neighbours of their own: ${title}`, async () => {
    const world = new Compared({ ...files, '../shared/x': 'one' })
    const other = join(world.directory, 'elsewhere', 'checkout')
    mkdirSync(dirname(other))
    execFileSync('cp', ['-r', join(world.directory, 'shared'), join(dirname(other), 'shared')])
    world.git('clone', '--quiet', world.repo, other)
    writeFileSync(join(dirname(other), 'shared', 'x'), 'two')
    for (const scope of SCOPES) {
      expect(await world.look({ scope })).toMatchObject({ prints: 'one' })
      expect(await world.look({ scope, repo: other })).toMatchObject({ outcome: 'built', prints: 'two' })
      expect(await world.look({ scope })).toMatchObject({ outcome: 'cached', prints: 'one' })
    }
  })
}

test('a binary that contains the path of a neighbour is not served to a clone with another neighbour', async () => {
  const world = new Compared({
    ...BESIDE['a path dependency is there'],
    '../shared/src/lib.rs': 'pub const READ: &str = file!();\n',
  })
  const other = join(world.directory, 'elsewhere', 'checkout')
  mkdirSync(dirname(other))
  execFileSync('cp', ['-r', join(world.directory, 'shared'), join(dirname(other), 'shared')])
  world.git('clone', '--quiet', world.repo, other)
  for (const scope of SCOPES) {
    expect(await world.look({ scope })).toMatchObject({ prints: world.clean() })
    expect(await world.look({ scope, repo: other })).toMatchObject({ prints: world.clean(other) })
  }
})

test('clones whose neighbours are equal share a binary', async () => {
  const world = new Compared({ ...BESIDE['the code includes it'], '../shared/x': 'one' })
  const other = join(world.directory, 'elsewhere', 'checkout')
  world.write('../elsewhere/shared/x', 'one')
  world.git('clone', '--quiet', world.repo, other)
  for (const scope of SCOPES) {
    expect(await world.look({ scope })).toMatchObject({ outcome: 'built' })
    expect(await world.look({ scope, repo: other })).toMatchObject({ outcome: 'cached', prints: 'one' })
  }
})

test('worktrees at one commit have binaries of their own where a build script asks git for the branch', async () => {
  const world = new Compared({
    'build.rs': `use std::process::Command;
fn git(arguments: &[&str]) -> String {
    String::from_utf8(Command::new("git").args(arguments).output().unwrap().stdout).unwrap().trim().to_owned()
}
fn main() {
    println!("cargo::rerun-if-changed={}/HEAD", git(&["rev-parse", "--absolute-git-dir"]));
    println!("cargo::rustc-env=READ={}", git(&["rev-parse", "--abbrev-ref", "HEAD"]));
}
`,
  })
  const worktree = (branch: string) => {
    world.git('worktree', 'add', '--quiet', '-b', branch, join(world.directory, branch))
    return join(world.directory, branch)
  }
  const branches = { alpha: worktree('alpha'), beta: worktree('beta'), main: world.repo }
  for (const scope of SCOPES) {
    for (const [prints, repo] of Object.entries(branches)) {
      expect(await world.look({ scope, repo })).toMatchObject({ prints })
    }
  }
})
