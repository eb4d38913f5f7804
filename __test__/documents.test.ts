// Runs everything in the documents that can be run, and follows every link.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join, normalize } from 'node:path'
import { COMMAND } from './command.js'
import { anchors, blocks, links, PAGES, read, tracked } from './documents.js'
import { RUST_HOMES } from './programs.js'
import { Checkout, lockFile, mainPrinting, PATIENCE_MS, root } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const manifest = JSON.parse(read('package.json'))
const REPOSITORY = `${manifest.repository.url.replace(/^git\+/, '').replace(/\.git$/, '')}/blob/main/`

/**
 * The languages of blocks, and whether a block of each is run. The others need a registry, an account or another
 * machine.
 */
const LANGUAGES: Record<string, boolean> = { sh: true, ts: true, text: false, toml: false }

/**
 * A block that is not run: `tools/scripts/setup.mjs` does the same before the tests, and `npm run readme` types it in a
 * clone.
 */
const SET_UP = 'npm ci && npm run build\n'

const package_ = (name: string, more = '') =>
  `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2024"\n${more}`

/** The project that the pages' examples are about: a program in JavaScript, and a cargo workspace in `apps/gateway`. */
class Project extends Checkout {
  readonly home = join(this.directory, 'home')
  readonly programs = join(this.directory, 'programs')

  constructor() {
    super({
      'package.json': '{ "type": "module" }\n',
      '.gitignore': 'target\nnode_modules\ndist\n',
      'apps/gateway/Cargo.toml':
        '[workspace]\nmembers = ["server", "worker", "my-addon"]\ndefault-members = ["server"]\nresolver = "3"\n',
      'apps/gateway/Cargo.lock': lockFile('my-addon', 'server', 'worker'),
      'apps/gateway/server/Cargo.toml': package_('server', 'default-run = "server"\n'),
      'apps/gateway/server/src/main.rs': mainPrinting('server'),
      'apps/gateway/server/src/bin/helper.rs': mainPrinting('helper'),
      'apps/gateway/worker/Cargo.toml': package_('worker'),
      'apps/gateway/worker/src/main.rs': mainPrinting('worker'),
      'apps/gateway/my-addon/Cargo.toml': package_('my-addon', '\n[lib]\ncrate-type = ["cdylib"]\n'),
      'apps/gateway/my-addon/src/lib.rs': '#[unsafe(no_mangle)]\npub extern "C" fn one() -> i32 {\n    1\n}\n',
    })
    for (const directory of [this.home, this.programs, join(this.repo, 'node_modules', '@openlock')]) {
      mkdirSync(directory, { recursive: true })
    }
    symlinkSync(root, join(this.repo, 'node_modules', '@openlock', 'dev-bin'))
    this.write('../programs/dev-bin', `#!/bin/sh\nexec node ${JSON.stringify(COMMAND)} "$@"\n`, 0o755)
    // A compiled program stops where this is not a directory.
    this.write('../programs/launcher', '#!/bin/sh\nexec test -d "$BUN_TMPDIR"\n', 0o755)
  }

