// `dev-bin run`: the process looks, from outside and from inside, as if the binary had been started without it.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { prune } from '../index.js'
import { COMMAND, devBin, EXECUTABLES, start } from './command.js'
import { canTrace, RUNTIMES, type Runtime, survivors } from './program.js'
import { Checkout, HELLO, PATIENCE_MS, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

/** A binary that prints its arguments, or does what the first one says. */
const MAIN = `use std::io::Read;
unsafe extern "C" { fn raise(signal: i32) -> i32; fn signal(signal: i32, action: usize) -> usize; }
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["exit", status] => std::process::exit(status.parse().unwrap()),
        ["raise", number] => {
            let number = number.parse().unwrap();
            // Rust's standard library ignores SIGPIPE, and catches other signals.
            unsafe { signal(number, 0); raise(number) };
            println!("alive");
        }
        ["look"] => {
            // The standard library changes SIGPIPE before \`main\`, so both runs show the same.
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            for line in status.lines().filter(|line| line.starts_with("Sig") && !line.starts_with("SigQ")) { println!("{line}") }
            for descriptor in 0..3 {
                let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}")).unwrap();
                println!("{descriptor} {:?}", info.lines().find(|line| line.starts_with("flags")));
            }
            println!("{:?}", std::env::args().next());
        }
        ["wait"] => {
            println!("up {}", std::process::id());
            loop { std::thread::sleep(std::time::Duration::from_secs(3600)) }
        }
        ["read", name] => println!("{:?}", std::fs::read_to_string(name)),
        ["input"] => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).unwrap();
            println!("{text} in {}", std::env::current_dir().unwrap().display());
        }
        ["pipe"] => {
            unsafe { signal(13, 0) };
            loop { println!("{}", "y".repeat(1000)) }
        }
        _ => println!("{arguments:?}"),
    }
}
`

class Place extends Checkout {
  constructor() {
    super({ ...HELLO, 'src/main.rs': MAIN })
  }

  where() {
    return { cwd: this.repo, env: { ...this.environment(), DEV_BIN_CACHE_DIR: this.cacheDir } }
  }

  runs(runtime: Runtime, ...args: string[]) {
    return devBin(runtime, ['run', '-q', '-p', 'hello', '--', ...args], this.where())
  }

  /** Runs a shell script in which `"$@"` is the binary, and again with `dev-bin run` of it. Returns both outputs. */
  async inShell(runtime: Runtime, script: string): Promise<[direct: string, run: string]> {
    const { path } = await this.get({ scope: 'crate' })
    const run = [EXECUTABLES[runtime], COMMAND, 'run', '-q', '-p', 'hello', '--repo', this.repo, '--']
    const said = [[path], run].map((words) => {
      const { stdout, stderr } = Bun.spawnSync(['bash', '-c', script, 'bash', ...words], {
        ...this.where(),
        stdin: 'ignore',
        timeout: PATIENCE_MS,
      })
      return `${stdout}${stderr}`.replaceAll(/bash: line \d+: +\d+/g, 'bash:')
    })
    return said as [string, string]
  }

  /** Puts other bytes in the place of the binary, and has its manifest vouch for them. */
  async disguise(bytes: string): Promise<string> {
    const { path } = await this.get({ scope: 'crate' })
    rmSync(path)
    writeFileSync(path, bytes, { mode: 0o755 })
    const manifest = JSON.parse(readFileSync(`${path}.json`, 'utf8'))
    const sha256 = new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
    writeFileSync(`${path}.json`, JSON.stringify({ ...manifest, sha256, size: bytes.length }))
    return path
  }
}

/** Shell code that waits until `command` shows `pattern`. */
const untilShown = (command: string, pattern: string) =>
  `until ${command} | grep -q '${pattern}'; do sleep .05; done 2> /dev/null`
/** Shell code that starts the binary, and waits until it is up. */
const UP = `file=$(mktemp); "$@" wait > $file & ${untilShown('cat $file', '^up')}; rm $file`

/** All signals except those that end no process or stop it. */
const FATAL = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 25, 26, 27, 29, 30, 31, 34, 40, 64]

