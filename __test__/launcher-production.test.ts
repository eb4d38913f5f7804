// The launcher of examples/openlock in production, where binaries are downloaded, and as a compiled program.

import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { FORK, Home, type Launch, launcher, run, TAG } from './launcher.js'
import { Checkout, output, PATIENCE_MS, temporaryDirectory } from './support.js'

setDefaultTimeout(PATIENCE_MS)

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
