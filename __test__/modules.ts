// Finds which files of the crate use which, from `use` declarations and paths, and the same for JavaScript.

import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { read, tracked } from './documents.js'
import { root } from './support.js'

/** The files that each file uses, by their paths in the clone. */
export type Uses = Map<string, Set<string>>

/** Returns the circles among files: each a list of files that use each other. */
export function circles(uses: Uses): string[][] {
  // Tarjan's algorithm: https://doi.org/10.1137/0201010
  const found: string[][] = []
  const numbers = new Map<string, number>()
  const lowest = new Map<string, number>()
  const stack: string[] = []
  const visit = (file: string): void => {
    numbers.set(file, numbers.size)
    lowest.set(file, numbers.size - 1)
    stack.push(file)
    for (const used of uses.get(file) ?? []) {
      if (!numbers.has(used)) visit(used)
      if (stack.includes(used)) lowest.set(file, Math.min(lowest.get(file) ?? 0, lowest.get(used) ?? 0))
    }
    if (lowest.get(file) !== numbers.get(file)) return
    const circle = stack.splice(stack.indexOf(file))
    if (circle.length > 1 || uses.get(file)?.has(file)) found.push(circle.sort())
  }
  for (const file of uses.keys()) if (!numbers.has(file)) visit(file)
  return found
}

