// The licences of the crates that are linked into an addon, with their texts, for the package that it is shipped in.
//
// Promises: every crate that cargo links for the target is in it, by its own licence files; equal texts stand once.
// The page follows from Cargo.lock and the target alone, so that a release that broke off can be run again elsewhere.
// A crate that ships no text gets the standard one of its licence, if that is MIT; anything else is an error.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './targets.mjs'

const LICENCE_FILE = /^(licen[cs]e|copying|copyright|notice|unlicense)/i

const MIT = (holders) => `MIT License

Copyright (c) ${holders}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`

/** Without its version: the toolchain that packs need not be the one that built. */
const STANDARD_LIBRARY = {
  title: "Rust's standard library (MIT OR Apache-2.0)",
  texts: [MIT('The Rust Project Contributors')],
}

/** The page of licences for the addon of `triple`. */
export function licencesOf(triple) {
  const crates = [...linkedCrates(triple).map(described), STANDARD_LIBRARY]
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
  const files = readdirSync(directory, { withFileTypes: true })
  const named = files.filter((file) => file.isFile() && LICENCE_FILE.test(file.name)).map((file) => file.name)
  if (named.length > 0) return { title, texts: named.sort().map((name) => readFileSync(join(directory, name), 'utf8')) }
  if (!/\bMIT\b/.test(license)) throw new Error(`${title} in ${directory} has no licence file, and is not under MIT`)
  return { title, texts: [MIT(`the authors of ${name}: ${authors.join(', ') || repository}`)] }
}
