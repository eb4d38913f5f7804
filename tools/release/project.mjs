// An empty project with a home and caches of its own, to install the published package into, and programs in it that
// get a binary.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, realpathSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { manifest, root } from './targets.mjs'

/** The program itself, since the one in `.bin` is a script on Windows. */
const bun = join(root, 'node_modules', 'bun', 'bin', 'bun.exe')
const pnpm = join(root, 'tools', 'release', 'node_modules', 'pnpm', 'bin', 'pnpm.cjs')

/** The command of each package manager that adds a package to a project. */
export const MANAGERS = {
  npm: ['npm', 'install', '--no-audit', '--no-fund'],
  pnpm: [process.execPath, pnpm, 'add'],
  bun: [bun, 'add'],
}

/** The command of each package manager that runs a program of an installed package. */
const EXECUTORS = {
  npm: ['npx', '--no-install'],
  pnpm: [process.execPath, pnpm, 'exec'],
  bun: [bun, 'x', '--no-install'],
}

export const RUNTIMES = { node: process.execPath, bun }

const JOB = `
const options = JSON.parse(process.env.REHEARSAL_OPTIONS)
const say = (answer) => console.log(JSON.stringify(answer))
const errorLine = ({ code, message, hint }) => ({ code, message, hint })
`

const CALL = `getDevBinary(options).then(say, (error) => say(errorLine(error)))`

/** The files of a project, by name: one job, with each kind of import. */
const PROGRAMS = {
  'job.mjs': `import { getDevBinary } from '${manifest.name}'\n${JOB}\n${CALL}\n`,
  'job.cjs': `const { getDevBinary } = require('${manifest.name}')\n${JOB}\n${CALL}\n`,
  'launcher.ts': `${JOB}\nconst { getDevBinary } = await import('${manifest.name}')\nawait ${CALL}\n`,
  'consumer.mts': `import { type DevBinary, DevBinaryError, getDevBinary } from '${manifest.name}'
export const binary: Promise<DevBinary> = getDevBinary({ crate: 'hello' })
export const isOurs = (error: unknown) => error instanceof DevBinaryError && error.code === 'BUILD_FAILED'
`,
  'consumer.cts': `import devBin = require('${manifest.name}')
const fingerprint: Promise<string> = devBin.fingerprint({ crate: 'hello', scope: 'crate' })
export = fingerprint
`,
}

/** Makes a crate in a git repository. */
export function makeCheckout(repo) {
  const files = {
    'Cargo.toml': '[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2024"\n',
    'src/main.rs': 'fn main() {\n    println!("hello");\n}\n',
    '.gitignore': '/target\n',
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(repo, path)), { recursive: true })
    writeFileSync(join(repo, path), text)
  }
  execFileSync('cargo', ['generate-lockfile', '--offline', '--quiet'], { cwd: repo })
  execFileSync('git', ['init', '--quiet', repo])
}

/**
 * Returns whether a command needs a shell: npm and npx are scripts on Windows. A shell might split the paths of the
 * others.
 */
function isScript([program]) {
  return process.platform === 'win32' && ['npm', 'npx'].includes(program)
}

export class Project {
  constructor(directory, manager, registry) {
    this.directory = join(directory, manager)
    this.manager = manager
    this.registry = registry
    this.repo = join(directory, 'checkout')
    mkdirSync(this.directory, { recursive: true })
    this.#write('package.json', '{ "name": "project", "private": true }\n')
    for (const [name, text] of Object.entries(PROGRAMS)) this.#write(name, text)
  }

  /** Installs a package, with a home, a cache and a store that nothing else has used. */
  install(name) {
    const command = [...MANAGERS[this.manager], name]
    this.run(command, { shell: isScript(command) })
  }

  /** Runs `dev-bin` by the package manager, and returns its stdout. */
  devBin(args, env = {}) {
    return this.devBinFully(args, env).stdout
  }

