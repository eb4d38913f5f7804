// Builds the Rust programs of the bench, and runs `tools/bench/core.rs`.

import { execFileSync } from 'node:child_process'
import { stripVTControlCharacters } from 'node:util'
import { root } from '../scripts/setup.mjs'

/** Builds the bench targets with cargo's profile `bench`, and returns their paths by name. */
export function buildBenches() {
  const args = ['bench', '--no-run', '--quiet', '--bench', 'core', '--bench', 'probe', '--message-format=json']
  const output = execFileSync('cargo', args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const messages = output.split('\n').filter((line) => line.startsWith('{'))
  const artifacts = messages.map((line) => JSON.parse(line)).filter(({ executable }) => executable)
  return Object.fromEntries(artifacts.map(({ target, executable }) => [target.name, executable]))
}

/** Returns criterion's figures of the core without its progress. Its files stay in cargo's target directory. */
export function coreFigures(program, quick) {
  const args = ['--bench', '--noplot', '--color', 'never', ...(quick ? ['--quick'] : [])]
  const output = execFileSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const lines = stripVTControlCharacters(output).split('\n')
  return lines.filter((line) => /\b(time|thrpt):/.test(line) || /^\d+ files\//.test(line)).join('\n')
}
