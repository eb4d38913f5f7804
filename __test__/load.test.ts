// The error when the addon cannot be loaded. The rehearsal of a release checks the same for installed packages.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { hostTarget, manifest, TARGETS } from '../tools/release/targets.mjs'
import { addonDirectory } from '../tools/scripts/setup.mjs'
import { RUNTIMES } from './program.js'
import { PATIENCE_MS, plainEnvironment, root, temporaryDirectory } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const host = hostTarget()

/** The package as it is installed, without the package of any platform. */
class Installed {
  readonly directory = temporaryDirectory()
  readonly scope = join(this.directory, 'node_modules', '@openlock')

  constructor() {
    const sources = manifest.files.filter((file: string) => file.endsWith('.js'))
    mkdirSync(join(this.scope, 'dev-bin', 'lib'), { recursive: true })
    for (const file of [...sources, 'package.json']) copyFileSync(join(root, file), join(this.scope, 'dev-bin', file))
    writeFileSync(
      join(this.directory, 'call.cjs'),
      `const { fingerprint, isDevMode } = require('@openlock/dev-bin')
      if (isDevMode('/nowhere')) throw new Error('the rest works without the addon')
      fingerprint({ crate: 'hello' }).catch(({ code, message, hint, cause, stack }) => {
        console.log(JSON.stringify({ code, message, hint, hasCause: cause instanceof Error, stack }))
      })`,
    )
  }

  /** Puts the package of a platform beside it, with `content` for an addon. */
  add(target: (typeof TARGETS)[number], content: string): void {
    const directory = join(this.scope, target.package.slice('@openlock/'.length))
    mkdirSync(directory)
    const described = { name: target.package, version: manifest.version, main: target.addon }
    writeFileSync(join(directory, 'package.json'), JSON.stringify(described))
    writeFileSync(join(directory, target.addon), content)
  }

  /** Puts the addon of this clone into the package of this platform. */
  addBuilt(): void {
    const directory = join(this.scope, host.package.slice('@openlock/'.length))
    if (!existsSync(directory)) this.add(host, '')
    copyFileSync(join(addonDirectory, host.addon), join(directory, host.addon))
  }

  /** Has the program begin with `source`. */
  prepend(source: string): void {
    const program = join(this.directory, 'call.cjs')
    writeFileSync(program, `${source}\n${readFileSync(program, 'utf8')}`)
  }

  call(runtime: string, env = {}): { code: string; message: string; hint: string; hasCause: boolean; stack: string } {
    const program = runtime === 'bun' ? process.execPath : runtime
    const options = { cwd: this.directory, encoding: 'utf8', env: plainEnvironment(env) } as const
    return JSON.parse(execFileSync(program, ['call.cjs'], options))
  }
}

