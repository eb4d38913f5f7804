'use strict'

// `onEvent`, as a call sees it: a function that may throw, may be async, and belongs to the caller's async context.
//
// Promises: each event is heard in the async context of the call (`AsyncLocalStorage`, traces); what the listener throws,
// or what its promise rejects with, ends the call. The call settles after the promises that the listener returned.
// Does not promise: that one event waits for the last one's promise. Events come as they happen.

const { AsyncLocalStorage } = require('node:async_hooks')

class Listener {
  #listen
  #inContext = AsyncLocalStorage.snapshot()
  #pending = 0
  #over = false
  #wake = () => {}

  constructor(listen) {
    this.#listen = listen
  }

  /** Passes `event` on, unless the call has ended; `fail` hears what comes of it when it is a failure. */
  hear(event, fail) {
    if (this.#over) return
    const failed = (error) => fail(error ?? new Error('onEvent threw nothing'))
    try {
      const answer = this.#inContext(this.#listen, event)
      if (typeof answer?.then !== 'function') return
      this.#pending++
      const settled = () => {
        if (--this.#pending === 0) this.#wake()
      }
      Promise.resolve(answer).catch(failed).then(settled)
    } catch (error) {
      failed(error)
    }
  }

  /** Nothing is heard from now on, and nothing is waited for. */
  end() {
    this.#over = true
    this.#wake()
  }

  /** Waits for what the listener has begun. */
  async settled() {
    while (this.#pending > 0 && !this.#over) {
      await new Promise((wake) => {
        this.#wake = wake
      })
    }
  }
}

exports.Listener = Listener
