// Variables that cause a build, and variables that do not.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { Checkout, HELLO, PATIENCE_MS, plainEnvironment } from './support.js'

setDefaultTimeout(PATIENCE_MS)

/** Returns numbers that are the same in every run. */
function* numbers(): Generator<number, never> {
  for (let state = 1; ; state = (state * 48271) % 2147483647) yield state
}

test('variables that cannot change a binary never cause a build, whatever their values', async () => {
  const checkout = new Checkout()
  const first = await checkout.get({ env: plainEnvironment({ TAG: 'x' }) })
  const names = [
    ...['TERM', 'COLORTERM', 'COLUMNS', 'LINES', 'NO_COLOR', 'CLICOLOR_FORCE', 'PWD', 'OLDPWD', 'SHLVL', '_'],
    ...['CARGO_BUILD_JOBS', 'CARGO_TERM_COLOR', 'CARGO_TERM_VERBOSE', 'CARGO_NET_RETRY', 'CARGO_MAKEFLAGS'],
    ...['CARGO_REGISTRY_TOKEN', 'CARGO_REGISTRIES_MINE_TOKEN', 'GITHUB_TOKEN', 'GH_TOKEN', 'AWS_SECRET_ACCESS_KEY'],
    ...['SSH_AUTH_SOCK', 'SSH_CONNECTION', 'DISPLAY', 'WAYLAND_DISPLAY', 'XDG_SESSION_ID', 'DBUS_SESSION_BUS_ADDRESS'],
    ...['TMUX', 'TMUX_PANE', 'WINDOWID', 'VSCODE_PID', 'EDITOR', 'PAGER', 'MAIL', 'HISTFILE', 'LS_COLORS', 'CI'],
    ...['GITHUB_RUN_ID', 'GITHUB_SHA', 'RUNNER_TEMP', 'RUST_LOG', 'RUST_BACKTRACE', 'MAKEFLAGS', 'NUM_JOBS'],
    ...['CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER', 'CCACHE_DIR', 'SCCACHE_DIR', 'OPENLOCK_SESSION'],
  ]
  const random = numbers()
  for (let round = 0; round < 40; round++) {
    const noise = names
      .filter(() => random.next().value % 3 > 0)
      .map((name) => [name, String(random.next().value)] as const)
    const env = plainEnvironment({ TAG: 'x', ...Object.fromEntries(noise) })
    expect(await checkout.get({ env })).toMatchObject({ outcome: 'cached', path: first.path })
  }
})

test('variables that steer cargo or rustc build, say so, and hit when they are back', async () => {
  const checkout = new Checkout({
    ...HELLO,
    'Cargo.toml': `${HELLO['Cargo.toml']}\n[lints.rust]\nunexpected_cfgs = "allow"\n`,
    'src/main.rs': 'fn main() {\n    println!("{} {}", cfg!(loud), cfg!(debug_assertions));\n}\n',
  })
  const plain = await checkout.run()
  expect(plain.prints).toBe('false false')
  for (const [variable, value, prints] of [
    ['RUSTFLAGS', '--cfg loud', 'true false'],
    ['CARGO_ENCODED_RUSTFLAGS', '--cfg\x1floud', 'true false'],
    ['CARGO_BUILD_RUSTFLAGS', '--cfg loud', 'true false'],
    ['CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS', 'true', 'false true'],
    ['CARGO_PROFILE_RELEASE_OPT_LEVEL', '1', 'false false'],
  ] as const) {
    const env = plainEnvironment({ [variable]: value })
    const steered = await checkout.run({ env })
    expect(steered).toMatchObject({ outcome: 'built', prints })
    const named = steered.binary.reasons.map((reason) => (reason.kind === 'environment' ? reason.names : []))
    expect(named.flat()).toContain(variable)
    expect(await checkout.run({ env })).toMatchObject({ outcome: 'cached', prints })
    expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: plain.prints })
  }
})

