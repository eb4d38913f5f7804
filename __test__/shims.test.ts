// Toolchains behind programs that choose one by their own rules, such as the shims of mise and asdf.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import {
  Checkout,
  HELLO,
  listener,
  only,
  PATIENCE_MS,
  plainEnvironment,
  rejection,
  tracingProgram,
  unix,
  until,
} from './support.js'

setDefaultTimeout(PATIENCE_MS)

/**
 * A checkout whose program prints which of two compilers built it. Both run the installed compiler, and do not say
 * where it is. The second one compiles with `--cfg loud`.
 */
class Chosen extends Checkout {
  readonly choice = join(this.directory, 'choice')
  readonly asked = join(this.directory, 'asked')

  constructor() {
    super({
      ...HELLO,
      'Cargo.toml': `${HELLO['Cargo.toml']}\n[lints.rust]\nunexpected_cfgs = "allow"\n`,
      'src/main.rs': 'fn main() {\n    println!("{}", cfg!(loud));\n}\n',
    })
    const sysroot = execFileSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8', env: plainEnvironment() }).trim()
    const real = join(sysroot, 'bin/rustc')
    this.toolchain('quiet', `exec ${real} "$@"`)
    this.toolchain('loud', `exec ${real} "$@" --cfg loud`)
    this.choose('quiet')
  }

  toolchain(name: string, body: string): void {
    const directory = join(this.directory, name)
    const answer = `if [ "$*" = '--print sysroot' ]; then echo ${directory}; exit; fi\n`
    this.program(join(directory, 'bin/rustc'), answer + body)
    this.driver(name, '')
  }

  driver(name: string, text: string): void {
    mkdirSync(join(this.directory, name, 'lib'), { recursive: true })
    const path = join(this.directory, name, 'lib/librustc_driver-0123.so')
    // A new file, since the clock may not tick between two writes to one.
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
  }

  program(path: string, body: string): string {
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 })
    return path
  }

  choose(name: string): void {
    writeFileSync(this.choice, name)
  }

  /** A shim of rustc, which runs the compiler that is chosen. */
  rustc(path = join(this.directory, 'shims/rustc')): string {
    return this.program(path, `echo >>${this.asked}; exec ${this.directory}/$(cat ${this.choice})/bin/rustc "$@"`)
  }

  /** Builds of different compilers have nothing to do with each other here. */
  in(env: Record<string, string>, name: string): Record<string, string> {
    return this.environment({ ...env, CARGO_TARGET_DIR: join(this.directory, 'target', name) })
  }
}

for (const [what, shims] of [
  ['a rustc that RUSTC names', (checkout: Chosen) => ({ RUSTC: checkout.rustc() })],
  [
    'cargo and rustc on the PATH',
    (checkout: Chosen) => {
      const cargo = Bun.which('cargo') ?? ''
      const directory = join(checkout.rustc(), '..')
      checkout.program(join(directory, 'cargo'), `exec ${cargo} "$@"`)
      return { PATH: [directory, process.env.PATH].join(delimiter) }
    },
  ],
  [
    'a cargo on the PATH that chooses for rustc as well',
    (checkout: Chosen) => {
      const rustc = `RUSTC=${checkout.directory}/$(cat ${checkout.choice})/bin/rustc`
      const cargo = `${rustc} exec ${Bun.which('cargo')} "$@"`
      const directory = join(checkout.program(join(checkout.directory, 'shims/cargo'), cargo), '..')
      return { PATH: [directory, process.env.PATH].join(delimiter) }
    },
  ],
] as const) {
  test.if(unix)(`behind ${what}, the compiler is the one that is chosen now`, async () => {
    const checkout = new Chosen()
    const env = shims(checkout)
    const quiet = await checkout.run({ env: checkout.in(env, 'quiet') })
    expect(quiet).toMatchObject({ outcome: 'built', prints: 'false' })
    expect((await checkout.get({ env: checkout.in(env, 'quiet') })).outcome).toBe('cached')

    checkout.choose('loud')
    const loud = await checkout.run({ env: checkout.in(env, 'loud') })
    expect(loud).toMatchObject({ outcome: 'built', prints: 'true' })
    // Where builds are observed, the files that the shim reads count, too.
    const ofTools = loud.binary.reasons.filter(({ kind }) => kind === 'toolchain')
    expect(ofTools).toMatchObject([{ kind: 'toolchain', tool: 'rustc' }])
    expect((await checkout.get({ env: checkout.in(env, 'loud') })).outcome).toBe('cached')

    checkout.choose('quiet')
    expect(await checkout.run({ env: checkout.in(env, 'quiet') })).toMatchObject({ outcome: 'cached', prints: 'false' })
    const before = await checkout.fingerprint({ env: checkout.in(env, 'quiet') })
    checkout.driver('loud', 'not in use')
    expect(await checkout.fingerprint({ env: checkout.in(env, 'quiet') })).toBe(before)
    checkout.driver('quiet', 'rebuilt in place')
    expect(await checkout.fingerprint({ env: checkout.in(env, 'quiet') })).not.toBe(before)
  })
}

