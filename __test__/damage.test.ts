// Entries of the cache that are damaged: each is noticed, and built again.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { Checkout, isRoot, listener, mainPrinting, mode, only, PATIENCE_MS } from './support.js'

setDefaultTimeout(PATIENCE_MS)

describe('an entry is noticed and built again with a warning when its binary', () => {
  const damages: Record<string, (path: string, elsewhere: string) => void> = {
    'is truncated': (path) => truncateSync(path, statSync(path).size - 1),
    'is emptied': (path) => truncateSync(path, 0),
    'is longer than it was': (path) => writeFileSync(path, 'x', { flag: 'a' }),
    'cannot be executed any more': (path) => chmodSync(path, 0o644),
    'may be written by others': (path) => chmodSync(path, 0o777),
    'has another byte in it': (path) => {
      const bytes = readFileSync(path)
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
      writeFileSync(path, bytes)
    },
    'is another program of the same size': (path) => {
      const bytes = Buffer.alloc(statSync(path).size)
      bytes.write('#!/bin/sh\necho intruder\nexit\n')
      rmSync(path)
      writeFileSync(path, bytes, { mode: 0o755 })
    },
    'is a link out of the cache': (path, elsewhere) => {
      renameSync(path, elsewhere)
      symlinkSync(elsewhere, path)
    },
    'is behind a link out of the cache': (path, elsewhere) => {
      renameSync(dirname(path), elsewhere)
      symlinkSync(elsewhere, dirname(path))
    },
    'is a link to nowhere': (path) => {
      rmSync(path)
      symlinkSync('/nowhere', path)
    },
    'is a directory': (path) => {
      rmSync(path)
      mkdirSync(join(path, 'inside'), { recursive: true })
    },
    'is a FIFO': (path) => {
      rmSync(path)
      execFileSync('mkfifo', ['-m', '755', path])
    },
    'is gone': (path) => rmSync(path),
    'has lost its manifest': (path) => rmSync(`${path}.json`),
    'has an empty manifest': (path) => truncateSync(`${path}.json`, 0),
    'has garbage for a manifest': (path) => writeFileSync(`${path}.json`, '\0\xff{'),
    'has a manifest that is cut off': (path) => truncateSync(`${path}.json`, statSync(`${path}.json`).size - 10),
    'has JSON of another kind for a manifest': (path) => writeFileSync(`${path}.json`, '{"format":1}'),
    'has a FIFO for a manifest': (path) => {
      rmSync(`${path}.json`)
      execFileSync('mkfifo', [`${path}.json`])
    },
    'has a directory for a manifest': (path) => {
      rmSync(`${path}.json`)
      mkdirSync(`${path}.json`)
    },
  }
  for (const [what, damage] of Object.entries(damages)) {
    test(what, async () => {
      const checkout = new Checkout()
      const { path } = await checkout.get()
      damage(path, join(checkout.directory, 'elsewhere'))
      const { events, onEvent } = listener()
      const again = await checkout.run({ onEvent })
      expect(again).toMatchObject({ outcome: 'built', prints: 'one -', binary: { path } })
      expect(again.binary.reasons).toMatchObject([{ kind: 'corrupt' }])
      const [warning] = only(events, 'warning')
      expect(warning?.message).toContain(path)
      expect(mode(path)).toBe(0o755)
      expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: 'one -' })
    })
  }

  test('has the manifest of another entry', async () => {
    const checkout = new Checkout()
    const one = await checkout.get()
    checkout.write('src/main.rs', mainPrinting('two'))
    const two = await checkout.get()
    copyFileSync(one.path, two.path)
    copyFileSync(`${one.path}.json`, `${two.path}.json`)
    const again = await checkout.run()
    expect(again).toMatchObject({ outcome: 'built', prints: 'two -', binary: { path: two.path } })
    expect(again.binary.reasons).toMatchObject([{ kind: 'corrupt' }])
  })

  test.skipIf(!isRoot)('belongs to another user', async () => {
    const checkout = new Checkout()
    const { path } = await checkout.get()
    chownSync(path, 65534, 65534)
    expect((await checkout.run()).binary.reasons).toMatchObject([{ kind: 'corrupt' }])
    expect(statSync(path).uid).toBe(0)
  })
})
