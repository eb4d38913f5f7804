// Runs the launcher of examples/openlock as users do, each time in a process of its own.

import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pathWithout, RUST_HOMES } from './programs.js'
import { Checkout, lockFile, output, PATIENCE_MS, plainEnvironment, root, temporaryDirectory } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const launcher = join(root, 'examples', 'openlock')
const TAG = 'v0.8.3'

const mainSaying = (text: string) => `fn main() {\n    println!("${text}");\n}\n`

const FORK = {
  'Cargo.toml': '[workspace]\nmembers = ["crates/*"]\nresolver = "3"\n',
  'Cargo.lock': lockFile('openshell-cli', 'openshell-core', 'openshell-sandbox', 'openshell-server').replace(
    /(?<=name = "openshell-cli"\nversion = "0.1.0"\n)/,
    'dependencies = [\n "openshell-core",\n]\n',
  ),
  // As in OpenShell, the build script reads the protocol and asks git for the version.
  'crates/openshell-core/Cargo.toml': '[package]\nname = "openshell-core"\nversion = "0.1.0"\nedition = "2024"\n',
  'crates/openshell-core/build.rs': `use std::{fs, process::Command};
fn main() {
    for read in [".git/HEAD", ".git/refs/tags", "proto"] {
        println!("cargo:rerun-if-changed=../../{read}");
    }
    let described = Command::new("git").args(["describe", "--tags", "--long"]).output().unwrap().stdout;
    println!("cargo:rustc-env=GIT_VERSION={}", String::from_utf8(described).unwrap().trim());
    println!("cargo:rustc-env=PROTOCOL={}", fs::read_to_string("../../proto/openshell.proto").unwrap().trim());
}
`,
  'crates/openshell-core/src/lib.rs':
    'pub const VERSION: &str = env!("GIT_VERSION");\npub const PROTOCOL: &str = env!("PROTOCOL");\n',
  'proto/openshell.proto': 'protocol one\n',
  'crates/openshell-cli/Cargo.toml':
    '[package]\nname = "openshell-cli"\nversion = "0.1.0"\nedition = "2024"\n\n' +
    '[[bin]]\nname = "openshell"\npath = "src/main.rs"\n\n' +
    '[dependencies]\nopenshell-core = { path = "../openshell-core" }\n',
  'crates/openshell-cli/src/main.rs':
    'use openshell_core::*;\nfn main() {\n    println!("cli, {PROTOCOL}, {VERSION}");\n}\n',
  'crates/openshell-server/Cargo.toml':
    '[package]\nname = "openshell-server"\nversion = "0.1.0"\nedition = "2024"\n\n' +
    '[[bin]]\nname = "openshell-gateway"\npath = "src/main.rs"\n\n[features]\nbundled-z3 = []\n',
  'crates/openshell-server/src/main.rs':
    'fn main() {\n    println!("gateway, z3 bundled: {}", cfg!(feature = "bundled-z3"));\n}\n',
  'crates/openshell-sandbox/Cargo.toml': '[package]\nname = "openshell-sandbox"\nversion = "0.1.0"\nedition = "2024"\n',
  'crates/openshell-sandbox/src/main.rs': mainSaying('supervisor one'),
  '.gitignore': '/target\n',
}

interface Launch {
  exitCode: number
  lines: string[]
  stderr: string
}

/** Runs a command to its end, in an unrelated directory. */
async function run(command: string[], env: Record<string, string>): Promise<Launch> {
  const child = Bun.spawn(command, { cwd: '/', env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const text = (stream: ReadableStream) => new Response(stream).text()
  const [stdout, stderr, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), child.exited])
  return { exitCode, lines: stdout.split('\n').filter((line) => line !== ''), stderr }
}

/** A user's home directory, and launchers that know no other place. */
class Home {
  readonly directory = temporaryDirectory()
  readonly downloads = join(this.directory, '.cache', 'openlock', 'bin', TAG)

