// Observed builds give the same as others.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Compared, printing } from './oracle.js'
import { observes, PATIENCE_MS, temporaryDirectory, UNOBSERVED } from './support.js'
import { giving, helped, shell, silent, text } from './undeclared.js'

setDefaultTimeout(PATIENCE_MS)

describe.if(observes)('a observed build is like any other:', () => {
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

  test('the bytes are the same, observed or not', async () => {
    const files = { 'build.rs': silent(text('data/one')), 'data/one': '1', 'src/main.rs': printing('env!("READ")') }
    const world = new Compared(files)
    const observed = readFileSync((await world.get({ crate: 'app' })).path)
    rmSync(join(world.repo, 'target'), { recursive: true })
    const unobserved = await world.get({
      crate: 'app',
      env: world.environment(UNOBSERVED),
      cacheDir: `${world.cacheDir}-2`,
    })
    expect(readFileSync(unobserved.path).equals(observed)).toBe(true)
  })
})
