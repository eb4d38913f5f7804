// The files of cargo's configuration that a build would use.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Checkout, HELLO, PATIENCE_MS, plainEnvironment } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const LOUD = '[build]\nrustflags = ["--cfg", "loud"]\n'

/** A checkout whose program prints whether it was compiled with {@link LOUD}. */
const loudOrNot = () =>
  new Checkout({
    ...HELLO,
    'Cargo.toml': `${HELLO['Cargo.toml']}\n[lints.rust]\nunexpected_cfgs = "allow"\n`,
    'src/main.rs': 'fn main() {\n    println!("{}", cfg!(loud));\n}\n',
  })

for (const [where, path, name] of [
  ['in the checkout', 'checkout/.cargo/config.toml', '.cargo/config.toml'],
  ['in the checkout under its old name', 'checkout/.cargo/config', '.cargo/config'],
  ['above the checkout', '.cargo/config.toml', undefined],
  ["in cargo's home", 'cargo-home/config.toml', undefined],
] as const) {
  test(`cargo's configuration ${where} counts when it comes, changes and goes`, async () => {
    const checkout = loudOrNot()
    const file = join(checkout.directory, path)
    const env = plainEnvironment({ CARGO_HOME: join(checkout.directory, 'cargo-home') })
    const reason = { kind: 'cargo-config' as const, files: [name ?? file] }
    const without = await checkout.run({ env })
    expect(without.prints).toBe('false')

    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, LOUD)
    const added = await checkout.run({ env })
    expect(added).toMatchObject({ outcome: 'built', prints: 'true' })
    expect(added.binary.reasons).toContainEqual(reason)
    writeFileSync(file, '[build]\nrustflags = []\n')
    const changed = await checkout.run({ env })
    expect(changed).toMatchObject({ outcome: 'built', prints: 'false' })
    expect(changed.binary.reasons).toContainEqual(reason)

    writeFileSync(file, LOUD)
    expect(await checkout.run({ env })).toMatchObject({ outcome: 'cached', prints: 'true' })
    rmSync(file)
    expect(await checkout.get({ env })).toMatchObject({ outcome: 'cached', path: without.binary.path })
  })
}

test('files that the configuration includes count, and those that they include', async () => {
  const checkout = loudOrNot()
  const config = (name: string, text: string) => {
    mkdirSync(join(checkout.directory, '.cargo/deep'), { recursive: true })
    writeFileSync(join(checkout.directory, '.cargo', name), text)
  }
  config('config.toml', 'include = ["one.toml"]\n')
  config('one.toml', '')
  await checkout.get()
  config('one.toml', LOUD)
  expect((await checkout.get()).reasons).toEqual([
    { kind: 'cargo-config', files: [join(checkout.directory, '.cargo/one.toml')] },
  ])
  rmSync(join(checkout.directory, '.cargo/one.toml'))

  for (const include of [
    '"one.toml"',
    '["one.toml"]',
    '["none.toml", "one.toml"]',
    '[{ path = "one.toml", optional = true }]',
  ]) {
    const seen = new Set<string>()
    config('config.toml', `include = ${include}\n`)
    seen.add(await checkout.fingerprint())
    config('one.toml', "[env]\nA = 'a'\n")
    seen.add(await checkout.fingerprint())
    config('one.toml', 'include = ["deep/two.toml"]\n')
    seen.add(await checkout.fingerprint())
    config('deep/two.toml', "[env]\nA = 'b'\n")
    seen.add(await checkout.fingerprint())
    config('deep/two.toml', 'include = ["../config.toml", "two.toml"]\n')
    seen.add(await checkout.fingerprint())
    expect(seen.size, include).toBe(5)
    rmSync(join(checkout.directory, '.cargo/one.toml'))
    rmSync(join(checkout.directory, '.cargo/deep/two.toml'))
  }
})

test('of two configuration files in one directory, cargo reads the one without the extension', async () => {
  const checkout = new Checkout()
  const config = (name: string, text: string) => writeFileSync(join(checkout.directory, '.cargo', name), text)
  mkdirSync(join(checkout.directory, '.cargo'))
  config('config', "[env]\nA = 'a'\n")
  const before = await checkout.fingerprint()
  config('config.toml', LOUD)
  expect(await checkout.fingerprint()).toBe(before)
  config('config', "[env]\nA = 'b'\n")
  expect(await checkout.fingerprint()).not.toBe(before)
})

test('comments, tokens, aliases, proxies and job counts in the configuration cost no build', async () => {
  const checkout = new Checkout()
  mkdirSync(join(checkout.directory, '.cargo'))
  const config = (text: string) => writeFileSync(join(checkout.directory, '.cargo/config.toml'), text)
  await checkout.get()
  for (const text of [
    '# a comment\n',
    "[registries.ours]\ntoken = 'secret'\n",
    "[alias]\nb = 'build'\n",
    "[http]\nproxy = 'localhost:1'\n",
    '[build]\njobs = 1\n',
  ]) {
    config(text)
    expect((await checkout.get()).outcome, text).toBe('cached')
  }
  config("[env]\nA = 'a'\n")
  expect((await checkout.get()).outcome).toBe('built')
})

test('cargo reads no configuration beside or below the checkout', async () => {
  const checkout = new Checkout()
  mkdirSync(join(checkout.directory, 'other/.cargo'), { recursive: true })
  const before = await checkout.fingerprint()
  writeFileSync(join(checkout.directory, 'other/.cargo/config.toml'), LOUD)
  checkout.write('target/.cargo/config.toml', LOUD)
  expect(await checkout.fingerprint()).toBe(before)
})
