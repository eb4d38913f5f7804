// The commands `get` and `why` of `dev-bin`, in processes of their own and with a real cache.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { devBin, placesFor, start } from './command.js'
import { GatedCheckout, RUNTIMES, survivors } from './program.js'
import { HELLO, mainPrinting, output, PATIENCE_MS, temporaryDirectory } from './support.js'

setDefaultTimeout(PATIENCE_MS)

for (const runtime of RUNTIMES) {
  const Place = placesFor(runtime)

  describe(`in ${runtime}, get`, () => {
    test('prints only the path to stdout, and its progress to stderr', async () => {
      const place = new Place()
      const cold = await place.devBin(['get', '-p', 'hello'])
      expect(cold).toMatchObject({ status: 0 })
      expect(cold.stdout).toStartWith(place.cacheDir)
      expect(cold.stdout).toEndWith('/hello\n')
      expect(output(cold.stdout.trimEnd())).toBe('one -')
      expect(cold.stderr).toContain('Building hello: first build')
      expect(cold.stderr).toMatch(/Built hello in [\d.]+ s, [\d.]+ [KM]iB: /)
      expect(cold.stderr).not.toContain('\u001b')
      const warm = await place.devBin(['get', '--crate=hello', '--quiet'])
      expect(warm).toEqual({ status: 0, stdout: cold.stdout, stderr: '' })
      expect((await place.devBin(['get', '--package', 'hello', '--rebuild'])).stderr).toContain('rebuild requested')
    })

    test('takes every option of the request', async () => {
      const place = new Place({
        ...HELLO,
        'Cargo.toml':
          '[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2024"\n\n[[bin]]\nname = "tool"\npath = "src/main.rs"\n' +
          '\n[features]\ndefault = ["base"]\nbase = []\nextra = []\nmore = []\n\n[profile.quick]\ninherits = "dev"\n',
        'src/main.rs':
          'fn main() {\n    println!("{} {} {} {}", cfg!(feature = "base"), cfg!(feature = "extra"), cfg!(feature = "more"), cfg!(debug_assertions));\n}\n',
        'notes.txt': 'notes',
      })
      const args = [
        'get',
        '-p',
        'hello',
        '--bin',
        'tool',
        '-F',
        'extra,more',
        '--no-default-features',
        '--profile',
        'quick',
      ]
      const all = [...args, '--scope', 'tree', '--exclude', '*.txt', '--builder', 'cargo', '--repo', place.repo]
      const cacheDir = join(place.directory, 'another')
      const cold = await place.devBin([...all, '--cache-dir', cacheDir], { cwd: '/' })
      expect(cold).toMatchObject({ status: 0 })
      expect(cold.stdout).toStartWith(cacheDir)
      expect(output(cold.stdout.trimEnd())).toBe('false true true true')
      place.write('notes.txt', 'other notes')
      const warm = await place.devBin([...all, '--cache-dir', cacheDir], { cwd: '/' })
      expect(warm.stderr).toContain('Using cached tool')
      const host = /host: (.*)/.exec(Bun.spawnSync(['rustc', '-vV']).stdout.toString())?.[1] as string
      const targeted = await place.devBin([
        'get',
        '-p',
        'hello',
        '--bin=tool',
        '--target',
        host,
        '-F',
        'extra',
        '-F',
        'more',
      ])
      expect(targeted.stdout).toEndWith(`/tool-${host}\n`)
      expect(output(targeted.stdout.trimEnd())).toBe('true true true false')
    })

    test('writes JSON with --json: events as they happen, and the result', async () => {
      const place = new Place({ ...HELLO, 'src/main.rs': `fn unused() {}\n${mainPrinting('one')}` })
      const { status, stdout } = await place.devBin(['get', '-p', 'hello', '--json'])
      expect(status).toBe(0)
      const lines = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
      const types = lines.map(({ type }) => type)
      expect(types.filter((type) => type !== 'progress')).toEqual([
        'miss',
        'building',
        'diagnostic',
        'built',
        'published',
        'result',
      ])
      const progress = lines.find(({ type, slowest }) => type === 'progress' && slowest !== undefined)
      expect(progress).toMatchObject({
        slowest: { unit: 'hello(bin)', elapsedMs: expect.any(Number) },
        elapsedMs: expect.any(Number),
      })
      expect(progress).not.toHaveProperty('leftMs')
      expect(lines.at(-2)).toMatchObject({
        bin: 'hello',
        path: lines.at(-1).path,
        buildMs: expect.any(Number),
        size: lines.at(-1).size,
      })
      expect(lines.at(-1)).toMatchObject({ outcome: 'built', reasons: [{ kind: 'first-build' }] })

      const again = await place.devBin(['get', '-p', 'hello', '--json', '--rebuild'])
      const [, building] = again.stdout.split('\n').map((line) => line && JSON.parse(line))
      expect(building).toMatchObject({ type: 'building', expectedMs: lines.at(-2).buildMs })

      // The duration of a build with another profile is not known.
      const other = await place.devBin(['get', '-p', 'hello', '--json', '--profile', 'dev'])
      expect(JSON.parse(other.stdout.split('\n')[1] as string)).toEqual({
        type: 'building',
        bin: 'hello',
        command: expect.any(String),
      })
      const back = await place.devBin(['get', '-p', 'hello', '--json', '--rebuild'])
      expect(JSON.parse(back.stdout.split('\n')[1] as string)).toHaveProperty('expectedMs')

      const failed = await place.devBin(['get', '-p', 'hullo', '--json'])
      expect(failed.status).toBe(1)
      expect(JSON.parse(failed.stdout.trimEnd().split('\n').at(-1) as string)).toMatchObject({
        type: 'error',
        code: 'UNKNOWN_CRATE',
      })
    })

    test('ends in JSON with --json, whatever goes wrong', async () => {
      const where = { cwd: temporaryDirectory() }
      const wrong: [string[], string, string][] = [
        [['--json'], 'NOT_A_CHECKOUT', '--repo DIR'],
        [['--json', '-p', 'hello', '--frob'], 'INVALID_OPTION', '--frob'],
        [['-p', 'hello', '--json'], 'NOT_A_CHECKOUT', '--repo DIR'],
        [['-p', '../x', '--json', '--repo', '/'], 'INVALID_OPTION', '`crate`'],
      ]
      for (const [args, code, words] of wrong) {
        const { status, stdout, stderr } = await devBin(runtime, ['get', ...args], where)
        expect(status).toBe(2)
        expect(JSON.parse(stdout)).toEqual({ type: 'error', code, message: expect.stringContaining(words) })
        expect(stderr).toStartWith(`error[${code}]: `)
      }
    })

    test('finds the checkout: the fork here, or the one around here, or the fork in that', async () => {
      const place = new Place()
      mkdirSync(join(place.repo, 'deep', 'down'), { recursive: true })
      const path = (await place.devBin(['get', '-p', 'hello'], { cwd: join(place.repo, 'deep', 'down') })).stdout
      expect(path).toStartWith(place.cacheDir)
      const outer = join(place.directory, 'outer')
      mkdirSync(join(outer, 'src', '.x'), { recursive: true })
      Bun.spawnSync(['git', 'init', '--quiet', outer])
      renameSync(place.repo, join(outer, 'openshell-fork'))
      expect((await place.devBin(['get', '-p', 'hello'], { cwd: outer })).stdout).toBe(path)
      expect((await place.devBin(['get', '-p', 'hello'], { cwd: join(outer, 'src') })).stdout).toBe(path)
      const lost = await place.devBin(['get', '-p', 'hello'], { cwd: place.directory })
      expect(lost).toMatchObject({ status: 2, stdout: '' })
      expect(lost.stderr).toContain('error[NOT_A_CHECKOUT]')
      expect(lost.stderr).toContain('--repo DIR')
    })

    test('fails with 1, the code, and the hint, and has the errors of the compiler once', async () => {
      const place = new Place()
      place.write('src/main.rs', 'fn main() { let count: u32 = "three"; }\n')
      const { status, stdout, stderr } = await place.devBin(['get', '-p', 'hello'])
      expect([status, stdout]).toEqual([1, ''])
      expect(stderr.split('mismatched types').length).toBe(2)
      expect(stderr).toContain('error[BUILD_FAILED]: `cargo build -p hello --bin hello --release` failed')
      expect(stderr).not.toContain('    at ')
      const quiet = await place.devBin(['get', '-p', 'hello', '-q'])
      expect(quiet.stderr).toStartWith('error[BUILD_FAILED]')
      expect(quiet.stderr.split('mismatched types').length).toBe(2)
      const unknown = await place.devBin(['get', '-p', 'hullo'])
      expect(unknown.stderr).toContain('error[UNKNOWN_CRATE]')
      expect(unknown.stderr).toContain('hint: did you mean `hello`? packages with binaries: hello')
      const debug = await place.devBin(['get', '-p', 'hullo'], { env: { DEV_BIN_LOG: 'debug' } })
      expect(debug.stderr).toMatch(/\n +at /)
    })

    test('ends by Ctrl-C, with cargo and everything it started', async () => {
      const place = new GatedCheckout()
      const env = { ...place.environment(), DEV_BIN_CACHE_DIR: place.cacheDir }
      const child = start(runtime, ['get', '-p', 'hello'], { cwd: place.repo, env })
      await place.gate.reached()
      child.kill('SIGINT')
      await child.exited
      expect(child.signalCode).toBe('SIGINT')
      expect(await survivors(place.repo)).toEqual([])
      expect(await new Response(child.stderr).text()).not.toContain('    at ')
      expect(await new Response(child.stdout).text()).toBe('')
    })
  })

  describe(`in ${runtime}, why`, () => {
    test('says if it is a hit or a miss, and why, and builds nothing', async () => {
      const place = new Place()
      const why = ['why', '-p', 'hello', '--scope', 'tree']
      const first = await place.devBin([...why])
      expect(first).toMatchObject({ status: 3, stderr: '' })
      expect(first.stdout).toContain('miss: hello would be built\n  no earlier build of it is known')
      expect(existsSync(place.cacheDir)).toBe(false)
      const { path } = await place.get()
      expect(await place.devBin([...why])).toEqual({ status: 0, stdout: `hit: ${path}\n`, stderr: '' })
      place.write('src/main.rs', mainPrinting('two'))
      place.write('new.txt', 'new')
      place.commit('another HEAD')
      const { status, stdout } = await place.devBin([...why], { env: { RUSTFLAGS: '--cfg other' } })
      expect(status).toBe(3)
      expect(stdout).toContain('2 files changed:\n    added    new.txt\n    changed  src/main.rs')
      expect(stdout).toMatch(/HEAD moved: [0-9a-f]{12} → [0-9a-f]{12}/)
      expect(stdout).toContain('variables changed: RUSTFLAGS')
      const json = await place.devBin([...why, '--json'])
      expect(json.status).toBe(3)
      expect(JSON.parse(json.stdout)).toMatchObject({
        outcome: 'miss',
        reasons: [{ kind: 'source', count: 2 }, { kind: 'head' }],
      })
      const rebuild = await place.devBin([...why, '--rebuild'])
      expect([rebuild.status, rebuild.stdout.includes('rebuild was asked for')]).toEqual([3, true])
      expect((await place.devBin([...why, '--repo', '/nowhere'])).status).toBe(1)
    })
  })
}