  constructor(readonly variables: Record<string, string> = {}) {}

  environment(extra: Record<string, string> = {}): Record<string, string> {
    const { OPENLOCK_FORK_DIR, OPENLOCK_OPENSHELL_BIN, OPENLOCK_REBUILD, OPENLOCK_RELEASE_URL, ...plain } =
      plainEnvironment()
    // A cargo home of its own: another cargo on this machine must not make a build wait for the package cache.
    const CARGO_HOME = join(this.directory, '.cargo')
    return { ...plain, ...RUST_HOMES, CARGO_HOME, HOME: this.directory, ...this.variables, ...extra }
  }

  /** Runs examples/openlock/main.ts. */
  launch(extra: Record<string, string> = {}): Promise<Launch> {
    return run([process.execPath, join(launcher, 'main.ts')], this.environment(extra))
  }

  /** Runs {@link launch}, which must succeed. Returns the paths of the gateway, the supervisor and the CLI. */
  async paths(extra: Record<string, string> = {}) {
    const { exitCode, lines, stderr } = await this.launch(extra)
    const [gateway, supervisor, cli] = lines
    const whole = exitCode === 0 && lines.length === 3
    if (!whole || gateway === undefined || supervisor === undefined || cli === undefined)
      throw new Error(`exit status ${exitCode}: ${lines.join('\n')}\n${stderr}`)
    return { gateway, supervisor, cli, stderr }
  }
}

const count = (text: string, part: string) => text.split(part).length - 1

