// The commands of `dev-bin`, with their options and exit statuses, in processes of their own and with a real cache.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { MadeUp } from './cache.js'
import { COMMAND, devBin, EXECUTABLES, start } from './command.js'
import { GatedCheckout, RUNTIMES, survivors } from './program.js'
import {
  Checkout,
  HELLO,
  mainPrinting,
  output,
  PATIENCE_MS,
  plainEnvironment,
  root,
  temporaryDirectory,
} from './support.js'

setDefaultTimeout(PATIENCE_MS)

const HOUR = 3_600_000
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const COMMANDS = ['get', 'run', 'why', 'list', 'prune', 'verify', 'completions']

function hours(count: number): number {
  return (Date.now() - count * HOUR) / 1000
}

for (const runtime of RUNTIMES) {
  class Place extends Checkout {
    /** Runs `dev-bin` with this place's cache, in its checkout. */
    devBin(args: string[], { cwd = this.repo, env = {} }: { cwd?: string; env?: Record<string, string> } = {}) {
      return devBin(runtime, args, { cwd, env: { ...this.environment(), DEV_BIN_CACHE_DIR: this.cacheDir, ...env } })
    }
  }

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

  describe(`in ${runtime}, list, prune and verify`, () => {
    test('show the entries, remove old ones, and find damaged ones', async () => {
      const place = new Place()
      const empty = await place.devBin(['list'])
      expect(empty).toEqual({ status: 0, stdout: '', stderr: 'The cache is empty.\n' })
      expect((await place.devBin(['list', '--json'])).stdout).toBe('[]\n')

      const one = (await place.get()).path
      utimesSync(`${one}.json`, hours(49), hours(49))
      place.write('src/main.rs', mainPrinting('two'))
      const two = (await place.get()).path
      const { stdout } = await place.devBin(['list'])
      const [headings, ...rows] = stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/))
      expect(headings).toEqual([
        'BINARY',
        'TARGET',
        'CRATE',
        'FINGERPRINT',
        'SIZE',
        'BUILT',
        'USED',
        'RUNNING',
        'CHECKOUT',
      ])
      expect(rows.map((row) => row[3])).toEqual([two, one].map((path) => path.split('/').at(-2)))
      expect(rows[1]?.slice(0, 3)).toEqual(['hello', 'host', 'hello'])
      expect(rows[1]?.slice(6)).toEqual(['2 days ago', process.platform === 'linux' ? 'no' : 'unknown', place.repo])
      const json = JSON.parse((await place.devBin(['list', '--json', '--cache-dir', place.cacheDir])).stdout)
      expect(json.map(({ path }: { path: string }) => path)).toEqual([two, one])

      expect(await place.devBin(['verify'])).toEqual({
        status: 0,
        stdout: '2 binaries of 2 as published\n',
        stderr: '',
      })
      writeFileSync(two, readFileSync(two).fill(0, 2000, 2010))
      const damaged = await place.devBin(['verify'])
      expect(damaged).toMatchObject({ status: 1 })
      expect(damaged.stdout).toContain(
        `damaged: the cached \`${two}\` has other bytes than were published\n1 binary of 2`,
      )
      const asJson = await place.devBin(['verify', '--json'])
      expect([asJson.status, JSON.parse(asJson.stdout)[0].damage.length > 0]).toEqual([1, true])

      expect(await place.devBin(['prune'])).toMatchObject({ status: 0, stderr: '' })
      const dry = await place.devBin(['prune', '--max-age', '36h', '--dry-run'])
      expect(dry.stdout).toContain('Would remove 1 binary, ')
      expect(existsSync(one)).toBe(true)
      const pruned = await place.devBin(['prune', '--max-age', '36h'])
      expect(pruned.status).toBe(0)
      expect(pruned.stdout).toMatch(
        /Removed hello [0-9a-f]{16}: used 2 days ago \(too long ago\), [\d.]+ KiB\nRemoved 1 binary, /,
      )
      expect([existsSync(one), existsSync(two)]).toEqual([false, true])
      const over = await place.devBin(['prune', '--max-size', '1kB'])
      expect(over.stdout).toContain('This is over the size, but must stay')
      const all = JSON.parse((await place.devBin(['prune', '--all', '--json'])).stdout)
      expect(all).toMatchObject({ removed: [{ reason: 'all', entry: { path: two } }], kept: 0, size: 0 })
      expect((await place.devBin(['prune', '--max-size', 'big'])).status).toBe(2)
      expect((await place.devBin(['prune'], { env: { DEV_BIN_MAX_AGE: 'soon' } })).stderr).toContain(
        '`DEV_BIN_MAX_AGE`',
      )
    })

    test('verify compares a crate with a fresh build', async () => {
      const place = new Place()
      const equal = await place.devBin(['verify', '-p', 'hello'])
      expect(equal).toMatchObject({ status: 0 })
      expect(equal.stdout).toContain('equal: a fresh build gives the same bytes')
      const json = await place.devBin(['verify', '-p', 'hello', '--json', '-q'])
      expect([json.stderr, JSON.parse(json.stdout).verdict]).toEqual(['', 'equal'])
      const { path } = await place.get({ scope: 'crate' })
      const manifest = JSON.parse(readFileSync(`${path}.json`, 'utf8'))
      const bytes = Buffer.concat([readFileSync(path), Buffer.from('stale')])
      writeFileSync(path, bytes)
      const sha256 = new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
      writeFileSync(`${path}.json`, JSON.stringify({ ...manifest, sha256, size: bytes.length }))
      const stale = await place.devBin(['verify', '-p', 'hello'])
      expect(stale).toMatchObject({ status: 1 })
      expect(stale.stdout).toStartWith('stale: ')
      const orphan = await place.devBin(['verify', '--bin', 'hello'])
      expect([orphan.status, orphan.stderr.includes('`-p CRATE` is missing')]).toEqual([2, true])
    })
  })

  describe(`in ${runtime}, a mistake in a command line ends with 2:`, () => {
    const wrong: [string[], string][] = [
      [[], 'there is no command'],
      [['got'], 'there is no command `got`; there are get, run, '],
      [['--frob'], 'there is no option `--frob`'],
      [['get'], 'is in no cargo workspace'],
      [['get', '-p'], '`-p` lacks its value, CRATE'],
      [
        ['get', '--bin', '--scope', 'crate'],
        '`--bin` lacks its value; one that begins with a dash is given as `--bin=--scope`',
      ],
      [['get', '-qx'], 'there is no option `-x`'],
      [['get', '-p', 'hello', '--crates'], 'there is no option `--crates`'],
      [['get', '-p', 'hello', '--frob'], 'there is no option `--frob`'],
      [['get', '-p', 'hello', '--rebuild=yes'], '`--rebuild` takes no value'],
      [['get', 'hello'], 'a crate is named with `-p`'],
      [['get', '-p', '../x', '--repo', '/'], '"../x" is not a package name'],
      [['get', '-p', 'hello', '--repo', '/', '--scope', 'world'], '`scope`'],
      [['list', 'x'], 'one argument too many'],
      [['completions'], 'bash, zsh, fish'],
      [['completions', 'csh'], 'there are no completions for `csh`'],
    ]
    for (const [args, words] of wrong) {
      test(['dev-bin', ...args].join(' '), async () => {
        const { status, stdout, stderr } = await devBin(runtime, args)
        expect([status, stdout]).toEqual([2, ''])
        expect(stderr).toContain(words)
        expect(stderr).toContain('--help` lists the options')
        expect(stderr).not.toContain('    at ')
      })
    }
  })

  test(`in ${runtime}, help and version`, async () => {
    for (const args of [['--version'], ['-V']]) {
      expect(await devBin(runtime, args)).toEqual({ status: 0, stdout: `dev-bin ${version}\n`, stderr: '' })
    }
    const help = await devBin(runtime, ['--help'])
    expect(help).toMatchObject({ status: 0, stderr: '' })
    for (const words of [...COMMANDS, 'Exit status', 'DEV_BIN_CACHE_DIR', 'DEV_BIN_MAX_SIZE', 'NO_COLOR']) {
      expect(help.stdout).toContain(words)
    }
    // `--help` works among other flags and in a line with a mistake, but not as the value of an option.
    for (const args of [
      ['get', '-qh'],
      ['prune', '-nh'],
      ['get', '--frob', '--help'],
      ['list', 'x', '-h'],
    ]) {
      expect((await devBin(runtime, args)).stdout).toStartWith(`dev-bin ${args[0]}: `)
    }
    const named = await devBin(runtime, ['get', '-ph'], { cwd: temporaryDirectory() })
    expect([named.status, named.stdout]).toEqual([2, ''])
    for (const command of COMMANDS) {
      const own = await devBin(runtime, [command, '--help'])
      expect(own).toMatchObject({ status: 0, stderr: '' })
      expect(own.stdout).toStartWith(`dev-bin ${command}: `)
      expect(own.stdout).toContain('Examples:\n')
      expect(await devBin(runtime, ['help', command])).toEqual(own)
    }
  })
}

