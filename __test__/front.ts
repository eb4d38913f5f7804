// A server between a program and a store, which passes requests on, or answers in the store's place as a test says.

import { onTestFinished } from 'bun:test'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { StoreServer } from './servers.js'

/**
 * The way a request is answered: as the store does, with a status of its own, not at all, with a reset, with the first half
 * of the store's answer, or with the store's answer byte by byte.
 */
export type Answer = 'pass' | 'hang' | 'reset' | 'half' | 'drip' | number

/** Each connection is piped to the store. A request begins where a piece of the stream looks like one. */
const REQUEST = /^(?:([A-Z]+ \S+) HTTP\/1\.1\r\n|(\*\d+\r\n\$))/

export class Front {
  /** The requests that came, such as `GET /bucket/1/keys/…`. */
  readonly requests: string[] = []
  port = 0
  /** Decides how a request is answered. It gets the number of the request, too, which begins at 1. */
  answer: (request: string, number: number) => Answer = () => 'pass'
  readonly #sockets = new Set<Socket>()
  readonly #server: Server

  private constructor(readonly store: StoreServer) {
    this.#server = createServer((socket) => this.#serve(socket))
  }

  /** Starts a server in front of `store`, which is closed after the test. */
  static async of(store: StoreServer): Promise<Front> {
    const front = new Front(store)
    await new Promise<void>((listening) => front.#server.listen(0, '127.0.0.1', listening))
    front.port = (front.#server.address() as { port: number }).port
    onTestFinished(() => front.#close())
    return front
  }

  /** Returns the URL of a place in the store as it is spoken to through this server. */
  through(place: string): string {
    return place.replaceAll(`:${this.store.port}`, `:${this.port}`)
  }

  #close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #serve(client: Socket): void {
    const upstream = connect(this.store.port, '127.0.0.1')
    let way: Answer = 'pass'
    let gathered: Buffer[] = []
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => this.#sockets.delete(socket))
    }
    client.on('close', () => upstream.destroy())
    client.on('data', (chunk) => {
      const [found, request] = REQUEST.exec(chunk.toString('latin1')) ?? []
      if (found !== undefined) {
        this.requests.push(request ?? 'redis')
        way = this.answer(request ?? 'redis', this.requests.length)
        gathered = []
      }
      if (way === 'reset') client.resetAndDestroy()
      else if (typeof way === 'number') refuse(client, way)
      else if (way !== 'hang') upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      if (way === 'pass') client.write(chunk)
      else gathered.push(Buffer.from(chunk))
    })
    upstream.on('close', () => {
      const answer = Buffer.concat(gathered)
      if (way === 'half') client.end(answer.subarray(0, answer.length >> 1))
      else if (way === 'drip') drip(client, answer)
      else if (way === 'pass') client.end()
    })
  }
}

function refuse(client: Socket, status: number): void {
  client.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
}

/** Writes the head of an answer, and then a byte of its body every tenth of a second. */
function drip(client: Socket, answer: Buffer): void {
  let at = answer.indexOf('\r\n\r\n') + 4
  client.write(answer.subarray(0, at))
  const timer = setInterval(() => client.write(answer.subarray(at, ++at)), 100)
  client.on('close', () => clearInterval(timer))
}
