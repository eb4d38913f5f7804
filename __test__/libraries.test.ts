// Binaries that need files of the build when they run: shared libraries, and files in `OUT_DIR`.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fingerprint, getDevBinary, list, prune, verify } from '../index.js'
import { Checkout, HELLO, listener, lockFile, only, output, PATIENCE_MS, UNOBSERVED } from './support.js'

setDefaultTimeout(PATIENCE_MS)

/** Only on Linux can libraries be published. Every machine with Rust has a linker behind `cc`. */
const onLinux = test.skipIf(process.platform !== 'linux')

/** A workspace whose crate is a library of its own, linked like the standard library. */
const DYLIB = {
  ...HELLO,
  'Cargo.toml': `${HELLO['Cargo.toml']}[dependencies]\nwords = { path = "words" }\n[workspace]\n`,
  'Cargo.lock': lockFile('hello', 'words').replace('"0.1.0"\n', '"0.1.0"\ndependencies = [\n "words",\n]\n'),
  'src/main.rs': 'fn main() { println!("{}", words::word()); }\n',
  'words/Cargo.toml': '[package]\nname = "words"\nversion = "0.1.0"\nedition = "2024"\n[lib]\ncrate-type = ["dylib"]\n',
  'words/src/lib.rs': '#[inline(never)]\npub fn word() -> String { String::from("one") }\n',
  '.cargo/config.toml': '[build]\nrustflags = ["-Cprefer-dynamic", "-Crpath"]\n',
}

const MAIN = 'unsafe extern "C" { fn word() -> i32; }\nfn main() { println!("{}", unsafe { word() }); }\n'
const wordOf = (number: number) => `int word(void) { return ${number}; }\n`

/** A package whose build script compiles C to shared libraries and says how to link with them. */
function linked(steps: string[], files: Record<string, string> = {}, main = MAIN): Record<string, string> {
  const script = `use std::{env, path::Path, process::Command};
#[allow(unused)]
fn cc(arguments: &[&str]) {
    assert!(Command::new("cc").args(["-shared", "-fPIC"]).args(arguments).status().unwrap().success());
}
fn main() {
    println!("cargo::rerun-if-changed=word.c");
    let out = env::var("OUT_DIR").unwrap();
    let profile = Path::new(&out).ancestors().nth(3).unwrap().to_str().unwrap().to_owned();
    let _ = &profile;
${steps.map((step) => `    ${step}\n`).join('')}}
`
  return { ...HELLO, 'build.rs': script, 'word.c': wordOf(1), 'src/main.rs': main, ...files }
}

const COMPILED = 'cc(&["word.c", "-o", &format!("{out}/libword.so")]);'
const SEARCHED = 'println!("cargo::rustc-link-search=native={out}");'
const LINKED = 'println!("cargo::rustc-link-lib=dylib=word");'
const argument = (text: string) => `println!("cargo::rustc-link-arg=${text}");`

/** The usual way: an absolute path to `OUT_DIR`. */
const ABSOLUTE = linked([COMPILED, SEARCHED, LINKED, argument('-Wl,-rpath,{out}')])

/** The files that an entry's directory holds besides the binary's own three. */
function besides(binary: string): string[] {
  const own = ['', '.json', '.inputs.json'].map((end) => basename(binary) + end)
  return readdirSync(dirname(binary))
    .filter((name) => !own.includes(name))
    .sort()
}

const gone = (checkout: Checkout) => rmSync(join(checkout.repo, 'target'), { recursive: true })

onLinux(
  'a binary and a crate that is a shared library start without the target directory, with their std',
  async () => {
    const checkout = new Checkout(DYLIB)
    const { path } = await checkout.get()
    expect(output(path)).toBe('one')
    expect(besides(path)).toEqual([expect.stringMatching(/^libstd-.*\.so$/), 'libwords.so'])
    gone(checkout)
    expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: 'one' })
    checkout.write('words/src/lib.rs', DYLIB['words/src/lib.rs'].replace('one', 'two'))
    const other = await checkout.run()
    expect(other).toMatchObject({ outcome: 'built', prints: 'two' })
    expect(output(path)).toBe('one')
    // The library of the toolchain is on disk once, whether by name or by blocks.
    const entries = await list({ cacheDir: checkout.cacheDir, env: {} })
    const size = entries.reduce((sum, entry) => sum + entry.diskSize, 0)
    const { size: left } = await prune({ cacheDir: checkout.cacheDir, env: {}, dryRun: true })
    expect(left).toBeLessThan(size - 1024 * 1024)
  },
)