for (const runtime of RUNTIMES) {
  describe(`in ${runtime}, run`, () => {
    test('passes on the arguments after --, and ends with the status of the binary', async () => {
      const place = new Place()
      const plain = await devBin(runtime, ['run', '-p', 'hello'], place.where())
      expect(plain).toMatchObject({ status: 0, stdout: '[]\n' })
      expect(plain.stderr).toContain('Built hello')
      const passed = await place.runs(runtime, '--help', '-p', '--', 'a b', '')
      expect(passed).toEqual({ status: 0, stdout: '["--help", "-p", "--", "a b", ""]\n', stderr: '' })
      expect(await place.runs(runtime, 'exit', '7')).toEqual({ status: 7, stdout: '', stderr: '' })
      const extra = await devBin(runtime, ['run', '-p', 'hello', 'stray'], place.where())
      expect(extra.status).toBe(2)
      expect(extra.stderr).toContain('after `--`')
    })

    test('passes on standard input and the working directory', async () => {
      const place = new Place()
      const command = [EXECUTABLES[runtime], COMMAND, 'run', '-q', '-p', 'hello', '--repo', place.repo, '--', 'input']
      const { env } = place.where()
      const child = Bun.spawn(command, { cwd: place.directory, env, stdin: Buffer.from('a line'), stdout: 'pipe' })
      expect(await new Response(child.stdout).text()).toBe(`a line in ${place.directory}\n`)
    })

    test('writes the stat cache, though its process is replaced', async () => {
      const place = new Place()
      await place.runs(runtime)
      const caches = join(place.cacheDir, 'stat-cache')
      rmSync(caches, { recursive: true })
      // The stat cache keeps no file that changed less than two seconds ago.
      await Bun.sleep(2100)
      await place.runs(runtime)
      expect(existsSync(caches) && new Bun.Glob('*').scanSync(caches).next().done).toBe(false)
    })

    test.skipIf(process.platform === 'win32')('is one process, before and after', async () => {
      const place = new Place()
      await place.get({ scope: 'crate' })
      const child = start(runtime, ['run', '-q', '-p', 'hello', '--', 'wait'], place.where())
      const { value } = await child.stdout.getReader().read()
      expect(new TextDecoder().decode(value)).toBe(`up ${child.pid}\n`)
      child.kill('SIGKILL')
      await child.exited
      expect(await survivors(place.directory)).toEqual([])
    })

    test.skipIf(process.platform !== 'linux')('leaves signals and standard streams as they were', async () => {
      const place = new Place()
      for (const before of ['', "trap '' TERM PIPE; trap - PIPE; "]) {
        const [direct, run] = await place.inShell(runtime, `${before}"$@" look`)
        expect(direct).toContain('SigIgn')
        // Node resets ignored signals when it starts.
        if (runtime === 'bun' || before === '') expect(run).toBe(direct)
      }
      const [direct, run] = await place.inShell(runtime, 'echo in | "$@" look 2> /dev/null | cat')
      expect(run).toBe(direct)
    })

    test.skipIf(process.platform !== 'linux')('ends by any signal that ends the binary', async () => {
      const place = new Place()
      const each = `ulimit -c 0; for signal in ${FATAL.join(' ')}; do "$@" raise $signal; echo $signal: $?; done 2>/dev/null`
      const [direct, run] = await place.inShell(runtime, each)
      expect(direct.split('\n').filter((line) => /^\d+: 1[2-9]\d$/.test(line)).length).toBe(FATAL.length)
      expect(run).toBe(direct)
    })

    test.skipIf(process.platform === 'win32')('ends quietly with its reader, and can be stopped', async () => {
      const place = new Place()
      const [direct, run] = await place.inShell(runtime, 'set -o pipefail; "$@" pipe | head -n 1 | wc -c; echo $?')
      expect(direct).toBe('1001\n141\n')
      expect(run).toBe(direct)
      // In a process group of its own: the system stops no process of a group without a shell that could continue it.
      const stop = `set -m; ${UP}; kill -TSTP $!; ${untilShown('ps -o stat= -p $!', '^T')}; kill -KILL $!; echo stopped`
      expect(await place.inShell(runtime, stop)).toEqual(['stopped\n', 'stopped\n'])
    })

    test.skipIf(process.platform !== 'linux')(
      'refuses an argument that is not UTF-8, and passes on all others',
      async () => {
        const place = new Place()
        const [direct, run] = await place.inShell(runtime, `"$@" $'\\xef\\xbf\\xbd' 'größer'`)
        expect(direct).toBe('["\uFFFD", "größer"]\n')
        expect(run).toBe(direct)
        const [, refused] = await place.inShell(runtime, `"$@" plain $'a\\xff'; echo $?`)
        expect(refused).toContain('argument 2 after `--` is not UTF-8')
        expect(refused).toStartWith('2\n')
      },
    )

    test.skipIf(process.platform === 'win32')('passes on the files that process substitution opens', async () => {
      const place = new Place()
      const [direct, run] = await place.inShell(
        runtime,
        '"$@" read <(echo one); exec 9< <(echo two); "$@" read /dev/fd/9',
      )
      expect(direct).toBe('Ok("one\\n")\nOk("two\\n")\n')
      expect(run).toBe(direct)
    })

    // Node resets such signals when it starts.
    test.skipIf(runtime === 'node')('goes on ignoring what was ignored before, as nohup has it', async () => {
      const place = new Place()
      // If it had received the first signal, it would have ended by that one.
      const script = `trap '' HUP; ${UP}; kill -HUP $!; kill -TERM $!; wait $!; echo $?`
      expect(await place.inShell(runtime, script)).toEqual(['143\n', '143\n'])
    })

    test.skipIf(process.platform === 'win32')(
      'says 126 of what cannot be executed, and 127 of what is missing',
      async () => {
        const place = new Place()
        // No shell parses it.
        const path = await place.disguise('echo I am the shell; exit 7\n')
        const prefix = `error: \`${path}\` cannot be started: `
        const format = await place.runs(runtime)
        expect([format.status, format.stdout, format.stderr.startsWith(`${prefix}Exec format error`)]).toEqual([
          126,
          '',
          true,
        ])
        await place.disguise('#!/no/such/interpreter\n')
        const loader = await place.runs(runtime)
        expect(loader).toEqual({
          status: 127,
          stdout: '',
          stderr: `${prefix}it is for another system, or another libc\n`,
        })
      },
    )

    test.skipIf(!canTrace)('gets a binary again that is removed before it starts', async () => {
      const place = new Place()
      // strace follows only the first thread, since another one starts cargo.
      const slowly = ['strace', '-qq', '-o', '/dev/null', '-e', 'trace=execve', '-e', 'inject=execve:delay_enter=3s']
      const command = [EXECUTABLES[runtime], COMMAND, 'run', '-p', 'hello', '--', 'here']
      const child = Bun.spawn([...slowly, ...command], {
        ...place.where(),
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'pipe',
      })
      const entries = () =>
        (existsSync(place.cacheDir) ? readdirSync(place.cacheDir) : []).filter((name) => /^[0-9a-f]{16}$/.test(name))
      await until(() => entries().some((name) => existsSync(join(place.cacheDir, name, 'hello.json'))), 'it is built')
      await until(
        async () => (await prune({ cacheDir: place.cacheDir, all: true })).removed.length > 0,
        'it is removed',
      )
      const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
      expect([await child.exited, stdout]).toEqual([0, '["here"]\n'])
      expect(stderr.match(/Built hello/g)?.length).toBe(2)
    })

    test.skipIf(process.getuid?.() !== 0)('says 126 in a cache on a file system that executes nothing', async () => {
      const place = new Place()
      mkdirSync(place.cacheDir)
      const mounted = Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'noexec,mode=700', 'none', place.cacheDir])
      if (mounted.exitCode !== 0) return console.warn('nothing can be mounted: NOEXEC IS NOT TESTED HERE')
      try {
        const { status, stderr } = await place.runs(runtime)
        expect([status, stderr.includes('cannot be started: Permission denied')]).toEqual([126, true])
      } finally {
        Bun.spawnSync(['umount', place.cacheDir])
      }
    })
  })
}