test('only a terminal gets colours, unless NO_COLOR or TERM forbids them', async () => {
  const inTerminal = (env: Record<string, string>) => {
    const line = `${process.execPath} ${COMMAND} frob`
    return Bun.spawnSync(['script', '-qec', line, '/dev/null'], {
      env: { PATH: process.env.PATH, TERM: 'xterm', ...env },
    })
  }
  expect(inTerminal({}).stdout.toString()).toContain('\u001b[1;31merror')
  expect(inTerminal({ NO_COLOR: '1' }).stdout.toString()).not.toContain('\u001b')
  expect(inTerminal({ TERM: 'dumb' }).stdout.toString()).not.toContain('\u001b')
})

for (const runtime of RUNTIMES) {
  const program = `${EXECUTABLES[runtime]} ${COMMAND}`

  test(`in ${runtime}, a reader that has read enough ends a command quietly`, () => {
    const child = Bun.spawnSync(['sh', '-c', `${program} --help | head -1`])
    expect(child.stdout.toString()).toStartWith('The path of an up-to-date binary')
    expect(child.stderr.toString()).toBe('')
    const gone = Bun.spawnSync(['bash', '-c', `${program} --help | true; echo \${PIPESTATUS[0]}`])
    expect([gone.stdout.toString(), gone.stderr.toString()]).toEqual(['141\n', ''])
  })

  test.skipIf(!existsSync('/dev/full'))(`in ${runtime}, a full standard output is an error of one line`, async () => {
    const place = new Checkout()
    await place.get()
    const env = { ...place.environment(), DEV_BIN_CACHE_DIR: place.cacheDir }
    for (const args of [
      'get -q -p hello',
      'get -q -p hello --json',
      'why -p hello',
      'list',
      'list --json',
      'prune',
      'verify',
    ]) {
      const child = Bun.spawnSync(['sh', '-c', `${program} ${args} > /dev/full`], { cwd: place.repo, env })
      const printed = child.stderr.toString()
      expect([args, child.exitCode, printed.trimEnd().split('\n').length]).toEqual([args, 1, 1])
      expect(printed).toStartWith('error: standard output cannot be written: ')
    }
  })

  test(`in ${runtime}, a HOME that is no absolute directory is an error`, async () => {
    for (const [home, words] of [
      ['relative', '`relative`, which is not absolute'],
      ['', 'HOME is empty'],
    ] as const) {
      const { status, stderr } = await devBin(runtime, ['list'], { env: { HOME: home } })
      // Bun asks the system for the home directory when HOME is empty.
      if (runtime === 'bun' && home === '') continue
      expect([status, stderr.includes('error[CACHE_UNUSABLE]'), stderr.includes(words)]).toEqual([1, true, true])
    }
  })

  test(`in ${runtime}, names cannot move the cursor`, async () => {
    const cache = new MadeUp()
    cache.add(1, { bytes: 1, used: 3 * HOUR, checkout: '/a\nb\u001b[31m\u202ec/größe-日本' })
    const { stdout } = await devBin(runtime, ['list'], { env: { DEV_BIN_CACHE_DIR: cache.cacheDir } })
    expect(stdout.split('\n').length).toBe(3)
    expect(stdout).toContain('/a\\nb\\u001b[31m\\u202ec/größe-日本')
    const json = await devBin(runtime, ['list', '--json'], { env: { DEV_BIN_CACHE_DIR: cache.cacheDir } })
    expect(JSON.parse(json.stdout)[0].checkout).toBe('/a\nb\u001b[31m\u202ec/größe-日本')
  })

  test.skipIf(process.platform === 'win32')(`in ${runtime}, a working directory that is gone`, async () => {
    const place = new Checkout()
    const env = plainEnvironment({ ...place.environment(), DEV_BIN_CACHE_DIR: place.cacheDir })
    const says = (...args: string[]) => {
      const script = 'cd "$(mktemp -d)" && rmdir "$PWD" && exec "$@"'
      const words = ['bash', '-c', script, 'bash', EXECUTABLES[runtime], COMMAND, ...args]
      const { exitCode, stdout, stderr } = Bun.spawnSync(words, { env })
      return { status: exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
    }
    expect(says('list')).toEqual({ status: 0, stdout: '', stderr: 'The cache is empty.\n' })
    for (const repo of [[], ['--repo', 'here'], ['--repo', place.repo]]) {
      const { status, stderr } = says('get', '-p', 'hello', ...repo)
      const problem = 'error[NOT_A_CHECKOUT]: no checkout can be looked at: the working directory has been removed'
      expect([status, stderr.split('\n')[0]]).toEqual([1, problem])
    }
    // Bun makes something of it.
    if (runtime === 'bun') return
    const relative = says('list', '--cache-dir', 'here')
    expect([relative.status, relative.stderr.split('\n')[0]]).toEqual([
      2,
      'error[INVALID_OPTION]: invalid option `cacheDir`: `here` is relative to the working directory, which has been removed',
    ])
  })

  test(`in ${runtime}, invalid limits in variables are an error for prune alone`, async () => {
    const place = new Checkout()
    const env = { ...place.environment(), DEV_BIN_CACHE_DIR: place.cacheDir, DEV_BIN_MAX_SIZE: 'big' }
    const where = { cwd: place.repo, env }
    const got = await devBin(runtime, ['get', '-p', 'hello'], where)
    expect([got.status, got.stderr.includes('warning: the cache is not pruned by itself')]).toEqual([0, true])
    expect((await devBin(runtime, ['list'], where)).status).toBe(0)
    const pruned = await devBin(runtime, ['prune'], where)
    expect([pruned.status, pruned.stderr.includes('`DEV_BIN_MAX_SIZE`')]).toEqual([2, true])
  })
}

test('the package has dev-bin as its program, and npm start runs it', async () => {
  const { bin, files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect(join(root, bin['dev-bin'])).toBe(COMMAND)
  expect(files).toContain('cli')
  expect(statSync(COMMAND).mode & 0o111).toBe(0o111)
  const link = join(temporaryDirectory(), 'dev-bin')
  symlinkSync(COMMAND, link)
  expect(Bun.spawnSync([link, '--version']).stdout.toString()).toBe(`dev-bin ${version}\n`)

  const place = new Checkout()
  const env = { ...place.environment(), DEV_BIN_CACHE_DIR: place.cacheDir, INIT_CWD: place.directory }
  const npmStart = (...args: string[]) =>
    Bun.spawnSync(['node', join(root, 'tools', 'scripts', 'start.mjs'), ...args], { env })
  const path = npmStart('--repo', 'checkout', '--crate', 'hello').stdout.toString()
  expect(output(path.trimEnd())).toBe('one -')
  expect(npmStart('why', '-p', 'hello', '--repo', 'checkout').stdout.toString()).toBe(`hit: ${path}`)
  expect(npmStart('get').exitCode).toBe(2)
})