onLinux('another worktree has a binary of its own where a build script took part, with its libraries', async () => {
  const checkout = new Checkout(ABSOLUTE)
  const { path } = await checkout.get({ profile: 'release' })
  const other = join(checkout.directory, 'other')
  checkout.git('worktree', 'add', '--quiet', other)
  const there = await getDevBinary(checkout.options({ repo: other }))
  expect(there.path).not.toBe(path)
  expect(there.outcome).toBe('built')
  expect(output(there.path)).toBe('1')
})

for (const scope of ['tree', 'crate'] as const) {
  onLinux(`a library in OUT_DIR goes with the binary, there and back, in scope ${scope}`, async () => {
    const checkout = new Checkout(ABSOLUTE)
    const first = await checkout.run({ scope })
    expect(first.prints).toBe('1')
    checkout.write('word.c', wordOf(2))
    expect(await checkout.run({ scope })).toMatchObject({ outcome: 'built', prints: '2' })
    checkout.write('word.c', wordOf(1))
    expect(await checkout.run({ scope })).toMatchObject({ outcome: 'cached', prints: '1' })
    gone(checkout)
    expect(await checkout.run({ scope })).toMatchObject({ outcome: 'cached', prints: '1' })
  })
}

const BOTH = [
  'cc(&["other.c", "-o", &format!("{out}/libother.so")]);',
  'cc(&["word.c", "-o", &format!("{out}/libword.so"), "-L", &out, "-lother", PATHS]);',
  'cc(&["other.c", "-o", &format!("{out}/libother.so"), "-L", &out, "-lword", PATHS]);',
  SEARCHED,
  LINKED,
]
const OTHERS = {
  'word.c': 'int other(int);\nint base(void) { return 20; }\nint word(void) { return other(1); }\n',
  'other.c': 'int base(void);\nint other(int more) { return base() + more; }\n',
}

for (const [what, paths, link] of [
  ['paths of their own', '&format!("-Wl,--no-as-needed,-rpath,{out}")', '-Wl,-rpath,{out}'],
  ['their own place', '"-Wl,-rpath,$ORIGIN"', '-Wl,-rpath,{out}'],
  ['the path of the binary', '"-Wl,--no-undefined"', '-Wl,--disable-new-dtags,-rpath,{out}'],
] as const) {
  onLinux(`libraries that need each other find each other by ${what}`, async () => {
    const steps = BOTH.map((step) => step.replace('PATHS', paths))
    // The first one is linked with a library that does not exist yet, so no symbol of it is used.
    const files = linked([...steps, argument(link), argument('-Wl,--allow-shlib-undefined')], OTHERS)
    const checkout = new Checkout(files)
    const { path } = await checkout.get()
    expect(output(path)).toBe('21')
    expect(besides(path)).toEqual(['libother.so', 'libword.so'])
    gone(checkout)
    expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: '21' })
  })
}

onLinux(
  'a library that was put beside the binary goes with it, and so does one that is named by its whole path',
  async () => {
    const beside = linked([
      'cc(&["word.c", "-o", &format!("{profile}/libword.so")]);',
      'println!("cargo::rustc-link-search=native={profile}");',
      LINKED,
      argument('-Wl,-rpath,$ORIGIN'),
    ])
    const whole = linked([COMPILED, argument('{out}/libword.so')])
    for (const files of [beside, whole]) {
      const checkout = new Checkout(files)
      const { path } = await checkout.get()
      expect(besides(path)).toEqual(['libword.so'])
      gone(checkout)
      expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: '1' })
    }
  },
)

onLinux('debug builds, stripped ones and other linkers make no difference', async () => {
  const flags = [[], ['-Cstrip=symbols'], ['-Clink-arg=-fuse-ld=bfd'], ['-Crelocation-model=static']]
  for (const [index, rustflags] of flags.entries()) {
    const config = `[build]\nrustflags = ${JSON.stringify(rustflags)}\n`
    const checkout = new Checkout({ ...ABSOLUTE, '.cargo/config.toml': config })
    const profile = index % 2 === 0 ? 'dev' : 'release'
    await checkout.get({ profile })
    gone(checkout)
    expect(await checkout.run({ profile })).toMatchObject({ outcome: 'cached', prints: '1' })
  }
})

