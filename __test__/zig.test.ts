// Builds with zig, for foreign targets and old versions of glibc.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { basename, delimiter, join } from 'node:path'
import { HOST } from './programs.js'
import { Checkout, listener, only, PATIENCE_MS, plainEnvironment, rejection } from './support.js'
import { canInstallZig, zigCaches, zigTools } from './zig.js'

setDefaultTimeout(PATIENCE_MS)

describe('zig', () => {
  const glibc = HOST.endsWith('-linux-gnu')
  const environment = (extra: Record<string, string> = {}) => {
    const bin = zigTools()
    return plainEnvironment({ PATH: `${bin}${delimiter}${process.env.PATH}`, ...zigCaches, ...extra })
  }
  const foreign = HOST.startsWith('aarch64') ? 'x86_64-unknown-linux-gnu' : 'aarch64-unknown-linux-gnu'

  test('builds a foreign target, and if it is missing, the error has the command that installs it', async () => {
    const checkout = new Checkout()
    // Nothing but cargo and rustc on the PATH.
    const bin = join(checkout.directory, 'bin')
    mkdirSync(bin)
    for (const tool of ['cargo', 'rustc', 'cc']) {
      execFileSync('ln', ['-s', execFileSync('which', [tool], { encoding: 'utf8' }).trim(), join(bin, tool)])
    }
    const env = checkout.environment({ PATH: bin })
    const error = await rejection(checkout.get({ target: foreign, env }))
    expect(error).toMatchObject({ code: 'TOOL_NOT_FOUND' })
    expect(error.hint).toContain('pip install cargo-zigbuild ziglang')
  })

  describe.skipIf(!canInstallZig || !glibc)('really', () => {
    test("builds for the host's triple when asked to, and hits", async () => {
      const checkout = new Checkout()
      const options = { target: HOST, builder: 'zigbuild', env: environment() } as const
      const { events, onEvent } = listener()
      const built = await checkout.run({ ...options, onEvent })
      expect(built).toMatchObject({ outcome: 'built', prints: 'one -' })
      expect(basename(built.binary.path)).toBe(`hello-${HOST}`)
      expect(only(events, 'building')[0]?.command).toBe(
        `cargo zigbuild -p hello --bin hello --release --target ${HOST}`,
      )
      expect(await checkout.run(options)).toMatchObject({ outcome: 'cached', prints: 'one -' })
    }, 600_000)

    test('builds for an old glibc when the target names one, and hits', async () => {
      const checkout = new Checkout()
      const options = { target: `${HOST}.2.28`, env: environment() }
      const built = await checkout.run(options)
      expect(built).toMatchObject({ outcome: 'built', prints: 'one -' })
      expect(basename(built.binary.path)).toBe(`hello-${HOST}.2.28`)
      expect(await checkout.run(options)).toMatchObject({ outcome: 'cached', prints: 'one -' })
      // Later versions of glibc than the one asked for are not needed.
      const readelf = spawnSync('readelf', ['--version-info', built.binary.path], { encoding: 'utf8' })
      const versions = [...(readelf.stdout ?? '').matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor))
      if (readelf.status === 0) expect(Math.max(...versions)).toBeLessThanOrEqual(28)
    }, 600_000)

    test('and cargo build two targets at once in one process, and both come back', async () => {
      const checkout = new Checkout()
      const env = environment()
      const [plain, zig] = await Promise.all([
        checkout.run({ env }),
        checkout.run({ env, target: `${HOST}.2.28`, builder: 'zigbuild' }),
      ])
      expect([plain.outcome, plain.prints]).toEqual(['built', 'one -'])
      expect([zig.outcome, zig.prints]).toEqual(['built', 'one -'])
      expect(plain.binary.path).not.toBe(zig.binary.path)
      const again = await Promise.all([checkout.get({ env }), checkout.get({ env, target: `${HOST}.2.28` })])
      expect(again.map(({ outcome }) => outcome)).toEqual(['cached', 'cached'])
    }, 600_000)

    test('is chosen for a foreign target', async () => {
      const checkout = new Checkout()
      const { events, onEvent } = listener()
      const call = checkout.get({ target: foreign, env: environment(), onEvent })
      const outcome = await call.catch((error) => error)
      expect(only(events, 'building')[0]?.command).toBe(
        `cargo zigbuild -p hello --bin hello --release --target ${foreign}`,
      )
      // The target's standard library may be installed here or not.
      if (outcome instanceof Error) {
        expect(outcome).toMatchObject({
          code: 'TOOL_NOT_FOUND',
          hint: expect.stringContaining(`rustup target add ${foreign}`),
        })
      } else {
        expect(basename(outcome.path)).toBe(`hello-${foreign}`)
      }
    }, 600_000)
  })
})
