// The name of a state of inputs in a team's store: it differs where a binary may, and not by what a machine calls its own.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { explain } from '../index.js'
import { COMMAND } from './command.js'
import { printing } from './oracle.js'
import { observes, output, PATIENCE_MS, plainEnvironment, temporaryDirectory } from './support.js'
import { FILES, type Member, publishedTeam, Team } from './team.js'

setDefaultTimeout(PATIENCE_MS)

const freshCache = () => ({ cacheDir: join(temporaryDirectory(), 'cache') })

test('a token, an alias and a proxy in the configuration of cargo are no inputs, and flags and profiles are', async () => {
  const team = await publishedTeam()
  const member = team.member()
  for (const [configuration, outcome] of [
    ['[registries.own]\ntoken = "secret"', 'downloaded'],
    ['[alias]\nb = "build"\n[term]\nquiet = true', 'downloaded'],
    ['[http]\nproxy = "http://127.0.0.1:9"\n[net]\noffline = true', 'downloaded'],
    ['[target."cfg(all())"]\nrustflags = ["-Cdebug-assertions=yes"]', 'missed'],
    ['[profile.release]\nopt-level = 1', 'missed'],
    ['[env]\nTAG = "one"', 'missed'],
  ] as const) {
    const looked = await member.look(team.reading, freshCache(), configuration)
    expect([configuration, looked.outcome, looked.warnings]).toEqual([configuration, outcome, []])
  }
})

/** Makes a compiler that says that the processor here has the features that a variable names. It is no script. */
function compilerWithFeatures(member: Member): string {
  const rustc = join(output('rustc', '--print', 'sysroot'), 'bin', 'rustc')
  const source = `
    fn main() {
      let arguments: Vec<_> = std::env::args().skip(1).collect();
      let mut rustc = std::process::Command::new(${JSON.stringify(rustc)});
      let output = rustc.args(&arguments).stdin(std::process::Stdio::inherit()).stderr(std::process::Stdio::inherit());
      let output = output.output().unwrap();
      let mut text = String::from_utf8(output.stdout).unwrap();
      if arguments.iter().any(|argument| argument == "-Ctarget-cpu=native" || argument == "target-cpu=native") {
        text += &std::env::var("TEST_FEATURES").unwrap();
      }
      print!("{text}");
      std::process::exit(output.status.code().unwrap());
    }`
  const path = join(member.directory, 'rustc')
  const options = ['--crate-name', 'rustc', '--edition', '2024', '-Cstrip=symbols', '-o', path, '-']
  execFileSync('rustc', options, { input: source, env: plainEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] })
  return path
}

test.skipIf(!observes)('with `target-cpu=native`, machines share whose processors have the same features', async () => {
  const team = new Team()
  const publisher = team.member()
  const native = { RUSTC: compilerWithFeatures(publisher), RUSTFLAGS: '-Ctarget-cpu=native' }
  Object.assign(publisher.env, native, { TEST_FEATURES: 'target_feature="one"\n' })
  expect(await publisher.get(team.publishing)).toMatchObject({ outcome: 'built', warnings: [] })
  const member = team.member()
  Object.assign(member.env, native, { TEST_FEATURES: 'target_feature="one"\n' })
  expect(await member.look(team.reading, freshCache())).toMatchObject({ outcome: 'downloaded' })
  member.env.TEST_FEATURES = 'target_feature="two"\n'
  expect(await member.look(team.reading, freshCache())).toMatchObject({ outcome: 'missed', warnings: [] })
})

test('a binary that holds the path of its checkout is not for another one, and `why` says so', async () => {
  const team = new Team(undefined, { ...FILES, 'src/main.rs': printing('env!("CARGO_MANIFEST_DIR")') })
  const publisher = team.member()
  expect(await publisher.get(team.publishing)).toMatchObject({ outcome: 'built', prints: publisher.repo })
  const where = { crate: 'app', repo: publisher.repo, cacheDir: join(publisher.directory, 'cache'), env: publisher.env }
  const bonds = ['it holds the path of the checkout', 'its code asks for `CARGO_MANIFEST_DIR`']
  expect((await explain(where)).boundBy).toEqual(bonds)
  expect((await publisher.devBin('node', ['why', '-p', 'app'], {})).stdout).toContain('CARGO_MANIFEST_DIR')
  expect(await publisher.look(team.reading, freshCache())).toMatchObject({ outcome: 'downloaded' })
  expect(await team.member().look(team.reading)).toMatchObject({ outcome: 'missed', warnings: [] })
})