  /** Runs `dev-bin` by the package manager, and returns its stdout and stderr. */
  devBinFully(args, env = {}) {
    const command = [...EXECUTORS[this.manager], 'dev-bin', ...args]
    const cache = { DEV_BIN_CACHE_DIR: join(this.directory, 'cache') }
    return this.runFully(command, { shell: isScript(command), env: { ...cache, ...env } })
  }

  /** Compiles `launcher.ts`, and returns the path of the program. */
  compile(name) {
    const suffix = process.platform === 'win32' ? '.exe' : ''
    const program = join(this.directory, name + suffix)
    this.run([RUNTIMES.bun, 'build', '--compile', 'launcher.ts', '--outfile', program])
    return program
  }

  /** Runs a program that does the job, and returns its answer. `cache` names the cache that it uses. */
  job(command, { cache = 'cache', cwd = this.directory, env = {} } = {}) {
    const options = { crate: 'hello', repo: this.repo, cacheDir: join(this.directory, cache), report: 'silent' }
    return JSON.parse(this.run(command, { cwd, env: { REHEARSAL_OPTIONS: JSON.stringify(options), ...env } }))
  }

  /** Runs a command in the project, and returns its stdout. */
  run(command, options) {
    return this.runFully(command, options).stdout
  }

  /** Runs a command in the project, and returns its stdout and stderr. */
  runFully([program, ...args], { cwd = this.directory, env = {}, shell = false } = {}) {
    const { status, signal, error, stdout, stderr } = spawnSync(program, args, {
      cwd,
      shell,
      encoding: 'utf8',
      env: { ...this.#environment(), ...env },
    })
    if (error) throw error
    if (status !== 0) {
      const printed = `${stdout}${stderr}`.trim()
      throw new Error(`\`${[program, ...args].join(' ')}\` in ${cwd} ended with ${signal ?? status}:\n${printed}`)
    }
    return { stdout, stderr }
  }

  /** The directory of the root package. Its optional dependencies lie beside it. */
  get installed() {
    return realpathSync(join(this.directory, 'node_modules', ...manifest.name.split('/')))
  }

  /** The names of the platform packages that are installed. */
  get platforms() {
    const [scope, name] = manifest.name.split('/')
    const beside = readdirSync(dirname(this.installed)).filter((entry) => entry.startsWith(`${name}-`))
    return beside.map((entry) => `${scope}/${entry}`).sort()
  }

  /** Returns the directory that a package beside the root package has, or would have. */
  beside(packageName) {
    return join(dirname(this.installed), packageName.split('/')[1])
  }

  /** Returns the real directory of a package. pnpm has several links to it. */
  directoryOf(packageName) {
    return realpathSync(this.beside(packageName))
  }

  /** Does `work` while `path` has another name. */
  whileHidden(path, work) {
    const hidden = `${path}.hidden`
    renameSync(path, hidden)
    try {
      return work()
    } finally {
      renameSync(hidden, path)
    }
  }

  #write(name, text) {
    writeFileSync(join(this.directory, name), text)
  }

  #environment() {
    const home = join(this.directory, 'home')
    mkdirSync(home, { recursive: true })
    const foreign = /^(npm_|NPM_|BUN_|PNPM_|NODE_|XDG_|CARGO_(?!HOME$)|RUST(?!UP_HOME$)|DEV_BIN_|GIT_)/
    const inherited = Object.entries(process.env).filter(([name]) => !foreign.test(name))
    return {
      ...Object.fromEntries(inherited),
      HOME: home,
      USERPROFILE: home,
      CARGO_HOME: process.env.CARGO_HOME || join(homedir(), '.cargo'),
      RUSTUP_HOME: process.env.RUSTUP_HOME || join(homedir(), '.rustup'),
      npm_config_registry: this.registry,
      npm_config_cache: join(home, 'npm-cache'),
      npm_config_store_dir: join(home, 'pnpm-store'),
      npm_config_update_notifier: 'false',
      BUN_CONFIG_REGISTRY: this.registry,
      BUN_INSTALL_CACHE_DIR: join(home, 'bun-cache'),
    }
  }
}
