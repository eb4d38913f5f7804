// Inputs that cannot be read are errors that name them.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { chmodSync, lchownSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { hello } from './errors.js'
import { type Checkout, entry, PATIENCE_MS, unix } from './support.js'

setDefaultTimeout(PATIENCE_MS)

describe.skipIf(!unix)('an input that cannot be read', () => {
  const NOBODY = 65534

  /** Makes the call as a user that modes apply to: as this one, or as the user nobody if this is root. */
  function refused(checkout: Checkout): { code: string; message: string; hint: string } {
    const program = `
      const { fingerprint } = require(${JSON.stringify(entry)})
      const options = JSON.parse(process.argv[1])
      const print = ({ code, message, hint }) => console.log(JSON.stringify({ code, message, hint }))
      // The first call loads the addon, which the user nobody may not be able to read.
      fingerprint({ ...options, repo: '/no/such/directory' }).catch(async () => {
        if (process.getuid() === 0) {
          process.setgroups([])
          process.setgid(${NOBODY})
          process.setuid(${NOBODY})
        }
        await fingerprint(options).then((value) => console.log('no error but', value), print)
      })`
    if (process.getuid?.() === 0) {
      const entries = readdirSync(checkout.directory, { recursive: true, encoding: 'utf8' })
      for (const name of ['.', ...entries]) lchownSync(join(checkout.directory, name), NOBODY, NOBODY)
    }
    const options = JSON.stringify(checkout.options())
    // git looks for its configuration in the home directory, which the user nobody cannot read.
    const env = { ...process.env, HOME: checkout.directory }
    const { stdout, stderr } = spawnSync('node', ['-e', program, options], { cwd: '/', env, encoding: 'utf8' })
    try {
      return JSON.parse(stdout)
    } catch {
      throw new Error(stdout + stderr)
    }
  }

  test('a tracked file', () => {
    const checkout = hello()
    const path = join(checkout.repo, 'src', 'main.rs')
    chmodSync(path, 0o000)
    const { code, message, hint } = refused(checkout)
    expect(code).toBe('INPUT_UNREADABLE')
    expect(message).toContain(`\`${path}\``)
    expect(hint).toContain('`exclude`')
  })

  test('an untracked directory', () => {
    const checkout = hello()
    const path = join(checkout.repo, 'secret')
    mkdirSync(path)
    chmodSync(path, 0o000)
    const { code, message } = refused(checkout)
    expect(code).toBe('INPUT_UNREADABLE')
    expect(message).toContain(`\`${path}\``)
    chmodSync(path, 0o700)
  })

  test("cargo's configuration", () => {
    const checkout = hello({ '.cargo/config.toml': '', '.gitignore': '/target\n/.cargo\n' })
    const path = join(checkout.repo, '.cargo', 'config.toml')
    chmodSync(path, 0o000)
    const { code, message } = refused(checkout)
    expect(code).toBe('INPUT_UNREADABLE')
    expect(message).toContain(`\`${path}\``)
  })
})