onLinux('a binary that only cargo run could start stays where it is, and that is said each time', async () => {
  const checkout = new Checkout(linked([COMPILED, SEARCHED, LINKED]))
  for (let turn = 0; turn < 2; turn += 1) {
    const { events, onEvent } = listener()
    const { outcome, path } = await checkout.get({ onEvent })
    expect({ outcome, path }).toEqual({ outcome: 'built', path: join(checkout.repo, 'target/release/hello') })
    expect(only(events, 'warning').map(({ message }) => message)).toEqual([
      '`hello` is not kept in the cache, and cargo is run each time: it needs `libword.so`, which is found by `cargo run` alone; link it with an rpath',
    ])
  }
  expect(await list({ cacheDir: checkout.cacheDir, env: {} })).toEqual([])
})

const OPENING = `use std::ffi::{c_char, c_int, c_void};
unsafe extern "C" {
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}
fn main() {
    let word: extern "C" fn() -> c_int = unsafe {
        let library = dlopen(NAME.as_ptr(), 2);
        assert!(!library.is_null());
        std::mem::transmute(dlsym(library, c"word".as_ptr()))
    };
    println!("{}", word());
}
`
const WHOLE_NAME =
  'const NAME: &std::ffi::CStr = match std::ffi::CStr::from_bytes_with_nul(concat!(env!("OUT_DIR"), "/libword.so\\0").as_bytes()) { Ok(name) => name, Err(_) => panic!() };\n'

const READING =
  'fn main() { println!("{}", std::fs::read_to_string(concat!(env!("OUT_DIR"), "/word.txt")).unwrap().trim()); }\n'

for (const [what, files] of [
  [
    'reads',
    linked(
      ['std::fs::write(format!("{out}/word.txt"), &std::fs::read_to_string("word.c").unwrap()[24..25]).unwrap();'],
      {},
      READING,
    ),
  ],
  ['opens by its path', linked([COMPILED], {}, WHOLE_NAME + OPENING)],
  [
    'opens by its name',
    linked([COMPILED, argument('-Wl,-rpath,{out}')], {}, `const NAME: &std::ffi::CStr = c"libword.so";\n${OPENING}`),
  ],
  [
    'is linked with, where it opens more',
    linked(
      [COMPILED, SEARCHED, LINKED, argument('-Wl,-rpath,{out}'), argument('-Wl,--no-as-needed')],
      {},
      `const NAME: &std::ffi::CStr = c"libword.so";\n${OPENING}`,
    ),
  ],
] as const) {
  onLinux(`what a binary ${what} in OUT_DIR has to be as it was`, async () => {
    const checkout = new Checkout(files)
    const { events, onEvent } = listener()
    expect(await checkout.run({ onEvent })).toMatchObject({ outcome: 'built', prints: '1' })
    // There is one build, although an input was written during it.
    expect(only(events, 'building')).toHaveLength(1)
    expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: '1' })
    checkout.write('word.c', wordOf(2))
    expect(await checkout.run()).toMatchObject({ outcome: 'built', prints: '2' })
    checkout.write('word.c', wordOf(1))
    expect(await checkout.run()).toMatchObject({ outcome: 'built', prints: '1' })
    gone(checkout)
    expect(await checkout.run()).toMatchObject({ outcome: 'built', prints: '1' })
    expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: '1' })
  })
}

test('the path of a generated source in a panic message is no bond', async () => {
  const main =
    'include!(concat!(env!("OUT_DIR"), "/generated.rs"));\nfn main() { println!("{}", word(std::env::args().count())); }\n'
  const source = 'pub fn word(count: usize) -> i32 { [0, 1][count] }'
  const files = linked([`std::fs::write(format!("{out}/generated.rs"), ${JSON.stringify(source)}).unwrap();`], {}, main)
  const checkout = new Checkout(files)
  const { path } = await checkout.get()
  expect(readFileSync(path).includes('/out/generated.rs')).toBe(true)
  gone(checkout)
  expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: '1' })
})

onLinux('a library from elsewhere is used where it is, and has to be as it was', async () => {
  const steps = [argument('{directory}/libword.so'), argument('-Wl,-rpath,{directory}')]
  const checkout = new Checkout(linked(['let directory = env::var("SOMEWHERE").unwrap();', ...steps]))
  const build = (number: number) => {
    writeFileSync(join(checkout.directory, 'word.c'), wordOf(number))
    const made = ['-shared', '-fPIC', '-Wl,-soname,libword.so', 'word.c', '-o', 'libword.so']
    execFileSync('cc', made, { cwd: checkout.directory })
  }
  const env = checkout.environment({ SOMEWHERE: checkout.directory })
  build(1)
  const { prints, binary } = await checkout.run({ env })
  expect(prints).toBe('1')
  expect(besides(binary.path)).toEqual([])
  build(2)
  expect(await checkout.run({ env })).toMatchObject({ outcome: 'built', prints: '2' })
})

