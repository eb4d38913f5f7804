// Real stores on loopback: starts a server, gives out empty places in it, tells which requests came, and ends it.

import { test } from 'bun:test'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, createHmac, randomUUID } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { server as installed } from '../tools/scripts/servers.mjs'
import { isRoot, output, until } from './support.js'

export const STORES = ['moto', 'azurite', 'webdav', 'redis', 'file'] as const
export type StoreName = (typeof STORES)[number]

/** The servers that are not installed by their own names. */
const PROGRAMS = { moto: 'moto', azurite: 'azurite', webdav: 'apache', redis: 'redis' } as const

const PASSWORD = 'a password'
/** The account that azurite has by itself: https://learn.microsoft.com/azure/storage/common/storage-use-azurite. */
const ACCOUNT = 'devstoreaccount1'
const ACCOUNT_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

const alive = new Set<StoreServer>()
process.on('exit', () => {
  for (const server of alive) server.kill()
})

/** A running server, or a directory. */
export abstract class StoreServer {
  readonly directory = realpathSync(mkdtempSync(join(tmpdir(), 'dev-bin-server-')))
  port = 0
  /** The variables with the credentials. */
  abstract readonly env: Record<string, string>
  protected child: ChildProcess | undefined
  readonly log = join(this.directory, 'log')

  /** Starts the server, and waits until it answers. A server that was stopped is started at the same port. */
  async start(): Promise<this> {
    if (this.port === 0) this.port = await freePort()
    const [program = '', ...args] = this.command()
    const log = openSync(this.log, 'a')
    this.child = spawn(program, args, { cwd: this.directory, stdio: ['ignore', log, log] })
    closeSync(log)
    alive.add(this)
    const child = this.child
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`${program} ended: ${readFileSync(this.log, 'utf8')}`)
      return this.prepare().catch(() => false)
    }, `${program} answers`)
    return this
  }

  /** Returns the URL of a place in the store that is empty. */
  abstract place(): string

  /** Returns the requests that came, each with its method first. */
  requests(): string[] {
    const lines = readFileSync(this.log, 'utf8').matchAll(/"([A-Z]+ \/\S*) HTTP\/1\.[01]"/g)
    return [...lines].map(([, request = '']) => request)
  }

  /** Returns the requests that change something. */
  writes(): string[] {
    return this.requests().filter((request) => !/^(GET|HEAD|OPTIONS|PROPFIND) /.test(request))
  }

  kill(): void {
    this.child?.kill('SIGKILL')
  }

  async stop(): Promise<void> {
    const { child } = this
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    const hurry = setTimeout(() => child.kill('SIGKILL'), 5000)
    await ended
    clearTimeout(hurry)
    alive.delete(this)
  }

  /** Stops the server, and removes what it kept. */
  async end(): Promise<void> {
    await this.stop()
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 })
  }

  protected command(): string[] {
    return []
  }

  /** Does what is to be done before the first request. Returns true once the server is ready. */
  protected abstract prepare(): Promise<boolean>

  protected get endpoint(): string {
    return `http://127.0.0.1:${this.port}`
  }
}

class Moto extends StoreServer {
  readonly env = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' }

  place(): string {
    return `s3://bucket/${randomUUID()}?endpoint=${this.endpoint}&region=us-east-1`
  }

  protected override command(): string[] {
    return [...program('moto'), '--host', '127.0.0.1', '--port', `${this.port}`]
  }

  protected async prepare(): Promise<boolean> {
    return (await fetch(`${this.endpoint}/bucket`, { method: 'PUT' })).ok
  }
}

class Azurite extends StoreServer {
  readonly env = { AZURE_STORAGE_ACCOUNT_KEY: ACCOUNT_KEY }

  place(): string {
    return `azblob://container/${randomUUID()}?account=${ACCOUNT}&endpoint=${this.endpoint}/${ACCOUNT}`
  }

  protected override command(): string[] {
    const flags = ['--inMemoryPersistence', '--skipApiVersionCheck', '--disableTelemetry']
    return [...program('azurite'), '--blobHost', '127.0.0.1', '--blobPort', `${this.port}`, ...flags]
  }

  /** Makes the container, which only a signed request does. */
  protected async prepare(): Promise<boolean> {
    const path = `/${ACCOUNT}/container`
    const headers = { 'x-ms-date': new Date().toUTCString(), 'x-ms-version': '2021-12-02' }
    // https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
    const named = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`)
    const text = `PUT${'\n'.repeat(12)}${named.join('')}/${ACCOUNT}${path}\nrestype:container`
    const signature = createHmac('sha256', Buffer.from(ACCOUNT_KEY, 'base64')).update(text).digest('base64')
    const authorization = `SharedKey ${ACCOUNT}:${signature}`
    const url = `${this.endpoint}${path}?restype=container`
    const { status } = await fetch(url, { method: 'PUT', headers: { ...headers, authorization } })
    return status === 201 || status === 409
  }
}

const MODULES = '/usr/lib/apache2/modules'
const LOADED = 'mpm_event authn_core authn_file authz_core authz_user auth_basic dav dav_fs'

/** Apache's mod_dav, which asks for a password. */
class Webdav extends StoreServer {
  readonly env = { DEV_BIN_REMOTE_USERNAME: 'user', DEV_BIN_REMOTE_PASSWORD: PASSWORD }
  readonly #access = join(this.directory, 'access')

  place(): string {
    return `webdav://127.0.0.1:${this.port}/${randomUUID()}`
  }

