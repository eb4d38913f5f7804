// The types compile, with library checks on, whichever other types a consumer has.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PATIENCE_MS, root, temporaryDirectory } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const SURFACE = JSON.stringify(join(root, 'index.js'))

/** Returns the output of `tsc` for a consumer, with only `lib` and the packages of `types`. */
function checked(program: string, lib: string[], types: string[] = []): string {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'consumer.cts'), `import devBin = require(${SURFACE})\n${program}\n`)
  const compilerOptions = {
    target: 'es2023',
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    lib,
    types,
    typeRoots: [join(root, 'node_modules', '@types')],
  }
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.cts'] }))
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  return spawnSync('node', [tsc, '--project', directory], { encoding: 'utf8' }).stdout
}

const call = (signal: string) => `void devBin.getDevBinary({ crate: 'hello', signal: ${signal} })`

test('without the types of Node or of the DOM, an object that behaves like a signal is accepted', () => {
  const members = ['aborted: false', 'reason: undefined']
  const methods = ['throwIfAborted', 'addEventListener', 'removeEventListener'].map((name) => `${name}() {}`)
  const signal = `{ ${[...members, ...methods].join(', ')} }`
  expect(checked(call(signal), ['es2023'])).toBe('')
  expect(checked(call('{ aborted: false }'), ['es2023'])).toContain('TS2739')
})

test('with them, a signal is one of theirs', () => {
  expect(checked(call('AbortSignal.timeout(1)'), ['es2023', 'dom'])).toBe('')
  expect(checked(call('AbortSignal.timeout(1)'), ['es2023'], ['node'])).toBe('')
  expect(checked(call('{ aborted: false }'), ['es2023', 'dom'])).toContain('TS2740')
})
