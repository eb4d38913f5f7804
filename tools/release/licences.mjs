// Writes the licences of the crates that are linked into an addon, or into the program for a team's store, with their
// texts, for its package.
//
// Promises: the page has every crate that cargo links for the target, with its own licence files, and the crates of the
// standard library that `standard-library.mjs` lists. Equal texts stand once. The page depends only on Cargo.lock and
// the target, so that an interrupted release can be continued on another machine. A crate without a text gets the
// standard text if its licence is MIT; any other licence is an error.

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { MIT } from './mit.mjs'
import { STANDARD_LIBRARY } from './standard-library.mjs'
import { root } from './targets.mjs'

/** The directory of a crate for the code of others. */
const THIRD_PARTY = 'third_party'

const LICENCE_FILE = /^(licen[cs]e|copying|copyright|notice|unlicense)/i

/** The crates that are linked with others into one file: the word for the file, and the packages that cargo builds. */
const LINKED = {
  addon: ['openlock-dev-bin', 'openlock-dev-bin-addon'],
  program: ['openlock-dev-bin-remote'],
}

/** Returns the page of licences for the addon or, if `what` says so, for the program of `triple`. */
export function licencesOf(triple, what = 'addon') {
  const crates = [...linkedCrates(triple, LINKED[what]).map(described), ...STANDARD_LIBRARY]
  const byText = new Map()
  for (const { title, texts } of crates) {
    for (const text of texts) {
      const key = text.replace(/\s+/g, ' ').trim()
      const known = byText.get(key)
      if (known === undefined) byText.set(key, { text, titles: [title] })
      else if (!known.titles.includes(title)) known.titles.push(title)
    }
  }
  const rule = '-'.repeat(80)
  const sections = [...byText.values()].map(
    ({ text, titles }) => `${rule}\n${titles.join('\n')}\n${rule}\n\n${text.trim()}\n`,
  )
  const list = crates.map(({ title }) => `- ${title}`).join('\n')
  return `The ${what} in this package is linked with the following software.\n\n${list}\n\n${sections.join('\n')}`
}

/** Returns what is linked into `packages` of cargo, without procedural macros and others that only build them. */
function linkedCrates(triple, built) {
  const { packages } = JSON.parse(cargo('metadata', '--format-version=1', '--locked', `--filter-platform=${triple}`))
  // The metadata also has optional packages that no feature enables. `cargo tree` has only those that are built.
  const edges = ['--edges', 'normal,no-proc-macro', '--prefix', 'none']
  const tree = cargo(
    'tree',
    '--locked',
    '--target',
    triple,
    ...built.flatMap((name) => ['--package', name]),
    ...edges,
    '--format',
    '{p}',
  )
  const linked = new Set(tree.split('\n').map((line) => line.split(' ', 2).join(' ')))
  const crates = packages.filter(({ name, version, source }) => source !== null && linked.has(`${name} v${version}`))
  return crates.sort((one, other) => one.id.localeCompare(other.id, 'en'))
}

function cargo(...args) {
  const stdio = ['ignore', 'pipe', 'pipe']
  return execFileSync('cargo', args, { cwd: root, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024, stdio })
}

/** Returns the title and the licence texts of a crate. */
function described({ name, version, license, authors, repository, manifest_path }) {
  const title = `${name} ${version} (${license ?? 'see below'})`
  const directory = dirname(manifest_path)
  const files = licenceFiles(directory)
  if (files.length > 0) return { title, texts: files.map((file) => readFileSync(file, 'utf8')) }
  if (!/\bMIT\b/.test(license)) throw new Error(`${title} in ${directory} has no licence file, and is not under MIT`)
  return { title, texts: [MIT(`the authors of ${name}: ${authors.join(', ') || repository}`)] }
}

/**
 * Returns the licence files of a crate, and all files of a directory such as `LICENSES`; and those of what others wrote
 * and the crate has in `third_party`, as ring has.
 */
function licenceFiles(directory) {
  const named = readdirSync(directory).filter((name) => LICENCE_FILE.test(name))
  const foreign = join(directory, THIRD_PARTY)
  const ofOthers = existsSync(foreign) ? filesBelow(foreign).filter((path) => LICENCE_FILE.test(basename(path))) : []
  return [...named.sort().flatMap((name) => filesBelow(join(directory, name))), ...ofOthers]
}

function filesBelow(path) {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)))
}