test.skipIf(!observes)(
  'a binary that holds the path of a target directory outside its checkout is not shared, with the reason',
  async () => {
    const team = new Team(undefined, {
      ...FILES,
      'src/main.rs': `include!(concat!(env!("OUT_DIR"), "/part.rs"));\n${printing('part(std::env::args().count())')}`,
      'build.rs': `fn main() {
    let text = "fn part(count: usize) -> String { assert!(count < 9); \\"one\\".to_owned() }";
    std::fs::write(std::path::Path::new(&std::env::var("OUT_DIR").unwrap()).join("part.rs"), text).unwrap();
}
`,
    })
    const [publisher, member] = [team.member(), team.member()]
    for (const { directory, env } of [publisher, member]) env.CARGO_TARGET_DIR = join(directory, 'target')
    const got = await publisher.get(team.publishing)
    expect(got).toMatchObject({ outcome: 'built', prints: 'one' })
    expect(got.warnings).toEqual([
      expect.stringMatching(/is not shared.*it holds the path `.*target`, which is this machine's own/),
    ])
    expect(await member.look(team.reading)).toMatchObject({ outcome: 'missed', warnings: [] })
  },
)

/** Returns a command in whose view `/etc/os-release` is another file. */
const inside = (release: string, command: string[]) => [
  ...['unshare', '--mount', '--map-root-user', 'sh', '-c', 'mount --bind "$0" /etc/os-release && exec "$@"'],
  ...[release, ...command],
]

const [unshare = '', ...rest] = inside('/etc/os-release', ['true'])
const canMount = spawnSync(unshare, rest).status === 0
if (!canMount) console.warn('no mount namespace can be made: NO OTHER VERSION OF THE SYSTEM IS TRIED HERE')

test.skipIf(!canMount)('a binary into which C went is not for another version of the system', async () => {
  const team = new Team(undefined, {
    ...FILES,
    'src/main.rs': `unsafe extern "C" { fn part() -> std::ffi::c_int; }\n${printing('unsafe { part() }')}`,
    'part.c': '#include <stddef.h>\nint part(void) { return sizeof(size_t); }\n',
    'build.rs': `fn main() {
    println!("cargo::rerun-if-changed=part.c");
    let object = std::env::var("OUT_DIR").unwrap() + "/part.o";
    assert!(std::process::Command::new("cc").args(["-c", "part.c", "-o", &object]).status().unwrap().success());
    println!("cargo::rustc-link-arg={object}");
}
`,
  })
  const member = team.member()
  expect(await member.get(team.publishing)).toMatchObject({ outcome: 'built', prints: '8', warnings: [] })
  // In the same clone, since the C compiler asks where it runs.
  expect(await member.look(team.reading, freshCache())).toMatchObject({ outcome: 'downloaded', prints: '8' })
  const release = join(team.directory, 'os-release')
  writeFileSync(release, 'ID=other\nVERSION_ID="1"\n')
  for (const [seen, expected] of [
    ['/etc/os-release', { status: 0, stderr: expect.stringContaining('Downloaded app') }],
    [release, { status: 1, stderr: expect.stringContaining('jobs may not be 0') }],
  ] as const) {
    const command = inside(seen, [process.execPath, COMMAND, 'get', '-p', 'app'])
    const env = plainEnvironment({ ...member.variables(team.reading), DEV_BIN_CACHE_DIR: freshCache().cacheDir })
    const ended = spawnSync(unshare, command.slice(1), { cwd: member.repo, env, encoding: 'utf8' })
    expect(ended).toMatchObject(expected)
  }
})
