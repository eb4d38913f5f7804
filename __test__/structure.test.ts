// The form of the source: how long files are, and which of them use which.

import { describe, expect, test } from 'bun:test'
import { read, tracked } from './documents.js'
import { circles, usesOfCrate, usesOfScripts } from './modules.js'

/** The greatest number of lines that a source file has. */
const LONGEST = 400

const lines = (path: string) => read(path).split('\n').length - 1

describe('each source file', () => {
  const sources = tracked('*.rs', '*.ts', '*.js', '*.mjs', '*.c', '*.h')

  test('is short enough to be read at once', () => {
    expect(sources.length).toBeGreaterThan(200)
    const longer = sources.filter((path) => lines(path) > LONGEST)
    expect(longer.map((path) => `${path}: ${lines(path)}`)).toEqual([])
  })
})

/** The words that all rooms share, and the questions to the system. Each may use those behind it. */
const WORDS = ['request', 'model', 'fs', 'error']

/** The rooms, and the other rooms that each of them uses, as ARCHITECTURE.md has them. */
const ROOMS: Record<string, string[]> = {
  freshness: ['inputs', 'observer'],
  inputs: ['observer'],
  observer: ['store'],
  cargo: [],
  runtime: [],
  store: [],
}

/** The rooms of `inputs/`, each of which knows those behind it. */
const ROOMS_OF_INPUTS = ['reads', 'workspace', 'tools', 'scan', 'git', 'remember']

/** Returns the room of a file: the name of the directory or the file below `directory`. */
const roomOf = (path: string, directory: string) =>
  path.slice(directory.length).split('/')[0]?.replace(/\.rs$/, '') ?? ''

describe('no source file', () => {
  const uses = usesOfCrate('src')

  test('of the crate uses one that uses it', () => {
    const count = [...uses.values()].reduce((sum, used) => sum + used.size, 0)
    expect([uses.size === tracked('src/*.rs').length, count > 500]).toEqual([true, true])
    expect(circles(uses)).toEqual([])
  })

  test('of JavaScript uses one that uses it', () => {
    const scripts = usesOfScripts('index.js', 'lib', 'cli')
    expect([...(scripts.get('index.js') ?? [])]).toContain('lib/options.js')
    expect(circles(scripts)).toEqual([])
  })

  /** Returns the uses that lead from one room below `directory` to another one, each with an example. */
  function between(directory: string): { from: string; to: string; example: string }[] {
    return [...uses].flatMap(([file, used]) =>
      [...used]
        .filter((path) => [file, path].every((path) => path.startsWith(directory)))
        .map((path) => ({ from: roomOf(file, directory), to: roomOf(path, directory), example: `${file} → ${path}` }))
        .filter(({ from, to }) => from !== to),
    )
  }

  test('of a room uses another room, but for the words and the rooms that ARCHITECTURE.md names', () => {
    const isAllowed = (from: string, to: string) => {
      if (WORDS.includes(from)) return WORDS.indexOf(to) > WORDS.indexOf(from)
      if (from in ROOMS) return WORDS.includes(to) || ROOMS[from]?.includes(to)
      // `report` draws, and only `binding` knows it. Both are above the pipeline.
      if (from === 'report') return WORDS.includes(to)
      return from === 'binding' || !['binding', 'report'].includes(to)
    }
    const wrong = between('src/').filter(({ from, to }) => !isAllowed(from, to))
    expect(wrong.map(({ example }) => example)).toEqual([])
  })

  test('of a room of `inputs/` uses a room above it', () => {
    const isAllowed = (from: string, to: string) =>
      from === 'mod' || ROOMS_OF_INPUTS.indexOf(to) > ROOMS_OF_INPUTS.indexOf(from)
    const wrong = between('src/inputs/').filter(({ from, to }) => !isAllowed(from, to))
    expect(wrong.map(({ example }) => example)).toEqual([])
  })
})