for (const runtime of RUNTIMES) {
  describe(`in ${runtime}, an addon`, () => {
    const naming = `cannot load the native addon for ${host.platform} from \`${host.package}\`: `

    test('that is not installed is named in one line, with what to do', () => {
      const { code, message, hint, hasCause, stack } = new Installed().call(runtime)
      expect(code).toBe('BINDING_LOAD')
      expect(hint).toBe('reinstall @openlock/dev-bin with optional dependencies, or run `npm run build` in its sources')
      expect(message).toBe(`${naming}it is not installed; ${hint}`)
      expect(hasCause).toBe(true)
      expect(stack).toContain('load.js')
    })

    test('of other platforms alone is not the same as one that is missing', () => {
      const installed = new Installed()
      const others = TARGETS.filter((target) => target !== host && target.os === host.os)
      for (const other of others) installed.add(other, '')
      const list = others.map((other) => `\`${other.package}\``).sort()
      expect(installed.call(runtime).message).toBe(
        `${naming}it is not installed, but ${list.join(', ')} is; install on the platform that the program runs on, or for both`,
      )
    })

    test('is found, whatever else is installed', () => {
      const installed = new Installed()
      for (const target of TARGETS) installed.add(target, '')
      installed.addBuilt()
      expect(installed.call(runtime).code).toBe('NOT_A_CHECKOUT')
    })

    test('beside the loader, where a clone builds it, is found', () => {
      const installed = new Installed()
      copyFileSync(join(addonDirectory, host.addon), join(installed.scope, 'dev-bin', 'lib', host.addon))
      expect(installed.call(runtime).code).toBe('NOT_A_CHECKOUT')
    })

    test.if(host.os === 'linux')('is the one for the libc that the program names as its loader', () => {
      const other = { gnu: 'musl', musl: 'gnu' }[host.platform.split('-')[2] ?? ''] ?? ''
      const loader = { gnu: '/lib64/ld-linux-x86-64.so.2', musl: '/lib/ld-musl-x86_64.so.1' }
      const naming = (abi: string) => {
        const installed = new Installed()
        const program = join(installed.directory, 'program')
        writeFileSync(program, `\x7fELF\0\0${loader[abi as keyof typeof loader]}\0`)
        installed.prepend(`process.execPath = ${JSON.stringify(program)}
          process.report.getReport = () => ({ header: {} })`)
        return installed
      }
      const missing = naming(other)
      missing.addBuilt()
      const { message } = missing.call(runtime)
      const wanted = host.package.replace(/gnu$|musl$/, other)
      expect(message).toContain(`from \`${wanted}\`: it is not installed, but \`${host.package}\` is; `)
      // A program that names no loader is known by the libraries that it runs on.
      const unnamed = naming('')
      unnamed.addBuilt()
      expect(unnamed.call(runtime).code).toBe('NOT_A_CHECKOUT')
    })

    test('is found without another process, and in Node without a report of the process', () => {
      const installed = new Installed()
      installed.addBuilt()
      installed.prepend(`if (!process.versions.bun) process.report.getReport = () => process.exit(9)
        const children = require('node:child_process')
        for (const name of Object.keys(children)) children[name] = () => process.exit(9)`)
      expect(installed.call(runtime).code).toBe('NOT_A_CHECKOUT')
    })

    test('that a variable forbids is not used', () => {
      const installed = new Installed()
      installed.addBuilt()
      const named = installed.call(runtime, { NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/addon.node' })
      expect(named.message).toContain('/nowhere/addon.node')
      const check = { NAPI_RS_ENFORCE_VERSION_CHECK: '1' }
      expect(installed.call(runtime, check).code).toBe('NOT_A_CHECKOUT')
      const described = { ...manifest, version: '9.9.9' }
      writeFileSync(join(installed.scope, 'dev-bin', 'package.json'), JSON.stringify(described))
      expect(installed.call(runtime, check).message).toContain(
        `version mismatch: the addon is ${manifest.version}, and @openlock/dev-bin is 9.9.9; reinstall `,
      )
      expect(installed.call(runtime, { NAPI_RS_ENFORCE_VERSION_CHECK: '0' }).code).toBe('NOT_A_CHECKOUT')
    })

    test('that a variable names is used, and no other', () => {
      const addon = join(temporaryDirectory(), 'named.node')
      copyFileSync(join(addonDirectory, host.addon), addon)
      const installed = new Installed()
      installed.add(host, 'not an addon')
      expect(installed.call(runtime, { NAPI_RS_NATIVE_LIBRARY_PATH: addon }).code).toBe('NOT_A_CHECKOUT')
    })

    test('that is broken is named by its path, and not called missing', () => {
      const installed = new Installed()
      installed.add(host, 'not an addon')
      const { message } = installed.call(runtime)
      expect(message).toStartWith(naming)
      expect(message).toContain(host.addon)
      expect(message).toEndWith('; reinstall @openlock/dev-bin on this machine')
      expect(message).not.toContain('\n')
    })

    test('that a variable names, and is not there, is named by that path', () => {
      const { message, hint } = new Installed().call(runtime, { NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/addon.node' })
      expect(message).toContain('/nowhere/addon.node')
      expect(hint).toStartWith('unset NAPI_RS_NATIVE_LIBRARY_PATH')
      expect(message).not.toContain('\n')
    })
  })
}

test("an addon that Yarn's Plug'n'Play has not unpacked for this platform is not installed, as with any other manager", () => {
  const { loadFailure } = createRequire(import.meta.url)('../lib/load-failure.js')
  const file = join(root, 'lib', host.addon)
  const problems = [
    `Required unplugged package missing from disk. This may happen when switching branches.\n\nMissing package: ${host.package}@npm:${manifest.version}\n`,
    `Qualified path resolution failed: we looked for the following paths, but none could be accessed.\n\nSource path: ${file}\nNot found: ${file}\n`,
    `@openlock/dev-bin tried to access ${host.package}, but it isn't declared in its dependencies; this makes the require call ambiguous and unsound.`,
  ].map((message) => new Error(message))
  const { message, hint, cause } = loadFailure(problems, '@openlock/dev-bin', host.libc)
  expect(message).toBe(
    `cannot load the native addon for ${host.platform} from \`${host.package}\`: it is not installed; ${hint}`,
  )
  expect(cause.errors).toEqual(problems)
})

test('an addon that Node may not load gets another hint than to install it again', () => {
  const call = "require(process.argv[1]).fingerprint({ crate: 'hello' }).catch(({ message }) => console.log(message))"
  const said = (...flags: string[]) =>
    execFileSync('node', [...flags, '-e', call, root], {
      encoding: 'utf8',
      env: plainEnvironment(),
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  expect(said('--no-addons')).toContain('start Node without `--no-addons`')
  const model =
    execFileSync('node', ['--help'], { encoding: 'utf8' }).match(/--(?:experimental-)?permission\b/)?.[0] ?? ''
  expect(said(model, `--allow-fs-read=${root}/*`)).toContain('start Node with `--allow-addons`')
})
