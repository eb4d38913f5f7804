// The list of inputs, and the runs that read them.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { explain, inputs } from '../index.js'
import { observes, PATIENCE_MS, rejection, temporaryDirectory, UNOBSERVED } from './support.js'
import { giving, listing, text } from './undeclared.js'

setDefaultTimeout(PATIENCE_MS)

describe('the list of inputs', () => {
  test('names the runs that read each, and the opaque runs', async () => {
    const world = giving(`format!("{}{}", ${text('data/one')}, ${listing('data')})`)
    const options = () => world.options({ crate: 'app', scope: 'crate', env: world.environment() })
    expect(await rejection(inputs(options()))).toMatchObject({ code: 'NOT_BUILT' })
    await world.get({ crate: 'app', scope: 'crate' })
    const known = await inputs(options())
    expect(known).toMatchObject({ crate: 'app', bin: 'app', isCurrent: true })
    const readBy = (name: string) => known.inputs.find((input) => input.name === name)?.readBy
    expect(readBy('src/main.rs')).toContain('the compilation of `app`')
    if (observes) {
      expect(known.opaque).toEqual([])
      expect(readBy('data/one')).toEqual(['the build script of `app`'])
      expect(readBy('data/')).toEqual(['the build script of `app`'])
    } else {
      expect(known.opaque.map(({ run }) => run)).toEqual(['the build script of `app`', 'the compilation of `app`'])
    }
    world.write('data/two', '')
    expect((await inputs(options())).isCurrent).toBe(!observes)
    if (observes) expect(await explain(options())).toMatchObject({ readBy: { 'data/': ['the build script of `app`'] } })
  })

  test.if(observes)('leaves out the files of a compiler, by whatever link they are found', async () => {
    const world = giving(text('data/one'))
    const sysroot = execFileSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8' }).trim()
    const link = join(temporaryDirectory(), 'toolchain')
    symlinkSync(sysroot, link)
    const path = [join(link, 'bin'), process.env.PATH].join(delimiter)
    const env = world.environment({ PATH: path, LD_LIBRARY_PATH: join(link, 'lib') })
    await world.get({ crate: 'app', env })
    const known = await inputs(world.options({ crate: 'app', env }))
    const files = known.inputs.filter(({ kind }) => kind !== 'tool').map(({ name }) => name)
    expect(files.filter((name) => name.startsWith(link) || name.startsWith(sysroot))).toEqual([])
  })

  test('is complete again when builds are observed again', async () => {
    const world = giving(text('data/one'))
    world.env = UNOBSERVED
    await world.look()
    world.env = {}
    expect((await world.look()).outcome).toBe('built')
    expect((await world.look()).outcome).toBe('cached')
    world.write('data/one', '2')
    expect(await world.look()).toMatchObject({ outcome: 'built', prints: '2' })
  })

  test('is shorter when builds are not observed, by option or by variable', async () => {
    for (const options of [{ observe: 'off' as const }, { env: UNOBSERVED }]) {
      const world = giving(text('data/one'))
      const asked = { ...options, env: world.environment(options.env) }
      await world.get({ crate: 'app', ...asked })
      const { opaque } = await inputs(world.options({ crate: 'app', ...asked }))
      expect(opaque).toContainEqual({ run: 'the build script of `app`', reason: 'it ran when no build was observed' })
    }
  })

  test('any other value of the option or the variable is refused', async () => {
    const world = giving(text('data/one'))
    const refused = await rejection(world.get({ crate: 'app', env: world.environment({ DEV_BIN_OBSERVE: 'maybe' }) }))
    expect(refused).toMatchObject({ code: 'INVALID_OPTION' })
    expect(refused.message).toContain('DEV_BIN_OBSERVE is "maybe"')
  })
})
