// The licences of the crates that are linked into an addon, with their texts, for the package that it is shipped in.
//
// Promises: every crate that cargo links for the target is in it, by its own licence files, and so is what the standard
// library brings, as far as it is known by hand; equal texts stand once.
// The page follows from Cargo.lock and the target alone, so that a release that broke off can be run again elsewhere.
// A crate that ships no text gets the standard one of its licence, if that is MIT; anything else is an error.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { MIT } from './mit.mjs'
import { STANDARD_LIBRARY } from './standard-library.mjs'
import { root } from './targets.mjs'

const LICENCE_FILE = /^(licen[cs]e|copying|copyright|notice|unlicense)/i

/** The page of licences for the addon of `triple`. */
export function licencesOf(triple) {
  const crates = [...linkedCrates(triple).map(described), ...STANDARD_LIBRARY]
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
  return `The addon in this package is linked with the following software.\n\n${list}\n\n${sections.join('\n')}`
}

/** The packages that end up in the library: what only builds it is left out, procedural macros included. */
function linkedCrates(triple) {
  const { packages } = JSON.parse(cargo('metadata', '--format-version=1', '--locked', `--filter-platform=${triple}`))
  // The resolution in the metadata has optional packages that no feature asks for; the tree has those that are built.
  const edges = ['--edges', 'normal,no-proc-macro', '--prefix', 'none']
  const tree = cargo('tree', '--locked', '--target', triple, ...edges, '--format', '{p}')
  const linked = new Set(tree.split('\n').map((line) => line.split(' ', 2).join(' ')))
  const crates = packages.filter(({ name, version, source }) => source !== null && linked.has(`${name} v${version}`))
  return crates.sort((one, other) => one.id.localeCompare(other.id, 'en'))
}

function cargo(...args) {
  const stdio = ['ignore', 'pipe', 'pipe']
  return execFileSync('cargo', args, { cwd: root, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024, stdio })
}

function described({ name, version, license, authors, repository, manifest_path }) {
  const title = `${name} ${version} (${license ?? 'see below'})`
  const directory = dirname(manifest_path)
  const files = licenceFiles(directory)
  if (files.length > 0) return { title, texts: files.map((file) => readFileSync(file, 'utf8')) }
  if (!/\bMIT\b/.test(license)) throw new Error(`${title} in ${directory} has no licence file, and is not under MIT`)
  return { title, texts: [MIT(`the authors of ${name}: ${authors.join(', ') || repository}`)] }
}

/** Also those in directories, such as `LICENSES` or `LICENSE-THIRD-PARTY`, whatever they are called there. */
function licenceFiles(directory) {
  const named = readdirSync(directory).filter((name) => LICENCE_FILE.test(name))
  return named.sort().flatMap((name) => filesBelow(join(directory, name)))
}

function filesBelow(path) {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)))
}
