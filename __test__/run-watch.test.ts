// `dev-bin run --watch`: the program runs on until a newer one is there, and has what it would have without dev-bin.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { COMMAND, devBin, EXECUTABLES } from './command.js'
import { RUNTIMES, survivors } from './program.js'
import { Checkout, HELLO, PATIENCE_MS, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

/** A program that prints its name and its number, echoes its input, and writes down the signals that it gets. */
const main = (name: string, mode: 'ends' | 'stays' = 'ends') => `use std::io::BufRead;
unsafe extern "C" { fn signal(signal: i32, action: usize) -> usize; fn write(fd: i32, bytes: *const u8, count: usize) -> isize; fn _exit(status: i32) -> !; }
extern "C" fn heard(number: i32) {
    let text = [b'g', b'o', b't', b' ', b'0' + (number / 10) as u8, b'0' + (number % 10) as u8, b'\\n'];
    unsafe { write(1, text.as_ptr(), 7) };
    if number == 15 && ${mode === 'ends'} { unsafe { _exit(0) } }
}
fn main() {
    for number in [1, 2, 3, 10, 12, 15, 28] { unsafe { signal(number, heard as extern "C" fn(i32) as usize) }; }
    println!("${name} {} {:?}", std::process::id(), std::env::args().skip(1).collect::<Vec<_>>());
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        match line.split_once(' ') {
            Some(("exit", status)) => std::process::exit(status.parse().unwrap()),
            Some(("abort", _)) => std::process::abort(),
            _ => println!("${name} read {line}"),
        }
    }
    loop { std::thread::sleep(std::time::Duration::from_secs(1000)) }
}
`

/** A command that runs the program of a checkout, and its output. */
class Run {
  stdout = ''
  stderr = ''
  readonly checkout: Checkout
  readonly process: Bun.Subprocess<'pipe', 'pipe', 'pipe'>
  readonly #read: Promise<unknown>

  constructor(runtime: 'bun' | 'node', args: string[] = [], source = main('one')) {
    this.checkout = new Checkout({ ...HELLO, 'src/main.rs': source })
    const { repo, cacheDir } = this.checkout
    const own = ['run', '--watch', '-p', 'hello', '--repo', repo, '--cache-dir', cacheDir, ...args, '--', 'a', '--b']
    this.process = Bun.spawn([EXECUTABLES[runtime], COMMAND, ...own], {
      env: this.checkout.environment(),
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const read = async (stream: ReadableStream<Uint8Array>, take: (text: string) => void) => {
      for await (const chunk of stream) take(new TextDecoder().decode(chunk))
    }
    this.#read = Promise.all([
      read(this.process.stdout, (text) => (this.stdout += text)),
      read(this.process.stderr, (text) => (this.stderr += text)),
    ])
  }

  says(text: string): Promise<void> {
    return until(() => this.stdout.includes(text), `the program says ${text}`)
  }

  type(line: string): void {
    this.process.stdin.write(`${line}\n`)
    void this.process.stdin.flush()
  }

  edit(source: string): void {
    this.checkout.write('src/main.rs', source)
  }

  /** Waits for the end. Returns the exit status or the signal, and the processes that are left. */
  async ended() {
    await this.process.exited
    await this.#read
    const left = await survivors(this.checkout.directory)
    return { end: this.process.signalCode ?? this.process.exitCode, left }
  }
}

describe('dev-bin run --watch', () => {
  test('starts a newer program in the place of the older, which runs on while the source is broken', async () => {
    const run = new Run('node')
    await run.says('one ')
    expect(run.stdout).toContain('["a", "--b"]')
    run.edit('fn main() { broken }')
    await until(() => run.stderr.includes('BUILD_FAILED'), 'the failure is told')
    run.type('still there')
    await run.says('one read still there')
    expect(run.stdout).not.toContain('got')
    run.edit(main('two'))
    await run.says('two ')
    // The old one had ended before the new one began.
    expect(run.stdout.indexOf('got 15')).toBeGreaterThan(run.stdout.indexOf('one read'))
    expect(run.stdout.indexOf('got 15')).toBeLessThan(run.stdout.indexOf('two '))
    run.type('hello')
    await run.says('two read hello')
    run.type('exit 7')
    expect(await run.ended()).toEqual({ end: 7, left: [] })
  })

  test('kills a program that does not end within the grace', async () => {
    const run = new Run('bun', ['--grace', '200ms'], main('one', 'stays'))
    await run.says('one ')
    run.edit(main('two'))
    await run.says('two ')
    expect(run.stdout).toContain('got 15')
    run.type('abort now')
    expect(await run.ended()).toEqual({ end: 'SIGABRT', left: [] })
  })

  test.each(RUNTIMES)('in %s passes signals on, and ends as the program does', async (runtime) => {
    const run = new Run(runtime)
    await run.says('one ')
    for (const [signal, number] of [
      ['SIGINT', '02'],
      ['SIGHUP', '01'],
      ['SIGQUIT', '03'],
      ['SIGUSR1', '10'],
      ['SIGUSR2', '12'],
      ['SIGWINCH', '28'],
    ] as const) {
      run.process.kill(signal)
      await run.says(`got ${number}`)
    }
    run.process.kill('SIGTERM')
    expect(await run.ended()).toEqual({ end: 0, left: [] })
    expect(run.stdout.match(/got/g)).toHaveLength(7)
  })
})

test('a signal that the program does not handle ends both, while a build runs, and leaves no process', async () => {
  const run = new Run(
    'bun',
    [],
    'fn main() { println!("one"); std::thread::sleep(std::time::Duration::from_secs(1000)) }',
  )
  await run.says('one')
  run.checkout.write('build.rs', 'fn main() { std::thread::sleep(std::time::Duration::from_secs(1000)) }')
  const isBuilding = () =>
    readdirSync('/proc').some((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(join(run.checkout.repo, 'target/release/build'))
      } catch {
        return false
      }
    })
  await until(isBuilding, 'the build script runs')
  run.process.kill('SIGTERM')
  expect(await run.ended()).toEqual({ end: 'SIGTERM', left: [] })
})

