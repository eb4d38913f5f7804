// The error when the addon cannot be loaded. The rehearsal of a release checks the same for installed packages.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
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

    test.if(host.os === 'linux')(
      'of the libc that the process runs on is found where the system has another one, too',
      () => {
        const installed = new Installed()
        const other = host.package.replace(/gnu$|musl$/, (abi: string) => (abi === 'gnu' ? 'musl' : 'gnu'))
        // The generated loader says this when it takes the system for one with the other libc.
        const program = `throw new Error('no binding', { cause: new Error("Cannot find module '${other}'") })`
        writeFileSync(join(installed.scope, 'dev-bin', 'lib', 'binding.js'), program)
        const broken = installed.call(runtime)
        expect(broken.message).toBe(`${naming}it is not installed; ${broken.hint}`)
        installed.add(host, '')
        copyFileSync(
          join(addonDirectory, host.addon),
          join(installed.scope, host.package.slice('@openlock/'.length), host.addon),
        )
        expect(installed.call(runtime).code).toBe('NOT_A_CHECKOUT')
      },
    )

    test.if(host.os === 'linux')('is found without ldd, and without a report of the process', () => {
      const installed = new Installed()
      installed.add(host, '')
      copyFileSync(
        join(addonDirectory, host.addon),
        join(installed.scope, host.package.slice('@openlock/'.length), host.addon),
      )
      const withoutLdd = `const fs = require('node:fs')
        const { existsSync, readFileSync } = fs
        const absent = (path) => path === '/usr/bin/ldd'
        fs.existsSync = (path) => !absent(path) && existsSync(path)
        fs.readFileSync = (path, ...args) => readFileSync(absent(path) ? '/nowhere/ldd' : path, ...args)
        process.report.getReport = () => process.exit(9)\n`
      const program = join(installed.directory, 'call.cjs')
      writeFileSync(program, withoutLdd + readFileSync(program, 'utf8'))
      expect(installed.call(runtime).code).toBe('NOT_A_CHECKOUT')
    })

    test('that a variable forbids is not used', () => {
      const installed = new Installed()
      installed.add(host, '')
      const platform = join(installed.scope, host.package.slice('@openlock/'.length))
      copyFileSync(join(addonDirectory, host.addon), join(platform, host.addon))
      const named = installed.call(runtime, { NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/addon.node' })
      expect(named.message).toContain('/nowhere/addon.node')
      const described = { name: host.package, version: '9.9.9', main: host.addon }
      writeFileSync(join(platform, 'package.json'), JSON.stringify(described))
      const otherVersion = installed.call(runtime, { NAPI_RS_ENFORCE_VERSION_CHECK: '1' })
      expect(otherVersion.message).toContain('version mismatch')
      expect(installed.call(runtime, { NAPI_RS_ENFORCE_VERSION_CHECK: '0' }).code).toBe('NOT_A_CHECKOUT')
    })

    test("that Yarn's Plug'n'Play has not unpacked for this platform is not installed, as with any other manager", () => {
      const installed = new Installed()
      const directory = join(installed.scope, 'dev-bin', 'lib')
      const missed = (file: string) =>
        `Qualified path resolution failed: we looked for the following paths, but none could be accessed.\n\nSource path: ${join(directory, file)}\nNot found: ${join(directory, file)}\n`
      const messages = [
        missed(host.addon),
        `Required unplugged package missing from disk. This may happen when switching branches.\n\nMissing package: ${host.package}@npm:${manifest.version}\n`,
        missed('dev-bin.wasi.cjs'),
        "@openlock/dev-bin tried to access @openlock/dev-bin-wasm32-wasi, but it isn't declared in its dependencies; this makes the require call ambiguous and unsound.",
      ]
      const program = `throw new Error('no binding', {
        cause: ${JSON.stringify(messages)}.reduce((cause, message) => new Error(message, { cause }), undefined),
      })`
      writeFileSync(join(directory, 'binding.js'), program)
      const { message, hint } = installed.call(runtime)
      expect(message).toBe(`${naming}it is not installed; ${hint}`)
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