test('every variable that steers a build changes the fingerprint, set, emptied or changed', async () => {
  const checkout = new Checkout()
  const seen = new Set([await checkout.fingerprint()])
  const names = [
    ...['RUSTFLAGS', 'RUSTC', 'RUSTC_WRAPPER', 'RUSTC_WORKSPACE_WRAPPER', 'RUSTC_BOOTSTRAP', 'CARGO_INCREMENTAL'],
    ...['CARGO_BUILD_TARGET', 'CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER', 'CARGO_PROFILE_RELEASE_LTO'],
    ...['CC', 'CXX', 'AR', 'CFLAGS', 'CXXFLAGS', 'LDFLAGS', 'CC_x86_64_unknown_linux_gnu', 'TARGET_CC', 'HOST_CFLAGS'],
    ...['PKG_CONFIG_PATH', 'PKG_CONFIG_ALL_STATIC', 'LIBCLANG_PATH', 'BINDGEN_EXTRA_CLANG_ARGS', 'SOURCE_DATE_EPOCH'],
    ...['SDKROOT', 'MACOSX_DEPLOYMENT_TARGET', 'PROTOC'],
  ]
  for (const name of names) {
    for (const value of ['', '1', '2'])
      seen.add(await checkout.fingerprint({ env: plainEnvironment({ [name]: value }) }))
  }
  expect(seen.size).toBe(1 + 3 * names.length)
})

/** Goes through `values` of a variable twice: each value is built once, hit from then on, and printed every time. */
async function backAndForth(
  checkout: Checkout,
  variable: string,
  values: [value: string | undefined, prints: string][],
) {
  for (const outcome of ['built', 'cached']) {
    for (const [value, prints] of values) {
      const env = plainEnvironment({ [variable]: value })
      expect(await checkout.run({ env })).toMatchObject({ outcome, prints })
      expect(await checkout.run({ env })).toMatchObject({ outcome: 'cached', prints })
    }
  }
}

test('a variable that a crate reads with option_env! counts, unset, empty and set', async () => {
  await backAndForth(new Checkout(), 'TAG', [
    [undefined, 'one -'],
    ['v1', 'one v1'],
    ['', 'one'],
    ['v2', 'one v2'],
  ])
})

test('a variable that a build script declares counts, and the value that it passes to env! is in the binary', async () => {
  const checkout = new Checkout({
    ...HELLO,
    'build.rs': `fn main() {
    println!("cargo::rerun-if-env-changed=FLAVOUR");
    println!("cargo::rustc-env=TASTE={}", std::env::var("FLAVOUR").unwrap_or("plain".into()));
}\n`,
    'src/main.rs': 'fn main() {\n    println!("{}", env!("TASTE"));\n}\n',
  })
  await backAndForth(checkout, 'FLAVOUR', [
    [undefined, 'plain'],
    ['mint', 'mint'],
    ['lemon', 'lemon'],
  ])
})

test('a variable that one branch reads and the other does not counts on the one only', async () => {
  const checkout = new Checkout()
  const tagged = (value: string) => ({ env: plainEnvironment({ TAG: value }) })
  await checkout.get(tagged('a'))
  checkout.git('checkout', '--quiet', '-b', 'other')
  checkout.write('src/main.rs', 'fn main() {\n    println!("none");\n}\n')
  checkout.commit('none')
  expect(await checkout.run(tagged('a'))).toMatchObject({ outcome: 'built', prints: 'none' })
  expect(await checkout.run(tagged('b'))).toMatchObject({ outcome: 'cached', prints: 'none' })
  checkout.git('checkout', '--quiet', 'main')
  expect(await checkout.run(tagged('b'))).toMatchObject({ outcome: 'built', prints: 'one b' })
  expect(await checkout.run(tagged('a'))).toMatchObject({ outcome: 'cached', prints: 'one a' })
})

test("a variable that cargo sets for build scripts alone is the caller's everywhere else", async () => {
  const checkout = new Checkout({
    ...HELLO,
    'src/main.rs': 'fn main() {\n    println!("{}", option_env!("PROFILE").unwrap_or("-"));\n}\n',
  })
  await backAndForth(checkout, 'PROFILE', [
    [undefined, '-'],
    ['staging', 'staging'],
    ['live', 'live'],
  ])
})
