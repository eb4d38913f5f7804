'use strict'

// Calls the `onEvent` of a call.
//
// Promises: the function runs in the async context of the call (`AsyncLocalStorage`, traces). If it throws, or its
// promise rejects, that ends the call. The call settles after all promises that the function returned.
// Does not promise: that an event waits for the promise of the event before it.

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

  /**
   * Passes `event` on, unless the call has ended. Calls `fail` with the error if the function throws or its promise
   * rejects.
   */
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

  /** Ends the call: passes no more events on, and has `settled` wait no longer. */
  end() {
    this.#over = true
    this.#wake()
  }

  /** Waits until the promises of the function have settled, or until the call has ended. */
  async settled() {
    while (this.#pending > 0 && !this.#over) {
      await new Promise((wake) => {
        this.#wake = wake
      })
    }
  }
}

exports.Listener = Listener
