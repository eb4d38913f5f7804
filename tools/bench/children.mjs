// Runs programs that answer one line with one line, so that their measurements can be taken in turns.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A child process that lives until `end`. */
export class Child {
  #process
  #answers
  #command

  constructor(program, args, options = {}) {
    this.#command = [program, ...args].join(' ')
    this.#process = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], ...options })
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]()
  }

  /** Sends a task, and returns the answer. The caller waits for it before the next task. */
  async ask(task) {
    this.#process.stdin.write(`${JSON.stringify(task)}\n`)
    const { value, done } = await this.#answers.next()
    if (done) throw new Error(`\`${this.#command}\` ended when it was asked ${JSON.stringify(task)}`)
    const answer = JSON.parse(value)
    if (answer.error !== undefined) throw new Error(`\`${this.#command}\`: ${answer.error}`)
    return answer
  }

  /** Ends the child, and waits until it has ended. */
  async end() {
    const closed = new Promise((resolve) => this.#process.once('close', resolve))
    this.#process.stdin.end()
    await closed
  }
}

/**
 * Sends tasks to a new process, which has nothing in memory yet, and returns the last answer. The tasks before the last
 * wake the processor up, so that the measured one does not pay for that.
 */
export async function askAfresh(program, args, ...tasks) {
  const child = new Child(program, args)
  try {
    let answer
    for (const task of tasks) answer = await child.ask(task)
    return answer
  } finally {
    await child.end()
  }
}
