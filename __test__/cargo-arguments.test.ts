// Switches that are cargo's own.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { explain, getDevBinary } from '../index.js'
import { devBin } from './command.js'
import { Compared, package_, printing } from './oracle.js'
import { environment, run, saying, workspace } from './packages.js'
import { listener, only, PATIENCE_MS, rejection } from './support.js'

setDefaultTimeout(PATIENCE_MS)

test('on the command line, a file of configuration is relative to the working directory', async () => {
  const checkout = workspace({ app: ['', { 'src/main.rs': printing('option_env!("SAID").unwrap_or("none")') }] })
  checkout.write('app/config.toml', '[env]\nSAID = "here"\n')
  checkout.write('config.toml', '[env]\nSAID = "at the root"\n')
  const where = { cwd: join(checkout.repo, 'app'), env: environment(checkout) }
  const { stdout, stderr } = await devBin('bun', run('--config', 'config.toml'), where)
  expect({ stdout, stderr }).toEqual({ stdout: 'here', stderr: '' })
  const twice = await devBin('bun', ['get', '--profile', 'dev', '--profile', 'release'], where)
  expect(twice).toMatchObject({ status: 2, stderr: expect.stringContaining('`--profile` is given twice') })
})

test("switches that are cargo's own are passed on, and count if they can change the binary", async () => {
  const world = new Compared({
    'Cargo.toml': package_('app', '[features]\nloud = []\n[profile.release]\ndebug-assertions = false\n'),
    'src/main.rs': printing('format!("{} {}", cfg!(feature = "loud"), cfg!(debug_assertions))'),
  })
  const look = (...cargoArgs: string[]) => world.look({ scope: 'crate', cargoArgs })
  expect(await look()).toMatchObject({ outcome: 'built', prints: 'false false' })
  // Switches that cannot change a binary are not part of the request.
  expect(await look('--locked', '--offline', '-j', '2')).toMatchObject({ outcome: 'cached', prints: 'false false' })
  expect(await look('--all-features')).toMatchObject({ outcome: 'built', prints: 'true false' })
  const asserting = 'profile.release.debug-assertions=true'
  expect(await look('--config', asserting)).toMatchObject({ outcome: 'built', prints: 'false true' })
  expect(await look(`--config=${asserting}`)).toMatchObject({ outcome: 'cached', prints: 'false true' })
  world.write('../extra.toml', '[profile.release]\ndebug-assertions = true\n')
  const file = join(world.directory, 'extra.toml')
  expect(await look('--config', file)).toMatchObject({ prints: 'false true' })
  world.write('../extra.toml', '[profile.release]\ndebug-assertions = false\n')
  expect(await look('--config', file)).toMatchObject({ prints: 'false false' })
  expect(await look()).toMatchObject({ outcome: 'cached', prints: 'false false' })
})

test('targets and features in every form of cargo are accepted, and required features are named', async () => {
  const world = new Compared({
    'Cargo.toml': package_(
      'app',
      '[features]\nalpha = []\nbeta = ["alpha"]\n[[bin]]\nname = "needy"\npath = "src/needy.rs"\nrequired-features = ["alpha"]\n[dependencies]\ndep = { path = "dep", optional = true }\n[workspace]\n',
    ),
    'src/main.rs': saying('app'),
    'src/needy.rs': saying('needy'),
    'dep/Cargo.toml': package_('dep', '[features]\nbig = []\n'),
    'dep/src/lib.rs': '',
  })
  const target = 'host-tuple'
  expect(await world.look({ target, features: ['dep?/big'], bin: 'app' })).toMatchObject({ prints: 'app' })
  for (const ask of [getDevBinary, explain]) {
    expect(await rejection(ask(world.options({ crate: 'app', bin: 'needy' })))).toMatchObject({
      code: 'INVALID_OPTION',
      message: 'invalid option `features`: `needy` of package `app` requires `alpha`',
    })
  }
  for (const options of [{ features: ['beta'] }, { features: ['app/beta'] }, { cargoArgs: ['--all-features'] }]) {
    expect(await explain(world.options({ crate: 'app', bin: 'needy', ...options }))).toMatchObject({ outcome: 'miss' })
  }
})

test('with --locked, a lock file that does not fit fails and stays as it is', async () => {
  const world = new Compared({ 'src/main.rs': saying('one') })
  const lock = readFileSync(join(world.repo, 'Cargo.lock'), 'utf8')
  world.write('Cargo.toml', package_('app').replace('0.1.0', '0.2.0'))
  const { events, onEvent } = listener()
  const error = await world.get({ crate: 'app', cargoArgs: ['--locked'], onEvent }).catch((error) => error)
  expect(error).toMatchObject({ code: 'BUILD_FAILED', message: expect.stringContaining('--locked') })
  expect(only(events, 'building')).toHaveLength(1)
  expect(readFileSync(join(world.repo, 'Cargo.lock'), 'utf8')).toBe(lock)
})
