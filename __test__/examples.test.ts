// Runs the examples as readers do: each as a copy in a repository of its own, with the programs that it is for.

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { devBin } from './command.js'
import { survivors } from './program.js'
import { RUST_HOMES } from './programs.js'
import { Checkout, lockFile, output, PATIENCE_MS, root, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const PATH = [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter)

class Example extends Checkout {
  readonly home = join(this.directory, 'home')

  /** Copies the files of an example that git knows. Links in it lead to this clone. */
  constructor(name: string, changed: (path: string, text: string) => string = (_, text) => text) {
    const directory = join(root, 'examples', name)
    const listing = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
    const paths = execFileSync('git', listing, { cwd: directory, encoding: 'utf8' }).split('\0').slice(0, -1)
    const text = (path: string) =>
      readFileSync(join(directory, path), 'utf8').replace(/(?<="(?:file|link):)[./]+(?=")/, root)
    super(Object.fromEntries(paths.map((path) => [path, changed(path, text(path))])))
    mkdirSync(this.home)
  }

  /** Installs by npm, from files on disk alone. */
  async install(): Promise<void> {
    await this.says(['npm', 'install', '--offline', '--no-package-lock'])
  }

  variables(extra: Record<string, string> = {}): Record<string, string> {
    const own = { HOME: this.home, DEV_BIN_CACHE_DIR: this.cacheDir, PATH, RUSTUP_HOME: RUST_HOMES.RUSTUP_HOME }
    // In some CI systems, turbo keeps the output of a task back until the task ends.
    const quiet = { TURBO_TELEMETRY_DISABLED: '1', TURBO_NO_UPDATE_NOTIFIER: '1', TURBO_LOG_ORDER: 'stream' }
    return this.environment({ ...own, ...quiet, MISE_TRUSTED_CONFIG_PATHS: this.repo, ...extra })
  }

  start(
    command: string[],
    { cwd = this.repo, env = {} }: { cwd?: string; env?: Record<string, string> } = {},
  ): Running {
    return new Running(command, cwd, this.variables(env))
  }

  /** Runs a command that must succeed. Returns what it prints on both streams. */
  async says(command: string[], where?: { cwd?: string; env?: Record<string, string> }): Promise<string> {
    const started = this.start(command, where)
    const status = await started.ended()
    if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}:\n${started.said}`)
    return started.said
  }

  /** Changes the greeting of the example's gateway. */
  greet(path: string, words: string): void {
    const source = readFileSync(join(this.repo, path), 'utf8')
    this.write(path, source.replace(/(?<=GREETING: &str = ").*(?=")/, words))
  }
}

const running = new Set<Running>()

afterAll(async () => {
  for (const left of running) left.interrupt()
  await Promise.all([...running].map((left) => left.ended()))
})

/** A command in a process group of its own, as a shell starts a job. */
class Running {
  said = ''
  readonly #process: ChildProcess
  readonly #ended: Promise<number | string>

  constructor([program = '', ...args]: string[], cwd: string, env: Record<string, string>) {
    this.#process = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.said += text
      })
    running.add(this)
    this.#ended = once(this.#process, 'close').then(([status, signal]) => {
      running.delete(this)
      return signal ?? status
    })
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** Signals the group, as Ctrl-C does. turbo passes the signal on to its tasks, which have groups of their own. */
  interrupt(): void {
    process.kill(-(this.#process.pid ?? 0), 'SIGINT')
  }

  ended(): Promise<number | string> {
    return this.#ended
  }
}

const GREETING = 'hello from the gateway'

// Their commands are those of a POSIX shell.
describe.skipIf(process.platform === 'win32')('monorepo', () => {
  const GATEWAY = 'apps/gateway/src/main.rs'

  /** Installs by pnpm, from files on disk alone. */
  async function installed(changed = (_: string, text: string) => text): Promise<Example> {
    const turbo = `"link:${join(root, 'node_modules', 'turbo')}"`
    const example = new Example('monorepo', (path, text) =>
      changed(path, path === 'package.json' ? text.replace(/(?<="turbo": )".*"/, turbo) : text),
    )
    // The lock file names the registry's turbo. In CI, pnpm would insist on the lock file.
    rmSync(join(example.repo, 'pnpm-lock.yaml'))
    await example.says(['pnpm', 'install', '--offline', '--no-frozen-lockfile'])
    return example
  }

  /** Runs `pnpm dev` until the gateway answers, ends it, and returns what was printed until then. */
  async function develop(example: Example): Promise<string> {
    const started = example.start(['pnpm', 'dev'])
    const hasAnswered = () => started.said.includes('the gateway says: ')
    await until(() => hasAnswered() || !started.isRunning, 'the gateway answers')
    if (started.isRunning) started.interrupt()
    await started.ended()
    if (!hasAnswered()) throw new Error(started.said)
    if (process.platform === 'linux') expect(await survivors(example.repo)).toEqual([])
    return started.said
  }

  test('pins the versions that this clone has', () => {
    const read = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'))
    const { packageManager, devDependencies } = read('examples/monorepo/package.json')
    const { pnpm, turbo } = read('package.json').devDependencies
    expect({ packageManager, devDependencies }).toEqual({ packageManager: `pnpm@${pnpm}`, devDependencies: { turbo } })
  })

  test('dev starts the gateway; an edit of TypeScript is a hit, one of Rust is not', async () => {
    const example = await installed()
    const first = await develop(example)
    expect(first).toContain('Building gateway: first build')
    expect(first).toContain(`the gateway says: ${GREETING}`)

    example.write('apps/web/src/main.ts', 'export const edited = true\n')
    expect(await develop(example)).toContain('Using cached gateway')

    example.greet(GATEWAY, 'hello again')
    const edited = await develop(example)
    expect(edited).toContain('Building gateway: src/main.rs changed')
    expect(edited).toContain('the gateway says: hello again')
  })

  test('build asks dev-bin each time, and turbo keeps no binary', async () => {
    const example = await installed()
    const build = () => example.says(['pnpm', 'build'])
    const binary = join(example.repo, 'apps/gateway/dist/gateway')
    expect(await build()).toContain('Built gateway in')
    expect(output(binary, '--greeting')).toBe(GREETING)
    const { ino } = statSync(binary)

    const again = await build()
    expect(again).toContain('cache bypass')
    expect(again).toContain('Using cached gateway')
    expect(statSync(binary).ino).toBe(ino)

    example.greet(GATEWAY, 'hello again')
    await build()
    expect(output(binary, '--greeting')).toBe('hello again')
    rmSync(join(example.repo, 'apps/gateway/dist'), { recursive: true })
    expect(await build()).toContain('Using cached gateway')
    expect(output(binary, '--greeting')).toBe('hello again')
  })

  test('a task of turbo gets the same binary as a shell', async () => {
    const example = await installed()
    // No file of the package and nothing that turbo looks at changes with it.
    const env = { RUSTFLAGS: '--cfg from_the_shell' }
    await example.says(['pnpm', 'build'])
    expect(await example.says(['pnpm', 'build'], { env })).toContain('Building gateway: RUSTFLAGS changed')
    for (const variables of [{}, env]) {
      const where = { cwd: join(example.repo, 'apps/gateway'), env: example.variables(variables) }
      expect(await devBin('node', ['why'], where)).toMatchObject({ status: 0 })
    }
  })

  // The variables that docs/what-counts.md lists, and those that name directories.
  const STEERING = `
    AR ARFLAGS AR_x86_64_unknown_linux_gnu BINDGEN_EXTRA_CLANG_ARGS CARGO_BUILD_RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_HOME
    CARGO_INCREMENTAL CARGO_NET_GIT_FETCH_WITH_CLI CARGO_PROFILE_DEV_DEBUG CARGO_REGISTRIES_OWN_TOKEN CARGO_TARGET_DIR
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER CARGO_UNSTABLE_GC CARGO_ZIGBUILD_ZIG_PATH CC CC_x86_64_unknown_linux_gnu
    CFLAGS CLANG_PATH CMAKE CMAKE_PREFIX_PATH CPATH CPLUS_INCLUDE_PATH CPPFLAGS CXX CXXFLAGS CXXSTDLIB C_INCLUDE_PATH
    DEV_BIN_CACHE_DIR DEV_BIN_LOG DEV_BIN_MAX_AGE DEV_BIN_MAX_SIZE GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM GIT_CONFIG_SYSTEM
    HOME HOST_CC HTTPS_PROXY LDFLAGS LIBCLANG_PATH LIBRARY_PATH LLVM_CONFIG_PATH MACOSX_DEPLOYMENT_TARGET PATH PKG_CONFIG
    PKG_CONFIG_PATH PROTOC PROTOC_INCLUDE RANLIB RANLIBFLAGS RUSTC RUSTC_WRAPPER RUSTFLAGS RUSTUP_HOME RUSTUP_TOOLCHAIN SDKROOT
    SOURCE_DATE_EPOCH SSH_AUTH_SOCK TARGET_CFLAGS TERM XDG_CONFIG_HOME https_proxy`

  test('turbo hands on every variable that steers a build, and keeps others back', async () => {
    const script = '"start": "node -p \'Object.keys(process.env).join()\'"'
    const example = await installed((path, text) => {
      if (path === 'turbo.jsonc') return text.replace('"tasks": {', '"tasks": { "start": { "cache": false },')
      return path === 'apps/gateway/package.json' ? text.replace(/"start": ".*"/, script) : text
    })
    const names = STEERING.trim().split(/\s+/)
    const values = Object.fromEntries(names.map((name) => [name, example.variables()[name] ?? 'something']))
    const said = await example.says(['turbo', 'run', 'start'], { env: { ...values, SOMEBODYS_SECRET: 'something' } })
    const handed = new Set(/\S+,\S+/.exec(said)?.[0].split(','))
    expect(names.filter((name) => !handed.has(name))).toEqual([])
    expect(handed.has('SOMEBODYS_SECRET')).toBe(false)
  })
})

// just and mise are not installed with this clone: some registries lack platform packages of just, and `npm ci` fails
// then, and mise takes 150 MB. If one is on the PATH, it runs the task. Otherwise the test gives the task's command to
// a shell, which does not test how just or mise reads its file.
const RUNNERS: [name: string, run: string[], byHand: (file: string) => string][] = [
  [
    'just',
    ['just'],
    () => /^gateway .*:\n +(.*)$/m.exec(readFileSync(join(root, 'examples/just/justfile'), 'utf8'))?.[1] ?? '',
  ],
  [
    'mise',
    ['mise', 'run'],
    () => {
      const { tasks } = Bun.TOML.parse(readFileSync(join(root, 'examples/mise/mise.toml'), 'utf8')) as {
        tasks: { gateway: { run: string } }
      }
      return `${tasks.gateway.run} "$@"`
    },
  ],
]

describe.skipIf(process.platform === 'win32')('task runners', () => {
  for (const [name, run, byHand] of RUNNERS) {
    const there = Bun.which(name, { PATH }) !== null
    if (!there) console.warn(`${name} is not installed: ITS EXAMPLE IS RUN BY A SHELL`)
    test(`${name} runs the gateway, ${there ? 'from any directory' : 'as far as a shell can tell'}`, async () => {
      const example = new Example(name)
      await example.install()
      const gateway = (...args: string[]) => {
        if (there) return example.says([...run, 'gateway', ...args], { cwd: join(example.repo, 'gateway/src') })
        const env = { PATH: [join(example.repo, 'node_modules/.bin'), PATH].join(delimiter) }
        return example.says(['sh', '-euc', byHand(name), 'gateway', ...args], { env })
      }
      const first = await gateway('--port', '8080', 'two words')
      expect(first).toContain(`${GREETING}, called with ["--port", "8080", "two words"]\n`)
      expect(first).toContain('Building gateway: first build')
      example.write('NOTES.md', 'not of the gateway\n')
      expect(await gateway()).toContain('Using cached gateway')
      example.greet('gateway/src/main.rs', 'hello again')
      expect(await gateway()).toContain('hello again, called with []\n')
      if (there) expect(await example.says([...run, 'why'])).toContain('hit: ')
    })
  }
})

describe.skipIf(process.platform === 'win32')('tauri-sidecar', () => {
  const host = /host: (.*)/.exec(execFileSync('rustc', ['-vV'], { encoding: 'utf8' }))?.[1] ?? ''

  test('the sidecar is where Tauri looks for it, and is replaced when it differs', async () => {
    const example = new Example('tauri-sidecar')
    await example.install()
    const { build, bundle } = JSON.parse(readFileSync(join(example.repo, 'src-tauri/tauri.conf.json'), 'utf8'))
    const sidecar = join(example.repo, 'src-tauri', `${bundle.externalBin[0]}-${host}`)
    // `tauri dev` and `tauri build` run these commands in the directory of the package.
    const develop = () =>
      example.says(['sh', '-c', build.beforeDevCommand.script], { env: { TAURI_ENV_DEBUG: 'true' } })
    const package_ = (env = {}) => example.says(['sh', '-c', build.beforeBuildCommand], { env })
    // Tauri's own build script fails where there is no sidecar yet.
    expect(build.beforeDevCommand.wait).toBe(true)

    expect(await develop()).toContain(sidecar)
    expect(output(sidecar, 'a')).toBe(`${GREETING}, called with ["a"]`)
    expect(example.git('status', '--porcelain')).toBe('')
    const { ino, mtimeMs } = statSync(sidecar)
    example.write('ui/index.html', '<!doctype html>\n')
    expect(await develop()).toContain('Using cached gateway')
    expect(statSync(sidecar)).toMatchObject({ ino, mtimeMs })

    example.greet('gateway/src/main.rs', 'hello again')
    await develop()
    expect(output(sidecar)).toBe('hello again, called with []')
    expect(statSync(sidecar).ino).not.toBe(ino)

    const { size } = statSync(sidecar)
    await package_()
    expect(statSync(sidecar).size).toBeLessThan(size)
    // Another build, of the same bytes or not, at the same place.
    expect(await package_({ TAURI_ENV_TARGET_TRIPLE: host })).toContain(sidecar)
    expect(output(sidecar)).toBe('hello again, called with []')
  })
})

// The recipe for these in docs/reference.md has no example of its own. On other systems, a linker needs a flag, since only
// Node has the symbols.
test.skipIf(process.platform !== 'linux')('a Node-API addon is loaded from where the copy is', async () => {
  const addon = (value: number) => `use std::ffi::{c_int, c_void};
unsafe extern "C" {
    fn napi_create_int32(env: *mut c_void, value: i32, result: *mut *mut c_void) -> c_int;
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn napi_register_module_v1(env: *mut c_void, mut exports: *mut c_void) -> *mut c_void {
    unsafe { napi_create_int32(env, ${value}, &mut exports) };
    exports
}
`
  const checkout = new Checkout({
    'Cargo.toml': '[package]\nname = "addon"\nversion = "0.1.0"\nedition = "2024"\n\n[lib]\ncrate-type = ["cdylib"]\n',
    'Cargo.lock': lockFile('addon'),
    'src/lib.rs': addon(1),
    '.gitignore': '/target\n*.node\n',
  })
  const where = { cwd: checkout.repo, env: checkout.environment({ DEV_BIN_CACHE_DIR: checkout.cacheDir }) }
  const loaded = async () => {
    const get = ['get', '-p', 'addon', '--kind', 'cdylib', '--profile', 'dev', '--out', 'addon.node']
    expect(await devBin('node', get, where)).toMatchObject({ status: 0 })
    return output('node', '-p', `require(${JSON.stringify(join(checkout.repo, 'addon.node'))})`)
  }
  expect(await loaded()).toBe('1')
  checkout.write('src/lib.rs', addon(2))
  expect(await loaded()).toBe('2')
})