test.if(unix)('a compiler that does not say where it is builds each time, and the reason says so', async () => {
  const checkout = new Chosen()
  checkout.program(
    join(checkout.directory, 'loud/bin/rustc'),
    '[ "$*" = "--print sysroot" ] && exit 1; exec rustc "$@"',
  )
  const env = checkout.environment({ RUSTC: checkout.rustc() })
  checkout.choose('loud')
  expect((await checkout.get({ env })).outcome).toBe('built')
  for (const _ of [1, 2]) {
    const { events, onEvent } = listener()
    const again = await checkout.get({ env, onEvent })
    expect(again.outcome).toBe('built')
    expect(again.reasons).toEqual([{ kind: 'toolchain', tool: 'rustc', to: 'unknown' }])
    expect(only(events, 'warning').map(({ message }) => message)).toEqual([
      expect.stringContaining(`\`${checkout.directory}/shims/rustc\` does not tell which toolchain is behind it`),
    ])
  }
  checkout.choose('quiet')
  expect((await checkout.get({ env })).outcome).toBe('built')
  expect((await checkout.get({ env })).outcome).toBe('cached')
})

test.if(unix)('a toolchain that is known from files is not asked', async () => {
  const checkout = new Chosen()
  const env = checkout.environment({ PATH: [join(checkout.directory, 'plain/bin'), process.env.PATH].join(delimiter) })
  const trace = join(checkout.directory, 'trace')
  checkout.driver('plain', '')
  mkdirSync(join(checkout.directory, 'plain/bin'))
  for (const name of ['cargo', 'rustc']) tracingProgram(join(checkout.directory, 'plain/bin', name), trace)
  const plain = await checkout.fingerprint({ env })
  expect(existsSync(trace)).toBe(false)
  rmSync(join(checkout.directory, 'plain/lib'), { recursive: true })
  expect(await checkout.fingerprint({ env })).not.toBe(plain)
  expect(existsSync(trace)).toBe(true)
})

test.if(unix)('a call that is aborted while it asks a program ends that program', async () => {
  const checkout = new Chosen()
  const started = join(checkout.directory, 'started')
  const ended = join(checkout.directory, 'ended')
  const body = `[ "$*" = "--print sysroot" ] || exit 1; echo $$ >${started}; sleep 1000; touch ${ended}`
  const env = checkout.environment({ RUSTC: checkout.program(join(checkout.directory, 'slow'), body) })
  const controller = new AbortController()
  const call = rejection(checkout.get({ env, signal: controller.signal }))
  await until(() => existsSync(started) && Bun.file(started).size > 0, 'rustc is asked')
  controller.abort(new Error('enough'))
  expect((await call).message).toBe('enough')
  const pid = Number(await Bun.file(started).text())
  expect(() => process.kill(pid, 0)).toThrow()
  expect(existsSync(ended)).toBe(false)
})
