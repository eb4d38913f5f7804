// The toolchain that a build would use, found without running a program if possible.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { Checkout, PATIENCE_MS, plainEnvironment, temporaryDirectory, tracingProgram, unix } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const rustup = Bun.which('rustup')
const HOST = 'x86_64-unknown-linux-gnu'

/** A rustup with toolchains of its own. Its programs leave a trace when they are run. */
class Rustup {
  readonly directory = temporaryDirectory()
  readonly home = join(this.directory, 'home')
  readonly trace = join(this.directory, 'trace')
  /** A `PATH` on which cargo and rustc are proxies. */
  readonly path = join(this.directory, 'path')

  private readonly tracing = join(this.directory, 'tracing')

  constructor() {
    tracingProgram(this.tracing, this.trace)
    for (const name of [`stable-${HOST}`, `nightly-${HOST}`, `1.80.0-${HOST}`, 'custom']) {
      this.program(join(this.toolchain(name), 'bin/cargo'))
      this.program(join(this.toolchain(name), 'bin/rustc'))
      mkdirSync(join(this.toolchain(name), 'lib'))
      // Without a compiler's library, these would count as programs that choose a toolchain.
      writeFileSync(join(this.toolchain(name), 'lib/librustc_driver-0123.so'), name)
    }
    this.program(join(this.path, 'rustup'))
    for (const name of ['cargo', 'rustc']) symlinkSync('rustup', join(this.path, name))
    this.settings()
  }

  toolchain(name: string): string {
    return join(this.home, 'toolchains', name)
  }

  program(path: string): void {
    mkdirSync(dirname(path), { recursive: true })
    copyFileSync(this.tracing, path)
  }

  settings(overrides: Record<string, string> = {}, fallback = `stable-${HOST}`): void {
    const lines = Object.entries(overrides).map(([path, name]) => `${JSON.stringify(path)} = "${name}"\n`)
    const head = `version = "12"\ndefault_host_triple = "${HOST}"\ndefault_toolchain = "${fallback}"\n`
    writeFileSync(join(this.home, 'settings.toml'), `${head}\n[overrides]\n${lines.join('')}`)
  }

  env(extra: Record<string, string | undefined> = {}): Record<string, string> {
    const path = [this.path, process.env.PATH].join(delimiter)
    return plainEnvironment({ PATH: path, RUSTUP_HOME: this.home, RUSTUP_AUTO_INSTALL: '0', ...extra })
  }

