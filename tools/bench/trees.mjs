// The trees that are measured: git repositories made from a seed, each a cargo workspace with one small binary, or one
// that the user names.
//
// Promises: the same sizes give the same tree, byte for byte, at the same paths below its root. Its binary compiles in
// a second: of the 300 files of its crate, two are compiled. Files are written by git itself, so index and worktree
// agree.
// Does not promise: the content of a real project; only numbers, sizes and depth of its files are imitated.

import { execFileSync } from 'node:child_process'
import { closeSync, lstatSync, openSync, unlinkSync, writeFileSync, writeSync, writevSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The crate whose binary is asked for, the same 300 files in every tree. */
const CRATE = 'launcher'
const CRATE_DIRECTORY = `crates/${CRATE}`
const CRATE_FILES = 300
const CRATE_DIRECTORIES = 60
const MOST_CRATES = 40
const DEEPEST = 8
const MOST_EDITED = 10
const BRANCH = 'refs/heads/main'

/** What can be measured, by name; sizes in files and directories, the root not counted. */
export const SIZES = {
  crate: { files: CRATE_FILES + 4, directories: CRATE_DIRECTORIES + 1 },
  small: { files: 1_400, directories: 300 },
  medium: { files: 11_000, directories: 900 },
  large: { files: 100_000, directories: 8_000 },
}

/** mulberry32: numbers in [0, 1), the same ones for the same seed. */
function randomNumbers(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Lines to cut the text of files from. */
const POOL = Buffer.from(
  Array.from({ length: 40_000 }, (_, line) => `// ${Math.imul(line, 0x9e3779b1) >>> 0} ${line}`).join('\n'),
)

/** Text of some length that differs from file to file, in parts. */
function filler(random, bytes) {
  const start = Math.floor(random() * (POOL.length - bytes))
  return [Buffer.from(`// ${random()}\n// `), POOL.subarray(start, start + bytes), Buffer.from('\n')]
}

/** Most files of a project are small and a few are large: the median is 2.4 KB, the mean 5 KB. */
function fileSize(random) {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return Math.min(200_000, Math.round(Math.exp(7.8 + 1.2 * normal)))
}

const manifest = (name) => `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2021"\n`
const anyOf = (random, list) => list[Math.floor(random() * list.length)]

/** Adds directories below those of `grown`, until it holds `count`. */
function grow(random, grown, count) {
  const names = ['model', 'server', 'client', 'util', 'store', 'wire', 'tests', 'data', 'views', 'text']
  while (grown.length < count) {
    const parent = anyOf(random, grown)
    if (parent.split('/').length < DEEPEST) grown.push(`${parent}/${anyOf(random, names)}_${grown.length}`)
  }
}

/** Spreads files over directories, one in each at the least; text by path. */
function fill(random, texts, directories, count, extension) {
  for (let index = 0; index < count; index++) {
    const directory = index < directories.length ? directories[index] : anyOf(random, directories)
    texts.set(`${directory}/part_${index}.${extension}`, filler(random, fileSize(random)))
  }
}

/** The crate that is built: a small program among modules that are configured out and files that it may embed. */
function designatedCrate(texts) {
  const random = randomNumbers(1)
  const own = [
    [`${CRATE_DIRECTORY}/Cargo.toml`, manifest(CRATE)],
    [
      `${CRATE_DIRECTORY}/src/main.rs`,
      '#[cfg(any())]\nmod platform;\nmod version;\n\nfn main() {\n    println!("{}", version::TEXT);\n}\n',
    ],
    [
      `${CRATE_DIRECTORY}/src/version.rs`,
      'pub const TEXT: &str = concat!(env!("CARGO_PKG_VERSION"), include_str!("../assets/part_0.txt"));\n',
    ],
  ]
  const modules = [`${CRATE_DIRECTORY}/src/platform`]
  grow(random, modules, CRATE_DIRECTORIES / 2 - 1)
  const assets = [`${CRATE_DIRECTORY}/assets`]
  grow(random, assets, CRATE_DIRECTORIES / 2 - 1)
  const half = Math.floor((CRATE_FILES - own.length) / 2)
  for (const [path, text] of own) texts.set(path, text)
  fill(random, texts, modules, half, 'rs')
  fill(random, texts, assets, CRATE_FILES - own.length - half, 'txt')
}

/** Every file of a generated tree by path: its text, or the parts of it. */
function contents({ files, directories }) {
  const random = randomNumbers(files)
  const texts = new Map()
  designatedCrate(texts)
  const crates = Math.min(MOST_CRATES, Math.ceil((directories - CRATE_DIRECTORIES) / 50))
  const names = Array.from({ length: Math.max(0, crates - 1) }, (_, index) => `part-${index}`)
  const members = [CRATE, ...names].map((name) => `"crates/${name}"`)
  texts.set('Cargo.toml', `[workspace]\nresolver = "2"\nmembers = [${members.join(', ')}]\n`)
  const locked = [CRATE, ...names].sort().map((name) => `\n[[package]]\nname = "${name}"\nversion = "0.1.0"\n`)
  texts.set('Cargo.lock', `version = 3\n${locked.join('')}`)
  texts.set('.gitignore', '/target/\n*.log\n')
  texts.set('README.md', filler(random, 4_000))
  if (names.length === 0) return texts

  const left = directories - CRATE_DIRECTORIES - 1
  const documents = ['docs']
  grow(random, documents, Math.ceil(left * 0.15))
  const sources = []
  for (const name of names) {
    texts.set(`crates/${name}/Cargo.toml`, manifest(name))
    texts.set(`crates/${name}/.gitignore`, '*.generated.rs\n')
    texts.set(`crates/${name}/src/lib.rs`, filler(random, fileSize(random)))
    const own = [`crates/${name}/src`]
    grow(random, own, Math.floor((left - documents.length) / names.length) - 1)
    sources.push(...own)
  }
  const rest = files - texts.size
  fill(random, texts, documents, Math.ceil(rest * 0.15), 'md')
  fill(random, texts, sources, files - texts.size, 'rs')
  return texts
}

/** Writes a commit of `texts` in the language of `git fast-import`. */
function writeImport(file, texts) {
  const output = openSync(file, 'w')
  writeSync(output, `commit ${BRANCH}\ncommitter dev-bin <dev-bin@localhost> 1700000000 +0000\ndata 0\n`)
  for (const [path, text] of texts) {
    const parts = typeof text === 'string' ? [Buffer.from(text)] : text
    const bytes = parts.reduce((sum, part) => sum + part.length, 0)
    writevSync(output, [Buffer.from(`M 100644 inline ${path}\ndata ${bytes}\n`), ...parts, Buffer.from('\n')])
  }
  closeSync(output)
}

function git(directory, args, options = {}) {
  const quiet = ['-c', 'core.hooksPath=/dev/null', '-c', 'pack.compression=0', '-c', 'gc.auto=0']
  return execFileSync('git', [...quiet, '-C', directory, ...args], { maxBuffer: 2 ** 30, ...options })
}

/** Makes a tree at `directory`, which must exist and be empty; the name of the crate whose binary is asked for. */
export function generate(directory, size) {
  git(directory, ['init', '--quiet', '--initial-branch=main'])
  const stream = join(directory, '.git', 'import')
  writeImport(stream, contents(size))
  const input = openSync(stream, 'r')
  git(directory, ['fast-import', '--quiet', '--depth=0'], { stdio: [input, 'ignore', 'inherit'] })
  closeSync(input)
  unlinkSync(stream)
  git(directory, ['reset', '--quiet', '--hard'])
  return CRATE
}

/**
 * What a hit must look at: the files that git tracks or does not ignore, the directories they lie in, and the root;
 * absolute, each ending in a NUL, in a file for the probe. Files of submodules are not among them.
 */
export function listPaths(directory, listFile) {
  const names = git(directory, ['ls-files', '-z', '--cached', '--others', '--exclude-standard'])
  const files = names.toString('latin1').split('\0').slice(0, -1)
  const directories = new Set()
  for (const file of files) {
    for (let parent = dirname(file); parent !== '.' && !directories.has(parent); parent = dirname(parent)) {
      directories.add(parent)
    }
  }
  const root = Buffer.from(directory).toString('latin1')
  const absolute = [root, ...[...directories, ...files].map((path) => `${root}/${path}`)]
  writeFileSync(listFile, Buffer.from(absolute.map((path) => `${path}\0`).join(''), 'latin1'))
  return { files: files.length, directories: directories.size + 1, names: files }
}

/** Some text files outside the designated crate, to be edited. */
export function editable(directory, names) {
  const texts = names.filter((name) => /\.(md|rs|txt)$/.test(name) && !name.startsWith(`${CRATE_DIRECTORY}/`))
  const step = Math.max(1, Math.floor(texts.length / MOST_EDITED))
  const chosen = texts.filter((_, index) => index % step === 0).slice(0, MOST_EDITED)
  return chosen.map((name) => join(directory, name)).filter((path) => lstatSync(path).isFile())
}
