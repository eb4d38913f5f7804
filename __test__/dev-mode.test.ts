// The directories that `isDevMode` takes for a checkout.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { isDevMode } from '../index.js'
import { hello } from './errors.js'
import { entry, PATIENCE_MS, temporaryDirectory, unix } from './support.js'

setDefaultTimeout(PATIENCE_MS)

describe('isDevMode', () => {
  test('a `.git` directory and a `.git` file', () => {
    const checkout = hello()
    expect(isDevMode(checkout.repo)).toBe(true)
    const worktree = join(checkout.directory, 'worktree')
    checkout.git('worktree', 'add', '--quiet', worktree)
    expect(isDevMode(worktree)).toBe(true)
  })

  test('anything else', () => {
    const checkout = hello()
    const file = join(checkout.repo, 'Cargo.toml')
    const plain = temporaryDirectory()
    for (const repo of [join(checkout.repo, 'src'), file, plain, '/no/such/directory', join(checkout.repo, '.git')]) {
      expect({ repo, is: isDevMode(repo) }).toEqual({ repo, is: false })
    }
    if (!unix) return
    symlinkSync('/no/such/directory', join(plain, '.git'))
    expect(isDevMode(plain)).toBe(false)
  })

  test('no name, in a directory that is a checkout itself', () => {
    const program = `const { isDevMode } = require(${JSON.stringify(entry)}); console.log(isDevMode(''), isDevMode(), isDevMode('.'))`
    expect(execFileSync('node', ['-e', program], { cwd: hello().repo, encoding: 'utf8' })).toBe('false false true\n')
  })

  test('without an argument, `openshell-fork` below the working directory', () => {
    const checkout = hello()
    renameSync(checkout.repo, join(checkout.directory, 'openshell-fork'))
    const program = `console.log(require(${JSON.stringify(entry)}).isDevMode())`
    expect(execFileSync('node', ['-e', program], { cwd: checkout.directory, encoding: 'utf8' })).toBe('true\n')
  })

  test('never throws', () => {
    const hostile = {
      toString: () => {
        throw new Error('no')
      },
    }
    for (const odd of [
      null,
      0,
      1n,
      true,
      Symbol('x'),
      [],
      {},
      hostile,
      () => {},
      'a\0b',
      'x'.repeat(100_000),
      Number.NaN,
    ]) {
      expect(isDevMode(odd as never)).toBe(false)
    }
  })
})
