// The files that builds are seen to read count, declared or not, and no others do.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Compared } from './oracle.js'
import { observes, PATIENCE_MS, temporaryDirectory } from './support.js'
import { compiled, giving, helped, listing, shell, text } from './undeclared.js'

setDefaultTimeout(PATIENCE_MS)

/** The targets of `data/way`, in turns. */
const retargeted = ['b', 'a'].map((target) => (world: Compared) => {
  rmSync(join(world.repo, 'data/way'))
  symlinkSync(target, join(world.repo, 'data/way'))
})

/** `world` with two directories, and a link to the first. */
function linked(world: Compared): Compared {
  world.write('data/a/file', 'one')
  world.write('data/b/file', 'two')
  symlinkSync('a', join(world.repo, 'data/way'))
  return world
}

/** Writes a library whose function `said` gives `word`. */
function library(world: Compared, word: string): void {
  const path = join(world.directory, 'libsaid.so.1')
  rmSync(path, { force: true })
  const code = `const char *said(void) { return "${word}"; }\n`
  execFileSync('cc', ['-shared', '-fPIC', '-x', 'c', '-', '-o', path], { input: code })
}

interface Read {
  world: () => Compared
  /** Changes that are made in turns. Each changes what the program prints. */
  changes: ((world: Compared) => void)[]
}

const WRITES = 'a file that it writes afterwards'

