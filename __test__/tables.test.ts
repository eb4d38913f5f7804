// Compares the tables of the documents with the types and the help of the command line.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as surface from '../index.js'
import { devBin } from './command.js'
import { quoted, read, table } from './documents.js'
import { PATIENCE_MS } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const TYPES = ['errors', 'events', 'options', 'results'].map((name) => read(`lib/types/${name}.d.ts`)).join('\n')
const REFERENCE = 'docs/reference.md'

const readme = table('README.md', 'Options', 'option', 'command line', 'default', 'meaning')
const reference = table(REFERENCE, 'Options', 'option', 'command line', 'type', 'default', 'meaning')
const TABLES = [
  ['README.md', readme],
  [REFERENCE, reference],
] as const

interface Member {
  name: string
  type: string
  default: string | undefined
}

/** Returns the members of an interface of `index.d.ts`, with the defaults that their comments have. */
function members(name: string): Member[] {
  const body = new RegExp(`^export interface ${name}\\b.*\\{\\n([\\s\\S]*?)^\\}`, 'm').exec(TYPES)?.[1]
  if (body === undefined) throw new Error(`index.d.ts has no interface ${name}`)
  const found = [...body.matchAll(/(?: {2}\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)? {2}(\w+)\??: (.*)\n/g)]
  return found.map(([, comment = '', name = '', type = '']) => {
    const text = comment.replaceAll(/\s*\n\s*\*?\s*/g, ' ')
    return { name, type: type.replace(/ \| undefined$/, ''), default: /@default (.*?) *$/.exec(text)?.[1] }
  })
}

/** Returns the words of a union of literals of `index.d.ts`, by the name of their property or of the type. */
function words(declaration: string, property: string): string[] {
  const start = TYPES.indexOf(`export type ${declaration} =`)
  const body = TYPES.slice(start).split(/\n(?=export |\/\*\*)/)[0] ?? ''
  return [...body.matchAll(new RegExp(`${property}'([\\w-]+)'`, 'g'))].map(([, word = '']) => word)
}

