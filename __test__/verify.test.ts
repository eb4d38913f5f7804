// Compares the binary with fresh builds.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { getDevBinary, verify } from '../index.js'
import { Checkout, mainPrinting, PATIENCE_MS, UNOBSERVED } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

test('a binary that a fresh build gives again is equal, built by this call or before it', async () => {
  const checkout = new Checkout()
  const first = await verify(checkout.options())
  expect(first).toMatchObject({ verdict: 'equal', binary: { outcome: 'built' } })
  expect(first.fresh).toEqual([first.binary.sha256])
  const again = await verify(checkout.options({ scope: 'crate' }))
  expect(again).toMatchObject({ verdict: 'equal', fresh: first.fresh })
  // The fresh builds had a target directory of their own, which is removed.
  expect(readdirSync(join(checkout.cacheDir, 'tmp'))).toEqual([])
})

test('a build that never gives the same bytes twice is not reproducible', async () => {
  const checkout = new Checkout()
  checkout.write(
    'build.rs',
    `fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    println!("cargo::rustc-env=BUILT={}", now.as_nanos());
}
`,
  )
  checkout.write('src/main.rs', 'fn main() { println!("{}", env!("BUILT")); }\n')
  const { verdict, binary, fresh } = await verify(checkout.options())
  expect(verdict).toBe('not-reproducible')
  expect(new Set([binary.sha256, ...fresh]).size).toBe(3)
})

test('a binary that depends on an undeclared file is stale, and both fresh builds agree', async () => {
  const checkout = new Checkout()
  const outside = join(checkout.directory, 'undeclared.txt')
  writeFileSync(outside, 'one')
  checkout.write(
    'build.rs',
    `fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=HIDDEN={}", std::fs::read_to_string("../undeclared.txt").unwrap());
}
`,
  )
  checkout.write('src/main.rs', 'fn main() { println!("{}", env!("HIDDEN")); }\n')
  const env = checkout.environment(UNOBSERVED)
  expect(await checkout.run({ env })).toMatchObject({ prints: 'one' })
  writeFileSync(outside, 'two')
  expect(await checkout.run({ env })).toMatchObject({ outcome: 'cached', prints: 'one' })
  const { verdict, binary, fresh } = await verify(checkout.options({ env }))
  expect(verdict).toBe('stale')
  expect(fresh).toHaveLength(2)
  expect(fresh[0]).toBe(fresh[1] as string)
  expect(fresh[0]).not.toBe(binary.sha256)
})

test('a binary that was replaced together with its manifest is stale', async () => {
  const checkout = new Checkout()
  const { path } = await getDevBinary(checkout.options())
  const wrong = Buffer.concat([readFileSync(path), Buffer.from('wrong')])
  writeFileSync(path, wrong)
  const manifest = JSON.parse(readFileSync(`${path}.json`, 'utf8'))
  writeFileSync(`${path}.json`, JSON.stringify({ ...manifest, sha256: sha256(wrong), size: wrong.length }))
  expect(await verify(checkout.options())).toMatchObject({
    verdict: 'stale',
    binary: { outcome: 'cached', sha256: sha256(wrong) },
  })
})

test('a comparison changes neither the target directory of the workspace nor the cached binary', async () => {
  const checkout = new Checkout()
  const { path, sha256 } = await getDevBinary(checkout.options())
  checkout.write('src/main.rs', mainPrinting('two'))
  await getDevBinary(checkout.options())
  checkout.write('src/main.rs', mainPrinting('one'))
  const target = join(checkout.repo, 'target/release/hello')
  const before = readFileSync(target)
  expect(await verify(checkout.options())).toMatchObject({ verdict: 'equal', binary: { path, outcome: 'cached' } })
  expect(readFileSync(target).equals(before)).toBe(true)
  expect(existsSync(path)).toBe(true)
  expect(await getDevBinary(checkout.options())).toMatchObject({ outcome: 'cached', path, sha256 })
})
