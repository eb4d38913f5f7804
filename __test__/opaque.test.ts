// Runs that hide what they read count by their declarations.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { inputs } from '../index.js'
import type { Compared } from './oracle.js'
import { observes, PATIENCE_MS } from './support.js'
import { compiled, giving, shell } from './undeclared.js'

setDefaultTimeout(PATIENCE_MS)

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