  /** Runs a command that must succeed, and returns what it prints. */
  says(command: string[], cwd: string): string {
    const [program = '', ...args] = command
    const PATH = [this.programs, process.env.PATH].join(delimiter)
    const env = this.environment({ HOME: this.home, PATH, RUSTUP_HOME: RUST_HOMES.RUSTUP_HOME })
    const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8' })
    if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}:\n${stdout}${stderr}`)
    return stdout
  }

  /** Types a block into a shell that stops at the first command that fails. Returns what it prints. */
  type(code: string, cwd = join(this.repo, 'apps', 'gateway')): string {
    return this.says(['bash', '-euo', 'pipefail', '-c', code], cwd)
  }
}

// Their commands are those of a POSIX shell.
describe.skipIf(process.platform === 'win32')('a reader', () => {
  const [setUp, example = ''] = blocks('README.md')
    .filter(({ language }) => language === 'sh')
    .map(({ code }) => code)

  test('of the README pastes its example: built, run, found again, built after an edit', () => {
    const project = new Project()
    const paste = (code: string) => project.type(code.replaceAll('/tmp/', `${project.directory}/`), root)
    expect(setUp).toBe(SET_UP)
    const [, outcome, path, greeting] = /^(\w+) (.*)\n(.*)\n$/.exec(paste(example)) ?? []
    expect([outcome, greeting]).toEqual(['built', 'Hello, world!'])
    expect(path).toStartWith(join(project.home, '.cache', 'openlock', 'dev-bin'))
    const call = /^node -e '\n.*?^'$/ms.exec(example)?.[0] ?? ''
    expect(paste(call)).toBe(`cached ${path}\n`)
    writeFileSync(join(project.directory, 'hello', 'src', 'main.rs'), 'fn main() {}\n')
    expect(paste(call)).toStartWith('built ')
  })

  const of = (page: string, language: string) =>
    blocks(page)
      .filter((block) => block.language === language)
      .map(({ code }) => code)

  for (const page of PAGES) {
    const commands = of(page, 'sh').filter((code) => code !== setUp && code !== example)
    if (commands.length > 0) {
      test(`of ${page} types its commands`, () => {
        const project = new Project()
        for (const code of commands) project.type(code)
      })
    }

    const programs = of(page, 'ts')
    if (programs.length > 0) {
      test(`of ${page} runs its programs, which have types`, () => {
        const project = new Project()
        const files = programs.map((_, index) => `${index}.ts`)
        for (const [index, code] of programs.entries()) project.write(`${index}.ts`, code)
        const typeRoots = [join(root, 'node_modules', '@types')]
        const compilerOptions = { target: 'es2023', module: 'nodenext', strict: true, noEmit: true, types: ['node'] }
        project.write('tsconfig.json', JSON.stringify({ compilerOptions: { ...compilerOptions, typeRoots }, files }))
        project.says(['node', join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '--project', '.'], project.repo)
        for (const file of files) project.says([process.execPath, file], project.repo)
      })
    }
  }
})

test('every block names its language, which decides if it is run', () => {
  const unknown = PAGES.flatMap((page) => blocks(page).map(({ language }) => `${page}: ${language}`))
  expect(unknown.filter((it) => !((it.split(': ')[1] ?? '') in LANGUAGES))).toEqual([])
  const inText = PAGES.flatMap((page) => blocks(page).filter(({ language }) => LANGUAGES[language] === false))
  expect(inText.filter(({ code }) => /^(dev-bin|node|cargo) /m.test(code))).toEqual([])
})

test('the README has at most 170 lines', () => {
  expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(170)
})

const isExternal = (target: string) => /^[a-z]+:/.test(target)

/** Returns the problem of a link of `page`, if it leads into this repository. */
function problemOf(page: string, target: string): string[] {
  const isOfRepository = target.startsWith(REPOSITORY)
  if (isExternal(target) && !isOfRepository) return []
  const [path = '', anchor] = (isOfRepository ? target.slice(REPOSITORY.length) : target).split('#')
  const file = path === '' ? page : normalize(isOfRepository ? path : join(dirname(page), path))
  if (!existsSync(join(root, file))) return [`${page}: ${target} leads to no file`]
  if (anchor === undefined || (file.endsWith('.md') && anchors(file).has(anchor))) return []
  return [`${page}: ${target} leads to no heading`]
}

describe('links', () => {
  test('between documents lead to files and headings that exist', () => {
    const pages = tracked('*.md')
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'ARCHITECTURE.md', 'docs/reference.md']))
    expect(pages.flatMap((page) => links(page).flatMap((target) => problemOf(page, target)))).toEqual([])
  })

  test('that lead nowhere are found', () => {
    expect(problemOf('docs/reference.md', '../README.md#example')).toEqual([])
    expect(problemOf('README.md', `${REPOSITORY}docs/what-counts.md#limits`)).toEqual([])
    for (const target of ['missing.md', '#missing', '../README.md#missing', `${REPOSITORY}docs/reference.md#missing`]) {
      expect(problemOf('docs/reference.md', target)).toHaveLength(1)
    }
  })

  test('of the README are to the web, unless the file is in the package', () => {
    const inPackage = [...manifest.files, 'LICENSE']
    const relative = links('README.md').filter((target) => !isExternal(target) && !target.startsWith('#'))
    expect(relative.filter((target) => !inPackage.includes(target))).toEqual([])
    const own = links('README.md').filter((target) => target.includes('vessux') && !target.startsWith(REPOSITORY))
    // npm shows pictures from where GitHub has the files themselves.
    const pictures = own.map((target) => target.replace('https://raw.githubusercontent.com/vessux/dev-bin/main/', ''))
    expect(pictures).toEqual(tracked('docs/*.svg'))
  })

  test('from code and messages to pages lead to pages and headings that exist', () => {
    const sources = tracked('*.js', '*.d.ts', '*.rs', '*.c', '*.mjs', '*.yml', '*.toml').filter(
      (path) => !path.startsWith('__test__/') && !path.startsWith('tests/') && !path.startsWith('examples/'),
    )
    const named = sources.flatMap((path) => {
      // Tests write files that have the names of pages.
      const [text = ''] = read(path).split('#[cfg(test)]')
      const found = text.matchAll(/\bdocs\/[\w-]+\.md(?:#[\w-]+)?/g)
      return [...found].map(([target]) => [path, target] as const)
    })
    expect(named.length).toBeGreaterThan(0)
    expect(named.flatMap(([path, target]) => problemOf('README.md', target).map((it) => `${path}: ${it}`))).toEqual([])
    expect(sources.filter((path) => /README(\.md)?[^\n]{0,12}, "|in README\.md/.test(read(path)))).toEqual([])
  })
})

test('every npm script that a document names is there', () => {
  const pages = tracked('*.md').filter((page) => !page.startsWith('examples/'))
  const named = pages.flatMap((page) => [...read(page).matchAll(/`npm run ([\w:-]+)/g)].map(([, name]) => name))
  expect(named.filter((name = '') => !(name in manifest.scripts))).toEqual([])
})