  /** Returns the toolchain that the real rustup would choose in `directory`. */
  chosenIn(directory: string, env: Record<string, string>): string {
    const rustc = execFileSync(rustup ?? '', ['which', 'rustc'], {
      cwd: directory,
      encoding: 'utf8',
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return dirname(dirname(rustc.trim()))
  }
}

interface Choice {
  /** Files below the checkout's root. */
  files?: Record<string, string>
  /** Toolchains set for a directory, relative to the checkout's root. */
  overrides?: Record<string, string>
  fallback?: string
  env?: Record<string, string>
}

const toml = (line: string) => ({ 'rust-toolchain.toml': `[toolchain]\n${line}\n` })

const CHOICES: Record<string, Choice> = {
  'the default': {},
  'another default': { fallback: `nightly-${HOST}` },
  RUSTUP_TOOLCHAIN: { env: { RUSTUP_TOOLCHAIN: 'nightly' } },
  'RUSTUP_TOOLCHAIN with the host': { env: { RUSTUP_TOOLCHAIN: `nightly-${HOST}` } },
  'RUSTUP_TOOLCHAIN of a custom toolchain': { env: { RUSTUP_TOOLCHAIN: 'custom' } },
  'an empty RUSTUP_TOOLCHAIN': { env: { RUSTUP_TOOLCHAIN: '' }, files: { 'rust-toolchain': 'nightly\n' } },
  'rust-toolchain.toml': { files: toml('channel = "1.80.0"') },
  'rust-toolchain with a bare name': { files: { 'rust-toolchain': ' nightly\n' } },
  'rust-toolchain with a table': { files: { 'rust-toolchain': '[toolchain]\nchannel = "nightly"\n' } },
  'both files': { files: { 'rust-toolchain': '1.80.0', ...toml('channel = "nightly"') } },
  'a file above the checkout': { files: { '../rust-toolchain.toml': '[toolchain]\nchannel = "nightly"\n' } },
  'a file above one in the checkout': {
    files: { '../rust-toolchain.toml': '[toolchain]\nchannel = "nightly"\n', ...toml('channel = "1.80.0"') },
  },
  'a file without a channel': { files: toml('components = ["rustfmt"]') },
  'a file without a channel below one with a channel': {
    files: { '../rust-toolchain.toml': '[toolchain]\nchannel = "nightly"\n', ...toml('targets = []') },
  },
  'a file and RUSTUP_TOOLCHAIN': { files: toml('channel = "1.80.0"'), env: { RUSTUP_TOOLCHAIN: 'nightly' } },
  'an override for the checkout': { overrides: { '.': 'custom' } },
  'an override for a directory above': { overrides: { '..': 'custom' } },
  'an override for a sibling': { overrides: { '../other': 'custom' } },
  'an override and a file in the same directory': { overrides: { '.': 'custom' }, files: toml('channel = "nightly"') },
  'an override above a file': { overrides: { '..': 'custom' }, files: toml('channel = "nightly"') },
  'an override and RUSTUP_TOOLCHAIN': { overrides: { '.': 'custom' }, env: { RUSTUP_TOOLCHAIN: 'nightly' } },
}

/** Makes a choice, calls `ask`, and takes the choice back. */
async function choosing<T>(rustup: Rustup, checkout: Checkout, choice: Choice, ask: () => Promise<T>): Promise<T> {
  const overrides = Object.entries(choice.overrides ?? {})
  rustup.settings(
    Object.fromEntries(overrides.map(([path, name]) => [join(checkout.repo, path), name])),
    choice.fallback,
  )
  const files = Object.entries(choice.files ?? {})
  for (const [path, text] of files) checkout.write(path, text)
  try {
    return await ask()
  } finally {
    rustup.settings()
    for (const [path] of files) rmSync(join(checkout.repo, path))
  }
}

// The files are excluded as inputs, so that only the toolchain that they choose counts.
const exclude = ['rust-toolchain', 'rust-toolchain.toml']

test.if(unix && rustup !== null)(
  'the toolchain is the one that rustup would choose, and rustup is not asked',
  async () => {
    const own = new Rustup()
    const checkout = new Checkout()
    const chosen = new Set<string>()
    for (const [name, choice] of Object.entries(CHOICES)) {
      const env = own.env(choice.env)
      const [fingerprint, toolchain] = await choosing(own, checkout, choice, async () => {
        const answer = await checkout.fingerprint({ env, exclude })
        return [answer, own.chosenIn(checkout.repo, env)]
      })
      const expected = await checkout.fingerprint({ env: own.env({ RUSTUP_TOOLCHAIN: toolchain }), exclude })
      expect({ name, fingerprint }).toEqual({ name, fingerprint: expected })
      chosen.add(toolchain)
    }
    expect(chosen.size).toBe(4)
    expect(existsSync(own.trace)).toBe(false)
  },
)

test.if(unix)('each toolchain is an input of its own, by whichever way it is chosen', async () => {
  const own = new Rustup()
  const checkout = new Checkout()
  const by = (choice: Choice) =>
    choosing(own, checkout, choice, () => checkout.fingerprint({ env: own.env(choice.env), exclude }))
  const names = ['stable', 'nightly', '1.80.0', 'custom']
  const each = await Promise.all(
    names.map((name) => checkout.fingerprint({ env: own.env({ RUSTUP_TOOLCHAIN: name }), exclude })),
  )
  expect(new Set(each).size).toBe(4)
  expect(await by({})).toBe(each[0] ?? '')
  expect(await by({ files: toml('channel = "nightly"') })).toBe(each[1] ?? '')
  expect(await by({ overrides: { '.': `1.80.0-${HOST}` } })).toBe(each[2] ?? '')
  expect(await by({ files: toml(`path = ${JSON.stringify(own.toolchain('custom'))}`) })).toBe(each[3] ?? '')
  // If it is not excluded, the file counts like any other.
  const counted = await choosing(own, checkout, { files: toml('channel = "stable"') }, () =>
    checkout.fingerprint({ env: own.env() }),
  )
  expect(counted).not.toBe(await checkout.fingerprint({ env: own.env() }))
  expect(existsSync(own.trace)).toBe(false)
})

test.if(unix)(
  'a toolchain that is updated in place is another one, and one that is not in use does not count',
  async () => {
    const own = new Rustup()
    const checkout = new Checkout()
    const env = own.env()
    const stable = own.toolchain(`stable-${HOST}`)
    const seen = [await checkout.fingerprint({ env })]
    const rustc = join(stable, 'bin/rustc')
    for (const update of [
      () => utimesSync(rustc, 1_000_000_000, 1_000_000_000),
      () => own.program(rustc),
      () => {
        renameSync(rustc, `${rustc}.old`)
        cpSync(`${rustc}.old`, rustc, { preserveTimestamps: true })
      },
      () => own.program(join(stable, 'bin/cargo')),
      () => writeFileSync(join(stable, 'lib/librustc_driver-0123.so'), 'a'),
      () => writeFileSync(join(stable, 'lib/librustc_driver-0123.so'), 'b'),
      () => {
        renameSync(stable, `${stable}.old`)
        cpSync(`${stable}.old`, stable, { recursive: true, preserveTimestamps: true })
      },
      () => rmSync(stable, { recursive: true }),
    ]) {
      update()
      const now = await checkout.fingerprint({ env })
      expect(seen, `after update ${seen.length}`).not.toContain(now)
      seen.push(now)
    }
    const before = await checkout.fingerprint({ env })
    own.program(join(own.toolchain(`nightly-${HOST}`), 'bin/rustc'))
    own.program(join(own.path, 'rustup'))
    expect(await checkout.fingerprint({ env })).toBe(before)
    expect(existsSync(own.trace)).toBe(false)
  },
)

test.if(unix)('without rustup, the cargo and rustc on the PATH count', async () => {
  const checkout = new Checkout()
  const own = new Rustup()
  const bin = (name: string) => join(own.toolchain(name), 'bin')
  const env = (path: string) => plainEnvironment({ PATH: path })
  const custom = await checkout.fingerprint({ env: env(bin('custom')) })
  expect(await checkout.fingerprint({ env: env([bin('custom'), own.path].join(delimiter)) })).toBe(custom)
  expect(await checkout.fingerprint({ env: env([own.path, bin('custom')].join(delimiter)) })).not.toBe(custom)
  own.program(join(bin('custom'), 'rustc'))
  expect(await checkout.fingerprint({ env: env(bin('custom')) })).not.toBe(custom)
  expect(existsSync(own.trace)).toBe(false)
})

test.if(unix)('programs that variables or the configuration put in front of rustc count', async () => {
  const checkout = new Checkout()
  const tools = join(checkout.directory, 'tools')
  mkdirSync(tools)
  // Each version is a new inode: a write to the old one may fall into the tick of the clock in which the file was made.
  let version = 0
  const install = (name: string) => {
    writeFileSync(join(tools, `${name}.new`), `#!/bin/sh\n# ${version++}\nexec "$@"\n`)
    chmodSync(join(tools, `${name}.new`), 0o755)
    renameSync(join(tools, `${name}.new`), join(tools, name))
  }
  const path = [tools, process.env.PATH].join(delimiter)
  const config = (line: string) => {
    mkdirSync(join(checkout.directory, '.cargo'), { recursive: true })
    writeFileSync(join(checkout.directory, '.cargo/config.toml'), `[build]\n${line}\n`)
  }
  for (const [variable, role] of [
    ['RUSTC_WRAPPER', 'rustc wrapper'],
    ['RUSTC_WORKSPACE_WRAPPER', 'workspace wrapper'],
    ['CARGO_BUILD_RUSTC_WRAPPER', 'rustc wrapper'],
  ] as const) {
    for (const program of [join(tools, 'wrap'), 'wrap']) {
      install('wrap')
      const env = plainEnvironment({ PATH: path, [variable]: program })
      expect((await checkout.get({ env })).outcome).toBe('built')
      expect((await checkout.get({ env })).outcome).toBe('cached')
      install('wrap')
      expect((await checkout.get({ env })).reasons).toMatchObject([{ kind: 'toolchain', tool: role }])
    }
  }
  for (const line of ['rustc-wrapper = "tools/wrap"', 'rustc-wrapper = "wrap"', 'rustc-workspace-wrapper = "wrap"']) {
    config(line)
    const env = plainEnvironment({ PATH: path })
    const before = await checkout.fingerprint({ env })
    install('wrap')
    expect(await checkout.fingerprint({ env }), line).not.toBe(before)
  }
  for (const line of ['rustc = "tools/rustc"', 'rustc = "rustc"']) {
    install('rustc')
    config(line)
    const env = plainEnvironment({ PATH: path })
    const before = await checkout.fingerprint({ env })
    install('rustc')
    expect(await checkout.fingerprint({ env }), line).not.toBe(before)
  }
})
