// Options that are invalid, each with its name in the message.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type DevBinaryError, type DevBinaryOptions, fingerprint, getDevBinaries, getDevBinary } from '../index.js'
import { failure, hello } from './errors.js'
import { PATIENCE_MS, plainEnvironment, rejection } from './support.js'

setDefaultTimeout(PATIENCE_MS)

describe('options', () => {
  /** A repository is never looked at: an invalid option is found before any I/O. */
  const GOOD = { crate: 'hello', repo: '/no/such/directory', report: 'silent' }

  async function invalid(options: unknown, option: string): Promise<DevBinaryError> {
    for (const call of [getDevBinary, fingerprint]) {
      const error = await failure(call(options as DevBinaryOptions), 'INVALID_OPTION')
      expect(error.message).toContain(`invalid option \`${option}\``)
    }
    return failure(getDevBinary(options as DevBinaryOptions), 'INVALID_OPTION')
  }

  const odd = [
    null,
    true,
    0,
    Number.NaN,
    1n,
    '',
    'text',
    Symbol('symbol'),
    [],
    ['text'],
    [1],
    {},
    { a: 1 },
    new Map(),
    () => {},
  ]
  const isText = (value: unknown) => typeof value === 'string'
  const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText)
  const isPlainObject = (value: unknown) =>
    Bun.deepEquals(value, {}) && Object.getPrototypeOf(value) === Object.prototype
  const isAmount = (value: unknown) => isText(value) || value === 0
  const wanted: Record<keyof DevBinaryOptions, [fits: (value: unknown) => boolean, words: string]> = {
    crate: [isText, 'a string'],
    bin: [isText, 'a string'],
    kind: [() => false, "'bin', 'cdylib', 'staticlib' or 'example'"],
    with: [isTexts, 'an array of strings'],
    target: [isText, 'a string'],
    rebuild: [(value) => value === true, 'a boolean'],
    build: [(value) => value === true, 'a boolean'],
    repo: [isText, 'a string'],
    features: [isTexts, 'an array of strings'],
    noDefaultFeatures: [(value) => value === true, 'a boolean'],
    profile: [isText, 'a string'],
    builder: [() => false, "'auto', 'cargo' or 'zigbuild'"],
    scope: [() => false, "'tree' or 'crate'"],
    exclude: [isTexts, 'an array of strings'],
    observe: [() => false, "'auto' or 'off'"],
    // An object is looked into, and refused with other words.
    remote: [(value) => typeof value === 'object' && value !== null && !(Symbol.iterator in value), 'an object'],
    cargoArgs: [isTexts, 'an array of strings'],
    out: [isText, 'a string'],
    cacheDir: [isText, 'a string'],
    maxSize: [isAmount, "a size such as '5GiB', or a number of bytes"],
    maxAge: [isAmount, "an age such as '30d', or a number of milliseconds"],
    nice: [(value) => value === 0 || value === 7, 'an integer from 0 to 19'],
    env: [isPlainObject, 'an object of strings'],
    signal: [() => false, 'an AbortSignal'],
    report: [() => false, "'auto', 'plain' or 'silent'"],
    onEvent: [(value) => typeof value === 'function', 'a function'],
  }

  for (const [option, [fits, words]] of Object.entries(wanted)) {
    test(`\`${option}\` is ${words}`, async () => {
      for (const value of odd.filter((value) => !fits(value))) {
        const error = await invalid({ ...GOOD, [option]: value }, option)
        expect(error.message).toContain(`expected ${words}, got `)
      }
      await failure(
        getDevBinary({ ...GOOD, [option]: option === 'crate' ? 'hello' : undefined } as DevBinaryOptions),
        'NOT_A_CHECKOUT',
      )
    })
  }

  test('the message names the value that was given', async () => {
    const got = async (value: unknown, option = 'crate') =>
      (await invalid({ ...GOOD, [option]: value }, option)).message.split(', got ')[1]
    expect(await got(null)).toBe('null')
    expect(await got(7)).toBe('number')
    expect(await got({})).toBe('object')
    expect(await got('make', 'builder')).toBe('"make"')
    expect(await got([])).toBe('an array')
    expect(await got(['hello'])).toBe('an array')
    expect(await got(['a', 1], 'features')).toBe('an array with something else in it')
  })

  const names: [option: keyof DevBinaryOptions, bad: string[]][] = [
    ['crate', ['', '/', 'a/b', '..', '../hello', '-p', '--release', 'a\0b', 'a b', 'a\\b', '.']],
    ['bin', ['', '/', 'a/b', '..', '../hello', '-p', '--release', 'a\0b', 'a\\b', '.', '.hidden', ' ', 'a\nb']],
    ['target', ['', '/', 'a/b-c', '..', '../x-y', '-p', '--x-y', 'a-b\0', 'linux', 'my-target.json', 'a-..-b']],
    ['profile', ['', '/', 'a/b', '..', '../release', '-p', 'a\0b', 'a.b', '.']],
    ['repo', ['', 'a\0b']],
    ['cacheDir', ['', 'a\0b']],
  ]
  for (const [option, bad] of names) {
    test(`\`${option}\` that cannot be one`, async () => {
      for (const value of bad) await invalid({ ...GOOD, [option]: value }, option)
    })
  }

  test('features and patterns that cannot be one', async () => {
    for (const bad of ['', '/', 'a/', '/a', 'a/b/c', '..', '../a', '-x', '--release', 'a\0b', 'a,b', 'a b']) {
      await invalid({ ...GOOD, features: ['good', bad] }, 'features')
    }
    for (const bad of ['a\0b', 'a\nb']) await invalid({ ...GOOD, exclude: ['good', bad] }, 'exclude')
  })

  test('variables that cannot be passed to a process', async () => {
    for (const env of [{ 'A=B': '1' }, { '': '1' }, { 'A\0': '1' }, { A: '\0' }]) await invalid({ ...GOOD, env }, 'env')
    await invalid({ ...GOOD, env: { PORT: 1 } }, 'env')
    await invalid({ ...GOOD, env: { PORT: null } }, 'env')
    for (const name of ['DEV_BIN_CACHE_DIR', 'HOME']) await invalid({ ...GOOD, env: { [name]: 1 } }, 'env')
  })

  test('a variable is read once, and checked then', async () => {
    let readings = 0
    const env = {
      ...process.env,
      get CHANGING() {
        return (readings++ === 0 ? 'text' : 1) as string
      },
    }
    const options = { ...GOOD, profile: '..', env } as DevBinaryOptions
    const error = await failure(fingerprint(options), 'INVALID_OPTION')
    expect(error.message).toContain('invalid option `profile`')
    expect(readings).toBe(1)
  })

  test('a variable that is undefined is one that is not set', async () => {
    const checkout = hello()
    const without = await fingerprint(checkout.options())
    const { RUSTFLAGS: _, ...rest } = plainEnvironment()
    expect(await fingerprint(checkout.options({ env: { ...rest, RUSTFLAGS: undefined } }))).toBe(without)
    expect(await fingerprint(checkout.options({ env: { ...rest, RUSTFLAGS: '-g' } }))).not.toBe(without)
  })

  test('an option that does not exist: those that do are listed', async () => {
    for (const option of ['crates', 'Crate', 'toString', '__proto__x', 'hasOwnProperty']) {
      const error = await invalid({ ...GOOD, [option]: 'x' }, option)
      for (const known of Object.keys(wanted)) expect(error.message).toContain(known)
    }
  })

  test('no options', async () => {
    for (const nothing of [undefined, null, 'hello', 7, true, Symbol('symbol'), () => {}, []]) {
      const error = await failure(getDevBinary(nothing as never), 'INVALID_OPTION')
      expect(error.message).toContain('expected an object, got ')
      const several = await failure(getDevBinaries([nothing as never]), 'INVALID_OPTION')
      expect(several.message).toBe(error.message)
    }
    for (const nothing of [undefined, null, 'hello', 7, {}]) {
      const error = await failure(getDevBinaries(nothing as never), 'INVALID_OPTION')
      expect(error.message).toContain('expected an array, got ')
    }
  })

  test('nothing is thrown synchronously', async () => {
    const getter = {
      get crate(): string {
        throw new TypeError('from the getter')
      },
    }
    const revoked = Proxy.revocable({ crate: 'hello' }, {})
    revoked.revoke()
    for (const given of [undefined, null, 1, {}, { crate: 1 }, { crate: '-' }, GOOD, getter, revoked.proxy]) {
      for (const call of [getDevBinary, fingerprint] as ((options: unknown) => unknown)[]) {
        const result = call(given)
        expect(result).toBeInstanceOf(Promise)
        expect(await rejection(result as Promise<unknown>)).toBeInstanceOf(Error)
      }
    }
  })
})
