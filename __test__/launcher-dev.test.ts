// The launcher of examples/openlock in dev mode, where binaries are built from a fork.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { count, FORK, Home, launcher, mainSaying, run } from './launcher.js'
import { pathWithout } from './programs.js'
import { Checkout, output, PATIENCE_MS, temporaryDirectory } from './support.js'

setDefaultTimeout(PATIENCE_MS)

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
