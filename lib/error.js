'use strict'

/** The error of every call that fails, unless its signal was aborted or its `onEvent` threw. `index.d.ts` documents it. */
class DevBinaryError extends Error {
  constructor(code, message, { hint, cause } = {}) {
    super(hint ? `${message}\n\nhint: ${hint}` : message, cause === undefined ? undefined : { cause })
    this.name = 'DevBinaryError'
    this.code = code
    if (hint !== undefined) this.hint = hint
  }
}

exports.DevBinaryError = DevBinaryError
