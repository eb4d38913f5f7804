// The command line as such: mistakes, help, standard output, and where it is run.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { HOUR, MadeUp } from './cache.js'
import { COMMAND, devBin, EXECUTABLES } from './command.js'
import { RUNTIMES } from './program.js'
import { Checkout, output, PATIENCE_MS, plainEnvironment, root, temporaryDirectory } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const COMMANDS = ['get', 'run', 'why', 'list', 'prune', 'verify', 'completions']

for (const runtime of RUNTIMES) {
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