describe('in dev mode', () => {
  const start = () => {
    const fork = new Checkout(FORK)
    return { fork, home: new Home({ OPENLOCK_FORK_DIR: fork.repo }) }
  }

  test('all are built once, at the same time, and found again', async () => {
    const { home } = start()
    const cold = await home.paths()
    expect(output(cold.gateway)).toBe('gateway, z3 bundled: true')
    expect(output(cold.supervisor)).toBe('supervisor one')
    expect(cold.gateway).toStartWith(join(home.directory, '.cache', 'openlock', 'dev-bin'))
    expect(cold.gateway).toEndWith(join('/', 'openshell-gateway'))
    expect(cold.cli).toEndWith(join('/', 'openshell'))
    expect(output(cold.cli)).toStartWith('cli, protocol one')
    for (const name of ['openshell-gateway', 'openshell-sandbox', 'openshell'])
      expect(count(cold.stderr, `Built ${name} in`)).toBe(1)
    // The launcher's calls take turns, so that no cargo waits for another cargo.
    expect(cold.stderr).not.toContain('another cargo')

    const warm = await home.paths()
    expect(warm).toMatchObject({ gateway: cold.gateway, supervisor: cold.supervisor, cli: cold.cli })
    expect(count(warm.stderr, 'Using cached')).toBe(3)
    expect(warm.stderr).not.toContain('Buil')
  })

  test('an edit builds, and its reversal finds the first binaries', async () => {
    const { fork, home } = start()
    const one = await home.paths()
    fork.write('crates/openshell-sandbox/src/main.rs', mainSaying('supervisor two'))
    const two = await home.paths()
    expect(two.stderr).toContain('Building openshell-sandbox: crates/openshell-sandbox/src/main.rs changed')
    expect(output(two.supervisor)).toBe('supervisor two')
    expect(output(one.supervisor)).toBe('supervisor one')

    fork.write('crates/openshell-sandbox/src/main.rs', mainSaying('supervisor one'))
    const again = await home.paths()
    expect(again).toMatchObject({ gateway: one.gateway, supervisor: one.supervisor, cli: one.cli })
    expect(count(again.stderr, 'Using cached')).toBe(3)
  })

  test('a commit that a binary is not built from is a hit; the protocol, a branch and a tag count', async () => {
    const { fork, home } = start()
    fork.git('tag', '--annotate', '--message', 'first', 'v0.1.0')
    const cliSays = async () => output((await home.paths()).cli)
    const version = fork.git('describe', '--tags', '--long')
    expect(await cliSays()).toBe(`cli, protocol one, ${version}`)
    const first = await home.paths()

    fork.write('docs/index.md', 'a comma\n')
    fork.commit('documentation')
    const committed = await home.paths()
    expect(committed).toMatchObject({ gateway: first.gateway, supervisor: first.supervisor, cli: first.cli })
    expect(count(committed.stderr, 'Using cached')).toBe(3)

    fork.git('switch', '--quiet', '--create', 'next')
    const branched = fork.git('describe', '--tags', '--long')
    expect(branched).not.toBe(version)
    expect(await cliSays()).toBe(`cli, protocol one, ${branched}`)
    fork.git('tag', '--annotate', '--message', 'second', 'v0.2.0')
    expect(await cliSays()).toBe(`cli, protocol one, v0.2.0-0-g${fork.git('rev-parse', '--short', 'HEAD')}`)

    fork.write('proto/openshell.proto', 'protocol two\n')
    const edited = await home.paths()
    expect(output(edited.cli)).toStartWith('cli, protocol two')
    expect(edited.stderr).toContain('Building openshell: proto/openshell.proto changed')
    expect(edited).toMatchObject({ gateway: first.gateway, supervisor: first.supervisor })
  })

  test('OPENLOCK_OPENSHELL_BIN comes before the fork', async () => {
    const { home } = start()
    const OPENLOCK_OPENSHELL_BIN = join(home.directory, 'my own openshell')
    const { cli, stderr } = await home.paths({ OPENLOCK_OPENSHELL_BIN })
    expect(cli).toBe(OPENLOCK_OPENSHELL_BIN)
    expect(stderr).not.toContain('Built openshell in')
    expect((await home.paths({ OPENLOCK_OPENSHELL_BIN: '' })).cli).toEndWith(join('/', 'openshell'))
  })

  test('a process asks for the CLI once, whatever happens to the fork meanwhile, and again after a failure', async () => {
    const { fork, home } = start()
    const main = join(fork.repo, 'crates/openshell-cli/src/main.rs')
    const program = join(home.directory, 'program.ts')
    await Bun.write(
      program,
      `import { writeFileSync } from 'node:fs'
      import { getCliInvocation } from ${JSON.stringify(join(launcher, 'fork-binaries.ts'))}
      const edit = (text: string) => writeFileSync(${JSON.stringify(main)}, text)
      edit('nonsense')
      console.log(await getCliInvocation().catch((error) => error.code))
      edit(${JSON.stringify(mainSaying('good'))})
      const [first, second] = await Promise.all([getCliInvocation(), getCliInvocation()])
      edit('nonsense again')
      const third = await getCliInvocation()
      console.log(new Set([first, second, third].map(String)).size, String(first))
      `,
    )
    const { exitCode, lines, stderr } = await run([process.execPath, program], home.environment())
    expect({ exitCode, failed: lines[0] }).toEqual({ exitCode: 0, failed: 'BUILD_FAILED' })
    const [different, path] = lines[1]?.split(' ') ?? []
    expect(different).toBe('1')
    expect(output(path ?? '')).toBe('good')
    expect(count(stderr, 'Built openshell in')).toBe(1)
  })

  test('only OPENLOCK_REBUILD=1 builds binaries that are in the cache', async () => {
    const { home } = start()
    const first = await home.paths()
    const rebuilt = await home.paths({ OPENLOCK_REBUILD: '1' })
    expect(rebuilt).toMatchObject({ gateway: first.gateway, supervisor: first.supervisor, cli: first.cli })
    for (const name of ['openshell-gateway', 'openshell-sandbox', 'openshell'])
      expect(count(rebuilt.stderr, `Built ${name} in`)).toBe(1)
    expect((await home.paths({ OPENLOCK_REBUILD: '' })).stderr).not.toContain('Built')
  })

  test.skipIf(process.platform !== 'linux')('Linux needs no zig: the supervisor is built for the host', async () => {
    const { home } = start()
    const CARGO_HOME = temporaryDirectory()
    const { supervisor } = await home.paths({ PATH: pathWithout('zig', 'cargo-zigbuild'), CARGO_HOME })
    expect(supervisor).toEndWith('/openshell-sandbox')
    expect(output(supervisor)).toBe('supervisor one')
  })

  test.skipIf(process.platform === 'linux')('elsewhere zig builds the supervisor for Linux', async () => {
    const { home } = start()
    const CARGO_HOME = temporaryDirectory()
    const { exitCode, stderr } = await home.launch({ PATH: pathWithout('zig', 'cargo-zigbuild'), CARGO_HOME })
    expect(exitCode).not.toBe(0)
    expect(stderr).toContain('cargo-zigbuild is not on the PATH')
    expect(stderr).toContain('-unknown-linux-gnu')
  })

  test('a problem of the fork is reported', async () => {
    const { fork, home } = start()
    fork.write('crates/openshell-sandbox/src/main.rs', 'fn main() { let count: u32 = "three"; }\n')
    const { exitCode, lines, stderr } = await home.launch()
    expect(exitCode).not.toBe(0)
    expect(lines).toEqual([])
    expect(stderr).toContain('BUILD_FAILED')
    expect(stderr).toContain('mismatched types')
    // The others are built all the same.
    expect(stderr).toContain('Built openshell-gateway in')
  })
})

