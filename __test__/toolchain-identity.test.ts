// Programs of the toolchain that are the same under another stat identity, and those that are not.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { explain } from '../index.js'
import { canTrace, Program, traced } from './program.js'
import { Checkout, PATIENCE_MS, plainEnvironment, temporaryDirectory, unix, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

/** Makes a copy of the installed toolchain whose programs a test may link and change. */
function ownToolchain(): { bin: string; env: Record<string, string> } {
  const sysroot = execFileSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8', env: plainEnvironment() }).trim()
  const own = temporaryDirectory()
  const bin = join(own, 'bin')
  mkdirSync(bin)
  for (const name of ['cargo', 'rustc']) copyFileSync(join(sysroot, 'bin', name), join(bin, name))
  symlinkSync(join(sysroot, 'lib'), join(own, 'lib'))
  return { bin, env: plainEnvironment({ PATH: [bin, process.env.PATH].join(delimiter) }) }
}

/** Changes bytes of a program that do not change what it does, and keeps its size and time. */
function rebuildInPlace(path: string): void {
  const bytes = readFileSync(path)
  const at = bytes.indexOf('https://doc.rust-lang.org')
  expect(at).toBeGreaterThan(0)
  bytes[at + 'https://'.length] = 'D'.charCodeAt(0)
  execFileSync('cp', ['-p', path, `${path}.before`])
  writeFileSync(path, bytes)
  execFileSync('touch', ['-r', `${path}.before`, path])
}

describe.if(unix)('a program whose stat identity changed', () => {
  const outcome = async (checkout: Checkout, env: Record<string, string>, repo = checkout.repo) =>
    (await explain(checkout.options({ env, repo }))).outcome

  test('is the same after hard links, modes, times and copies, for every checkout', async () => {
    const { bin, env } = ownToolchain()
    const checkout = new Checkout()
    const clone = join(checkout.directory, 'clone')
    checkout.git('clone', '--quiet', checkout.repo, clone)
    await new Program('node', checkout.options({ env })).ended()
    const rustc = join(bin, 'rustc')
    for (const [what, happen] of Object.entries({
      link: () => linkSync(rustc, `${rustc}.link`),
      mode: () => chmodSync(rustc, 0o775),
      copy: () => {
        execFileSync('cp', ['-p', rustc, `${rustc}.copy`])
        renameSync(`${rustc}.copy`, rustc)
      },
      time: () => utimesSync(rustc, new Date(), new Date()),
      'copy without its time': () => {
        copyFileSync(rustc, `${rustc}.copy`)
        renameSync(`${rustc}.copy`, rustc)
      },
      'link to cargo': () => linkSync(join(bin, 'cargo'), join(bin, 'cargo.link')),
    })) {
      happen()
      expect([what, await outcome(checkout, env)]).toEqual([what, 'hit'])
      expect([what, await outcome(checkout, env, clone)]).toEqual([what, 'hit'])
    }
    expect((await checkout.get({ env })).outcome).toBe('cached')
  })

  test.skipIf(!canTrace)('is read once', async () => {
    const { bin, env } = ownToolchain()
    const checkout = new Checkout()
    const clone = join(checkout.directory, 'clone')
    checkout.git('clone', '--quiet', checkout.repo, clone)
    await new Program('node', checkout.options({ env })).ended()
    const rustc = join(bin, 'rustc')
    linkSync(rustc, `${rustc}.link`)
    const then = Date.now()
    await until(() => Date.now() > then + 2050, 'two seconds have passed')
    const log = join(checkout.directory, 'trace')
    const opened = async (repo: string) => {
      const prefix = traced('-o', log, '-e', 'trace=open,openat')
      const program = new Program('node', checkout.options({ env, repo }), undefined, { prefix })
      await program.ended()
      expect(program.only('resolved')[0]?.binary.outcome).toBe('cached')
      return readFileSync(log, 'utf8').split(`"${rustc}"`).length - 1
    }
    // In a new checkout the program is read once, to see if it is a script.
    expect([await opened(checkout.repo), await opened(checkout.repo), await opened(clone)]).toEqual([2, 0, 1])
  })

  test('is another one if its bytes differ, though size and time are the same', async () => {
    const { bin, env } = ownToolchain()
    const checkout = new Checkout()
    await new Program('node', checkout.options({ env })).ended()
    linkSync(join(bin, 'cargo'), join(bin, 'cargo.link'))
    expect(await outcome(checkout, env)).toBe('hit')
    rebuildInPlace(join(bin, 'cargo'))
    const { reasons } = await checkout.get({ env })
    expect(reasons).toMatchObject([{ kind: 'toolchain', tool: 'cargo' }])
    // The new identity is the first one now, so another link to the same bytes is recognized.
    linkSync(join(bin, 'cargo'), join(bin, 'cargo.other-link'))
    expect(await outcome(checkout, env)).toBe('hit')
  })

  test('is another one if its record is lost, and the next build records it again', async () => {
    const { bin, env } = ownToolchain()
    const checkout = new Checkout()
    await new Program('node', checkout.options({ env })).ended()
    linkSync(join(bin, 'rustc'), join(bin, 'rustc.link'))
    rmSync(join(checkout.cacheDir, 'stat-cache'), { recursive: true })
    expect(await outcome(checkout, env)).toBe('miss')
    await new Program('node', checkout.options({ env })).ended()
    linkSync(join(bin, 'rustc'), join(bin, 'rustc.other-link'))
    expect(await outcome(checkout, env)).toBe('hit')
  })
})
