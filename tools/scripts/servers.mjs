// Installs the servers that the tests of a team's store speak to, once in a clone, below `target/test-servers`.
//
// Promises: a server that cannot be had is no failure. The reason is kept for the tests, which say it and are skipped. Neither
// a service of the system nor a file outside the clone is touched, but for packages of Debian, which only root installs.
// Does not promise: servers on Windows.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from './setup.mjs'

export const directory = join(root, 'target', 'test-servers')

const LIMIT_MS = 240_000
const REQUIREMENTS = join(root, '__test__', 'servers', 'moto.txt')
/** The newest one that runs in Node 20. */
const AZURITE = 'azurite@3.35.0'

const moto = join(directory, 'moto', 'bin', 'moto_server')
const azurite = join(directory, 'azurite', 'node_modules', 'azurite', 'dist', 'src', 'blob', 'main.js')
/** Debian's `redis-tools` has the server under this name, and starts no service. */
const DEBIANS_REDIS = '/usr/bin/redis-check-rdb'
const ownRedis = join(directory, 'redis-server')

/** The servers: what they are made of, the command that starts each, and how it is installed. */
const SERVERS = {
  moto: {
    made: () => readFileSync(REQUIREMENTS, 'utf8'),
    command: () => there(moto),
    async install() {
      const venv = join(directory, 'moto')
      rmSync(venv, { recursive: true, force: true })
      await done('python3', '-m', 'venv', venv)
      const quietly = ['--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:', '--retries=1']
      await done(join(venv, 'bin', 'pip'), 'install', ...quietly, '--requirement', REQUIREMENTS)
    },
  },
  azurite: {
    made: () => AZURITE,
    command: () => (existsSync(azurite) ? ['node', azurite] : undefined),
    async install() {
      const quietly = ['--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts', '--fetch-retries=1']
      await done('npm', 'install', ...quietly, '--prefix', join(directory, 'azurite'), AZURITE)
    },
  },
  apache: {
    made: () => 'apache2-bin',
    command: () => onPath('apache2'),
    install: () => debianPackage('apache2-bin'),
  },
  redis: {
    made: () => 'redis-tools',
    command: () => onPath('redis-server') ?? there(ownRedis),
    async install() {
      if (!existsSync(DEBIANS_REDIS)) await debianPackage('redis-tools')
      mkdirSync(directory, { recursive: true })
      symlinkSync(DEBIANS_REDIS, ownRedis)
    },
  },
}

/** Returns the command that starts a server, or the reason why there is none. */
export function server(name) {
  const command = SERVERS[name].command()
  if (command !== undefined) return { command }
  const { problem } = kept(name)
  return { missing: problem ?? 'it is not installed; run `node tools/scripts/servers.mjs`' }
}

/** Installs the servers that are not there. Ends well also if it cannot. */
export async function installServers() {
  await Promise.all(Object.keys(SERVERS).map(install))
}

async function install(name) {
  const { made, command, install } = SERVERS[name]
  const wanted = made()
  const isOfSystem = name === 'apache' || name === 'redis'
  if (command() !== undefined && (isOfSystem || kept(name).wanted === wanted)) return
  let problem
  try {
    if (process.platform === 'win32') throw new Error('there is none for Windows')
    await install()
    if (command() === undefined) throw new Error('it was installed, and its program is not there')
  } catch (error) {
    problem = error.message
    console.error(`warning: the test server ${name} is not installed: ${problem}`)
  }
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, `${name}.json`), JSON.stringify({ wanted, problem }))
}

/** Returns what the last installation of a server left. */
function kept(name) {
  const path = join(directory, `${name}.json`)
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {}
}

const there = (path) => (existsSync(path) ? [path] : undefined)

function onPath(program) {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  return directories.map((directory) => there(join(directory, program))).find((found) => found !== undefined)
}

async function debianPackage(name) {
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0)
    throw new Error(`there is no such program; install Debian's package ${name}`)
  await done('apt-get', 'update', '--quiet=2').catch(() => {})
  await done('apt-get', 'install', '--yes', '--quiet=2', '--no-install-recommends', name)
}

/** Runs a program to its end. Fails with its last line if it fails. */
function done(program, ...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS })
  const printed = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => printed.push(chunk))
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new Error(`\`${program}\` cannot be started: ${error.code ?? error.message}`)))
    child.on('close', (status, signal) => {
      if (status === 0) return resolve()
      const last = Buffer.concat(printed).toString().trim().split('\n').at(-1)
      reject(new Error(`\`${program} ${args[0]}\` failed (${signal ?? `exit status ${status}`}): ${last}`))
    })
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await installServers()