  override requests(): string[] {
    return readFileSync(this.#access, 'utf8').split('\n').slice(0, -1)
  }

  protected override command(): string[] {
    const root = join(this.directory, 'root')
    const users = join(this.directory, 'users')
    mkdirSync(root, { recursive: true })
    writeFileSync(users, `user:{SHA}${createHash('sha1').update(PASSWORD).digest('base64')}\n`)
    const asRoot = isRoot ? 'User www-data\nGroup www-data\n' : ''
    if (isRoot) {
      chmodSync(this.directory, 0o755)
      const [user, group] = ['-u', '-g'].map((flag) => Number(output('id', flag, 'www-data')))
      for (const path of [this.directory, root]) chownSync(path, user ?? 0, group ?? 0)
    }
    const configuration = `${LOADED.split(' ')
      .map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so\n`)
      .join('')}${asRoot}ServerName localhost
Listen 127.0.0.1:${this.port}
PidFile ${this.directory}/pid
DefaultRuntimeDir ${this.directory}
ErrorLog ${this.log}
LogFormat "%m %U" plain
CustomLog ${this.#access} plain
DavLockDB ${this.directory}/lock
DocumentRoot ${root}
StartServers 1
<Directory ${root}>
  Dav On
  AuthType Basic
  AuthName store
  AuthUserFile ${users}
  Require valid-user
</Directory>
`
    writeFileSync(join(this.directory, 'conf'), configuration)
    appendFileSync(this.#access, '')
    return [...program('apache'), '-f', join(this.directory, 'conf'), '-DFOREGROUND']
  }

  protected async prepare(): Promise<boolean> {
    return (await fetch(this.endpoint)).status === 401
  }
}

class Redis extends StoreServer {
  readonly env = { DEV_BIN_REMOTE_PASSWORD: PASSWORD }
  #monitor: Socket | undefined
  #seen = ''

  place(): string {
    return `redis://127.0.0.1:${this.port}/0/${randomUUID()}`
  }

  /** Returns the commands that came, such as `SET`, with their arguments. */
  override requests(): string[] {
    const commands = this.#seen.matchAll(/^\+\d+\.\d+ \[\d+ [^\]]*\] "(\w+)"(.*)\r$/gm)
    return [...commands].map(([, command = '', rest]) => `${command.toUpperCase()}${rest}`)
  }

  override writes(): string[] {
    return this.requests().filter((request) => /^(SET|SETRANGE|APPEND|DEL|RENAME|EXPIRE|MULTI) /.test(request))
  }

  protected override command(): string[] {
    const kept = ['--save', '', '--appendonly', 'no', '--dir', this.directory]
    return [...program('redis'), '--bind', '127.0.0.1', '--port', `${this.port}`, '--requirepass', PASSWORD, ...kept]
  }

  /** Has the server say each command that comes. */
  protected async prepare(): Promise<boolean> {
    const socket = connect(this.port, '127.0.0.1')
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    socket.on('error', () => {})
    socket.write(`AUTH "${PASSWORD}"\r\nMONITOR\r\n`)
    socket.on('data', (chunk) => {
      this.#seen += chunk.toString('latin1')
    })
    this.#monitor?.destroy()
    this.#monitor = socket.unref()
    await until(() => this.#seen.includes('+OK\r\n+OK\r\n'), 'redis answers')
    return true
  }
}

/** A share that is mounted. */
class Share extends StoreServer {
  readonly env = {}

  override async start(): Promise<this> {
    return this
  }

  place(): string {
    const path = join(this.directory, randomUUID())
    mkdirSync(path)
    return `file://${path}`
  }

  override requests(): string[] {
    return []
  }

  protected override async prepare(): Promise<boolean> {
    return true
  }
}

const KINDS = { moto: Moto, azurite: Azurite, webdav: Webdav, redis: Redis, file: Share }

/** Starts a store's server. Those who start it end it. */
export const started = (name: StoreName): Promise<StoreServer> => new KINDS[name]().start()

/** Returns `test`, or what skips a test of a store whose server is missing. The first call for each says so. */
export function testWith(name: StoreName): typeof test {
  const missing = reason(name)
  return missing === undefined ? test : (test.skip as typeof test)
}

const said = new Set<string>()

function reason(name: StoreName): string | undefined {
  const { missing } = name === 'file' ? {} : installed(PROGRAMS[name])
  if (missing !== undefined && !said.has(name)) {
    said.add(name)
    console.warn(
      `THE STORE ${name.toUpperCase()} IS NOT TESTED HERE: ${PROGRAMS[name as keyof typeof PROGRAMS]}: ${missing}`,
    )
  }
  return missing
}

function program(name: (typeof PROGRAMS)[keyof typeof PROGRAMS]): string[] {
  const { command, missing } = installed(name)
  if (command === undefined) throw new Error(`${name}: ${missing}`)
  return command
}

/** Returns a port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as { port: number }
  await new Promise((closed) => server.close(closed))
  return port
}
