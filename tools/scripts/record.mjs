// `npm run record`: records the terminal session that README shows, as docs/session.cast (asciicast, version 2) and as
// docs/session.svg.
//
// Promises: each command runs in a terminal, and its output is recorded with the times at which it came. Only the typing is
// made up.
// Does not promise: the same figures twice. Needs `script` of util-linux, and npm to fetch the program that draws.

import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { makeWorkspace } from './demonstration.mjs'
import { root, run, setUp } from './setup.mjs'

const [COLUMNS, ROWS] = [92, 26]
const PROMPT = '\u001b[1;32m$\u001b[0m '
/** The time between two keys, before a command starts, and after it has ended, in seconds. */
const [KEY, START, REST] = [0.045, 0.4, 1.4]
/** The longest time without output that is kept, in seconds. */
const LONGEST_REST = 2

const COMMANDS = [
  'dev-bin run -p greeter            # the first build',
  'dev-bin run -p greeter            # nothing has changed',
  "sed -i 's/hello/good morning/' greeter/src/main.rs",
  'dev-bin why -p greeter',
  'dev-bin run -p greeter',
  'git checkout -q .                 # back to what was built before',
  'dev-bin run -p greeter',
]

const home = '/tmp/dev-bin-session'
const events = []
let clock = 0

function write(text, after) {
  events.push(JSON.stringify([Number(clock.toFixed(3)), 'o', text]))
  clock += after
}

/** Runs `command` in a terminal, and records its output. */
async function record(command, cwd, env) {
  const inTerminal = `stty cols ${COLUMNS} rows ${ROWS}; ${command}`
  const child = spawn('script', ['-qefc', inTerminal, '/dev/null'], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] })
  let last = performance.now()
  const pass = () => {
    const now = performance.now()
    clock += Math.min((now - last) / 1000, LONGEST_REST)
    last = now
  }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    pass()
    write(text, 0)
  })
  await new Promise((ended) => child.on('close', ended))
  pass()
}

setUp()
rmSync(home, { recursive: true, force: true })
const repo = join(home, 'app')
makeWorkspace(repo)
const bin = join(home, 'bin')
mkdirSync(bin)
const command = join(bin, 'dev-bin')
writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'cli', 'dev-bin.js')}' "$@"\n`)
chmodSync(command, 0o755)
const { CARGO_HOME = join(homedir(), '.cargo'), RUSTUP_HOME = join(homedir(), '.rustup'), PATH } = process.env
const env = { HOME: home, CARGO_HOME, RUSTUP_HOME, PATH: `${bin}:${PATH}`, TERM: 'xterm-256color', LANG: 'C.UTF-8' }

for (const line of COMMANDS) {
  write(PROMPT, START)
  for (const key of line) write(key, KEY)
  clock += START
  write('\r\n', 0)
  await record(line, repo, env)
  clock += REST
}
write(PROMPT, REST)

const header = JSON.stringify({ version: 2, width: COLUMNS, height: ROWS, title: 'dev-bin' })
const cast = join(root, 'docs', 'session.cast')
writeFileSync(cast, `${[header, ...events].join('\n')}\n`)
rmSync(home, { recursive: true })
const size = ['--width', `${COLUMNS}`, '--height', `${ROWS}`]
run('npx', [
  '--yes',
  'svg-term-cli@2.1.1',
  '--in',
  cast,
  '--out',
  join(root, 'docs', 'session.svg'),
  '--window',
  ...size,
])