// The release has binaries for Linux and macOS.
describe.skipIf(process.platform === 'win32')('in production', () => {
  /** The answers of the release server, by asset, and the addresses that it was asked for. */
  let answers: (path: string) => Response | Promise<Response>
  let asked: string[]
  let server: ReturnType<typeof Bun.serve>
  let home: Home

  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64'
  const host = `${arch}-${process.platform === 'darwin' ? 'apple-darwin' : 'unknown-linux-gnu'}`
  const GATEWAY = `openshell-gateway-${host}`
  const SUPERVISOR = `openshell-sandbox-${arch}-unknown-linux-gnu`
  const CLI = `openshell-${host}`

  /** Returns an archive as `tar -czf` makes it of an executable of that name. */
  async function archive(
    name: string,
    text = `#!/bin/sh\necho ${name} of the release\n`,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const directory = temporaryDirectory()
    await Bun.write(join(directory, name), text)
    const made = Bun.spawnSync(['tar', '-czf', '-', '-C', directory, name])
    if (!made.success) throw new Error(made.stderr.toString())
    return new Uint8Array(made.stdout)
  }

  const assetName = (path: string) => /openshell(-gateway|-sandbox|)(?=-)/.exec(path)?.[0] ?? 'nothing'

  beforeEach(() => {
    answers = async (path) => new Response(await archive(assetName(path)))
    asked = []
    server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch(request) {
        const path = new URL(request.url).pathname
        asked.push(path)
        return answers(path)
      },
    })
    home = new Home({ OPENLOCK_RELEASE_URL: `http://127.0.0.1:${server.port}`, OPENLOCK_FORK_DIR: '/no/such/fork' })
  })

  afterEach(() => server.stop(true))

  /** Runs `program`, which gets only the gateway. */
  async function gateway(program: string): Promise<Launch> {
    const file = join(temporaryDirectory(), 'program.ts')
    const imports = `import { getGatewayBinary } from ${JSON.stringify(join(launcher, 'fork-binaries.ts'))}\n`
    await Bun.write(file, imports + program)
    return run([process.execPath, file], home.environment())
  }
  const ONCE = 'console.log(await getGatewayBinary())\n'

  const files = () => (existsSync(home.downloads) ? readdirSync(home.downloads).sort() : [])

  test('each is downloaded once, kept, and can be run', async () => {
    const first = await home.paths()
    expect(first.gateway).toBe(join(home.downloads, GATEWAY))
    expect(first.supervisor).toBe(join(home.downloads, SUPERVISOR))
    expect(output(first.gateway)).toBe('openshell-gateway of the release')
    expect(output(first.supervisor)).toBe('openshell-sandbox of the release')
    expect(first.cli).toBe(join(home.downloads, CLI))
    expect(output(first.cli)).toBe('openshell of the release')
    expect(statSync(first.gateway).mode & 0o777).toBe(0o755)
    const all = [GATEWAY, SUPERVISOR, CLI]
    expect(asked.sort()).toEqual(all.map((name) => `/${TAG}/${name}.tar.gz`).sort())
    expect(files()).toEqual(all.sort())

    server.stop(true)
    const { gateway, supervisor, cli } = first
    expect(await home.paths()).toEqual({ gateway, supervisor, cli, stderr: '' })
    expect(await home.paths({ OPENLOCK_OPENSHELL_BIN: '/my/own' })).toMatchObject({ gateway, cli: '/my/own' })
  })

  test('two calls of one process share a download; a later one starts anew after a failure', async () => {
    const both = await gateway(
      'console.log((await Promise.all([getGatewayBinary(), getGatewayBinary()])).join("\\n"))\n',
    )
    expect(both).toMatchObject({ exitCode: 0, lines: [join(home.downloads, GATEWAY), join(home.downloads, GATEWAY)] })
    expect(asked.length).toBe(1)

    rmSync(home.downloads, { recursive: true })
    const good = answers
    answers = (path) => (asked.length === 2 ? new Response(null, { status: 503 }) : good(path))
    const retried = await gateway(`try { await getGatewayBinary() } catch {}\n${ONCE}`)
    expect(retried).toMatchObject({ exitCode: 0, lines: [join(home.downloads, GATEWAY)] })
  })

  test('two processes at once both get it, and leave one whole file', async () => {
    // The server answers only after both have asked.
    const { promise: bothAsked, resolve } = Promise.withResolvers<void>()
    answers = async (path) => {
      if (asked.length === 2) resolve()
      await bothAsked
      return new Response(await archive(assetName(path)))
    }
    for (const { exitCode, lines, stderr } of await Promise.all([gateway(ONCE), gateway(ONCE)])) {
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
      expect(lines).toEqual([join(home.downloads, GATEWAY)])
    }
    expect(output(join(home.downloads, GATEWAY))).toBe('openshell-gateway of the release')
    expect(files()).toEqual([GATEWAY])
  })

  test('a file that cannot be run is replaced', async () => {
    mkdirSync(home.downloads, { recursive: true })
    await Bun.write(join(home.downloads, GATEWAY), 'half of a download')
    expect(await gateway(ONCE)).toMatchObject({ exitCode: 0 })
    expect(output(join(home.downloads, GATEWAY))).toBe('openshell-gateway of the release')
  })

  /** Expects that the gateway cannot be downloaded and that no file is left. Returns the message. */
  async function complaint(): Promise<string> {
    const { exitCode, lines, stderr } = await gateway(ONCE)
    expect({ exitCode, lines }).toEqual({ exitCode: 1, lines: [] })
    expect(stderr).toContain(`no openshell-gateway ${TAG}`)
    expect(files()).toEqual([])
    return stderr
  }

  test('an asset that the release does not have: the message says where to look, and what else to do', async () => {
    answers = () => new Response('Not Found', { status: 404 })
    const said = await complaint()
    expect(said).toContain(`http://127.0.0.1:${server.port}/${TAG}/${GATEWAY}.tar.gz answers 404`)
    expect(said).toContain(`See https://github.com/vessux/OpenShell/releases/tag/${TAG}`)
    expect(said).toContain('OPENLOCK_FORK_DIR')
  })

  test('a server that fails, or none: the message says how to do without it', async () => {
    answers = () => new Response(null, { status: 503 })
    const troubled = await complaint()
    expect(troubled).toContain('.tar.gz answers 503')
    expect(troubled).toContain(`put openshell-gateway at ${join(home.downloads, GATEWAY)}`)

    const { port } = server
    await server.stop(true)
    const absent = await complaint()
    expect(absent).toContain(`http://127.0.0.1:${port}/${TAG}/${GATEWAY}.tar.gz cannot be downloaded`)
    expect(absent).toContain(`put openshell-gateway at ${join(home.downloads, GATEWAY)}`)
  })

  test('a truncated archive leaves nothing behind, and the next call succeeds', async () => {
    const whole = await archive('openshell-gateway', `#!/bin/sh\necho whole\n# ${'padding '.repeat(10_000)}\n`)
    for (const length of [0, 10, whole.length >> 1, whole.length - 4]) {
      answers = () => new Response(whole.slice(0, length))
      expect(await complaint()).toContain(`(${length} bytes) is not an archive with openshell-gateway in it`)
    }
    answers = () => new Response(whole)
    expect(await gateway(ONCE)).toMatchObject({ exitCode: 0 })
    expect(output(join(home.downloads, GATEWAY))).toBe('whole')
  })

  test('an archive of another file, or a file that is no archive', async () => {
    const other = await archive('README')
    answers = () => new Response(other)
    expect(await complaint()).toContain('it holds README, and no openshell-gateway')
    answers = () => new Response('<html>sign in to the guest network</html>')
    expect(await complaint()).toContain('is not an archive with openshell-gateway in it')
  })

  test('a place that cannot be written', async () => {
    const blocked = join(home.directory, '.cache')
    await Bun.write(blocked, 'a file where a directory should be')
    const said = await complaint()
    expect(said).toContain(`cannot be kept at ${join(home.downloads, GATEWAY)}`)
  })

  test('the addon is not loaded', async () => {
    const broken = { NAPI_RS_NATIVE_LIBRARY_PATH: '/no/such/addon.node' }
    expect(await home.launch(broken)).toMatchObject({ exitCode: 0 })
    // The same variable makes dev mode fail, which shows that it would work here, too.
    const fork = new Checkout(FORK)
    const dev = await home.launch({ ...broken, OPENLOCK_FORK_DIR: fork.repo })
    expect(dev.exitCode).not.toBe(0)
    expect(dev.stderr).toContain('BINDING_LOAD')
  })
})

