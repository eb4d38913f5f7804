// The files that builds are seen to read count, declared or not, and no others do. Watched builds give the same as
// others.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { explain, inputs } from '../index.js'
import { Compared, printing, script } from './oracle.js'
import { observes, PATIENCE_MS, rejection, temporaryDirectory, UNOBSERVED } from './support.js'

setDefaultTimeout(PATIENCE_MS)

/**
 * Returns a build script that declares another file, so that cargo does not run it again for the files that it reads.
 */
const silent = (value: string) => script(value, 'rerun-if-changed=build.rs')
const shell = (command: string) =>
  `String::from_utf8(std::process::Command::new("sh").args(["-c", ${JSON.stringify(command)}]).output().unwrap().stdout).unwrap().trim()`
const listing = (directory: string) =>
  `{ let mut names: Vec<_> = std::fs::read_dir("${directory}").unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect(); names.sort(); names.join(",") }`
const text = (path: string) => `std::fs::read_to_string("${path}").unwrap_or_default().trim()`

/** A package whose build script gives `value` to the program. */
const giving = (value: string, files: Record<string, string> = {}) =>
  new Compared({ 'build.rs': silent(value), '.gitignore': '/target\n/data\n', 'data/one': '1', ...files })

/** The same with a program written in C as `$HELPER`, which the build script starts. */
function helped(code: string, files: Record<string, string> = {}, ...flags: string[]): Compared {
  const world = giving(shell('"$HELPER"'), files)
  world.env = { HELPER: compiled(world, code, ...flags) }
  return world
}

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

/** Programs that hide what they read, each by its name, made in a directory that a build script starts them from. */
const HIDING: Record<string, (world: Compared) => string> = {
  'is linked statically': (world) => compiled(world, CODE_FOR_READING, '-static'),
  'calls the system by itself': (world) => compiled(world, CODE_FOR_CALLING),
  'asks the C library for a shell': (world) => compiled(world, CODE_FOR_SHELL),
  'becomes a program that is seen, and was not': (world) => compiled(world, CODE_FOR_HANDING_OVER, '-static'),
  'sends another process a message': (world) => compiled(world, CODE_FOR_SENDING),
  'takes another directory for the root': (world) => compiled(world, CODE_FOR_ANOTHER_ROOT),
}

const CODE_FOR_READING = `#include <stdio.h>
int main(void) { FILE *f = fopen("data/one", "r"); char c; while (fread(&c, 1, 1, f)) putchar(c); return 0; }
`
const CODE_FOR_SHELL = '#include <stdlib.h>\nint main(void) { return system("cat data/one"); }\n'
const CODE_FOR_HANDING_OVER = `#include <stdio.h>
#include <unistd.h>
int main(void) { FILE *f = fopen("data/one", "r"); char c[2] = {0}; fread(c, 1, 1, f); execl("/bin/echo", "echo", c, (char *)0); }
`
const CODE_FOR_SENDING = `#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
int main(void) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sendto(socket(AF_INET, SOCK_DGRAM, 0), "?", 1, 0, (struct sockaddr *)&to, sizeof to);
  FILE *f = fopen("data/one", "r"); putchar(fgetc(f)); return 0;
}
`
const CODE_FOR_ANOTHER_ROOT = `#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
  struct { uint64_t flags, mode, resolve; } how = {O_RDONLY, 0, 0x10};
  char c;
  read(syscall(437, open("data", O_PATH), "/one", &how, sizeof how), &c, 1);
  putchar(c);
  return 0;
}
`
const CODE_FOR_CALLING = `#include <fcntl.h>
#include <unistd.h>
static long call(long n, long a, long b, long c) {
#if defined(__x86_64__)
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return r;
#else
  register long x8 __asm__("x8") = n == 2 ? 56 : n;
  register long x0 __asm__("x0") = n == 2 ? -100 : a;
  register long x1 __asm__("x1") = n == 2 ? a : b;
  register long x2 __asm__("x2") = n == 2 ? b : c;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
#endif
}
int main(void) { char c; int fd = (int)call(2, (long)"data/one", O_RDONLY, 0); read(fd, &c, 1); write(1, &c, 1); return 0; }
`

function compiled(world: Compared, code: string, ...flags: string[]): string {
  const program = join(world.directory, 'hiding')
  execFileSync('cc', ['-x', 'c', '-', '-o', program, '-w', ...flags], { input: code })
  return program
}

describe.if(observes)('a run is opaque, and counts by its declarations, when one of its programs', () => {
  for (const [what, make] of Object.entries(HIDING))
    test(what, async () => {
      const world = giving(shell('"$HIDING"'))
      world.env = { HIDING: make(world) }
      expect(await world.look()).toMatchObject({ outcome: 'built', prints: '1' })
      const { opaque } = await inputs(world.options({ crate: 'app', env: world.environment(world.env) }))
      expect(opaque.map(({ run }) => run)).toContain('the build script of `app`')
      // Then the whole package counts, so its own files are not hidden.
      world.write('README.md', 'two')
      expect((await world.look({ scope: 'crate' })).outcome).toBe('built')
    })
})