onLinux('a comparison is with libraries, too, and never calls stale what holds the place of its build', async () => {
  const place = (rpath: string) =>
    linked([
      'cc(&["word.c", "-o", &format!("{profile}/libword.so")]);',
      'println!("cargo::rustc-link-search=native={profile}");',
      LINKED,
      argument(rpath),
    ])
  const movable = new Checkout(place('-Wl,-rpath,$ORIGIN'))
  expect(await verify(movable.options())).toMatchObject({ verdict: 'equal' })
  const { path } = await movable.get()
  const library = join(dirname(path), 'libword.so')
  const wrong = Buffer.concat([readFileSync(library), Buffer.from('wrong')])
  writeFileSync(library, wrong)
  const manifest = JSON.parse(readFileSync(`${path}.json`, 'utf8'))
  const [published] = manifest.libraries
  const sha256 = createHash('sha256').update(wrong).digest('hex')
  const libraries = [{ ...published, sha256, size: wrong.length }]
  writeFileSync(`${path}.json`, JSON.stringify({ ...manifest, libraries }))
  expect(await verify(movable.options())).toMatchObject({ verdict: 'stale', binary: { outcome: 'cached' } })
  for (const files of [DYLIB, ABSOLUTE]) {
    const checkout = new Checkout(files)
    await checkout.get()
    expect((await verify(checkout.options())).verdict).not.toBe('stale')
  }
})

onLinux('a library that is damaged or gone makes its entry a miss, which a build heals', async () => {
  const checkout = new Checkout(ABSOLUTE)
  const { path } = await checkout.get()
  const library = join(dirname(path), 'libword.so')
  const harm = [() => rmSync(library), () => appendFileSync(library, 'more'), () => writeFileSync(library, 'other')]
  for (const harmed of harm) {
    harmed()
    const checked = await list({ cacheDir: checkout.cacheDir, env: {}, check: true })
    expect(JSON.stringify(checked)).toContain('libword.so')
    const { events, onEvent } = listener()
    expect(await checkout.run({ onEvent })).toMatchObject({ outcome: 'built', prints: '1' })
    expect(only(events, 'warning')[0]?.message).toContain(library)
    expect(await checkout.run()).toMatchObject({ outcome: 'cached', prints: '1' })
  }
})

onLinux('libraries count in the size of their entry, and go with it', async () => {
  const checkout = new Checkout(DYLIB)
  const { path, size } = await checkout.get()
  const entries = await list({ cacheDir: checkout.cacheDir, env: {} })
  const [listed] = entries
  expect(listed?.diskSize).toBeGreaterThan(size + 1024 * 1024)
  const pruned = await prune({ cacheDir: checkout.cacheDir, env: {}, all: true })
  expect(pruned.removed).toHaveLength(1)
  expect(pruned.freed).toBeGreaterThanOrEqual(listed?.diskSize ?? 0)
  expect(existsSync(dirname(path))).toBe(false)
})

onLinux('a library that a rebuild does not need any more is not left behind', async () => {
  const files = linked([
    'let name = std::fs::read_to_string("../name").unwrap();',
    'cc(&["word.c", "-o", &format!("{out}/lib{name}.so")]);',
    SEARCHED,
    'println!("cargo::rustc-link-lib=dylib={name}");',
    argument('-Wl,-rpath,{out}'),
  ])
  const checkout = new Checkout(files)
  const name = join(checkout.directory, 'name')
  // A file that a build is not seen to read can give another binary under the same fingerprint.
  const env = checkout.environment(UNOBSERVED)
  writeFileSync(name, 'first')
  const { path } = await checkout.get({ env })
  expect(besides(path)).toEqual(['libfirst.so'])
  writeFileSync(name, 'second')
  gone(checkout)
  expect(await checkout.get({ env, rebuild: true })).toMatchObject({ path, outcome: 'built' })
  expect(besides(path)).toEqual(['libsecond.so'])
  expect(output(path)).toBe('1')
})

test('a binary that needs no library is published as cargo built it', async () => {
  const checkout = new Checkout()
  const { path } = await checkout.get()
  expect(besides(path)).toEqual([])
  expect(readFileSync(path).equals(readFileSync(join(checkout.repo, 'target/release', basename(path))))).toBe(true)
  expect(await fingerprint(checkout.options())).toBe((await checkout.get()).fingerprint)
})
