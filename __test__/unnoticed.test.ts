// Inputs that cargo does not notice: after every change of one, the binary equals that of a clean build.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { verify } from '../index.js'
import { Compared, package_, printing, reading, SCOPES, script } from './oracle.js'
import { observes, PATIENCE_MS, plainEnvironment, UNOBSERVED } from './support.js'

setDefaultTimeout(PATIENCE_MS)

/** A procedural macro that embeds the names in a directory of the package that uses it, and does not declare them. */
const EMBEDDING = (directory: string) => ({
  'macros/Cargo.toml': package_('macros', '[lib]\nproc-macro = true\n'),
  'macros/src/lib.rs': `use proc_macro::TokenStream;
#[proc_macro]
pub fn names(_: TokenStream) -> TokenStream {
    let directory = std::env::var("CARGO_MANIFEST_DIR").unwrap() + "/${directory}";
    let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    format!("{:?}", names.join(",")).parse().unwrap()
}
`,
})

/** A program in the place of another, which adds \`flags\` to what it runs. */
function wrapper(world: Compared, name: string, flags: string): string {
  world.write(`../${name}`, `#!/bin/sh\nexec "$@" ${flags}\n`, 0o755)
  return join(world.directory, name)
}

/** \`libv.a\`, whose function returns \`value\`. */
function staticLibrary(world: Compared, value: string): void {
  const work = mkdtempSync(join(world.directory, 'cc-'))
  world.write('lib/.keep', '')
  execFileSync('cc', ['-x', 'c', '-c', '-', '-o', join(work, 'v.o')], { input: `int v(void) { return ${value}; }\n` })
  rmSync(join(world.repo, 'lib/libv.a'), { force: true })
  execFileSync('ar', ['crs', join(world.repo, 'lib/libv.a'), join(work, 'v.o')])
}
const LINKING = {
  'build.rs': `fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-search=native=lib");
    println!("cargo::rustc-link-lib=static=v");
}
`,
  'src/main.rs': 'extern "C" {\n    fn v() -> i32;\n}\nfn main() { print!("{}", unsafe { v() }); }\n',
}

const CONFIGURED = { 'src/main.rs': printing('if cfg!(fast) { "fast" } else { "slow" }') }
const value = (number: number) => (number % 2 === 0 ? '' : '--cfg fast')

/** Something that changes, by a number that grows with each change. */
const CHANGES: [title: string, files: Record<string, string>, change: (world: Compared, number: number) => void][] = [
  ...(['RUSTC_WRAPPER', 'RUSTC_WORKSPACE_WRAPPER'] as const).map(
    (name): [string, Record<string, string>, (world: Compared, number: number) => void] => [
      `${name} names a script that changes in place`,
      CONFIGURED,
      (world, number) => {
        world.env = { [name]: wrapper(world, 'wrapper', value(number)) }
      },
    ],
  ),
  [
    'RUSTC_WRAPPER is set and unset',
    CONFIGURED,
    (world, number) => {
      const path = wrapper(world, 'wrapper', '--cfg fast')
      world.env = { RUSTC_WRAPPER: number % 2 === 0 ? undefined : path }
    },
  ],
  [
    'RUSTC names a script that changes in place',
    CONFIGURED,
    (world, number) => {
      const rustc = execFileSync('rustup', ['which', 'rustc'], { encoding: 'utf8' }).trim()
      world.write('../rustc', `#!/bin/sh\nexec ${rustc} "$@" ${value(number)}\n`, 0o755)
      world.env = { RUSTC: join(world.directory, 'rustc') }
    },
  ],
  [
    'RUSTFLAGS names a file of flags',
    CONFIGURED,
    (world, number) => {
      world.write('../flags', value(number).split(' ').join('\n'))
      world.env = { RUSTFLAGS: `@${join(world.directory, 'flags')}` }
    },
  ],
  [
    'a build script reads a steering variable without saying so',
    {
      'build.rs': script('std::env::var("SOURCE_DATE_EPOCH").unwrap_or_default()', 'rerun-if-changed=build.rs'),
    },
    (world, number) => {
      world.env = { SOURCE_DATE_EPOCH: `${number}` }
    },
  ],
  [
    'one build script declares a steering variable, and another reads it without saying so',
    {
      'Cargo.toml': package_('app', '[dependencies]\nopen.path = "open"\n[workspace]\n'),
      'build.rs': script('std::env::var("CFLAGS").unwrap_or_default()', 'rerun-if-changed=build.rs'),
      'src/main.rs': printing('format!("{} {}", env!("READ"), open::READ)'),
      'open/Cargo.toml': package_('open'),
      'open/build.rs': script('std::env::var("CFLAGS").unwrap_or_default()', 'rerun-if-env-changed=CFLAGS'),
      'open/src/lib.rs': 'pub const READ: &str = env!("READ");\n',
    },
    (world, number) => {
      world.env = { CFLAGS: `-DX=${number}` }
    },
  ],
  [
    'a build script with declarations reads another file of its package',
    { 'build.rs': script(reading('data/x'), 'rerun-if-changed=build.rs') },
    (world, number) => world.write('data/x', `${number}`),
  ],
  [
    'a procedural macro embeds a directory of the package, to which a file is added',
    {
      'Cargo.toml': package_('app', '[dependencies]\nmacros.path = "macros"\n[workspace]\n'),
      'src/main.rs': printing('macros::names!()'),
      'data/0': '',
      ...EMBEDDING('data'),
    },
    (world, number) => world.write(`data/${number}`, ''),
  ],
  [
    'a build script without declarations asks whether a file may be executed',
    {
      'build.rs': script(
        'std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata("tool").unwrap().permissions()) & 0o100',
      ),
      'src/main.rs': printing('env!("READ")'),
      tool: '',
    },
    (world, number) => chmodSync(join(world.repo, 'tool'), number % 2 === 0 ? 0o644 : 0o755),
  ],
  [
    'a build script asks where a link leads that it declares',
    {
      'build.rs': script('std::fs::read_link("link").unwrap().display()', 'rerun-if-changed=link'),
      'src/main.rs': printing('env!("READ")'),
      one: 'equal',
      two: 'equal',
    },
    (world, number) => {
      rmSync(join(world.repo, 'link'), { force: true })
      symlinkSync(number % 2 === 0 ? 'one' : 'two', join(world.repo, 'link'))
    },
  ],
  [
    'a build script links a library that is in the package',
    LINKING,
    (world, number) => staticLibrary(world, `${number}`),
  ],
]

