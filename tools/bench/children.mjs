// Programs that answer one line with one line, so that what they measure can be interleaved with everything else.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A child that lives until `end`; `ask` sends it a task and gives its answer. */
export class Child {
  #process
  #answers
  #command

  constructor(program, args, options = {}) {
    this.#command = [program, ...args].join(' ')
    this.#process = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], ...options })
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]()
  }

  /** What the child answers to `task`; it must have been asked nothing else meanwhile. */
  async ask(task) {
    this.#process.stdin.write(`${JSON.stringify(task)}\n`)
    const { value, done } = await this.#answers.next()
    if (done) throw new Error(`\`${this.#command}\` ended when it was asked ${JSON.stringify(task)}`)
    const answer = JSON.parse(value)
    if (answer.error !== undefined) throw new Error(`\`${this.#command}\`: ${answer.error}`)
    return answer
  }

  /** Ends the child and waits for that. */
  async end() {
    const closed = new Promise((resolve) => this.#process.once('close', resolve))
    this.#process.stdin.end()
    await closed
  }
}

/**
 * Asks a process of its own, which has nothing warm but what is on disk, and gives the last answer. What is asked before
 * keeps the machine awake: to wake it up would else fall on whoever comes first.
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
