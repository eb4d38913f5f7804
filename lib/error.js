'use strict'

/** What every failure of this package is, an abort excepted; `index.d.ts` documents it. */
class DevBinaryError extends Error {
  constructor(code, message, { hint, cause } = {}) {
    super(hint ? `${message}\n\nhint: ${hint}` : message, cause === undefined ? undefined : { cause })
    this.name = 'DevBinaryError'
    this.code = code
    if (hint !== undefined) this.hint = hint
  }
}

exports.DevBinaryError = DevBinaryError