/** Returns the values that a default begins with. A description in words has none. */
function values(text = ''): string[] {
  if (!/^(['`]|true|false)/.test(text)) return []
  return [...text.matchAll(/'([^']+)'|`([^`]+)`|\b(true|false)\b/g)]
    .map(([, one, two, three]) => one ?? two ?? three ?? '')
    .filter((value) => value !== 'env')
}

interface Flag {
  names: string[]
  help: string
}

/** Returns the options that the help of a command lists. */
async function flags(command: string): Promise<Flag[]> {
  const { status, stdout } = await devBin('node', [command, '--help'])
  expect(status).toBe(0)
  const listed = /^Options:\n((?: .*\n)*)/m.exec(stdout)?.[1] ?? ''
  const found = [...listed.matchAll(/^ {2}(?:(-\w), | {4})(--[\w-]+)(?: \S+)? {2,}(.*)$/gm)]
  expect(found.length).toBe(listed.trimEnd().split('\n').length)
  return found.map(([, short, long = '', help = '']) => ({ names: [short ?? [], long].flat(), help }))
}

const COMMANDS = ['get', 'run', 'watch', 'why', 'inputs', 'list', 'prune', 'verify', 'remote', 'completions']
const HELP = new Map(await Promise.all(COMMANDS.map(async (name) => [name, await flags(name)] as const)))
const general = (await devBin('node', ['--help'])).stdout

const names = (command: string) => (HELP.get(command) ?? []).flatMap((flag) => flag.names)
const sorted = (list: Iterable<string>) => [...new Set(list)].sort()
const isCommon = (name: string) => ['-h', '--help'].includes(name)

describe.each(TABLES)('the options of %s', (_, rows) => {
  test('are those of index.d.ts, in its order', () => {
    expect(rows.map(({ option }) => quoted(option)[0] ?? '')).toEqual(
      members('DevBinaryOptions').map(({ name }) => name),
    )
  })

  test('have its defaults', () => {
    for (const { name, default: text } of members('DevBinaryOptions')) {
      const cell = rows.find(({ option }) => option === `\`${name}\``)?.default ?? ''
      if (text === undefined) expect([name, ['', '`[]`'].includes(cell)]).toEqual([name, true])
      else if (values(text).length > 0) expect([name, ...quoted(cell)]).toEqual([name, ...values(text)])
      else expect([name, cell]).not.toEqual([name, ''])
    }
  })

  test('have the names of the command line, none of which is left out', () => {
    const named = rows.flatMap((row) => quoted(row['command line']).filter((name) => name.startsWith('-')))
    expect(named.length).toBe(new Set(named).size)
    const limits = names('prune').filter((name) => name.startsWith('--max-'))
    expect(sorted(named)).toEqual(sorted([...names('get'), ...limits].filter((name) => !isCommon(name))))
  })

  test('have the defaults of the command line', () => {
    for (const row of rows) {
      const [flag] = [...(HELP.get('get') ?? []), ...(HELP.get('prune') ?? [])].filter(({ names }) =>
        quoted(row['command line']).some((name) => names.includes(name)),
      )
      const fallback = /\(default: (.*)\)$/.exec(flag?.help ?? '')?.[1]
      if (fallback === undefined) continue
      const cell = row.default ?? ''
      expect([row.option, cell]).not.toEqual([row.option, ''])
      // In `kind`, a default that depends on the crate follows.
      if (cell.startsWith('`')) {
        for (const value of quoted(cell.split(';')[0]))
          expect([row.option, fallback]).toEqual([row.option, expect.stringContaining(value)])
      }
    }
  })
})

test('the types of the options are those of index.d.ts', () => {
  const spelled: Record<string, string> = {
    'readonly string[]': 'string[]',
    'string | number': 'string, number',
    'Readonly<Record<string, string | undefined>>': 'object of strings',
    CallSignal: 'AbortSignal',
    '((event: DevBinaryEvent) => void)': 'function',
  }
  for (const { name, type } of members('DevBinaryOptions')) {
    const cell = reference.find(({ option }) => option === `\`${name}\``)?.type ?? ''
    if (type.startsWith("'")) expect([name, ...sorted(quoted(cell))]).toEqual([name, ...sorted(values(type))])
    else expect([name, cell]).toEqual([name, spelled[type] ?? type])
  }
})

test('the options that only some commands take are those of their help', () => {
  const ofRequest = names('inputs').filter((name) => !isCommon(name) && !['--cache-dir', '--json'].includes(name))
  for (const command of ['get', 'run', 'watch', 'why', 'inputs', 'verify']) {
    expect(names(command)).toEqual(expect.arrayContaining(ofRequest))
  }
  const rows = table(REFERENCE, 'Command line', 'options', 'commands')
  for (const command of COMMANDS) {
    const taken = rows.filter(({ commands }) => quoted(commands).includes(command))
    const own = names(command).filter((name) => !isCommon(name) && !ofRequest.includes(name))
    expect([command, ...sorted(taken.flatMap(({ options }) => quoted(options)))]).toEqual([command, ...sorted(own)])
  }
})

test('the commands are those of the help', () => {
  const listed = [...(/^Commands:\n((?: .*\n)*)/m.exec(general)?.[1] ?? '').matchAll(/^ {2}(\w+)/gm)].map(
    ([, name = '']) => name,
  )
  expect(listed).toEqual(COMMANDS)
  for (const page of ['README.md', REFERENCE]) {
    const rows = table(page, 'Command line', 'command', 'does')
    expect(rows.map(({ command }) => command)).toEqual(COMMANDS.map((name) => `\`dev-bin ${name}\``))
  }
})

test('the exit statuses are those of the help', () => {
  const documented = table(REFERENCE, 'Exit status', 'exit status', 'when').flatMap((row) =>
    row['exit status']?.split(', '),
  )
  const listed = /^Exit status:\n((?: .*\n)*)/m.exec(general)?.[1] ?? ''
  expect(sorted(listed.match(/\b\d+\b/g) ?? [])).toEqual(sorted(documented.filter((status) => status !== undefined)))
})

test('the variables are those of the help', () => {
  const documented = table(REFERENCE, 'Environment', 'variable', 'meaning').flatMap(({ variable }) => quoted(variable))
  const listed = [...(general.split('Environment:\n')[1] ?? '').matchAll(/^ {2}([A-Z_]+) /gm)].map(
    ([, name = '']) => name,
  )
  expect(listed).toEqual(documented.filter((name) => !name.includes('=')))
})

test('the functions are those that are exported', () => {
  const functions = Object.keys(surface).filter((name) => /^[a-z]/.test(name) && name !== 'default')
  const rows = table(REFERENCE, 'Functions', 'function', 'answer')
  expect(sorted(rows.map((row) => /\w+/.exec(row.function ?? '')?.[0] ?? ''))).toEqual(sorted(functions))
})

test('the error codes, events, reasons and properties are those of index.d.ts', () => {
  const first = (heading: string, column: string, ...more: string[]) =>
    table(REFERENCE, heading, column, ...more).flatMap((row) => quoted(row[column]))
  expect(first('Errors', 'code', 'when', 'what to do')).toEqual(words('DevBinaryErrorCode', '\\| '))
  expect(first('Events', 'type', 'when')).toEqual(words('DevBinaryEvent', 'type: '))
  expect(first('Reasons', 'kind', 'meaning')).toEqual(words('MissReason', 'kind: '))
  const properties = members('DevBinary').map(({ name }) => name)
  expect(first('Result', 'property', 'meaning')).toEqual(properties)
})
