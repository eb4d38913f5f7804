// Calls that fail, and the checkout of `hello` with mistakes in it.

import { expect } from 'bun:test'
import { DevBinaryError, type DevBinaryErrorCode } from '../index.js'
import { Checkout, rejection } from './support.js'

/** Returns the error that a call rejects with, which must be one of this package. */
export async function failure(call: Promise<unknown>, code: DevBinaryErrorCode): Promise<DevBinaryError> {
  const error = await rejection(call)
  expect(error).toBeInstanceOf(DevBinaryError)
  expect({ name: error.name, code: error.code, message: error.message }).toMatchObject({ name: 'DevBinaryError', code })
  if (error.hint === undefined) expect(error).not.toHaveProperty('hint')
  else expect(error.message).toEndWith(`\n\nhint: ${error.hint}`)
  return error as DevBinaryError
}

/** Makes the checkout of `hello` with some other files. */
export function hello(files: Record<string, string> = {}): Checkout {
  const checkout = new Checkout()
  for (const [path, text] of Object.entries(files)) checkout.write(path, text)
  return checkout
}
