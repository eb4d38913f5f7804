// Copies of a binary at a path of the caller's own.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type DevBinaryError, getDevBinary } from '../index.js'
import { Compared } from './oracle.js'
import { STARTING, saying, workspace } from './packages.js'
import { output, PATIENCE_MS } from './support.js'

setDefaultTimeout(PATIENCE_MS)

test('a copy is put at the path of `out`, and replaced when it differs', async () => {
  const checkout = workspace({ app: ['', { 'src/main.rs': saying('one') }] })
  const host = /host: (.*)/.exec(execFileSync('rustc', ['-vV'], { encoding: 'utf8' }))?.[1] ?? ''
  const suffix = process.platform === 'win32' ? '.exe' : ''
  const wanted = { ...checkout.options(), crate: 'app', bin: undefined, profile: 'dev', scope: 'tree' } as const
  const template = join(checkout.repo, 'src-tauri/binaries/app-{target}{exe}')
  const path = join(checkout.repo, `src-tauri/binaries/app-${host}${suffix}`)
  const get = () => getDevBinary({ ...wanted, out: template })
  expect(await get()).toMatchObject({ outcome: 'built', out: path })
  expect(output(path)).toBe('one')
  const { ino, mtimeMs } = statSync(path)
  // The copy is in the checkout, and is no input although git does not ignore it.
  expect(await get()).toMatchObject({ outcome: 'cached', out: path })
  expect(statSync(path)).toMatchObject({ ino, mtimeMs })
  checkout.write('app/src/main.rs', saying('two'))
  await get()
  expect(output(path)).toBe('two')
  checkout.write(`src-tauri/binaries/app-${host}${suffix}`, 'written by another program')
  expect(await get()).toMatchObject({ outcome: 'cached' })
  expect(output(path)).toBe('two')

  mkdirSync(join(checkout.directory, 'directory'))
  for (const [out, says] of [
    [join(checkout.directory, 'directory'), 'it is a directory; name a file in it'],
    [join(checkout.directory, 'new/'), 'is a directory; name a file in it'],
    [join(checkout.directory, 'app-{triple}'), '`{triple}` in'],
    [join(checkout.repo, 'Cargo.toml/app'), 'cannot be written'],
    ['', '"" is not a path'],
  ] as const) {
    const error: DevBinaryError = await getDevBinary({ ...wanted, out }).catch((error) => error)
    expect({ code: error.code, message: error.message }).toEqual({
      code: 'INVALID_OPTION',
      message: expect.stringContaining(says),
    })
  }
})

test('the files that a binary needs beside itself are copied with it', async () => {
  const world = new Compared({ 'src/main.rs': STARTING, 'src/bin/worker.rs': saying('worker') })
  const out = join(world.directory, 'elsewhere/app')
  await world.get({ crate: 'app', with: ['worker'], out })
  expect(output(out)).toBe('worker')
})