const READS: Record<string, Read> = {
  'a file': {
    world: () => giving(text('data/one')),
    changes: [(world) => world.write('data/one', '2'), (world) => world.write('data/one', '3')],
  },
  'a file that is not there': {
    world: () => giving(text('data/two')),
    changes: [(world) => world.write('data/two', '2'), (world) => rmSync(join(world.repo, 'data/two'))],
  },
  'the names in a directory': {
    world: () => giving(listing('data')),
    changes: [
      (world) => world.write('data/two', ''),
      (world) => renameSync(join(world.repo, 'data/one'), join(world.repo, 'data/zero')),
    ],
  },
  'where a link leads': {
    world: () => {
      const world = giving('std::fs::read_link("data/link").unwrap().display()')
      symlinkSync('one', join(world.repo, 'data/link'))
      return world
    },
    changes: ['two', 'one'].map((target) => (world) => {
      rmSync(join(world.repo, 'data/link'))
      symlinkSync(target, join(world.repo, 'data/link'))
    }),
  },
  'what a link in the way leads to': {
    world: () => {
      const world = giving(
        'std::fs::canonicalize("data/way/file").unwrap().parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned()',
        {
          'data/a/file': '',
          'data/b/file': '',
        },
      )
      symlinkSync('a', join(world.repo, 'data/way'))
      return world
    },
    changes: ['b', 'a'].map((target) => (world) => {
      rmSync(join(world.repo, 'data/way'))
      symlinkSync(target, join(world.repo, 'data/way'))
    }),
  },
  'whether a file may be executed': {
    world: () => giving(shell('test -x data/one && echo yes || echo no')),
    changes: [0o755, 0o644].map((mode) => (world) => chmodSync(join(world.repo, 'data/one'), mode)),
  },
  'a variable': {
    world: () => giving('std::env::var("UNDECLARED").unwrap_or_default()'),
    changes: ['one', undefined].map((value) => (world) => {
      world.env = { UNDECLARED: value }
    }),
  },
  'a file, in a program that it starts': {
    world: () => giving(shell('cat data/one')),
    changes: [(world) => world.write('data/one', '2'), (world) => world.write('data/one', '3')],
  },
  'a program of the checkout that it starts': {
    world: () => {
      const world = giving(shell('tools/say'))
      world.write('tools/say', '#!/bin/sh\necho one\n', 0o755)
      return world
    },
    changes: ['two', 'three'].map((word) => (world) => world.write('tools/say', `#!/bin/sh\necho ${word}\n`, 0o755)),
  },
  'a header that another one includes': {
    world: () =>
      giving(
        `{ std::fs::write(std::env::var("OUT_DIR").unwrap() + "/x.c", "#include \\"a.h\\"\\nWORD\\n").unwrap(); ${shell('cc -E -P -Idata -Idata/later "$OUT_DIR/x.c"')}.to_owned() }`,
        {
          'data/later/a.h': '#include <b.h>\n',
          'data/later/b.h': '#define WORD one\n',
        },
      ),
    changes: [
      (world) => world.write('data/later/b.h', '#define WORD two\n'),
      // Found first, since the directory is searched first.
      (world) => world.write('data/b.h', '#define WORD three\n'),
      (world) => world.write('data/a.h', '#define WORD four\n'),
    ],
  },
  'a file, in a child with an environment that the script has emptied': {
    world: () => giving(shell('env -i /bin/cat data/one')),
    changes: [(world) => world.write('data/one', '2'), (world) => world.write('data/one', '3')],
  },
  'a file, by a path that leads over a file descriptor': {
    world: () => giving(shell('exec 9<data/one; cat /proc/self/fd/9')),
    changes: [(world) => world.write('data/one', '2'), (world) => world.write('data/one', '3')],
  },
  'a file below a directory that it has gone to by a link': {
    world: () => linked(giving(shell('cd data/way && cat file'))),
    changes: retargeted,
  },
  'a file below a directory that it starts a program in': {
    world: () =>
      linked(
        giving(
          'String::from_utf8(std::process::Command::new("cat").arg("file").current_dir("data/way").output().unwrap().stdout).unwrap()',
        ),
      ),
    changes: retargeted,
  },
  'a file below a directory that it has opened': {
    world: () =>
      linked(
        helped(
          '#include <fcntl.h>\n#include <unistd.h>\nint main(void) { char c[3]; int d = open("data/way", O_RDONLY); read(openat(d, "file", O_RDONLY), c, 3); write(1, c, 3); return 0; }\n',
        ),
      ),
    changes: retargeted,
  },
  'that a directory is there': {
    world: () => {
      const world = giving('std::path::Path::new("data/sub").is_dir()')
      mkdirSync(join(world.repo, 'data/sub'))
      return world
    },
    changes: [
      (world) => rmSync(join(world.repo, 'data/sub'), { recursive: true }),
      (world) => mkdirSync(join(world.repo, 'data/sub')),
    ],
  },
  'which names in a directory are of directories': {
    world: () =>
      giving(
        'std::fs::read_dir("data").unwrap().filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_dir()).count()',
      ),
    changes: [
      (world) => {
        rmSync(join(world.repo, 'data/one'))
        mkdirSync(join(world.repo, 'data/one'))
      },
      (world) => {
        rmSync(join(world.repo, 'data/one'), { recursive: true })
        world.write('data/one', '')
      },
    ],
  },
  'a file of a tree that it unpacks when there is none': {
    world: () =>
      giving(
        shell(
          '[ -d data/tree ] || { mkdir -p data/tree/deep; echo 1 > data/tree/deep/file; }; cat data/tree/deep/file',
        ),
      ),
    changes: [(world) => world.write('data/tree/deep/file', '2'), (world) => world.write('data/tree/deep/file', '3')],
  },
  'the names in a directory that it makes': {
    world: () => giving(`{ std::fs::create_dir_all("data/made").unwrap(); ${listing('data/made')} }`),
    changes: [(world) => world.write('data/made/one', ''), (world) => world.write('data/made/two', '')],
  },
  'a variable that make expands': {
    world: () =>
      giving(shell('make -s -f data/rules'), { 'data/rules': 'all:\n\t@echo $(UNDECLARED) $(undeclared_too)\n' }),
    changes: [
      (world) => {
        world.env = { UNDECLARED: 'one' }
      },
      (world) => {
        world.env = { undeclared_too: 'two' }
      },
    ],
  },
  'a variable in a script that a shell sources': {
    world: () => giving(shell('. data/settings; echo $WORD'), { 'data/settings': 'WORD=$UNDECLARED\n' }),
    changes: ['one', undefined].map((value) => (world) => {
      world.env = { UNDECLARED: value }
    }),
  },
  'a file that it makes when there is none': {
    world: () => giving(shell('[ -e data/conf ] || echo 1 >data/conf; cat data/conf')),
    changes: [(world) => world.write('data/conf', '2'), (world) => world.write('data/conf', '3')],
  },
  'a file that it gives another name': {
    world: () =>
      giving(
        '{ let to = std::env::var("OUT_DIR").unwrap() + "/linked"; let _ = std::fs::remove_file(&to); std::fs::hard_link("data/one", &to).unwrap(); std::fs::read_to_string(to).unwrap() }',
      ),
    changes: [(world) => world.write('data/one', '2'), (world) => world.write('data/one', '3')],
  },
  'a program that it finds on a PATH of its own': {
    world: () => {
      const world = giving(
        'String::from_utf8(std::process::Command::new("say").env("PATH", "data/first:data/last:/usr/bin:/bin").output().unwrap().stdout).unwrap().trim()',
      )
      world.write('data/last/say', '#!/bin/sh\necho one\n', 0o755)
      return world
    },
    changes: [
      (world) => world.write('data/last/say', '#!/bin/sh\necho two\n', 0o755),
      (world) => world.write('data/first/say', '#!/bin/sh\necho three\n', 0o755),
    ],
  },
  'a program of the checkout that is called as one of the toolchain': {
    world: () => {
      const world = giving(shell('tools/bin/rustc'))
      world.write('tools/bin/rustc', '#!/bin/sh\necho one\n', 0o755)
      return world
    },
    changes: ['two', 'three'].map(
      (word) => (world) => world.write('tools/bin/rustc', `#!/bin/sh\necho ${word}\n`, 0o755),
    ),
  },
  'a variable, in a program that it starts': {
    world: () =>
      helped(
        '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { const char *value = getenv("UNDECLARED"); return puts(value == NULL ? "none" : value) < 0; }\n',
      ),
    changes: ['one', undefined].map((value) => (world) => {
      world.env.UNDECLARED = value
    }),
  },
  'a variable, in a shell': {
    world: () => giving(shell('echo "[$UNDECLARED]"')),
    changes: ['one', undefined].map((value) => (world) => {
      world.env = { UNDECLARED: value }
    }),
  },
  'a library that a program of its is linked with': {
    world: () => {
      const world = giving(shell('"$HELPER"'))
      library(world, 'one')
      const code = '#include <stdio.h>\nconst char *said(void);\nint main(void) { return puts(said()) < 0; }\n'
      const program = compiled(
        world,
        code,
        '-x',
        'none',
        join(world.directory, 'libsaid.so.1'),
        `-Wl,-rpath,${world.directory}`,
      )
      world.env = { HELPER: program }
      return world
    },
    changes: ['two', 'three'].map((word) => (world) => library(world, word)),
  },
  'a library that a program of its loads by name': {
    world: () => {
      const world = giving(shell('"$HELPER"'))
      library(world, 'one')
      const code = `#include <dlfcn.h>\n#include <stdio.h>\nint main(void) { const char *(*said)(void) = dlsym(dlopen("libsaid.so.1", RTLD_NOW), "said"); return puts(said()) < 0; }\n`
      world.env = { HELPER: compiled(world, code, `-Wl,-rpath,${world.directory}`, '-ldl') }
      return world
    },
    changes: ['two', 'three'].map((word) => (world) => library(world, word)),
  },
  'a file below a directory that it has gone to': {
    world: () => giving(shell('cd data && cat one')),
    changes: [(world) => world.write('data/one', '2'), (world) => world.write('data/one', '3')],
  },
  [WRITES]: {
    world: () =>
      giving(
        '{ let read = std::fs::read_to_string("data/one").unwrap(); std::fs::write("data/one", "0").unwrap(); read }',
      ),
    changes: [(world) => world.write('data/one', '2'), (world) => world.write('data/one', '3')],
  },
}