for (const [title, files, change] of CHANGES) {
  test(title, async () => {
    const world = new Compared(files)
    let number = 0
    for (const scope of SCOPES) {
      for (let step = 0; step < 3; step++) {
        change(world, ++number)
        const prints = world.clean()
        expect({ scope, step, ...(await world.look({ scope })) }).toMatchObject({ scope, step, prints })
        expect({ scope, step, ...(await world.look({ scope })) }).toMatchObject({ scope, step, outcome: 'cached' })
      }
    }
  })
}

test('scope tree: a directory of no package that a macro embeds, and the commit that a build script asks for', async () => {
  const world = new Compared({
    'Cargo.toml': '[workspace]\nmembers = ["app", "macros"]\nresolver = "2"\n',
    'app/Cargo.toml': package_('app', '[dependencies]\nmacros.path = "../macros"\n'),
    'app/build.rs': `fn main() {
    println!("cargo::rerun-if-changed=../.git/HEAD");
    let head = std::process::Command::new("git").args(["rev-parse", "HEAD"]).output().unwrap().stdout;
    println!("cargo::rustc-env=COMMIT={}", String::from_utf8(head).unwrap().trim());
}
`,
    'app/src/main.rs': printing('format!("{} {}", env!("COMMIT"), macros::names!())'),
    'migrations/1.sql': '',
    ...EMBEDDING('../migrations'),
  })
  const commit = () => world.git('rev-parse', 'HEAD')
  expect(await world.look({ scope: 'tree' })).toMatchObject({ prints: `${commit()} 1.sql` })
  world.write('migrations/2.sql', '')
  const added = await world.look({ scope: 'tree' })
  expect(added).toMatchObject({ outcome: 'built', prints: `${commit()} 1.sql,2.sql` })
  const known = observes ? 'other names are in migrations/' : 'migrations/2.sql changed, and nothing tells whether'
  expect(added.warnings).toEqual([expect.stringContaining(known)])
  world.commit('on the same branch')
  expect(await world.look({ scope: 'tree' })).toMatchObject({ outcome: 'built', prints: `${commit()} 1.sql,2.sql` })
})

test('a wrapper that a cargo in a terminal did not have, or had', async () => {
  const world = new Compared(CONFIGURED)
  const path = wrapper(world, 'wrapper', '--cfg fast')
  for (const [index, scope] of SCOPES.entries()) {
    for (const [terminal, here] of [
      [undefined, path],
      [path, undefined],
    ]) {
      world.write('src/main.rs', `${CONFIGURED['src/main.rs']}// ${index} ${here}\n`)
      world.env = { RUSTC_WRAPPER: terminal }
      world.cargo(world.repo, 'build', '--quiet', '--release')
      world.env = { RUSTC_WRAPPER: here }
      expect(await world.look({ scope })).toMatchObject({ prints: world.clean() })
    }
  }
})

