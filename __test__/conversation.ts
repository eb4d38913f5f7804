// Speaks to `dev-bin-remote` as the addon does: in lines of JSON, which remote/src/protocol.rs describes.

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { programPath } from '../lib/remote.js'
import { plainEnvironment } from './support.js'

type Fields = Record<string, unknown>

/** The end of a request: its result, its error, or neither where the program ended first. */
export interface Answer {
  ok?: Fields
  error?: { kind: string; message: string }
}

export class Conversation {
  readonly child: ChildProcess
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  readonly #greeting: Promise<Answer>
  #last = 0

  constructor(config: Fields, env: Record<string, string | undefined> = {}) {
    this.child = spawn(programPath({}) ?? '', ['serve'], {
      env: plainEnvironment(env),
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    this.child.stdin?.on('error', () => {})
    this.child.on('close', () => {
      for (const answered of this.#waiting.values()) answered({})
    })
    if (this.child.stdout === null) throw new Error('it has a pipe')
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      const { id, progress, ...answer } = JSON.parse(line)
      if (progress === undefined) this.#waiting.get(id)?.(answer)
    })
    this.#greeting = this.#answered(0)
    this.#write(config)
  }

  /** Makes a request, and returns its end. */
  async ask(op: string, fields: Fields): Promise<Answer> {
    const greeting = await this.#greeting
    if (greeting.ok === undefined) return greeting
    this.#last += 1
    const answer = this.#answered(this.#last)
    this.#write({ id: this.#last, op, ...fields })
    return answer
  }

  /** Ends the program, and waits for its end. */
  async end(): Promise<void> {
    const { child } = this
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.stdin?.end()
    await ended
  }

  #answered(id: number): Promise<Answer> {
    return new Promise((resolve) => this.#waiting.set(id, resolve))
  }

  #write(line: Fields): void {
    this.child.stdin?.write(`${JSON.stringify(line)}\n`)
  }
}
