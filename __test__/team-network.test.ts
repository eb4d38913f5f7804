// A store behind TLS, whose certificate a private authority signed, and behind a proxy.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { type StoreServer, started, testWith } from './servers.js'
import { PATIENCE_MS, temporaryDirectory } from './support.js'
import { Team } from './team.js'

setDefaultTimeout(PATIENCE_MS)

const testHere = testWith('moto')

/** The name that the certificate is for. Only the proxy knows where that is. */
const NAME = 'store'
const NONE = { SSL_CERT_FILE: '/no/such/file', SSL_CERT_DIR: '/no/such/directory' }

async function listening(server: Server): Promise<number> {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return (server.address() as { port: number }).port
}

/** Makes a private authority, and the certificate of a server. Returns the paths. */
function certificates(directory: string) {
  const path = (name: string) => join(directory, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=ca', '-days', '2')
  openssl('req', '-new', ...key, '-keyout', 'key', '-out', 'request', '-subj', `/CN=${NAME}`)
  writeFileSync(path('names'), `subjectAltName=DNS:${NAME},IP:127.0.0.1\n`)
  const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names']
  openssl('x509', '-req', '-in', 'request', '-out', 'pem', ...signing)
  return { authority: path('ca.pem'), key: readFileSync(path('key')), cert: readFileSync(path('pem')) }
}

describe('a store behind TLS', () => {
  let moto: StoreServer
  let tls: Server
  let proxy: Server
  let authority = ''
  let [tlsPort, proxyPort] = [0, 0]
  const asked: string[] = []
  const directory = mkdtempSync(join(tmpdir(), 'dev-bin-tls-'))

  beforeAll(async () => {
    if (testHere !== test) return
    moto = await started('moto')
    const made = certificates(directory)
    authority = made.authority
    tls = createTlsServer({ key: made.key, cert: made.cert }, (socket) => {
      const upstream = connect(moto.port, '127.0.0.1')
      socket.on('error', () => upstream.destroy()).pipe(upstream)
      upstream.on('error', () => socket.destroy()).pipe(socket)
    })
    tls.on('tlsClientError', () => {})
    tlsPort = await listening(tls)
    proxy = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (chunk) => {
        asked.push(chunk.toString().split('\r\n')[0] ?? '')
        const upstream = connect(tlsPort, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
        upstream.on('error', () => socket.destroy())
        socket.pipe(upstream).pipe(socket)
      })
    })
    proxyPort = await listening(proxy)
  })
  afterAll(async () => {
    tls?.close()
    proxy?.close()
    await moto?.end()
    rmSync(directory, { recursive: true })
  })

  testHere('is used where its authority is trusted, through a proxy, too, and else costs one warning', async () => {
    const team = new Team(moto)
    expect(await team.member().get(team.publishing)).toMatchObject({ outcome: 'built', warnings: [] })
    const secure = team.url.replace(`http://127.0.0.1:${moto.port}`, `https://127.0.0.1:${tlsPort}`)
    const named = team.url.replace(`http://127.0.0.1:${moto.port}`, `https://${NAME}`)
    const trusting = { SSL_CERT_FILE: authority }
    const proxied = { ...trusting, HTTPS_PROXY: `http://127.0.0.1:${proxyPort}` }
    const member = team.member()
    const plain = member.env
    for (const [url, env, outcome, warnings] of [
      [secure, trusting, 'downloaded', []],
      [secure, {}, 'missed', [/certificate of .* is not trusted/]],
      [secure, NONE, 'missed', [/no certificates.*ca-certificates/]],
      [named, proxied, 'downloaded', []],
      [named, { ...proxied, HTTPS_PROXY: 'http://127.0.0.1:9' }, 'missed', [/the proxy .* fails \(`127\.0\.0\.1:9`/]],
    ] as const) {
      member.env = { ...plain, ...env }
      const looked = await member.look({ url, keys: [team.trusted] }, { cacheDir: join(temporaryDirectory(), 'cache') })
      expect({ env, ...looked }).toMatchObject({ env, outcome })
      expect(looked.warnings).toEqual(warnings.map((warning) => expect.stringMatching(warning)))
    }
    expect([...new Set(asked)]).toEqual([`CONNECT ${NAME}:443 HTTP/1.1`])
  })
})
