// The completion scripts, each loaded by its shell.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { devBin } from './command.js'
import { PATIENCE_MS, temporaryDirectory } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const COMMANDS = ['completions', 'get', 'list', 'prune', 'run', 'verify', 'why']

/** Makes a directory with the script for `shell`, and with one directory that it can complete. */
async function prepared(shell: string): Promise<{ directory: string; script: string }> {
  const directory = temporaryDirectory()
  for (const name of ['checkouts', 'my work', 'star*']) mkdirSync(join(directory, name))
  writeFileSync(join(directory, 'checklist'), '')
  const { status, stdout, stderr } = await devBin('node', ['completions', shell])
  expect([status, stderr]).toEqual([0, ''])
  expect((await devBin('bun', ['completions', shell])).stdout).toBe(stdout)
  const script = join(directory, `dev-bin.${shell}`)
  writeFileSync(script, stdout)
  return { directory, script }
}

/** Returns the sorted offers of a shell for a command line whose last word is being typed. */
type Offer = (...words: string[]) => string[]

function expectations(offer: Offer): void {
  expect(offer('')).toEqual(expect.arrayContaining(COMMANDS))
  expect(offer('pr')).toEqual(['prune'])
  expect(offer('get', '--sc')).toEqual(['--scope'])
  expect(offer('get', '-p', 'hello', '--scope', '')).toEqual(['crate', 'tree'])
  expect(offer('get', '--builder', 'z')).toEqual(['zigbuild'])
  expect(offer('prune', '--max')).toEqual(['--max-age', '--max-size'])
  expect(offer('prune', '--sc')).toEqual([])
  expect(offer('list', '--js')).toEqual(['--json'])
  expect(offer('get', '--repo', 'chec').map((word) => word.replace(/\/$/, ''))).toEqual(['checkouts'])
  expect(offer('completions', 'z')).toEqual(['zsh'])
  expect(offer('completions', 'bash', '').filter((word) => !word.startsWith('-'))).toEqual([])
  // A crate may have the name of a command.
  expect(offer('get', '-p', 'list', '--js')).toEqual(['--json'])
  expect(offer('get', '-p', 'prune', '--max')).toEqual([])
  expect(offer('get', '--repo', 'sta').map((word) => word.replace(/\/$/, '').replace('\\', ''))).toEqual(['star*'])
  expect(offer('get', '--repo', 'my').map((word) => word.replace(/\/$/, '').replace('\\', ''))).toEqual(['my work'])
  expect(offer('run', '-p', 'hello', '--', 'chec').map((word) => word.replace(/\/$/, ''))).toEqual([
    'checklist',
    'checkouts',
  ])
}

function missing(shell: string): boolean {
  if (Bun.which(shell) !== null) return false
  console.warn(`${shell} is not installed: ITS COMPLETIONS ARE NOT TESTED HERE`)
  return true
}

const lines = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .sort()

describe('completions load and complete in', () => {
  test.skipIf(missing('bash'))('bash', async () => {
    const { directory, script } = await prepared('bash')
    expectations((...words) => {
      const ask = `source "$1"; shift
        COMP_WORDS=(dev-bin "$@"); COMP_CWORD=$#; COMP_LINE="\${COMP_WORDS[*]}"; COMP_POINT=\${#COMP_LINE}
        entry=$(complete -p dev-bin); [[ $entry == *" -F _dev_bin "* ]] || exit 9
        _dev_bin dev-bin "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"; printf '%s\\n' "\${COMPREPLY[@]}"`
      const shell = Bun.spawnSync(['bash', '--norc', '-uc', ask, 'bash', script, ...words], { cwd: directory })
      expect([shell.exitCode, shell.stderr.toString()]).toEqual([0, ''])
      return lines(shell.stdout.toString())
    })
  })

  test.skipIf(missing('fish'))('fish', async () => {
    const { directory, script } = await prepared('fish')
    expectations((...words) => {
      const line = ['dev-bin', ...words].join(' ')
      const ask = ['fish', '--no-config', '-c', `source ${script}; complete -C ${JSON.stringify(line)}`]
      const shell = Bun.spawnSync(ask, { cwd: directory, env: { ...process.env, HOME: directory } })
      expect([shell.exitCode, shell.stderr.toString()]).toEqual([0, ''])
      return lines(shell.stdout.toString().replaceAll(/\t.*/g, ''))
    })
  })

  test.skipIf(missing('zsh'))('zsh', async () => {
    const { directory, script } = await prepared('zsh')
    // The completion system works only in a terminal. So this prints what it would insert.
    const inner = `PS1=; unsetopt auto_list auto_menu list_beep; LISTMAX=1000; autoload -Uz compinit; compinit -u -d ${join(directory, 'dump')}
      zstyle ':completion:*' verbose no
      source ${script}
      compadd() {
        if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
        local -a found; builtin compadd -A found -D found "$@" 2>/dev/null
        print -rl -- "\${found[@]/#/offer:}"; builtin compadd "$@"
      }
      finish() { zle -I; print -r -- asked; exit }
      zle -C ask complete-word _main_complete; bindkey '^I' ask; zle -N finish; bindkey '^X' finish; print -r -- ready`
    writeFileSync(join(directory, 'inner.zsh'), inner)
    const offer: Offer = (...words) => {
      const ask = `zmodload zsh/zpty; zpty asked zsh -f -i; zpty -w asked "source ${join(directory, 'inner.zsh')}"
        zpty -r asked text '*ready*'; zpty -w -n asked "$1"$'\\t'$'\\x18'; zpty -r asked text '*asked*'; print -r -- $text`
      const command = ['zsh', '-f', '-c', ask, 'zsh', ['dev-bin', ...words].join(' ')]
      const shell = Bun.spawnSync(command, { cwd: directory, timeout: 20_000 })
      expect(shell.exitCode).toBe(0)
      const text = shell.stdout.toString().replaceAll('\r', '')
      const offered = [...text.matchAll(/offer:(.+)/g)].map((match) => match[1] as string)
      return [...new Set(offered)].sort()
    }
    expectations(offer)
    expect(offer('get', '--scope=')).toEqual(['crate', 'tree'])
    expect(offer('get', '--builder=z')).toEqual(['zigbuild'])
  })
})
