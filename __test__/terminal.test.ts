// The report in a real terminal: a build with compiler warnings, at the usual width and at half of it.

import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { COMMAND } from './command.js'
import { GatedCheckout, Program } from './program.js'
import { Checkout, PATIENCE_MS, temporaryDirectory, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const hasTmux = Bun.which('tmux') !== null
if (!hasTmux) console.warn('tmux is not installed: NOTHING IS LOOKED AT IN A TERMINAL HERE')

/** A terminal that runs one command line, and stays open after it. */
class Terminal {
  readonly socket = join(temporaryDirectory(), 'tmux')
  /** All different screens, in order. */
  readonly seen: string[] = []

  constructor(
    readonly columns: number,
    command: string,
    env: Record<string, string>,
  ) {
    const variables = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`])
    const shell = `${command}; echo ended $?; exec sleep 1000`
    const size = ['-x', String(columns), '-y', '300']
    this.#tmux('-f', '/dev/null', 'new-session', '-d', ...size, ...variables, 'sh', '-c', shell)
    terminals.add(this)
  }

  /** Returns the lines of the screen, without blanks at their ends. */
  look(): string[] {
    const picture = this.#tmux('capture-pane', '-p').trimEnd()
    if (picture !== this.seen.at(-1)) this.seen.push(picture)
    return picture.split('\n')
  }

  /** Returns whether any character has a colour. */
  isColoured(): boolean {
    return this.#tmux('capture-pane', '-p', '-e').includes('\u001b[')
  }

  async ends(): Promise<string[]> {
    await until(() => this.look().some((line) => line.startsWith('ended ')), 'the command has ended')
    return this.look()
  }

  type(key: string): void {
    this.#tmux('send-keys', key)
  }

  close(): void {
    this.#tmux('kill-server')
  }

  #tmux(...args: string[]): string {
    const { stdout, stderr, exitCode } = Bun.spawnSync(['tmux', '-S', this.socket, ...args])
    if (exitCode !== 0 && args[0] !== 'kill-server') throw new Error(`tmux ${args.join(' ')}: ${stderr}`)
    return stdout.toString()
  }
}

const terminals = new Set<Terminal>()
afterEach(() => {
  for (const terminal of terminals) terminal.close()
  terminals.clear()
})

const PARTS = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta']

/** Slow crates with warnings, compiled one after another, and a binary that depends on all of them. */
function workspace(): Record<string, string> {
  const files: Record<string, string> = {
    'Cargo.toml': `[workspace]\nmembers = ["hello", ${PARTS.map((name) => `"${name}"`)}]\nresolver = "3"\n`,
    'hello/Cargo.toml': `[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2024"\n\n[dependencies]\n${PARTS.map((name) => `${name}.path = "../${name}"\n`).join('')}`,
    'hello/src/main.rs': 'fn main() {\n    println!("hello");\n}\n',
    '.gitignore': '/target\n/Cargo.lock\n',
  }
  for (const [index, name] of PARTS.entries()) {
    const before = PARTS[index - 1]
    const dependency = before === undefined ? '' : `\n[dependencies]\n${before}.path = "../${before}"\n`
    files[`${name}/Cargo.toml`] = `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2024"\n${dependency}`
    files[`${name}/build.rs`] =
      'fn main() {\n    std::thread::sleep(std::time::Duration::from_millis(700));\n    println!("cargo::rerun-if-changed=build.rs");\n}\n'
    files[`${name}/src/lib.rs`] = `fn unused_in_${name}() {}\n`
  }
  return files
}

const WARNING = (name: string) => `warning: function \`unused_in_${name}\` is never used`
/** The live line, whole or cut off at its end. */
const LIVE = /^(hello )?\[=*>? *\] \d+\/\d+ \d+(m \d+)?s(, ~[\dms ]+ left)?(;( [\w().-]*( \d+s)?)?)? ?…?$/

describe.skipIf(!hasTmux)('in a terminal', () => {
  for (const columns of [80, 40]) {
    test(`of ${columns} columns, a live line goes on below warnings that stay whole`, async () => {
      const place = new Checkout(workspace())
      // Or the build makes it, which changes the inputs, and a second build says everything again.
      Bun.spawnSync(['cargo', 'generate-lockfile', '--offline'], { cwd: place.repo })
      const env = { ...place.environment(), DEV_BIN_CACHE_DIR: place.cacheDir, TERM: 'screen' }
      const get = `cd '${place.repo}' && node '${COMMAND}' get -p hello 2>&1 >/dev/null`
      const first = new Terminal(columns, get, env)
      await first.ends()
      place.write('alpha/src/lib.rs', 'fn unused_in_alpha() {}\n// edited\n')
      const second = new Terminal(columns, get, env)
      const last = await second.ends()

      for (const terminal of [first, second]) {
        const live = terminal.seen.map((picture) => picture.split('\n').filter((line) => /\d+\/\d+ \d+s/.test(line)))
        // There is one live line at most, whole, below all other lines, and no rest of an older one.
        expect(live.flat().filter((line) => !LIVE.test(line))).toEqual([])
        expect(Math.max(...live.map((lines) => lines.length))).toBe(1)
        for (const [index, picture] of terminal.seen.entries()) {
          if (live[index]?.length === 1) expect(picture.split('\n').at(-1)).toBe(live[index]?.[0] as string)
          expect(picture.split('\n').every((line) => line.length <= columns)).toBe(true)
        }
        expect(live.at(-1)).toEqual([])
        expect(live.flat().some((line) => /; [\w().]+ \d+s$/.test(line) || line.endsWith('…'))).toBe(true)
      }
      expect(second.seen.some((picture) => /, ~\d+s left/.test(picture))).toBe(true)
      if (columns >= 80) expect(first.seen.some((picture) => /^hello \[=+>/m.test(picture))).toBe(true)

      // A wrapped line is one line.
      const text = first.look().join(columns < 80 ? '' : '\n')
      for (const name of PARTS) {
        const warning = columns < 80 ? WARNING(name).replaceAll(' ', '') : WARNING(name)
        const found = columns < 80 ? text.replaceAll(' ', '') : text
        expect(found.split(warning).length).toBe(2)
      }
      expect(last.join('').replaceAll('\n', '')).toMatch(/Built hello in [\d.]+ s, [\d.]+ KiB: \//)
      expect(last.at(-1)).toBe('ended 0')
      if (process.env.DEV_BIN_SHOW_TERMINAL) {
        for (const terminal of [first, second]) {
          const pictures = terminal.seen
          for (const at of [0.3, 0.6]) console.log(pictures[Math.floor(pictures.length * at)])
          console.log(pictures.at(-1))
        }
      }
    })

    test(`of ${columns} columns, a wait names the process that it waits for, and since when`, async () => {
      const place = new GatedCheckout()
      const env = { ...place.environment(), DEV_BIN_CACHE_DIR: place.cacheDir, TERM: 'screen' }
      const builder = new Program('node', place.options({ scope: 'crate' }))
      await place.gate.reached()
      const get = `cd '${place.repo}' && node '${COMMAND}' get -p hello 2>&1 >/dev/null`
      const terminal = new Terminal(columns, get, env)
      const waits = () => terminal.look().find((line) => line.startsWith('Waiting '))
      await until(() => waits() !== undefined, 'it waits')
      expect(waits()).toMatch(new RegExp(`^Waiting \\d+s for process ${builder.pid}, which`))
      expect((waits() ?? '').length).toBeLessThan(columns)
      if (columns >= 80) expect(waits()).toMatch(/builds the same binary \(began \d+s ago\)$/)
      place.gate.open()
      const last = await terminal.ends()
      expect(last.some((line) => line.startsWith('Waiting'))).toBe(false)
      expect(last.join('\n')).toContain('Using cached hello')
      await builder.ended()
    })
  }

  test('several calls at once share one live line, and none says that it waits for another', async () => {
    const files = workspace()
    files['Cargo.toml'] = `${files['Cargo.toml']}`.replace('"hello"', '"hello", "other"')
    files['other/Cargo.toml'] = '[package]\nname = "other"\nversion = "0.1.0"\nedition = "2024"\n'
    files['other/build.rs'] = `${files['alpha/build.rs']}`
    files['other/src/main.rs'] = 'fn main() {\n    println!("other");\n}\n'
    const place = new Checkout(files)
    Bun.spawnSync(['cargo', 'generate-lockfile', '--offline'], { cwd: place.repo })
    const env = { ...place.environment(), DEV_BIN_CACHE_DIR: place.cacheDir, TERM: 'screen' }
    const terminal = new Terminal(80, `cd '${place.repo}' && node '${COMMAND}' get -p hello -p other >/dev/null`, env)
    const last = await terminal.ends()
    const live = (picture: string) => picture.split('\n').filter((line) => /\] \d+\/\d+ \d+s/.test(line))
    expect(Math.max(...terminal.seen.map((picture) => live(picture).length))).toBe(1)
    expect(terminal.seen.some((picture) => picture.includes('Waiting'))).toBe(false)
    for (const name of ['hello', 'other']) expect(last.join('')).toMatch(new RegExp(`Built ${name} in `))
    expect(last.at(-1)).toBe('ended 0')
  })

  test('with TERM=dumb there is no live line, and with NO_COLOR no colour', async () => {
    const seen = async (more: Record<string, string>) => {
      const place = new GatedCheckout()
      place.write('src/main.rs', 'fn unused() {}\nfn main() {}\n')
      const env = { ...place.environment(), DEV_BIN_CACHE_DIR: place.cacheDir, ...more }
      // The terminal sets TERM itself.
      const term = more.TERM ?? 'screen'
      const terminal = new Terminal(80, `cd '${place.repo}' && TERM=${term} node '${COMMAND}' get -p hello`, env)
      const isLive = () => terminal.look().some((line) => /\[=*> *\] \d+\/\d+/.test(line))
      await place.gate.reached()
      if (more.TERM === undefined) await until(isLive, 'there is a live line')
      place.gate.open()
      await terminal.ends()
      expect(terminal.look().join('\n')).toContain('warning: function `unused` is never used')
      return {
        live: terminal.seen.some((picture) => /\[=*>? *\] \d+\/\d+/.test(picture)),
        colour: terminal.isColoured(),
      }
    }
    expect(await seen({})).toEqual({ live: true, colour: true })
    expect(await seen({ NO_COLOR: '1' })).toEqual({ live: true, colour: false })
    expect(await seen({ TERM: 'dumb' })).toEqual({ live: false, colour: false })
  })

  test('Ctrl-C reaches the binary of `run` once, and ends it', async () => {
    const place = new Checkout()
    // A shell in the place of the binary counts how often it is interrupted.
    place.write(
      'src/main.rs',
      `use std::os::unix::process::CommandExt;
fn main() {
    let script = "trap 'echo heard; n=x$n; [ $n = xx ] && exit 5' INT; echo up; while :; do sleep 0.05; done";
    panic!("{}", std::process::Command::new("sh").args(["-c", script]).exec());
}
`,
    )
    const env = { ...place.environment(), DEV_BIN_CACHE_DIR: place.cacheDir, TERM: 'screen' }
    const terminal = new Terminal(80, `trap : INT; cd '${place.repo}' && node '${COMMAND}' run -q -p hello`, env)
    const count = (word: string) => terminal.look().filter((line) => line.endsWith(word)).length
    await until(() => count('up') === 1, 'it is up')
    terminal.type('C-c')
    await until(() => count('heard') > 0, 'it has heard')
    terminal.type('C-c')
    const last = await terminal.ends()
    expect(last.filter((line) => line.endsWith('heard')).length).toBe(2)
    expect(last.at(-1)).toBe('ended 5')
  })
})