test('a compiled launcher runs from another directory, and unpacks the addon in dev mode alone', async () => {
  const directory = temporaryDirectory()
  const program = join(directory, process.platform === 'win32' ? 'openlock.exe' : 'openlock')
  const built = await run(
    [process.execPath, 'build', '--compile', '--outfile', program, join(launcher, 'main.ts')],
    new Home().environment(),
  )
  expect(built).toMatchObject({ exitCode: 0 })

  const fork = new Checkout(FORK)
  const BUN_TMPDIR = temporaryDirectory()
  const home = new Home({ BUN_TMPDIR, OPENLOCK_RELEASE_URL: 'http://127.0.0.1:9' })
  const production = await run([program], home.environment())
  expect(production.exitCode).toBe(1)
  expect(production.stderr).toContain('http://127.0.0.1:9')
  expect(readdirSync(BUN_TMPDIR)).toEqual([])

  const dev = await run([program], home.environment({ OPENLOCK_FORK_DIR: fork.repo }))
  expect(dev).toMatchObject({ exitCode: 0 })
  const says = dev.lines.map((path) => output(path))
  expect(says).toEqual(['gateway, z3 bundled: true', 'supervisor one', expect.stringContaining('cli, protocol one')])
  expect(readdirSync(BUN_TMPDIR).filter((name) => name.endsWith('.node'))).toHaveLength(1)
})
