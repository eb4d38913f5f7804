// The lock files: what they name is what is installed, from the public registry, on any machine.

import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './support.js'

const REGISTRY = 'https://registry.npmjs.org/'

interface Locked {
  integrity?: string
  resolved?: string
  link?: boolean
}

for (const lockFile of ['package-lock.json', join('release', 'package-lock.json')]) {
  describe(lockFile, () => {
    const { packages } = JSON.parse(readFileSync(join(root, lockFile), 'utf8')) as { packages: Record<string, Locked> }
    const installed = Object.entries(packages).filter(([path, { link }]) => path !== '' && !link)
    const without = (holds: (locked: Locked) => boolean) =>
      installed.filter(([, locked]) => !holds(locked)).map(([path]) => path)

    test('holds the digest of each package', () => {
      expect(installed.length).toBeGreaterThan(0)
      expect(without(({ integrity }) => /^sha512-[\w+/]{86}==$/.test(integrity ?? ''))).toEqual([])
    })

    // After `rm -r node_modules package-lock.json && npm install --package-lock-only`, both hold again.
    test('has each package from the public registry', () => {
      expect(without(({ resolved }) => resolved?.startsWith(REGISTRY) ?? false)).toEqual([])
    })
  })
}
