// The public surface in Node, imported as an ES module. The bun tests have the details.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DevBinaryError, fingerprint, getDevBinary, isDevMode } from '../../index.js'

const directory = mkdtempSync(join(tmpdir(), 'dev-bin-node-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const repo = join(directory, 'checkout')
const source = join(repo, 'src', 'main.rs')
const printing = (text) => `fn main() {\n    println!("${text}");\n}\n`
const options = { crate: 'hello', repo, cacheDir: join(directory, 'cache'), report: 'silent' }

mkdirSync(join(repo, 'src'), { recursive: true })
writeFileSync(join(repo, 'Cargo.toml'), '[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2024"\n')
writeFileSync(join(repo, 'Cargo.lock'), 'version = 4\n\n[[package]]\nname = "hello"\nversion = "0.1.0"\n')
writeFileSync(join(repo, '.gitignore'), '/target\n')
writeFileSync(source, printing('one'))
// No commit is needed: the files on disk count, and HEAD may be unborn.
execFileSync('git', ['init', '--quiet', repo])

test('builds, finds again, and builds after an edit', async () => {
  assert.equal(isDevMode(repo), true)
  const events = []
  const cold = await getDevBinary({ ...options, onEvent: (event) => events.push(event.type) })
  assert.equal(cold.outcome, 'built')
  assert.equal(execFileSync(cold.path, { encoding: 'utf8' }), 'one\n')
  assert.equal(events[0], 'miss')
  assert.equal(events.at(-1), 'published')
  assert.equal(await fingerprint(options), cold.fingerprint)

  const warm = await getDevBinary(options)
  assert.deepEqual([warm.outcome, warm.path, warm.reasons], ['cached', cold.path, []])

  writeFileSync(source, printing('two'))
  const edited = await getDevBinary(options)
  assert.equal(edited.outcome, 'built')
  assert.equal(execFileSync(edited.path, { encoding: 'utf8' }), 'two\n')
})

test('rejects with errors of its own, and with the reason of an abort', async () => {
  await assert.rejects(getDevBinary({ ...options, crate: 'hullo' }), (error) => {
    assert.ok(error instanceof DevBinaryError)
    assert.equal(error.code, 'UNKNOWN_CRATE')
    assert.match(error.hint, /hello/)
    return true
  })
  const reason = new Error('never mind')
  await assert.rejects(getDevBinary({ ...options, signal: AbortSignal.abort(reason) }), (error) => error === reason)
})
