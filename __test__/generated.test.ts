// Build scripts that write into the checkout. Their writes are no change during the build, and cost no further build.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { Compared, package_, printing, reading, SCOPES } from './oracle.js'
import { PATIENCE_MS, plainEnvironment, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const NOW = 'std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos()'
const generating = (path: string, expression: string, ...declared: string[]) => `fn main() {
${declared.map((line) => `    println!("cargo::${line}");\n`).join('')}    std::fs::write("${path}", format!("pub const V: &str = {:?};\\n", ${expression}.to_string())).unwrap();
}
`
const main = (text: string) => `mod generated;\n${printing(`format!("${text} {}", generated::V.len() > 0)`)}`

for (const [title, script] of [
  ['a script without declarations', generating('src/generated.rs', reading('v.txt'))],
  ['a script that declares what it reads', generating('src/generated.rs', reading('v.txt'), 'rerun-if-changed=v.txt')],
  ['a script that declares what it writes', generating('src/generated.rs', reading('v.txt'), 'rerun-if-changed=src')],
] as const) {
  test(`${title} writes the same bytes each time: one run of cargo`, async () => {
    const generated = 'pub const V: &str = "1";\n'
    const world = new Compared({
      'build.rs': script,
      'v.txt': '1',
      'src/generated.rs': generated,
      'src/main.rs': main('0'),
    })
    for (const [index, scope] of SCOPES.entries()) {
      world.write('src/main.rs', main(`${index}`))
      expect(await world.look({ scope })).toMatchObject({ prints: `${index} true`, builds: 1, warnings: [] })
      expect(await world.look({ scope })).toMatchObject({ outcome: 'cached' })
    }
  })
}

test('a script writes the same bytes into a tracked file that nothing reads: one run of cargo', async () => {
  const world = new Compared({
    'build.rs': `fn main() {
    println!("cargo::rerun-if-changed=src");
    std::fs::write("docs/manual.txt", "manual").unwrap();
}
`,
    'docs/manual.txt': 'manual',
    'src/main.rs': printing('"0"'),
  })
  for (const [index, scope] of SCOPES.entries()) {
    world.write('src/main.rs', printing(`"${index}"`))
    expect(await world.look({ scope })).toMatchObject({ prints: `${index}`, builds: 1, warnings: [] })
    expect(await world.look({ scope })).toMatchObject({ outcome: 'cached' })
  }
})

test('a script writes the same bytes into a package that is compiled after it: one run of cargo', async () => {
  const world = new Compared({
    'Cargo.toml': package_('app', '[dependencies]\nlib.path = "lib"\n[workspace]\n'),
    'src/main.rs': printing('lib::V'),
    'lib/Cargo.toml': package_('lib', '[dependencies]\nmaker.path = "../maker"\n'),
    'lib/src/lib.rs': 'mod generated;\npub use generated::V;\npub use maker::X;\n',
    'lib/src/generated.rs': 'pub const V: &str = "1";\n',
    'maker/Cargo.toml': package_('maker'),
    'maker/src/lib.rs': 'pub const X: u8 = 0;\n',
    'maker/build.rs': generating('../lib/src/generated.rs', reading('v.txt'), 'rerun-if-changed=v.txt'),
    'maker/v.txt': '1',
  })
  for (const scope of SCOPES) {
    world.write('maker/build.rs', `${readFileSync(join(world.repo, 'maker/build.rs'), 'utf8')}// again\n`)
    expect(await world.look({ scope })).toMatchObject({ prints: '1', builds: 1 })
    expect(await world.look({ scope })).toMatchObject({ outcome: 'cached', prints: '1' })
  }
})

test('a file that changed with an old time while a cargo in a terminal ran is in the binary', async () => {
  const world = new Compared({
    'build.rs': `fn main() {
    println!("cargo::rerun-if-changed=v.txt");
    let read = std::fs::read_to_string("v.txt").unwrap();
    if read.trim() == "slow" {
        std::fs::write("../has-read", "").unwrap();
        while !std::path::Path::new("../go-on").exists() { std::thread::sleep(std::time::Duration::from_millis(20)); }
    }
    println!("cargo::rustc-env=READ={}", read.trim());
}
`,
    'src/main.rs': printing('env!("READ")'),
    'v.txt': 'first',
  })
  for (const scope of SCOPES) {
    for (const name of ['has-read', 'go-on']) rmSync(join(world.directory, name), { force: true })
    world.write('v.txt', 'first')
    await world.look({ scope })
    world.write('v.txt', 'slow')
    const cargo = Bun.spawn(['cargo', 'build', '--quiet', '--release'], { cwd: world.repo, env: plainEnvironment() })
    await until(() => existsSync(join(world.directory, 'has-read')), 'the script has read the file')
    world.write('v.txt', scope)
    utimesSync(join(world.repo, 'v.txt'), 1, 1)
    const looked = world.look({ scope })
    world.write('../go-on', '')
    expect(await looked).toMatchObject({ prints: scope })
    await cargo.exited
  }
})

for (const ignored of [true, false]) {
  test(`a script writes the time into ${ignored ? 'an ignored' : 'a'} source each time it runs`, async () => {
    const world = new Compared({
      '.gitignore': `/target\n${ignored ? '/src/generated.rs\n' : ''}`,
      'build.rs': generating('src/generated.rs', NOW, 'rerun-if-changed=does-not-exist'),
      'src/main.rs': main('one'),
    })
    for (const scope of SCOPES) {
      world.write('src/main.rs', main(`one ${scope}`))
      // If git does not ignore the file, the first call takes three builds until it is certain that the script writes
      // it.
      const first = scope === 'tree' && !ignored ? 3 : 1
      expect(await world.look({ scope })).toMatchObject({ prints: `one ${scope} true`, builds: first })
      expect(await world.look({ scope })).toMatchObject({ outcome: 'cached', prints: `one ${scope} true` })
      world.write('src/main.rs', main(`two ${scope}`))
      const { prints, builds, warnings } = await world.look({ scope })
      expect({ prints, builds, warnings }).toEqual({
        prints: `two ${scope} true`,
        builds: 1,
        warnings: [
          'the build script of `app` writes src/generated.rs when it runs; the binary counts as built from what is there now',
        ],
      })
      const exclude = ['src/generated.rs']
      expect(await world.look({ scope, exclude })).toMatchObject({ prints: `two ${scope} true`, warnings: [] })
      world.write('src/main.rs', main(`three ${scope}`))
      expect(await world.look({ scope, exclude })).toMatchObject({ prints: `three ${scope} true`, warnings: [] })
      world.write('src/generated.rs', 'pub const V: &str = "by hand";\n')
      expect(await world.look({ scope, exclude })).toMatchObject({ outcome: 'cached' })
    }
  })
}

test('a source that is edited while the build script runs is in the binary as it is afterwards', async () => {
  for (const [declared, path] of [
    ['rerun-if-changed=src', 'src/main.rs'],
    ['rerun-if-changed=build.rs', 'schema.txt'],
    ['rerun-if-changed=build.rs', 'src/main.rs'],
  ] as const) {
    // The script reads the file, and then waits until it has been changed, as a slow script would.
    const script = `fn main() {
    println!("cargo::${declared}");
    let before = std::fs::read_to_string("${path}").unwrap();
    if std::path::Path::new("../wait").exists() {
        std::fs::write("../has-read", "").unwrap();
        while std::fs::read_to_string("${path}").unwrap() == before {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        std::fs::remove_file("../wait").unwrap();
    }
    println!("cargo::rustc-env=READ={}", before.len());
}
`
    const world = new Compared({ 'build.rs': script, 'schema.txt': 'one', 'src/main.rs': printing('env!("READ")') })
    world.write('../wait', '')
    const looked = world.look({ scope: 'tree' })
    await until(() => existsSync(join(world.directory, 'has-read')), 'the script has read the file')
    world.write(path, `${readFileSync(join(world.repo, path), 'utf8')}// longer`)
    const { prints } = await looked
    expect({ path, declared, prints }).toEqual({ path, declared, prints: world.clean() })
  }
})