test('scope tree: a commit after a build in a terminal, which a build script had asked for', async () => {
  const git = 'std::process::Command::new("git").args(["rev-parse", "HEAD"]).output().unwrap().stdout'
  const world = new Compared({
    'build.rs': script(`String::from_utf8(${git}).unwrap().trim()`, 'rerun-if-changed=build.rs'),
    'src/main.rs': printing('env!("READ")'),
  })
  await world.look({ scope: 'tree' })
  world.write(
    'build.rs',
    `${script(`String::from_utf8(${git}).unwrap().trim()`, 'rerun-if-changed=build.rs')}// edited\n`,
  )
  world.cargo(world.repo, 'build', '--quiet', '--release')
  world.commit('after it')
  expect(await world.look({ scope: 'tree' })).toMatchObject({ prints: world.git('rev-parse', 'HEAD') })
})

test('scope tree: a branch that a build script asks for, at one commit', async () => {
  const git = 'std::process::Command::new("git").args(["rev-parse", "--abbrev-ref", "HEAD"]).output().unwrap().stdout'
  const world = new Compared({
    'build.rs': script(`String::from_utf8(${git}).unwrap().trim()`),
    'src/main.rs': printing('env!("READ")'),
  })
  expect(await world.look({ scope: 'tree' })).toMatchObject({ prints: 'main' })
  world.git('checkout', '--quiet', '-b', 'other')
  const { reasons } = await world.get({ crate: 'app', scope: 'tree' })
  expect(reasons).toEqual([{ kind: 'head', repository: '', from: 'main', to: 'other' }])
  expect(await world.look({ scope: 'tree' })).toMatchObject({ outcome: 'cached', prints: 'other' })
  world.git('checkout', '--quiet', 'main')
  expect(await world.look({ scope: 'tree' })).toMatchObject({ outcome: 'cached', prints: 'main' })
})

test('the binary of a moved checkout knows the new place, with the target directory moved, too', async () => {
  const here = 'std::env::var("CARGO_MANIFEST_DIR").unwrap()'
  for (const files of [
    { 'build.rs': script(here, 'rerun-if-changed=build.rs'), 'src/main.rs': printing('env!("READ")') },
    { 'build.rs': script(here), 'src/main.rs': printing('env!("READ")') },
  ]) {
    const world = new Compared(files)
    for (const [number, scope] of SCOPES.entries()) {
      const repo = join(world.directory, `moved-${number}`)
      expect(await world.look({ scope })).toMatchObject({ prints: world.repo })
      renameSync(world.repo, repo)
      expect(await world.look({ scope, repo })).toMatchObject({ prints: repo })
      expect(await world.look({ scope, repo })).toMatchObject({ outcome: 'cached', prints: repo })
      renameSync(repo, world.repo)
    }
  }
})

test('a file that a compilation names costs one build, and a file that no compilation names gives one warning', async () => {
  const world = new Compared({ 'build.rs': script('"one"', 'rerun-if-changed=build.rs'), 'README.md': 'one' })
  await world.look()
  world.write('src/main.rs', printing('concat!(env!("READ"), "two")'))
  expect(await world.look()).toMatchObject({ prints: 'onetwo', builds: 1, warnings: [] })
  world.write('README.md', 'two')
  const { builds, warnings } = await world.look()
  const doubt =
    'cargo takes `app` for fresh, but README.md changed, and nothing tells whether it was read; cleaning it and building again'
  // Where builds are observed, it is known that no run has read it.
  expect({ builds, warnings }).toEqual(observes ? { builds: 1, warnings: [] } : { builds: 2, warnings: [doubt] })
  const unobserved = new Compared({ 'build.rs': script('"one"', 'rerun-if-changed=build.rs'), 'README.md': 'one' })
  unobserved.env = UNOBSERVED
  await unobserved.look()
  unobserved.write('README.md', 'two')
  expect(await unobserved.look()).toMatchObject({ builds: 2, warnings: [doubt] })
})

test('a build after the verdict `stale` gives the right binary', async () => {
  const world = new Compared({
    ...LINKING,
    '.gitignore': '/target\n/lib\n',
  })
  // It is ignored and no run names it, so the change is not noticed.
  world.env = UNOBSERVED
  const options = () => world.options({ crate: 'app', env: plainEnvironment(UNOBSERVED) })
  staticLibrary(world, '1')
  expect(await world.look()).toMatchObject({ prints: '1' })
  staticLibrary(world, '2')
  expect(await world.look()).toMatchObject({ outcome: 'cached', prints: '1' })
  expect((await verify(options())).verdict).toBe('stale')
  const { prints, warnings } = await world.look({ rebuild: true })
  expect({ prints, warnings }).toEqual({ prints: '2', warnings: [expect.stringContaining('gave another binary')] })
  expect(await world.look({ rebuild: true })).toMatchObject({ prints: '2', warnings: [], builds: 1 })
  expect((await verify(options())).verdict).toBe('equal')
})
