/* What this library knows of the system: headers, names that older ones lack, and system calls without libc, which are
 * usable before this library is set up and never recorded by itself. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Definitions that are younger than the headers of the oldest supported systems. */
#ifndef O_TMPFILE
#define O_TMPFILE (020000000 | O_DIRECTORY)
#endif
#if defined(__x86_64__)
#define BY_PROCESSOR(x86, arm) x86
#else
#define BY_PROCESSOR(x86, arm) arm
#endif
#ifndef SYS_renameat2
#define SYS_renameat2 BY_PROCESSOR(316, 276)
#endif
#ifndef SYS_execveat
#define SYS_execveat BY_PROCESSOR(322, 281)
#endif
#ifndef SYS_statx
#define SYS_statx BY_PROCESSOR(332, 291)
#endif
#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif

/* musl's headers define these names as macros for others, but programs that were built for it may call these. */
#ifndef __GLIBC__
#undef open64
#undef openat64
#undef creat64
#undef fopen64
#undef freopen64
#undef mkstemp64
#undef mkostemp64
#undef mkstemps64
#undef mkostemps64
#endif

#define EXPORT __attribute__((visibility("default")))
#define VARIABLE "DEV_BIN_OBSERVER="
#define PRELOAD "LD_PRELOAD="

#if defined(__x86_64__)
static long raw(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
static long raw(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#else
#error "the observer knows the system calls of x86-64 and of 64-bit ARM alone"
#endif

/* Replaces `*at` by `with` if it equals `*expected`, and otherwise stores the value of `*at` in `*expected`. The
 * compilers of the oldest systems have no <stdatomic.h>. */
static int swapped_64(uint64_t *at, uint64_t *expected, uint64_t with) {
  return __atomic_compare_exchange_n(at, expected, with, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static long as_libc(long result) {
  if (result < 0 && result > -4096) {
    errno = (int)-result;
    return -1;
  }
  return result;
}
