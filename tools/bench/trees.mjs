// Makes the trees that are measured: git repositories, each a cargo workspace with one small binary.
//
// Promises: the same size gives the same tree, byte for byte, at the same paths below its root. Its binary compiles in
// a second, since only two of the 300 files of its crate are compiled. git itself writes the files, so index and
// worktree agree.
// Does not promise: the content of a real project. Only number, sizes and depth of its files are imitated.

import { execFileSync } from 'node:child_process'
import { closeSync, lstatSync, openSync, unlinkSync, writeFileSync, writeSync, writevSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The crate whose binary is asked for. It has the same 300 files in every tree. */
const CRATE = 'launcher'
const CRATE_DIRECTORY = `crates/${CRATE}`
const CRATE_FILES = 300
const CRATE_DIRECTORIES = 60
const MOST_CRATES = 40
const DEEPEST = 8
const MOST_EDITED = 10
const BRANCH = 'refs/heads/main'

/** The trees by name, with their numbers of files and of directories without the root. */
export const SIZES = {
  crate: { files: CRATE_FILES + 4, directories: CRATE_DIRECTORIES + 1 },
  small: { files: 1_400, directories: 300 },
  medium: { files: 11_000, directories: 900 },
  large: { files: 100_000, directories: 8_000 },
}

/** Returns a generator of numbers in [0, 1), the same ones for the same seed (mulberry32). */
function randomNumbers(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Lines that the text of files is cut from. */
const POOL = Buffer.from(
  Array.from({ length: 40_000 }, (_, line) => `// ${Math.imul(line, 0x9e3779b1) >>> 0} ${line}`).join('\n'),
)

/** Returns a text of about `bytes` bytes that differs from file to file, in parts. */
function filler(random, bytes) {
  const start = Math.floor(random() * (POOL.length - bytes))
  return [Buffer.from(`// ${random()}\n// `), POOL.subarray(start, start + bytes), Buffer.from('\n')]
}

/** Returns a size in bytes. As in a project, most files are small and a few are large: median 2.4 kB, mean 5 kB. */
function fileSize(random) {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return Math.min(200_000, Math.round(Math.exp(7.8 + 1.2 * normal)))
}

const manifest = (name) => `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2021"\n`
const anyOf = (random, list) => list[Math.floor(random() * list.length)]

/** Adds directories below those of `grown`, until there are `count`. */
function grow(random, grown, count) {
  const names = ['model', 'server', 'client', 'util', 'store', 'wire', 'tests', 'data', 'views', 'text']
  while (grown.length < count) {
    const parent = anyOf(random, grown)
    if (parent.split('/').length < DEEPEST) grown.push(`${parent}/${anyOf(random, names)}_${grown.length}`)
  }
}

/** Adds `count` files to `texts`, at least one in each directory. */
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

/** Returns the files of a tree by path: each a text, or the parts of one. */
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

/** Writes a commit of `texts` in the format of `git fast-import`. */
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

/**
 * Makes a tree at `directory`, which must exist and be empty. Returns the name of the crate whose binary is asked for.
 */
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
 * Writes the paths that a hit must look at to `listFile`, for the probe: the files that git tracks or does not ignore,
 * their directories, and the root. They are absolute, and each ends with a NUL. Files of submodules are left out.
 * Returns their numbers, and the names of the files.
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

/** Returns some text files outside the designated crate, to be edited. */
export function editable(directory, names) {
  const texts = names.filter((name) => /\.(md|rs|txt)$/.test(name) && !name.startsWith(`${CRATE_DIRECTORY}/`))
  const step = Math.max(1, Math.floor(texts.length / MOST_EDITED))
  const chosen = texts.filter((_, index) => index % step === 0).slice(0, MOST_EDITED)
  return chosen.map((name) => join(directory, name)).filter((path) => lstatSync(path).isFile())
}
