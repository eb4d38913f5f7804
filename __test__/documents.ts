// Reads the documents: their blocks, tables, headings and links.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './support.js'

/** Returns the text of a file of the clone. */
export const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** Returns the paths that git knows or does not ignore, and that are there. */
export function tracked(...patterns: string[]): string[] {
  const listing = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...patterns]
  const listed = execFileSync('git', listing, { cwd: root, encoding: 'utf8' }).split('\0').slice(0, -1)
  const deleted = execFileSync('git', ['ls-files', '-z', '--deleted'], { cwd: root, encoding: 'utf8' }).split('\0')
  return listed.filter((path) => !deleted.includes(path))
}

/** The pages that users read. */
export const PAGES = ['README.md', ...tracked('docs/*.md')]

export interface Block {
  language: string
  code: string
}

/** Returns the fenced blocks of a page. Fails if one does not end. */
export function blocks(page: string): Block[] {
  const text = read(page)
  const found = [...text.matchAll(/^( *)```(.*)\n([\s\S]*?)^\1```$/gm)]
  const fences = text.match(/^ *```/gm)?.length ?? 0
  if (fences !== 2 * found.length) throw new Error(`${page} has a block that does not end`)
  return found.map(([, , language = '', code = '']) => ({ language, code }))
}

/** Returns the text of a page outside its blocks. */
export function prose(page: string): string {
  return read(page).replaceAll(/^( *)```.*\n[\s\S]*?^\1```$/gm, '')
}

/** Returns the anchors of a page as GitHub makes them. */
export function anchors(page: string): Set<string> {
  const found = new Set<string>()
  for (const [, heading = ''] of prose(page).matchAll(/^#+ (.*)$/gm)) {
    const slug = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
    let anchor = slug
    for (let count = 1; found.has(anchor); count++) anchor = `${slug}-${count}`
    found.add(anchor)
  }
  return found
}

/** Returns the targets of all links of a page. */
export function links(page: string): string[] {
  const text = prose(page).replaceAll(/`[^`\n]*`/g, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
}

/** Returns the rows of the first table below a heading that has these columns, each by the names of its columns. */
export function table(page: string, heading: string, ...columns: string[]): Record<string, string>[] {
  const below = prose(page).split(new RegExp(`^#+ ${heading}$`, 'm'))[1]
  if (below === undefined) throw new Error(`${page} has no heading ${heading}`)
  const head = `| ${columns.join(' | ')} |\n`
  const start = below.indexOf(head)
  if (start < 0) throw new Error(`${page} has no table of ${columns.join(', ')} below ${heading}`)
  const [, lines = ''] = /^\|[-| ]+\|\n((?:\|.*\|\n)*)/.exec(below.slice(start + head.length)) ?? []
  const rows = lines.trimEnd().split('\n')
  return rows.map((row) => {
    const cells = row.slice(1, -1).split('|')
    if (cells.length !== columns.length) throw new Error(`${page}: this row has ${cells.length} cells: ${row}`)
    return Object.fromEntries(columns.map((column, index) => [column, (cells[index] ?? '').trim()]))
  })
}

/** Returns the texts in backquotes. */
export function quoted(text = ''): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, inner = '']) => inner)
}