describe.if(observes)('a watched build is like any other:', () => {
  const CURIOUS = {
    'build.rs': silent(
      'std::env::vars().filter(|(name, value)| name == "LD_PRELOAD" || name.starts_with("DEV_BIN") || value.contains("/observer/")).count()',
    ),
    'src/main.rs': printing('env!("READ")'),
  }

  test('no process has anything of it in its environment', async () => {
    const world = new Compared(CURIOUS)
    expect((await world.look()).prints).toBe('0')
    const through = new Compared({
      ...CURIOUS,
      'build.rs': silent(`${shell('env; sh -c env; env -i env')}.matches("/observer/").count()`),
    })
    expect((await through.look()).prints).toBe('0')
  })

  test('an LD_PRELOAD of the user is kept', async () => {
    const world = new Compared({
      'build.rs': silent('std::env::var("LD_PRELOAD").unwrap_or_default().split(\'/\').last().unwrap()'),
      'src/main.rs': printing('env!("READ")'),
    })
    const own = join(temporaryDirectory(), 'own.so')
    execFileSync('cc', ['-shared', '-fPIC', '-x', 'c', '-', '-o', own], { input: 'int own;\n' })
    world.env = { LD_PRELOAD: own }
    expect((await world.look()).prints).toBe('own.so')
  })

  test('a program with little room on its stack, and many arguments, runs', async () => {
    const code = `#include <pthread.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
static void *little(void *unused) {
  struct stat found;
  pid_t child;
  stat("data/one", &found);
  posix_spawn(&child, "/bin/echo", NULL, NULL, (char *[]){"echo", "-n", "little ", NULL}, environ);
  waitpid(child, NULL, 0);
  return unused;
}
int main(void) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 16384);
  if (pthread_create(&thread, &attributes, little, NULL) == 0) pthread_join(thread, NULL);
  return execl("/bin/sh", "sh", "-c", "echo $#", "sh", ${'"x", '.repeat(1500)} (char *)0);
}
`
    const world = helped(code, {}, '-pthread')
    expect((await world.look()).prints).toBe('little 1500')
  })

  test('two checkouts of which a shell says where it runs share no build', async () => {
    const world = giving(shell('pwd'))
    await world.look()
    const other = join(world.directory, 'other')
    world.git('clone', '--quiet', world.repo, other)
    expect((await world.look({ repo: other })).prints).toBe(other)
  })

  test('the bytes are the same, watched or not', async () => {
    const files = { 'build.rs': silent(text('data/one')), 'data/one': '1', 'src/main.rs': printing('env!("READ")') }
    const world = new Compared(files)
    const watched = readFileSync((await world.get({ crate: 'app' })).path)
    rmSync(join(world.repo, 'target'), { recursive: true })
    const unwatched = await world.get({
      crate: 'app',
      env: world.environment(UNOBSERVED),
      cacheDir: `${world.cacheDir}-2`,
    })
    expect(readFileSync(unwatched.path).equals(watched)).toBe(true)
  })
})

describe('the list of inputs', () => {
  test('names the runs that read each, and the opaque runs', async () => {
    const world = giving(`format!("{}{}", ${text('data/one')}, ${listing('data')})`)
    const options = () => world.options({ crate: 'app', scope: 'crate', env: world.environment() })
    expect(await rejection(inputs(options()))).toMatchObject({ code: 'NOT_BUILT' })
    await world.get({ crate: 'app', scope: 'crate' })
    const known = await inputs(options())
    expect(known).toMatchObject({ crate: 'app', bin: 'app', isCurrent: true })
    const readBy = (name: string) => known.inputs.find((input) => input.name === name)?.readBy
    expect(readBy('src/main.rs')).toContain('the compilation of `app`')
    if (observes) {
      expect(known.opaque).toEqual([])
      expect(readBy('data/one')).toEqual(['the build script of `app`'])
      expect(readBy('data/')).toEqual(['the build script of `app`'])
    } else {
      expect(known.opaque.map(({ run }) => run)).toEqual(['the build script of `app`', 'the compilation of `app`'])
    }
    world.write('data/two', '')
    expect((await inputs(options())).isCurrent).toBe(!observes)
    if (observes) expect(await explain(options())).toMatchObject({ readBy: { 'data/': ['the build script of `app`'] } })
  })

  test.if(observes)('leaves out the files of a compiler, by whatever link they are found', async () => {
    const world = giving(text('data/one'))
    const sysroot = execFileSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8' }).trim()
    const link = join(temporaryDirectory(), 'toolchain')
    symlinkSync(sysroot, link)
    const path = [join(link, 'bin'), process.env.PATH].join(delimiter)
    const env = world.environment({ PATH: path, LD_LIBRARY_PATH: join(link, 'lib') })
    await world.get({ crate: 'app', env })
    const known = await inputs(world.options({ crate: 'app', env }))
    const files = known.inputs.filter(({ kind }) => kind !== 'tool').map(({ name }) => name)
    expect(files.filter((name) => name.startsWith(link) || name.startsWith(sysroot))).toEqual([])
  })

  test('is complete again when builds are watched again', async () => {
    const world = giving(text('data/one'))
    world.env = UNOBSERVED
    await world.look()
    world.env = {}
    expect((await world.look()).outcome).toBe('built')
    expect((await world.look()).outcome).toBe('cached')
    world.write('data/one', '2')
    expect(await world.look()).toMatchObject({ outcome: 'built', prints: '2' })
  })

  test('is shorter when builds are not watched, by option or by variable', async () => {
    for (const options of [{ observe: 'off' as const }, { env: UNOBSERVED }]) {
      const world = giving(text('data/one'))
      const asked = { ...options, env: world.environment(options.env) }
      await world.get({ crate: 'app', ...asked })
      const { opaque } = await inputs(world.options({ crate: 'app', ...asked }))
      expect(opaque).toContainEqual({ run: 'the build script of `app`', reason: 'it ran when no build was watched' })
    }
  })

  test('any other value of the option or the variable is refused', async () => {
    const world = giving(text('data/one'))
    const refused = await rejection(world.get({ crate: 'app', env: world.environment({ DEV_BIN_OBSERVE: 'maybe' }) }))
    expect(refused).toMatchObject({ code: 'INVALID_OPTION' })
    expect(refused.message).toContain('DEV_BIN_OBSERVE is "maybe"')
  })
})
