// `dev-bin get --background` and `--no-build`: what a git hook does that must not keep git waiting.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { builds, prune } from '../index.js'
import { age, DAY } from './cache.js'
import { COMMAND, EXECUTABLES, placesFor } from './command.js'
import { Gate, RUNTIMES, type Runtime, survivors } from './program.js'
import { mainPrinting, output, PATIENCE_MS, rejection, UNOBSERVED, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

/** A checkout whose build script waits at a gate, in which the command line is run. */
const gatedPlace = (runtime: Runtime) =>
  new (class extends placesFor(runtime) {
    readonly gate = new Gate(this.directory, 'script')

    constructor() {
      super()
      this.write('build.rs', this.gate.buildScript())
      this.commit('a build script that waits')
    }

    override environment(extra: Record<string, string | undefined> = {}) {
      return super.environment({ ...UNOBSERVED, ...extra })
    }

    get logs(): string[] {
      const directory = join(this.cacheDir, 'logs')
      return existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : []
    }

    builds() {
      return builds({ cacheDir: this.cacheDir })
    }

    /** Waits until no process of the background is left. */
    async isQuiet(): Promise<void> {
      expect(await survivors(this.directory)).toEqual([])
    }

    hook(name: string, text: string): void {
      this.write(`.git/hooks/${name}`, `#!/bin/sh\n${text}\n`, 0o755)
    }
  })()

describe.each(RUNTIMES)('dev-bin get --background, in %s,', (runtime) => {
  test('returns while it builds, says where its log is, and leaves the binary in the cache', async () => {
    const place = gatedPlace(runtime)
    const { status, stdout, stderr } = await place.devBin(['get', '--background'])
    expect([status, stdout]).toEqual([0, ''])
    await place.gate.reached()
    const [log = '', ...more] = place.logs
    expect([stderr, more]).toEqual([`Building in the background; the log is ${log}\n`, []])
    place.gate.open()
    await until(() => readFileSync(log, 'utf8').includes('Built hello'), 'the log says that it is built')
    await place.isQuiet()
    expect(readFileSync(log, 'utf8')).toMatch(/^Building hello: first build.*\n(.*\n)*Built hello in .*\n$/)
    const hit = await place.devBin(['get', '--background', '-q'])
    expect([hit.status, hit.stderr, output(hit.stdout.trim())]).toEqual([0, '', 'one -'])
    expect(place.logs).toEqual([log])
  })
})

describe('dev-bin get --background', () => {
  test('started twice for one binary builds it once, and a `get` meanwhile is served the same build', async () => {
    const place = gatedPlace('bun')
    await place.devBin(['get', '--background', '-q'])
    await place.gate.reached()
    const [log] = place.logs
    const before = await place.builds()
    for (const _ of [1, 2]) expect((await place.devBin(['get', '--background'])).status).toBe(0)
    await until(() => place.logs.length === 1, 'the others have ended, and left no log')
    expect(place.logs).toEqual([log as string])
    expect((await place.builds()).map(({ pid }) => pid)).toEqual(before.map(({ pid }) => pid))
    const get = place.devBin(['get'])
    place.gate.open()
    expect(output((await get).stdout.trim())).toBe('one -')
    expect(place.gate.times).toBe(1)
    await place.isQuiet()
  })

  test('in a hook lets `git commit` end, though its output is a pipe, and builds what was committed', async () => {
    const place = gatedPlace('node')
    place.hook('post-commit', `exec ${EXECUTABLES.node} ${COMMAND} get --background`)
    place.write('src/main.rs', mainPrinting('two'))
    const env = { ...place.environment(), DEV_BIN_CACHE_DIR: place.cacheDir, GIT_CONFIG_GLOBAL: '/dev/null' }
    const commit = ['-c', 'user.name=a', '-c', 'user.email=a@b.example', 'commit', '--quiet', '-am', 'two']
    // It returns when both ends of its pipes are closed.
    execFileSync('git', commit, { cwd: place.repo, env, stdio: 'pipe' })
    await place.gate.reached()
    expect((await place.builds()).length).toBe(1)
    place.gate.open()
    expect(output((await place.devBin(['get', '-q'])).stdout.trim())).toBe('two -')
    expect(place.gate.times).toBe(1)
    await place.isQuiet()
  })

  test('puts the errors of the build into the log, which a prune removes a week later', async () => {
    const place = gatedPlace('bun')
    place.write('build.rs', 'fn main() {')
    expect(await place.devBin(['get', '--background'])).toMatchObject({ status: 0, stdout: '' })
    const [log = ''] = place.logs
    await until(() => readFileSync(log, 'utf8').includes('error[BUILD_FAILED]'), 'the log says that it failed')
    expect(readFileSync(log, 'utf8')).toContain('unclosed delimiter')
    await place.isQuiet()
    await prune({ cacheDir: place.cacheDir })
    expect(place.logs).toEqual([log])
    age(log, 8 * DAY)
    writeFileSync(join(place.cacheDir, 'logs', 'notes.txt'), 'of the user')
    age(join(place.cacheDir, 'logs', 'notes.txt'), 8 * DAY)
    await prune({ cacheDir: place.cacheDir })
    expect(place.logs.map((path) => path.slice(-9))).toEqual(['notes.txt'])
  })

  test('gets several binaries, and no `--no-build`', async () => {
    const place = gatedPlace('bun')
    place.gate.open()
    place.write('src/bin/other.rs', mainPrinting('other'))
    const both = ['get', '--bin', 'hello', '--bin', 'other']
    expect(await place.devBin([...both, '--background'])).toMatchObject({ status: 0, stdout: '' })
    await place.isQuiet()
    const { status, stdout } = await place.devBin([...both, '--no-build'])
    expect([
      status,
      stdout
        .trim()
        .split('\n')
        .map((path) => output(path)),
    ]).toEqual([0, ['one -', 'other -']])
    const contradiction = await place.devBin(['get', '--background', '--no-build'])
    expect([contradiction.status, contradiction.stderr]).toEqual([2, expect.stringContaining('`--no-build` does not')])
  })
})

describe('a call that must not build', () => {
  test('ends with status 3 where cargo would have to run, starts nothing, and writes nothing', async () => {
    const place = gatedPlace('node')
    const miss = {
      status: 3,
      stdout: '',
      stderr: '`hello` would have to be built, and the call asks for none of that\n',
    }
    expect(await place.devBin(['get', '--no-build'])).toEqual(miss)
    expect(await place.devBin(['get', '--no-build', '-q'])).toEqual({ ...miss, stderr: '' })
    const { status, stdout } = await place.devBin(['get', '--no-build', '--json'])
    expect([status, JSON.parse(stdout)]).toMatchObject([3, { type: 'error', code: 'NOT_BUILT' }])
    expect([place.gate.times, existsSync(place.cacheDir)]).toEqual([0, false])
    place.gate.open()
    await place.devBin(['get', '-q'])
    expect(output((await place.devBin(['get', '--no-build'])).stdout.trim())).toBe('one -')
  })

  test('rejects with NOT_BUILT, also if `rebuild` asks for another build of what is there', async () => {
    const place = gatedPlace('node')
    place.gate.open()
    expect(await rejection(place.get({ build: false }))).toMatchObject({ code: 'NOT_BUILT' })
    await place.get()
    expect(await place.get({ build: false })).toMatchObject({ outcome: 'cached' })
    expect(await rejection(place.get({ build: false, rebuild: true }))).toMatchObject({ code: 'NOT_BUILT' })
  })
})
