// The example of a team's store: its workflow publishes, and its launcher takes what was published.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { programPath } from '../lib/remote.js'
import { RUST_HOMES } from './programs.js'
import { PATIENCE_MS, plainEnvironment, root, temporaryDirectory } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const EXAMPLE = join(root, 'examples', 'team')

interface Workflow {
  on: object
  permissions: object
  jobs: Record<string, { environment: string; steps: { run?: string; env?: Record<string, string> }[] }>
}

const workflow = Bun.YAML.parse(readFileSync(join(EXAMPLE, '.github/workflows/publish.yml'), 'utf8')) as Workflow
const steps = workflow.jobs.publish?.steps ?? []

/** A clone of the example on a machine of its own. */
class Machine {
  readonly directory = temporaryDirectory()
  readonly home = join(this.directory, 'home')
  readonly repo: string

  constructor() {
    mkdirSync(this.home)
    this.repo = join(mkdtempSync(join(this.directory, 'clone-')), 'team')
    const isSource = (path: string) => !/\/(node_modules|target)$/.test(path)
    cpSync(EXAMPLE, this.repo, { recursive: true, filter: isSource })
    const manifest = join(this.repo, 'package.json')
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('file:../..', `file:${root}`))
    this.says(['git', 'init', '--quiet'])
    this.says(['npm', 'install', '--offline', '--no-package-lock'])
  }

  says(command: string[], env: Record<string, string> = {}): string {
    const [program = '', ...args] = command
    const PATH = [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter)
    const own = { HOME: this.home, PATH, CARGO_HOME: join(this.home, '.cargo'), RUSTUP_HOME: RUST_HOMES.RUSTUP_HOME }
    const all = plainEnvironment({ ...own, RUNNER_TEMP: this.directory, ...env })
    const merged = ['-c', '"$@" 2>&1', 'sh', program, ...args]
    return execFileSync('sh', merged, { cwd: this.repo, env: all, encoding: 'utf8' })
  }
}

test('the workflow runs for pushes to `main` alone, and one step has the secrets', () => {
  expect(workflow).toMatchObject({ on: { push: { branches: ['main'] } }, permissions: {} })
  expect(Object.keys(workflow.on)).toEqual(['push'])
  expect(workflow.jobs.publish?.environment).toBe('team-store')
  const withSecrets = steps.filter((step) => JSON.stringify(step).includes('secrets.'))
  expect(withSecrets).toEqual(steps.slice(-1))
})

test.skipIf(process.platform === 'win32')('the workflow publishes, and the launcher of another clone takes it', () => {
  const ci = new Machine()
  const key = join(ci.directory, 'key')
  const trusted = execFileSync(programPath(process.env) as string, ['keygen', key], { encoding: 'utf8' }).trim()
  const store = join(ci.directory, 'store')
  mkdirSync(store)
  const url = `file://${store}`
  const publish = steps.at(-1)?.run ?? ''
  const env = { SIGNING_KEY: readFileSync(key, 'utf8').trim(), DEV_BIN_REMOTE_URL: url, DEV_BIN_REMOTE_KEYS: trusted }
  expect(ci.says(['bash', '-e', '-c', publish], env)).toContain('Built gateway')
  // The private key is not left behind.
  expect(readdirSync(ci.directory)).not.toContain('dev-bin.key')

  const member = new Machine()
  const launch = () => member.says(['bun', 'gateway.ts', '--port', '8080'])
  const settings = join(member.home, '.config', 'our-team')
  mkdirSync(settings, { recursive: true })
  writeFileSync(join(settings, 'dev-bin.json'), JSON.stringify({ url, keys: [trusted] }))
  const first = launch()
  expect(first).toContain('Downloaded gateway')
  expect(first).toContain('hello from the gateway, called with ["--port", "8080"]\n')
  expect(launch()).toContain('Using cached gateway')
  member.says(['tsc', '--typeRoots', join(root, 'node_modules', '@types')])
})