/** Returns the local files that each of these JavaScript files requires or imports. */
export function usesOfScripts(...patterns: string[]): Uses {
  const files = tracked(...patterns).filter((path) => /\.[cm]?js$/.test(path))
  const loads = /(?:\brequire\(|\bimport\(|\bfrom )\s*['"](\.[^'"]*)['"]/g
  return new Map(
    files.map((file) => {
      const paths = [...read(file).matchAll(loads)].map(([, path = '']) => normalize(join(dirname(file), path)))
      const resolved = paths.map((path) =>
        [path, `${path}.js`, join(path, 'index.js')].find((path) => files.includes(path)),
      )
      return [file, new Set(resolved.filter((path) => path !== undefined))]
    }),
  )
}

/** Returns Rust code without comments, the content of strings, and modules that are only compiled for tests. */
function bare(code: string): string {
  const token = /\/\/.*|\/\*[\s\S]*?\*\/|b?r(#*)"[\s\S]*?"\1|b?"(?:\\[\s\S]|[^"\\])*"|'(?:\\.[^']*|[^'\\])'/g
  const text = code.replaceAll(token, (found, _, at) => {
    if (found.startsWith('/')) return ''
    return code.slice(0, at).endsWith('[path = ') ? found : '""'
  })
  return withoutInlineModules(text.replaceAll(/\bpub\([^)]*\)/g, 'pub'))
}

/** Leaves out modules of tests. What others of this file call `super` is the file itself. */
function withoutInlineModules(text: string): string {
  const [head, isTest] = /(#\[cfg\(test\)\]\s*)?\b(?:pub )?mod \w+ \{/.exec(text) ?? []
  if (head === undefined) return text
  const start = text.indexOf(head)
  const end = blockEnd(text, start + head.length - 1)
  const inside = isTest ? '' : text.slice(start + head.length, end - 1).replaceAll(/\bsuper::/g, 'self::')
  return text.slice(0, start) + inside + withoutInlineModules(text.slice(end))
}

/** Returns the index behind the block that is opened at `start`. */
function blockEnd(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    if (text[at] === '{') depth++
    if (text[at] === '}' && --depth === 0) return at + 1
  }
  throw new Error('a block does not end')
}

/** Returns the paths of a tree of `use`, each with the name that it gets here. */
function leaves(tree: string, before: string[] = []): [name: string, path: string[]][] {
  const brace = tree.indexOf('{')
  if (brace >= 0) {
    const path = [
      ...before,
      ...tree
        .slice(0, brace)
        .split('::')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    ]
    const parts: string[] = []
    let depth = 0
    let part = ''
    for (const letter of tree.slice(brace + 1, tree.lastIndexOf('}'))) {
      if (letter === '{') depth++
      if (letter === '}') depth--
      if (letter === ',' && depth === 0) {
        parts.push(part)
        part = ''
      } else part += letter
    }
    return [...parts, part].filter((part) => part.trim() !== '').flatMap((part) => leaves(part, path))
  }
  const [whole = '', alias] = tree.trim().split(/\s+as\s+/)
  const path = [...before, ...whole.split('::').map((part) => part.trim())]
  if (path.at(-1) === 'self') path.pop()
  return [[alias ?? path.at(-1) ?? '', path]]
}

interface Module {
  file: string
  /** The names of this module and of those that it is in. */
  path: string[]
  children: Set<string>
  /** The meaning of each name that is declared with `use`. */
  names: Map<string, string[]>
  /** The names that are handed on to others. */
  exported: Set<string>
  text: string
}

/** Reads the modules of a crate, by their paths in it. */
function modules(directory: string): Map<string, Module> {
  const found = new Map<string, Module>()
  const add = (file: string, path: string[]) => {
    const whole = bare(read(file))
    const names = new Map<string, string[]>()
    const exported = new Set<string>()
    const uses = /\b(pub\s+)?use\s+([^;]+);/g
    for (const [, isExported, tree = ''] of whole.matchAll(uses))
      for (const [name, path] of leaves(tree)) {
        names.set(name, path)
        if (isExported) exported.add(name)
      }
    const declared = [...whole.matchAll(/(?:#\[path = "(.*)"\]\s*)?\bmod (\w+);/g)]
    const children = new Set(declared.map(([, , name = '']) => name))
    // On another system, another file may be the module of that name.
    const key = path.join('::')
    found.set(found.has(key) ? `${key} in ${file}` : key, {
      file,
      path,
      children,
      names,
      exported,
      text: whole.replaceAll(uses, ''),
    })
    const inside = /\/(mod|lib)\.rs$/.test(file) ? dirname(file) : file.replace(/\.rs$/, '')
    for (const [, named, child = ''] of declared) {
      const candidates = named === undefined ? [`${child}.rs`, `${child}/mod.rs`] : [named]
      const there = candidates.map((path) => join(inside, path)).find((path) => existsSync(join(root, path)))
      if (there === undefined) throw new Error(`${file}: there is no file of the module ${child}`)
      add(there, [...path, child])
    }
  }
  add(join(directory, 'lib.rs'), [])
  return found
}

/** Returns which files of a crate use which. A name that a module declares with `use` counts as its origin. */
export function usesOfCrate(directory: string): Uses {
  const all = modules(directory)
  /** Returns the file that says what `path` is, as seen in `from`; none if it is of another crate. */
  const resolve = (from: Module, path: string[], seen = new Set<string>()): string | undefined => {
    let at: Module | undefined = from
    let rest = path
    if (rest[0] === 'crate') [at, rest] = [all.get(''), rest.slice(1)]
    else if (rest[0] === 'self') rest = rest.slice(1)
    else if (rest[0] !== 'super' && !from.children.has(rest[0] ?? '') && !from.names.has(rest[0] ?? ''))
      return undefined
    while (at !== undefined && rest[0] === 'super')
      [at, rest] = [all.get(at.path.slice(0, -1).join('::')), rest.slice(1)]
    while (at !== undefined) {
      const [name = '', ...more] = rest
      if (name === '') return at.file
      const step = `${at.path.join('::')} ${name}`
      if (at.children.has(name)) [at, rest] = [all.get([...at.path, name].join('::')), more]
      else if (at.names.has(name) && !seen.has(step)) {
        return resolve(at, [...(at.names.get(name) ?? []), ...more], seen.add(step))
      } else return at.file
    }
    return undefined
  }
  const uses: Uses = new Map()
  for (const module of all.values()) {
    const inCode = [...module.text.matchAll(/(?<![\w:])(?:\w+::)+\w+/g)].map(([path]) => path.split('::'))
    // A module that is named with `use` is used where a path begins with its name, which `inCode` has.
    // A name that is handed on is used by those who name it.
    const own = [...module.names].filter(([name]) => !module.exported.has(name))
    const named = own.map(([, path]) => path).filter((path) => !isModule(all, module, path))
    const files = [...named, ...inCode].map((path) => resolve(module, path))
    uses.set(module.file, new Set(files.filter((file): file is string => file !== undefined && file !== module.file)))
  }
  return uses
}

function isModule(all: Map<string, Module>, from: Module, path: string[]): boolean {
  if (path[0] === 'crate') return all.has(path.slice(1).join('::'))
  const ups = path.filter((part) => part === 'super').length
  const rest = path.filter((part) => part !== 'super' && part !== 'self')
  return all.has([...from.path.slice(0, from.path.length - ups), ...rest].join('::'))
}
