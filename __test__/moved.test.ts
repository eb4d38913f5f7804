// Links that are made, directories that are moved, and files that are removed, during the first build. Such a change leaves
// no time of a file that tells of it.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { closeSync, constants, existsSync, openSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { Compared, printing, SCOPES } from './oracle.js'
import { PATIENCE_MS, until } from './support.js'

setDefaultTimeout(PATIENCE_MS)

/** A build script that reads a file without a declaration, and goes on when something is written to the pipe `gate`. */
const WAITING = `fn main() {
    let read = std::fs::read_to_string("../shared/current/v.txt").unwrap_or("nothing".into());
    std::fs::write("../has-read", "").unwrap();
    std::fs::read("../gate").unwrap();
    println!("cargo::rustc-env=READ={}", read.trim());
}
`

/** Opens the pipe at `gate` and closes it again, if another process reads from it. */
function open(gate: string) {
  try {
    closeSync(openSync(gate, constants.O_WRONLY | constants.O_NONBLOCK))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error
  }
}

type Change = {
  files: [string, string]
  before: (directory: string) => void
  meanwhile: (directory: string) => void
  prints?: string
}

/** Puts a link in the place of another one, or of nothing. */
function link(directory: string, name: string, to: string) {
  rmSync(join(directory, name), { force: true })
  symlinkSync(to, join(directory, name))
}

const CHANGES: Record<string, Change> = {
  'a link is made to lead elsewhere': {
    files: ['shared/one/v.txt', 'shared/two/v.txt'],
    before: (directory) => link(directory, 'shared/current', 'one'),
    meanwhile: (directory) => link(directory, 'shared/current', 'two'),
  },
  'a directory is moved to the place of another': {
    files: ['shared/current/v.txt', 'shared/two/v.txt'],
    before: () => {},
    meanwhile: (directory) => {
      renameSync(join(directory, 'shared/current'), join(directory, 'shared/last'))
      renameSync(join(directory, 'shared/two'), join(directory, 'shared/current'))
    },
  },
  'a link further up is made to lead elsewhere': {
    files: ['one/current/v.txt', 'two/current/v.txt'],
    before: (directory) => link(directory, 'shared', 'one'),
    meanwhile: (directory) => link(directory, 'shared', 'two'),
  },
  'a file is removed': {
    files: ['shared/current/v.txt', 'shared/two/v.txt'],
    before: () => {},
    meanwhile: (directory) => rmSync(join(directory, 'shared/current/v.txt')),
    prints: 'nothing',
  },
}

for (const [title, { files, before, meanwhile, prints = 'two' }] of Object.entries(CHANGES)) {
  for (const scope of SCOPES) {
    test(`${title} during the first build, scope ${scope}: it is built again`, async () => {
      const [one, two] = files.map((file) => `../${file}`) as [string, string]
      const world = new Compared({
        'build.rs': WAITING,
        'src/main.rs': printing('env!("READ")'),
        [one]: 'one',
        [two]: 'two',
      })
      before(world.directory)
      execFileSync('mkfifo', [join(world.directory, 'gate')])
      const looked = world.look({ scope })
      await until(() => existsSync(join(world.directory, 'has-read')), 'the script has read the file')
      meanwhile(world.directory)
      // Each build stops at the pipe.
      const opening = setInterval(() => open(join(world.directory, 'gate')), 20)
      await looked.finally(() => clearInterval(opening))
      expect(await looked).toMatchObject({ prints })
      expect(await world.look({ scope })).toMatchObject({ outcome: 'cached', prints })
    })
  }
}
