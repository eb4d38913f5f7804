// The object of an error: its class, its properties and its stack.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DevBinaryError, type DevBinaryOptions, getDevBinary } from '../index.js'
import { entry, PATIENCE_MS, temporaryDirectory } from './support.js'

setDefaultTimeout(PATIENCE_MS)

describe('an error', () => {
  const REPO = '/no/such/directory'

  async function caller(options: unknown): Promise<Error> {
    try {
      await getDevBinary(options as DevBinaryOptions)
    } catch (error) {
      return error as Error
    }
    throw new Error('expected a rejection')
  }

  test('is a DevBinaryError and an Error, with name, code, message, hint and the stack of the caller', async () => {
    for (const options of [{ crate: 'hello', repo: REPO }, { crate: 1 }]) {
      const error = await caller(options)
      expect(error).toBeInstanceOf(DevBinaryError)
      expect(error).toBeInstanceOf(Error)
      expect(error.name).toBe('DevBinaryError')
      expect(Object.keys(error)).toContain('code')
      expect(error.stack).toStartWith('DevBinaryError: ')
      expect(error.stack).toContain(basename(import.meta.path))
      expect(error.stack).toContain('caller')
    }
  })

  test('has no property `hint` when there is none', async () => {
    expect(await caller({ crate: 1 })).not.toHaveProperty('hint')
    expect(await caller({ crate: 'hello', repo: REPO })).toHaveProperty('hint')
  })

  test('is the same in Node', () => {
    const program = join(temporaryDirectory(), 'calls-from-node.cjs')
    writeFileSync(
      program,
      `const { DevBinaryError, fingerprint, getDevBinary } = require(${JSON.stringify(entry)})
       async function caller(call, options) {
         try { await call(options) } catch (error) {
           const { name, code, message, hint, stack } = error
           return { name, code, message, hint, stack, ours: error instanceof DevBinaryError && error instanceof Error }
         }
       }
       async function main() {
         const errors = []
         for (const call of [getDevBinary, fingerprint]) {
           for (const options of [{ crate: 'hello', repo: ${JSON.stringify(REPO)} }, { crate: 1 }]) errors.push(await caller(call, options))
         }
         console.log(JSON.stringify(errors))
       }
       main()`,
    )
    const errors = JSON.parse(execFileSync('node', [program], { encoding: 'utf8' }))
    expect(errors).toHaveLength(4)
    for (const error of errors) {
      expect(error).toMatchObject({ name: 'DevBinaryError', ours: true })
      expect(error.stack).toContain('calls-from-node.cjs')
      expect(error.stack).toContain('caller')
    }
    expect(errors[0].code).toBe('NOT_A_CHECKOUT')
    expect(errors[0].message).toEndWith(`\n\nhint: ${errors[0].hint}`)
    expect(errors[1]).toMatchObject({ code: 'INVALID_OPTION' })
    expect(errors[1]).not.toHaveProperty('hint')
  })
})