test('the first program is waited for if the source is broken, and what is wrong on the command line is refused', async () => {
  const run = new Run('node', [], 'fn main() { broken }')
  await until(() => run.stderr.includes('BUILD_FAILED'), 'the failure is told')
  run.edit(main('mended'))
  await run.says('mended ')
  run.type('exit 0')
  expect(await run.ended()).toEqual({ end: 0, left: [] })
  for (const args of [
    ['--watch', '--grace', '5'],
    ['--grace', '5s'],
    ['--watch', '--nice', '20'],
    ['--watch', '--nice', 'low'],
  ]) {
    const { status, stderr } = await devBin('bun', ['run', '-p', 'hello', '--repo', run.checkout.repo, ...args])
    expect([args, status, stderr.includes('error[INVALID_OPTION]')]).toEqual([args, 2, true])
  }
})

const hasTmux = Bun.which('tmux') !== null
if (!hasTmux) console.warn('tmux is not installed: NO PROGRAM IS RUN IN A TERMINAL HERE')

test.skipIf(!hasTmux)('a key that the terminal makes a signal of reaches the program once', async () => {
  const checkout = new Checkout({ ...HELLO, 'src/main.rs': main('one') })
  const command = [EXECUTABLES.node, COMMAND, 'run', '--watch', '-p', 'hello', '--repo', checkout.repo]
  const socket = join(checkout.directory, 'tmux')
  const log = join(checkout.directory, 'log')
  const tmux = (...args: string[]) => Bun.spawnSync(['tmux', '-S', socket, '-f', '/dev/null', ...args])
  const variables = Object.entries({ ...checkout.environment(), DEV_BIN_CACHE_DIR: checkout.cacheDir })
  const env = variables.flatMap(([name, value]) => ['-e', `${name}=${value}`])
  tmux('new-session', '-d', ...env, 'sh', '-c', `exec ${command.join(' ')} >${log}`)
  try {
    const printed = () => (existsSync(log) ? readFileSync(log, 'utf8') : '')
    await until(() => printed().includes('one '), 'the program runs')
    tmux('send-keys', 'C-c')
    await until(() => printed().includes('got 02'), 'the program gets the signal')
    tmux('send-keys', 'hello', 'Enter')
    await until(() => printed().includes('one read hello'), 'the program reads on')
    expect(printed().match(/got/g)).toHaveLength(1)
  } finally {
    tmux('kill-server')
  }
  expect(await survivors(checkout.directory)).toEqual([])
})
