// Path sets: of many branches, and lost, damaged or missing ones.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { explain } from '../index.js'
import { onePackage, World } from './crates.js'
import { listener, only, PATIENCE_MS, plainEnvironment } from './support.js'

setDefaultTimeout(PATIENCE_MS)

test('path sets that are deleted or damaged cost a build at most', async () => {
  const world = new World()
  await world.look()
  const kept = join(world.cacheDir, 'path-sets')
  const damages: [string, () => void][] = [
    ['deleted', () => rmSync(kept, { recursive: true })],
    ['emptied', () => writeAll(kept, '')],
    ['truncated', () => writeAll(kept, '{"sets":[{"packages":["app"')],
    ['without anything in them', () => writeAll(kept, '{"sets":[{}]}')],
    ['of other crates', () => writeAll(kept, '{"sets":[{"packages":["other"],"files":[],"variables":[]}]}')],
  ]
  let value = 'one'
  for (const [damage, inflict] of damages) {
    inflict()
    expect({ damage, ...(await world.look()) }).toMatchObject({ damage, facts: { string: value } })
    inflict()
    value = damage.replaceAll(' ', '-')
    world.write('assets/banner.txt', `${value}\n`)
    expect({ damage, ...(await world.look()) }).toMatchObject({ damage, facts: { string: value } })
    expect({ damage, ...(await world.look()) }).toMatchObject({ damage, outcome: 'cached' })
  }
})

function writeAll(directory: string, text: string): void {
  for (const name of readdirSync(directory)) writeFileSync(join(directory, name), text)
}

const including = (number: number) => `fn main() { println!("file {}", include_str!("../../assets/${number}.txt")); }\n`

test('eight branches that read eight different files are all served from the cache', async () => {
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8]
  const assets = Object.fromEntries([0, ...numbers].map((number) => [`assets/${number}.txt`, `${number}`]))
  const world = new World(onePackage('app', { ...assets, 'app/src/main.rs': including(0) }))
  for (const number of numbers) {
    world.git('checkout', '--quiet', '-b', `branch${number}`)
    world.write('app/src/main.rs', including(number))
    world.commit(`${number}`)
    expect(await world.look()).toMatchObject({ outcome: 'built', facts: { file: `${number}` } })
  }
  for (const number of numbers) {
    world.git('checkout', '--quiet', `branch${number}`)
    expect(await world.look()).toMatchObject({ outcome: 'cached', facts: { file: `${number}` } })
    world.write(`assets/${number - 1}.txt`, 'not read on this branch')
    expect(await world.look()).toMatchObject({ outcome: 'cached', facts: { file: `${number}` } })
    world.git('checkout', '--quiet', '--', 'assets')
  }
})

test('without dep-info, cargo runs each time and every call says why', async () => {
  const world = new World(onePackage('app', { 'assets/1.txt': '1', 'app/src/main.rs': including(1) }))
  // A compiler wrapper that removes dep-info, so that cargo has none either.
  const wrapper = join(world.directory, 'wrapper')
  writeFileSync(
    wrapper,
    '#!/bin/sh\n"$@" || exit\nfor file in "$CARGO_TARGET"/release/deps/*.d; do rm -f "$file"; done\n',
    {
      mode: 0o755,
    },
  )
  world.env = { RUSTC_WRAPPER: wrapper, CARGO_TARGET: join(world.repo, 'target') }
  for (const scope of ['crate', 'tree'] as const) {
    const { events, onEvent } = listener()
    expect(await world.look({ scope, onEvent })).toMatchObject({ outcome: 'built', facts: { file: '1' } })
    const warnings = only(events, 'warning').map(({ message }) => message)
    expect(warnings).toEqual([expect.stringContaining('does not tell what the build read')])
    const again = await explain(world.options({ crate: 'app', scope, env: plainEnvironment(world.env) }))
    expect(again.reasons).toEqual([{ kind: 'unknown-reads', detail: expect.stringContaining('it has no dep-info') }])
    world.write('assets/1.txt', '2')
    expect(await world.look({ scope })).toMatchObject({ outcome: 'built', facts: { file: '2' } })
    world.write('assets/1.txt', '1')
    expect(await world.look({ scope })).toMatchObject({ outcome: 'built', facts: { file: '1' } })
  }
})
