// Workspaces anywhere in a worktree, and without git.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { explain } from '../index.js'
import { devBin } from './command.js'
import { package_, printing, SCOPES } from './oracle.js'
import { Checkout, lockFile, PATIENCE_MS, plainEnvironment } from './support.js'

setDefaultTimeout(PATIENCE_MS)

/** Makes a repository of JavaScript with a cargo workspace in a folder. */
const MONOREPO = {
  'package.json': '{}',
  'web/index.ts': 'export {}\n',
  '.gitignore': 'target/\n*.log\n',
  'apps/gateway/Cargo.toml': '[workspace]\nmembers = ["app", "other"]\nresolver = "2"\n',
  'apps/gateway/Cargo.lock': lockFile('app', 'other'),
  'apps/gateway/app/Cargo.toml': package_('app'),
  'apps/gateway/app/src/main.rs': printing('include_str!("../../../../shared/x.txt")'),
  'apps/gateway/other/Cargo.toml': package_('other'),
  'apps/gateway/other/src/lib.rs': '',
  'apps/gateway/notes.txt': 'one',
  'shared/x.txt': 'one',
}

class Monorepo extends Checkout {
  readonly workspace = join(this.repo, 'apps/gateway')

  constructor() {
    super(MONOREPO)
  }

  async look(scope: 'tree' | 'crate', repo = this.workspace) {
    const { outcome, prints, binary } = await this.run({ crate: 'app', repo, scope, env: plainEnvironment() })
    return { outcome, prints, reasons: binary.reasons }
  }
}

for (const scope of SCOPES) {
  test(`scope ${scope}: a workspace in a folder counts by its own files, and by files elsewhere that it reads`, async () => {
    const monorepo = new Monorepo()
    expect(await monorepo.look(scope)).toMatchObject({ outcome: 'built', prints: 'one' })
    monorepo.write('web/index.ts', 'export const edited = 1\n')
    monorepo.write('apps/other.txt', 'new')
    monorepo.write('apps/gateway/debug.log', 'ignored by the rules at the top')
    expect(await monorepo.look(scope)).toMatchObject({ outcome: 'cached', prints: 'one' })
    monorepo.write('shared/x.txt', 'two')
    const path = '../../shared/x.txt'
    expect(await monorepo.look(scope)).toMatchObject({
      outcome: 'built',
      prints: 'two',
      reasons: [{ kind: 'source', paths: [{ path, change: 'changed' }], count: 1 }],
    })
    monorepo.write('apps/gateway/notes.txt', 'two')
    expect(await monorepo.look(scope)).toMatchObject({ outcome: scope === 'tree' ? 'built' : 'cached' })
    monorepo.git('commit', '--quiet', '--all', '--message', 'two')
    expect(await monorepo.look(scope)).toMatchObject({ outcome: scope === 'tree' ? 'built' : 'cached' })
  })
}

test('rules above the workspace come and go', async () => {
  const monorepo = new Monorepo()
  const fingerprint = () => monorepo.fingerprint({ crate: 'app', repo: monorepo.workspace, env: plainEnvironment() })
  monorepo.write('apps/gateway/x.tmp', 'one')
  const counted = await fingerprint()
  monorepo.write('apps/.gitignore', '*.tmp\n')
  const ignored = await fingerprint()
  expect(ignored).not.toBe(counted)
  monorepo.write('apps/gateway/x.tmp', 'two')
  expect(await fingerprint()).toBe(ignored)
  // git tracks what is in an ignored directory once it was added.
  monorepo.write('.gitignore', '/apps/gateway\n')
  monorepo.write('apps/gateway/untracked.txt', 'not counted')
  const tracked = await fingerprint()
  monorepo.write('apps/gateway/untracked.txt', 'edited')
  expect(await fingerprint()).toBe(tracked)
  monorepo.write('apps/gateway/notes.txt', 'edited')
  expect(await fingerprint()).not.toBe(tracked)
})

test('without git, every file counts that no .gitignore names, and `why` says so', async () => {
  const monorepo = new Monorepo()
  const repo = join(monorepo.directory, 'copy/apps/gateway')
  cpSync(monorepo.repo, join(monorepo.directory, 'copy'), { recursive: true })
  rmSync(join(monorepo.directory, 'copy/.git'), { recursive: true })
  writeFileSync(join(repo, '.gitignore'), '/target\n*.log\n')
  expect(await monorepo.look('tree', repo)).toMatchObject({ outcome: 'built', prints: 'one' })
  writeFileSync(join(repo, 'x.log'), '')
  expect(await monorepo.look('tree', repo)).toMatchObject({ outcome: 'cached' })
  writeFileSync(join(repo, 'new.txt'), '')
  expect(await monorepo.look('tree', repo)).toMatchObject({ outcome: 'built' })
  const options = monorepo.options({ crate: 'app', repo, env: plainEnvironment() })
  expect(await explain(options)).toMatchObject({ outcome: 'hit', inWorktree: false })
  expect(await explain({ ...options, repo: monorepo.workspace })).toMatchObject({ inWorktree: true })
  const { stdout } = await devBin('node', ['why', '-p', 'app', '--repo', repo, '--cache-dir', monorepo.cacheDir])
  expect(stdout).toContain('without git: every file counts that no `.gitignore` names')
  // A new repository counts from then on.
  execFileSync('git', ['init', '--quiet', join(monorepo.directory, 'copy')], { env: plainEnvironment() })
  expect(await explain(options)).toMatchObject({ inWorktree: true })
})

test('a workspace in a directory that the repository around it ignores counts as it would without git', async () => {
  const monorepo = new Monorepo()
  const repo = join(monorepo.repo, 'ignored/gateway')
  cpSync(monorepo.workspace, repo, { recursive: true })
  monorepo.write('ignored/gateway/app/src/main.rs', printing('"one"'))
  monorepo.write('.gitignore', '/ignored\n')
  expect(await monorepo.look('tree', repo)).toMatchObject({ outcome: 'built', prints: 'one' })
  monorepo.write('ignored/gateway/app/src/main.rs', printing('"two"'))
  expect(await monorepo.look('tree', repo)).toMatchObject({ outcome: 'built', prints: 'two' })
})

test('the command line finds the workspace as cargo does', async () => {
  const monorepo = new Monorepo()
  monorepo.write('apps/gateway/excluded/Cargo.toml', `${package_('excluded')}[workspace]\n`)
  monorepo.write('apps/gateway/excluded/src/main.rs', printing('"excluded"'))
  const judge = (cwd: string) => {
    const args = ['locate-project', '--workspace', '--message-format', 'plain', '--offline']
    const manifest = execFileSync('cargo', args, { cwd, encoding: 'utf8', env: plainEnvironment() }).trim()
    return manifest.replace(/[/\\]Cargo\.toml$/, '')
  }
  for (const directory of ['apps/gateway', 'apps/gateway/app/src', 'apps/gateway/other', 'apps/gateway/excluded/src']) {
    const cwd = join(monorepo.repo, directory)
    const crate = directory.includes('excluded') ? 'excluded' : 'app'
    const { status, stdout } = await devBin('node', ['get', '--quiet', '-p', crate, '--cache-dir', monorepo.cacheDir], {
      cwd,
    })
    expect({ directory, status }).toEqual({ directory, status: 0 })
    const { checkout } = JSON.parse(readFileSync(`${stdout.trim()}.json`, 'utf8'))
    expect(checkout).toBe(judge(cwd))
  }
})
