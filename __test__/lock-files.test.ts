// The lock files: they name packages of the public registry, so that every machine installs the same.

import { describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, temporaryDirectory } from './support.js'

const REGISTRY = 'https://registry.npmjs.org/'

interface Locked {
  integrity?: string
  resolved?: string
  link?: boolean
  hasInstallScript?: boolean
}

for (const lockFile of ['package-lock.json', join('tools', 'release', 'package-lock.json')]) {
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

// npm 12 runs no other install scripts, and bun does not run before its own has run.
test('the packages whose install scripts must run are allowed to, and no others', () => {
  const read = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'))
  const locked = Object.entries(read('package-lock.json').packages as Record<string, Locked>)
  const scripted = locked.filter(([, { hasInstallScript }]) => hasInstallScript)
  const names = scripted.map(([path]) => path.slice('node_modules/'.length))
  expect(read('package.json').allowScripts).toEqual(Object.fromEntries(names.map((name) => [name, true])))
})

test.if(process.platform !== 'win32')('a bun whose install script has not run is an error that says what to do', () => {
  const bun = join(temporaryDirectory(), 'bun')
  writeFileSync(bun, '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  const setup = JSON.stringify(pathToFileURL(join(root, 'tools', 'scripts', 'setup.mjs')).href)
  const program = `import(${setup}).then((setup) => setup.assertThatBunRuns(${JSON.stringify(bun)}))`
  const { status, stderr } = spawnSync('node', ['-e', program], { encoding: 'utf8' })
  expect(status).toBe(1)
  expect(stderr).toStartWith('error: bun is installed and does not run: npm has not run its install script\n')
  expect(stderr).toContain('`npm rebuild bun --ignore-scripts=false`')
})
