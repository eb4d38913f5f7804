// Callers whose environment has variables about another repository or package, or that are no text.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { RUNTIMES } from './program.js'
import { Checkout, entry, HELLO, output, PATIENCE_MS, plainEnvironment } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const isWindows = process.platform === 'win32'
const printing = (name: string) => `fn main() {\n    println!("{}", env!("${name}"));\n}\n`

/** Makes a checkout whose program prints the value of `expression`, a `String` in its build script. */
function scripted(expression: string, more: Record<string, string> = {}): Checkout {
  return new Checkout({
    ...HELLO,
    'src/main.rs': printing('SAID'),
    'build.rs': `fn main() {\n    println!("cargo::rustc-env=SAID={}", ${expression});\n}\n`,
    ...more,
  })
}

const HEAD = `String::from_utf8(
    std::process::Command::new("git").args(["rev-parse", "HEAD"]).output().unwrap().stdout).unwrap().trim()`

/** Makes a program that makes one call and prints the path of the binary. */
function program(checkout: Checkout): string {
  const file = join(checkout.directory, 'call.cjs')
  const { env: _, ...options } = checkout.options()
  writeFileSync(
    file,
    `const { getDevBinary } = require(${JSON.stringify(entry)})
    getDevBinary(${JSON.stringify(options)}).then(({ path }) => console.log(path))`,
  )
  return file
}

test.skipIf(isWindows)('in a git hook, the git of a build script answers for the checkout', async () => {
  const checkout = scripted(HEAD)
  const around = new Checkout({ 'x.txt': '1' })
  const hook = join(around.repo, '.git', 'hooks', 'pre-commit')
  const path = join(checkout.directory, 'path')
  mkdirSync(join(around.repo, '.git', 'hooks'), { recursive: true })
  writeFileSync(hook, `#!/bin/sh\ntest -n "$GIT_DIR" && '${process.execPath}' '${program(checkout)}' >'${path}'\n`)
  chmodSync(hook, 0o755)
  // git names the repository in the hooks of a linked worktree.
  const linked = join(around.directory, 'linked')
  around.git('worktree', 'add', '--quiet', linked)
  writeFileSync(join(linked, 'x.txt'), '2')
  around.git('-C', linked, 'commit', '--quiet', '--all', '--message', 'in a hook')
  const head = checkout.git('rev-parse', 'HEAD')
  expect(output(execFileSync('cat', [path], { encoding: 'utf8' }).trim())).toBe(head)
  // The git of a build script asks for what is in `around.git`.
  const env = plainEnvironment({ GIT_CONFIG_NOSYSTEM: '1' })
  expect(await checkout.run({ env })).toMatchObject({ outcome: 'cached', prints: head })
})

test('variables of git about another repository change neither a binary nor its fingerprint', async () => {
  const checkout = scripted(HEAD)
  const other = new Checkout()
  const env = checkout.environment({
    GIT_DIR: join(other.repo, '.git'),
    GIT_WORK_TREE: other.repo,
    GIT_INDEX_FILE: join(other.repo, '.git', 'index'),
  })
  const head = checkout.git('rev-parse', 'HEAD')
  expect(await checkout.run({ env })).toMatchObject({ outcome: 'built', prints: head })
  expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: head })
})

test('variables of cargo about another package change neither a binary nor its fingerprint', async () => {
  const asked = ['CARGO_FEATURE_FAST', 'CARGO_CFG_OTHER', 'DEP_Z_ROOT'].map(
    (name) => `std::env::var("${name}").is_ok()`,
  )
  const checkout = scripted(`[${asked.join(', ')}].contains(&true)`, {
    'src/main.rs': 'fn main() {\n    println!("{} {:?}", env!("SAID"), option_env!("CARGO_BIN_EXE_other"));\n}\n',
  })
  const env = checkout.environment({
    CARGO_FEATURE_FAST: '1',
    CARGO_CFG_OTHER: 'x',
    DEP_Z_ROOT: '/z',
    CARGO_BIN_EXE_other: '/other',
    CARGO_MANIFEST_DIR: '/elsewhere',
    OUT_DIR: '/elsewhere',
    HOST: 'mine',
    TARGET: 'yours',
    RUSTC: '/nowhere/rustc',
    CARGO_ENCODED_RUSTFLAGS: '--cfg\x1fother',
  })
  expect(await checkout.run({ env })).toMatchObject({ outcome: 'built', prints: 'false None' })
  expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: 'false None' })
})

for (const runtime of RUNTIMES) {
  test.skipIf(isWindows)(`in ${runtime}, a variable that is no text reaches the build as it is`, () => {
    const bytes = `{ use std::os::unix::ffi::OsStrExt; format!("{:?}", std::env::var_os("RAW").unwrap().as_bytes()) }`
    const checkout = scripted(bytes)
    checkout.write(
      'build.rs',
      `fn main() {
    println!("cargo::rerun-if-env-changed=RAW");
    println!("cargo::rustc-env=SAID={}", ${bytes});
}\n`,
    )
    const file = program(checkout)
    const runWith = (octal: string) => {
      const command = `RAW=$(printf 'x\\${octal}') exec "$0" "$1"`
      const executable = runtime === 'bun' ? process.execPath : runtime
      return output(
        execFileSync('sh', ['-c', command, executable, file], {
          encoding: 'utf8',
          env: checkout.environment(),
        }).trim(),
      )
    }
    expect(runWith('377')).toBe('[120, 255]')
    expect(runWith('376')).toBe('[120, 254]')
    expect(runWith('377')).toBe('[120, 255]')
  })

  test.skipIf(process.platform !== 'linux')(`in ${runtime}, an entry of PATH that is no text is looked in`, () => {
    // JavaScript cannot name such a directory; the shell can.
    const checkout = scripted(
      'String::from_utf8(std::process::Command::new("only-there").output().unwrap().stdout).unwrap().trim()',
    )
    const file = program(checkout)
    const command = `D="$2/$(printf 'b\\377n')"; mkdir "$D" && printf '#!/bin/sh\\necho there\\n' >"$D/only-there" &&
      chmod +x "$D/only-there" && ln -s "$(command -v cargo)" "$(command -v rustc)" "$D" && PATH="$D${delimiter}$PATH" exec "$0" "$1"`
    const executable = runtime === 'bun' ? process.execPath : runtime
    const path = execFileSync('sh', ['-c', command, executable, file, checkout.directory], {
      encoding: 'utf8',
      env: checkout.environment(),
    }).trim()
    expect(output(path)).toBe('there')
  })
}

test('calls of one process whose users have other ignore files see other files', async () => {
  const checkout = new Checkout()
  const ignoring = (pattern: string) => {
    const config = join(checkout.directory, `${pattern}.config`)
    const ignore = join(checkout.directory, `${pattern}.ignore`)
    writeFileSync(config, `[core]\n\texcludesFile = ${ignore.replaceAll('\\', '/')}\n`)
    writeFileSync(ignore, `${pattern}\n`)
    return plainEnvironment({ GIT_CONFIG_GLOBAL: config })
  }
  const [a, b] = [ignoring('a.txt'), ignoring('b.txt')]
  const fingerprints = () => Promise.all([a, b].map((env) => checkout.fingerprint({ env })))
  checkout.write('a.txt', '1')
  checkout.write('b.txt', '1')
  const [first, second] = await fingerprints()
  checkout.write('a.txt', '2')
  const [third, fourth] = await fingerprints()
  expect(third).toBe(first)
  expect(fourth).not.toBe(second)
})
