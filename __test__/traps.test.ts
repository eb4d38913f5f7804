// Ways in which a file or a variable can change a binary. Look-ups have overlooked each of them once.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Checkout, HELLO, listener, lockFile, only, PATIENCE_MS } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const SCOPES = ['tree', 'crate'] as const
const printing = (expression: string) => `fn main() {\n    println!("{}", ${expression});\n}\n`

function link(target: string, path: string): void {
  rmSync(path, { force: true })
  symlinkSync(target, path)
}

for (const scope of SCOPES) {
  test(`scope ${scope}: a link counts by its final target, over another link outside the checkout`, async () => {
    const checkout = new Checkout({ ...HELLO, 'src/main.rs': printing('include_str!("x.txt").trim()') })
    const outside = join(checkout.directory, 'outside')
    for (const version of ['one', 'two']) {
      mkdirSync(join(outside, version), { recursive: true })
      writeFileSync(join(outside, version, 'x.txt'), version)
    }
    link('one', join(outside, 'current'))
    link(join(outside, 'current', 'x.txt'), join(checkout.repo, 'src', 'x.txt'))
    expect(await checkout.run({ scope })).toMatchObject({ prints: 'one' })
    link('two', join(outside, 'current'))
    expect(await checkout.run({ scope })).toMatchObject({ outcome: 'built', prints: 'two' })
    expect(await checkout.run({ scope })).toMatchObject({ outcome: 'cached', prints: 'two' })
  })

  test(`scope ${scope}: a link in a directory that a build script watches counts by its target`, async () => {
    const checkout = new Checkout({
      ...HELLO,
      'src/main.rs': printing('env!("DATA")'),
      'build.rs': `fn main() {
    println!("cargo::rerun-if-changed=data");
    println!("cargo::rustc-env=DATA={}", std::fs::read_to_string("data/x.txt").unwrap());
}
`,
      'data/other.txt': '',
    })
    const outside = join(checkout.directory, 'x.txt')
    writeFileSync(outside, 'one')
    link(outside, join(checkout.repo, 'data', 'x.txt'))
    expect(await checkout.run({ scope })).toMatchObject({ prints: 'one' })
    writeFileSync(outside, 'two')
    expect(await checkout.run({ scope })).toMatchObject({ outcome: 'built', prints: 'two' })
  })

  test(`scope ${scope}: the fields that a package outside the checkout inherits from its workspace count`, async () => {
    const manifest = `${HELLO['Cargo.toml']}\n[dependencies]\ndep.path = "../outside/dep"\n`
    const checkout = new Checkout({
      'Cargo.toml': `${manifest}\n[workspace]\n`,
      'src/main.rs': printing('dep::DESCRIPTION'),
      '.gitignore': '/target\n',
      '../outside/dep/Cargo.toml':
        '[package]\nname = "dep"\nversion = "0.1.0"\nedition = "2024"\ndescription.workspace = true\n',
      '../outside/dep/src/lib.rs': 'pub const DESCRIPTION: &str = env!("CARGO_PKG_DESCRIPTION");\n',
    })
    const workspace = (text: string) =>
      checkout.write(
        '../outside/Cargo.toml',
        `[workspace]\nmembers = ["dep"]\n[workspace.package]\ndescription = "${text}"\n`,
      )
    workspace('one')
    expect(await checkout.run({ scope })).toMatchObject({ prints: 'one' })
    workspace('two')
    expect(await checkout.run({ scope })).toMatchObject({ outcome: 'built', prints: 'two' })
  })

  test(`scope ${scope}: a vendored source counts, though cargo takes it for fresh`, async () => {
    const checkout = new Checkout({
      'Cargo.toml': `${HELLO['Cargo.toml']}\n[dependencies]\ndep = "0.1"\n`,
      '.cargo/config.toml':
        '[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "vendor"\n[net]\noffline = true\n',
      'src/main.rs': printing('dep::VALUE'),
      '.gitignore': '/target\n',
      'vendor/dep/Cargo.toml': '[package]\nname = "dep"\nversion = "0.1.0"\nedition = "2024"\n',
      'vendor/dep/.cargo-checksum.json': '{"files":{}}',
      'vendor/dep/src/lib.rs': 'pub const VALUE: &str = "one";\n',
    })
    expect(await checkout.run({ scope })).toMatchObject({ prints: 'one' })
    checkout.write('vendor/dep/src/lib.rs', 'pub const VALUE: &str = "two";\n')
    expect(await checkout.run({ scope })).toMatchObject({ outcome: 'built', prints: 'two' })
  })

  test(`scope ${scope}: a checkout below a cache, with a target directory made by hand, hides nothing`, async () => {
    const checkout = new Checkout({
      ...HELLO,
      'src/main.rs': printing('include_str!("x.ignored").trim()'),
      'src/x.ignored': 'one',
      '.gitignore': '/target\n*.ignored\n',
    })
    mkdirSync(join(checkout.repo, 'target'))
    writeFileSync(join(checkout.directory, 'CACHEDIR.TAG'), 'Signature: 8a477f597d28d172789f06886806bc55\n')
    expect(await checkout.run({ scope })).toMatchObject({ prints: 'one' })
    checkout.write('src/x.ignored', 'two')
    expect(await checkout.run({ scope })).toMatchObject({ outcome: 'built', prints: 'two' })
  })

  test(`scope ${scope}: names that only begin like cargo's variables are the caller's`, async () => {
    const name = 'CARGO_PKG_BUILD_ID'
    const checkout = new Checkout({ ...HELLO, 'src/main.rs': printing(`option_env!("${name}").unwrap_or("-")`) })
    expect(await checkout.run({ scope })).toMatchObject({ prints: '-' })
    const env = checkout.environment({ [name]: '7' })
    expect(await checkout.run({ scope, env })).toMatchObject({ outcome: 'built', prints: '7' })
    expect(await checkout.run({ scope })).toMatchObject({ outcome: 'cached', prints: '-' })
  })

  test(`scope ${scope}: a build script that git ignores counts when it appears`, async () => {
    const checkout = new Checkout({
      ...HELLO,
      'src/main.rs': printing('option_env!("BAKED").unwrap_or("-")'),
      '.gitignore': '/target\n/build.rs\n',
    })
    expect(await checkout.run({ scope })).toMatchObject({ prints: '-' })
    checkout.write('build.rs', 'fn main() {\n    println!("cargo::rustc-env=BAKED=baked");\n}\n')
    expect(await checkout.run({ scope })).toMatchObject({ outcome: 'built', prints: 'baked' })
    unlinkSync(join(checkout.repo, 'build.rs'))
    expect(await checkout.run({ scope })).toMatchObject({ outcome: 'cached', prints: '-' })
  })

  test(`scope ${scope}: two checkouts whose target directories are links to one never share a build`, async () => {
    const [one, two] = [new Checkout(), new Checkout()]
    const shared = join(one.directory, 'shared')
    mkdirSync(shared)
    for (const checkout of [one, two]) {
      checkout.write('.gitignore', '/target\n')
      symlinkSync(shared, join(checkout.repo, 'target'))
    }
    const program = (text: string) => printing(`"${text}"`)
    one.write('src/main.rs', program('one'))
    two.write('src/main.rs', program('two'))
    const cacheDir = one.cacheDir
    for (const unread of ['a', 'b']) {
      for (const checkout of [one, two]) checkout.write('unread.txt', unread)
      expect((await one.run({ scope, cacheDir })).prints).toBe('one')
      expect((await two.run({ scope, cacheDir })).prints).toBe('two')
    }
  })
}

test('files that were just written, read through a directory that is recorded, cost one run of cargo', async () => {
  const checkout = new Checkout({
    ...HELLO,
    'Cargo.lock': lockFile('hello'),
    'src/main.rs': printing('env!("DATA")'),
    'build.rs':
      'fn main() {\n    println!("cargo::rerun-if-changed=data");\n    println!("cargo::rustc-env=DATA=data");\n}\n',
    'data/x.txt': '',
  })
  for (const scope of SCOPES) {
    const { events, onEvent } = listener()
    await checkout.run({ scope, onEvent })
    expect(only(events, 'warning')).toEqual([])
    expect(only(events, 'building')).toHaveLength(1)
  }
})