describe.if(observes)('a file that a build script reads without declaring it counts:', () => {
  for (const [what, { world: made, changes }] of Object.entries(READS))
    test(what, async () => {
      const world = made()
      expect((await world.look()).outcome).toBe('built')
      for (const [step, change] of changes.entries()) {
        change(world)
        // The build script of one case writes what it reads, so a clean build comes first.
        const prints = world.clean()
        if (what === WRITES) change(world)
        expect({ step, ...(await world.look()) }).toMatchObject({ step, prints })
      }
    })

  test('but not what it removes and makes anew each time', async () => {
    const anew = `{ let _ = std::fs::remove_dir_all("data/made"); if !std::path::Path::new("data/made").exists() { std::fs::create_dir_all("data/made").unwrap(); } std::fs::write("data/made/file", ${text('data/one')}).unwrap(); std::fs::read_to_string("data/made/file").unwrap() }`
    const world = giving(anew, { 'data/made/file': 'old' })
    await world.look()
    world.write('data/one', '2')
    expect(await world.look()).toMatchObject({ outcome: 'built', prints: '2' })
    world.write('data/one', '1')
    expect(await world.look()).toMatchObject({ outcome: 'cached', prints: '1' })
  })

  test('in a target directory that is a link, too, whose own files do not', async () => {
    const world = giving(text('data/one'))
    const elsewhere = temporaryDirectory()
    symlinkSync(elsewhere, join(world.repo, 'target'))
    expect((await world.look()).outcome).toBe('built')
    expect((await world.look()).outcome).toBe('cached')
    world.write('data/one', '2')
    expect(await world.look()).toMatchObject({ outcome: 'built', prints: '2' })
  })

  test('and a file that it does not read does not count', async () => {
    const world = giving(text('data/one'), {
      'README.md': 'one',
      'src/bin/other.rs': 'fn main() {}\n',
      'tests/it.rs': '',
      'data/two': '',
    })
    await world.look({ bin: 'app', scope: 'crate' })
    for (const path of ['README.md', 'src/bin/other.rs', 'tests/it.rs', 'data/two', 'data/three', 'docs/new.md']) {
      world.write(path, '// edited\nfn main() {}\n')
      expect({ path, ...(await world.look({ bin: 'app', scope: 'crate' })) }).toMatchObject({ path, outcome: 'cached' })
    }
  })
})
