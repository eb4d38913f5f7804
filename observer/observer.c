/* Records what the processes of a build read, list, look for, write and start.
 *
 * LD_PRELOAD loads this library into each of them. README.md in this directory says what it sees and what it cannot
 * see, and `src/observer/trace.rs` reads what it writes.
 *
 * Rules of this file: no allocation, no lock and no standard I/O, since a function here may be called from a signal
 * handler, from an allocator that is being set up, and in the child of a vfork. `errno` is as the real function left
 * it. An action that cannot be recorded marks the trace as incomplete, and the run then is opaque.
 */

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

/* ---- System calls without libc: usable before this library is set up, and never recorded by itself. ---- */

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

/* ---- The trace: a file in shared memory, so that it keeps every record, however the process ends. ---- */

/* `src/observer/trace.rs` reads this header. */
struct header {
  char magic[8];
  uint64_t used;      /* Bytes of records that were reserved. */
  uint64_t allocated; /* Bytes of the file that are on disk, this header included. */
  uint32_t incomplete;
  uint32_t started;   /* The number of programs that this process has tried to start. */
};

#define MAGIC "devbin1"
#define CAPACITY ((uint64_t)64 << 20)
#define FIRST ((uint64_t)16 << 10)

/* The kinds of records, as their first byte. */
enum {
  PROCESS = 'P',  /* The process itself: fields, each ended by a zero byte. */
  READ = 'R',     /* Opened to be read. */
  WRITE = 'W',    /* Opened to be written, or made. */
  REMOVE = 'U',   /* Removed, or moved away. */
  LIST = 'L',     /* Its names were read. */
  STAT = 'S',     /* Looked at, and it exists. */
  ABSENT = 'A',   /* Looked for in vain. */
  LINKED = 'H',   /* Given one more name. */
  FOLLOWED = 'K', /* A link, and its target was read. */
  RESOLVED = 'C', /* Every link on the way was followed. */
  START = 'E',    /* A program is started: its number, then its path, or its name if the system looks for it. */
  FAILED = 'F',   /* A start failed: its number. */
  VARIABLE_READ = 'G',
  DIRECTORY = 'D', /* The working directory was asked for. */
  LOADING = 'B',   /* A library is loaded, and the loader chooses others that it needs. */
  LOADED = 'Z',    /* All libraries that were loaded have been recorded. */
  OPAQUE = 'O',    /* Something was done that this library cannot follow. */
};

static struct header *trace;
static int state; /* 0: not set up; 1: being set up; 2: done. */
static char directory[PATH_MAX];
static char file[PATH_MAX + 64];
static char own_path[PATH_MAX];
static char id[48];

static size_t put_number(char *to, uint64_t number) {
  char digits[20];
  size_t count = 0, written = 0;
  do {
    digits[count++] = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  while (count > 0) to[written++] = digits[--count];
  return written;
}

static void give_up(void) {
  if (trace != NULL) __atomic_store_n(&trace->incomplete, 1, __ATOMIC_SEQ_CST);
}

/* Writes zeros, for a file system that cannot reserve room otherwise. */
static long fill(long fd, uint64_t from, uint64_t to) {
  static char zeros[4096];
  for (uint64_t at = from; at < to; at += sizeof zeros) {
    if (raw(SYS_pwrite64, fd, (long)zeros, sizeof zeros, (long)at, 0, 0) != (long)sizeof zeros) return -1;
  }
  return 0;
}

/* Reserves `needed` bytes of the file on disk, so that writing to the mapped memory cannot fail. */
static int allocate(uint64_t needed) {
  uint64_t there = __atomic_load_n(&trace->allocated, __ATOMIC_SEQ_CST);
  if (needed <= there) return 1;
  uint64_t size = there;
  while (size < needed) size *= 2;
  if (size > CAPACITY) return 0;
  long fd = raw(SYS_openat, AT_FDCWD, (long)file, O_RDWR | O_CLOEXEC, 0, 0, 0);
  if (fd < 0) return 0;
  long done = raw(SYS_fallocate, fd, 0, 0, (long)size, 0, 0);
  if (done == -EOPNOTSUPP) done = fill(fd, there, size);
  raw(SYS_close, fd, 0, 0, 0, 0, 0);
  if (done != 0) return 0;
  while (there < size && !swapped_64(&trace->allocated, &there, size)) {
  }
  return 1;
}

/* The hashes of what was recorded already, so that it is not recorded again. A lost hash costs one more record. */
static uint64_t seen[1 << 15];

static uint64_t hash(char what, const char *text, size_t length) {
  uint64_t value = 0xcbf29ce484222325u ^ (uint64_t)(unsigned char)what;
  for (size_t at = 0; at < length; at++) value = (value ^ (unsigned char)text[at]) * 0x100000001b3u;
  value ^= value >> 32;
  value *= 0x9e3779b97f4a7c15u;
  return value == 0 ? 1 : value;
}

static int is_known(uint64_t value) {
  size_t slot = (size_t)(value >> 49);
  for (int tries = 0; tries < 16; tries++, slot = (slot + 1) & ((1 << 15) - 1)) {
    uint64_t there = __atomic_load_n(&seen[slot], __ATOMIC_RELAXED);
    if (there == value) return 1;
    if (there == 0) {
      if (swapped_64(&seen[slot], &there, value)) return 0;
      if (there == value) return 1;
    }
  }
  return 0;
}

/* Appends a record: its length in four bytes, its kind, and the bytes. The length is written last, so that a reader
 * stops before a record that is not whole. */
static void record(char what, const char *text, size_t length) {
  uint64_t size = (4 + 1 + length + 7) & ~(uint64_t)7;
  uint64_t at = sizeof(struct header) + __atomic_fetch_add(&trace->used, size, __ATOMIC_SEQ_CST);
  if (at + size > CAPACITY || !allocate(at + size)) {
    give_up();
    return;
  }
  char *to = (char *)trace + at;
  to[4] = what;
  memcpy(to + 5, text, length);
  __atomic_store_n((uint32_t *)(void *)to, (uint32_t)(1 + length), __ATOMIC_RELEASE);
}

static void record_once(char what, const char *text, size_t length) {
  if (!is_known(hash(what, text, length))) record(what, text, length);
}

/* ---- Setting up ---- */

extern char **environ;

static int begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

/* Returns what follows this library in a value of LD_PRELOAD; NULL if nothing does. */
static const char *preloaded_besides(const char *value) {
  size_t length = strlen(own_path);
  if (strncmp(value, own_path, length) != 0) return *value == '\0' ? NULL : value;
  if (value[length] == '\0') return NULL;
  return value[length] == ':' || value[length] == ' ' ? value + length + 1 : value;
}

/* Removes this library's own variables from the environment of the process, so that nothing that a build script writes
 * down depends on being observed. */
static void take_out_of_environment(void) {
  if (environ == NULL) return;
  char **to = environ;
  for (char **from = environ; *from != NULL; from++) {
    if (begins(*from, VARIABLE)) continue;
    if (begins(*from, PRELOAD)) {
      char *value = *from + strlen(PRELOAD);
      const char *rest = preloaded_besides(value);
      if (rest == NULL) continue;
      if (rest != value) memmove(value, rest, strlen(rest) + 1);
    }
    *to++ = *from;
  }
  *to = NULL;
}

static const char *in_environment(const char *with) {
  for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
    if (begins(*entry, with)) return *entry + strlen(with);
  }
  return NULL;
}

/* Copies a field of a record, cut off where the room ends. Returns where the next field begins. */
static size_t field(char *to, size_t at, size_t room, const char *text, size_t length) {
  if (length > room - at - 1) length = room - at - 1;
  memcpy(to + at, text, length);
  to[at + length] = '\0';
  return at + length + 1;
}

static size_t text_field(char *to, size_t at, size_t room, const char *text) {
  return field(to, at, room, text == NULL ? "" : text, text == NULL ? 0 : strlen(text));
}

/* Records this process: its parent, its number there, pid, program, working directory, OUT_DIR and arguments. */
static void introduce(const char *parent, const char *number) {
  static char text[64 << 10];
  char path[PATH_MAX];
  char pid[24];
  size_t at = 0;
  at = text_field(text, at, sizeof text, parent);
  at = text_field(text, at, sizeof text, number);
  at = field(text, at, sizeof text, pid, put_number(pid, (uint64_t)raw(SYS_getpid, 0, 0, 0, 0, 0, 0)));
  long length = raw(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)path, sizeof path, 0, 0);
  at = field(text, at, sizeof text, path, length > 0 ? (size_t)length : 0);
  length = raw(SYS_getcwd, (long)path, sizeof path, 0, 0, 0, 0);
  at = text_field(text, at, sizeof text, length > 0 ? path : NULL);
  at = text_field(text, at, sizeof text, in_environment("OUT_DIR="));
  long fd = raw(SYS_openat, AT_FDCWD, (long)"/proc/self/cmdline", O_RDONLY | O_CLOEXEC, 0, 0, 0);
  if (fd >= 0) {
    long read;
    while (at < sizeof text && (read = raw(SYS_read, fd, (long)(text + at), (long)(sizeof text - at), 0, 0, 0)) > 0) {
      at += (size_t)read;
    }
    raw(SYS_close, fd, 0, 0, 0, 0, 0);
  }
  record(PROCESS, text, at);
}

static int open_trace(void) {
  struct timespec now = {0, 0};
  raw(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0, 0, 0);
  size_t at = put_number(id, (uint64_t)raw(SYS_getpid, 0, 0, 0, 0, 0, 0));
  id[at++] = '-';
  at += put_number(id + at, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
  id[at] = '\0';
  size_t length = strlen(directory);
  memcpy(file, directory, length);
  file[length] = '/';
  memcpy(file + length + 1, id, at + 1);
  long fd = raw(SYS_openat, AT_FDCWD, (long)file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, 0, 0);
  if (fd < 0) return 0;
  long done = raw(SYS_fallocate, fd, 0, 0, (long)FIRST, 0, 0);
  if (done == -EOPNOTSUPP) done = fill(fd, 0, FIRST);
  long map = done == 0 ? raw(SYS_mmap, 0, CAPACITY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : -1;
  raw(SYS_close, fd, 0, 0, 0, 0, 0);
  if (map < 0 && map > -4096) return 0;
  trace = (struct header *)map;
  memcpy(trace->magic, MAGIC, sizeof trace->magic);
  __atomic_store_n(&trace->allocated, FIRST, __ATOMIC_SEQ_CST);
  return 1;
}

static __typeof__(&getenv) real_getenv;
static __typeof__(&getenv) real_secure_getenv;

/* Reads VARIABLE, which is `<parent>/<number>/<directory>`, and opens the trace. */
static void set_up(void) {
  int fresh = 0;
  if (!__atomic_compare_exchange_n(&state, &fresh, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return;
  int before = errno;
  const char *mine = in_environment(VARIABLE);
  Dl_info info;
  if (mine != NULL && dladdr((void *)&set_up, &info) != 0 && strlen(info.dli_fname) < sizeof own_path) {
    strcpy(own_path, info.dli_fname);
    char parent[48] = "", number[24] = "";
    const char *first = strchr(mine, '/');
    const char *second = first == NULL ? NULL : strchr(first + 1, '/');
    if (second != NULL && first - mine < (long)sizeof parent && second - first <= (long)sizeof number &&
        strlen(second) < sizeof directory) {
      memcpy(parent, mine, (size_t)(first - mine));
      memcpy(number, first + 1, (size_t)(second - first - 1));
      /* The directory begins with this slash. */
      strcpy(directory, second);
      if (open_trace()) introduce(parent, number);
    }
    take_out_of_environment();
  }
  real_getenv = (__typeof__(&getenv))(uintptr_t)dlsym(RTLD_NEXT, "getenv");
  real_secure_getenv = (__typeof__(&getenv))(uintptr_t)dlsym(RTLD_NEXT, "secure_getenv");
  errno = before;
  __atomic_store_n(&state, 2, __ATOMIC_SEQ_CST);
}

static int is_observing(void) { return __atomic_load_n(&state, __ATOMIC_ACQUIRE) == 2 && trace != NULL; }

/* ---- Paths ---- */

/* Writes `path` as an absolute path, seen from the directory `at`. Returns its length, or 0. */
static size_t absolute(char *to, size_t room, int at, const char *path) {
  size_t length = strlen(path);
  size_t before = 0;
  if (path[0] != '/') {
    long got;
    if (at == AT_FDCWD) {
      got = raw(SYS_getcwd, (long)to, (long)room, 0, 0, 0, 0);
      if (got <= 1 || to[0] != '/') return 0;
      before = (size_t)got - 1;
    } else {
      char link[40] = "/proc/self/fd/";
      size_t end = strlen(link);
      end += put_number(link + end, (uint64_t)(unsigned)at);
      link[end] = '\0';
      got = raw(SYS_readlinkat, AT_FDCWD, (long)link, (long)to, (long)room, 0, 0);
      if (got <= 0 || to[0] != '/') return 0;
      before = (size_t)got;
    }
    if (length > 0 && before + 1 < room) to[before++] = '/';
  }
  if (before + length + 1 > room) return 0;
  memcpy(to + before, path, length + 1);
  return before + length;
}

/* Buffers for paths. They are not on the stack, which may be a signal handler's, with a few kilobytes in all. */
#define LONGEST_PATH (PATH_MAX * 2)
#define BUFFERS 64
static char buffers[BUFFERS][LONGEST_PATH];
static int is_taken[BUFFERS];

/* Returns NULL if all are taken: by threads, or by those of the parent at the time when this process was forked. */
static char *take_buffer(void) {
  for (int at = 0; at < BUFFERS; at++) {
    int expected = 0;
    if (__atomic_compare_exchange_n(&is_taken[at], &expected, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
      return buffers[at];
    }
  }
  give_up();
  return NULL;
}

static void give_back(const char *buffer) {
  __atomic_store_n(&is_taken[(buffer - buffers[0]) / LONGEST_PATH], 0, __ATOMIC_SEQ_CST);
}

static void note(char what, int at, const char *path) {
  if (path == NULL || !is_observing()) return;
  int before = errno;
  char *full = take_buffer();
  if (full != NULL) {
    size_t length = absolute(full, LONGEST_PATH, at, path);
    if (length == 0) {
      give_up();
    } else {
      record_once(what, full, length);
    }
    give_back(full);
  }
  errno = before;
}

/* Records a library that the loader found for this program. */
static int loaded_library(struct dl_phdr_info *library, size_t size, void *unused) {
  (void)size;
  (void)unused;
  const char *path = library->dlpi_name;
  if (path != NULL && strchr(path, '/') != NULL && strcmp(path, own_path) != 0) note(READ, AT_FDCWD, path);
  return 0;
}

__attribute__((constructor)) static void loaded(void) {
  set_up();
  if (is_observing()) dl_iterate_phdr(loaded_library, NULL);
}

static int is_absence(int error) { return error == ENOENT || error == ENOTDIR; }

/* Records the result of looking at a path. */
static void looked(int at, const char *path, int failed) {
  if (path == NULL) return;
  /* An empty path is the open file itself, which was recorded when it was opened. */
  if (path[0] == '\0') return;
  /* A path that may not be looked at, or not executed, exists. */
  note(failed && is_absence(errno) ? ABSENT : STAT, at, path);
}

/* Records the result of asking where a path leads. */
static void followed(char what, int at, const char *path, int failed) {
  looked(at, path, failed);
  if (!failed && path != NULL && path[0] != '\0') note(what, at, path);
}

static void opened(int at, const char *path, int flags, int failed) {
  if (path == NULL) return;
  if (failed) {
    looked(at, path, failed);
    return;
  }
  if ((flags & O_DIRECTORY) != 0 && (flags & O_TMPFILE) != O_TMPFILE) {
    /* Files that are opened in it later have its real path, so the links on the way to it are recorded now. */
    note(RESOLVED, at, path);
    note((flags & O_PATH) != 0 ? STAT : LIST, at, path);
  } else if ((flags & O_PATH) != 0) {
    note(STAT, at, path);
  } else {
    int mode = flags & O_ACCMODE;
    int is_new = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    if (mode != O_WRONLY && (flags & O_TRUNC) == 0 && !is_new) note(READ, at, path);
    if (mode != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0) note(WRITE, at, path);
  }
}

static void opaque(const char *why) {
  if (is_observing()) record_once(OPAQUE, why, strlen(why));
}

/* Declares the function that this one stands before. */
#define REAL(name)                                                                                                     \
  static __typeof__(&name) real_##name;                                                                                \
  if (real_##name == NULL) real_##name = (__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name)

/* ---- Opening ---- */

static int open_seen(int at, const char *path, int flags, mode_t mode) {
  int fd = (int)as_libc(raw(SYS_openat, at, (long)path, flags, (long)mode, 0, 0));
  opened(at, path, flags, fd < 0);
  return fd;
}

#define MODE_OF(last)                                                                                                  \
  mode_t mode = 0;                                                                                                     \
  if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {                                                    \
    va_list rest;                                                                                                      \
    va_start(rest, last);                                                                                              \
    mode = (mode_t)va_arg(rest, int);                                                                                  \
    va_end(rest);                                                                                                      \
  }

EXPORT int open(const char *path, int flags, ...) {
  MODE_OF(flags)
  return open_seen(AT_FDCWD, path, flags, mode);
}
EXPORT int open64(const char *path, int flags, ...) {
  MODE_OF(flags)
  return open_seen(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}
EXPORT int openat(int at, const char *path, int flags, ...) {
  MODE_OF(flags)
  return open_seen(at, path, flags, mode);
}
EXPORT int openat64(int at, const char *path, int flags, ...) {
  MODE_OF(flags)
  return open_seen(at, path, flags | O_LARGEFILE, mode);
}
EXPORT int __open(const char *path, int flags, ...) {
  MODE_OF(flags)
  return open_seen(AT_FDCWD, path, flags, mode);
}
EXPORT int __open64(const char *path, int flags, ...) {
  MODE_OF(flags)
  return open_seen(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}
EXPORT int __open_2(const char *path, int flags) { return open_seen(AT_FDCWD, path, flags, 0); }
EXPORT int __open64_2(const char *path, int flags) { return open_seen(AT_FDCWD, path, flags | O_LARGEFILE, 0); }
EXPORT int __openat_2(int at, const char *path, int flags) { return open_seen(at, path, flags, 0); }
EXPORT int __openat64_2(int at, const char *path, int flags) { return open_seen(at, path, flags | O_LARGEFILE, 0); }
EXPORT int creat(const char *path, mode_t mode) { return open_seen(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
EXPORT int creat64(const char *path, mode_t mode) { return creat(path, mode); }

static int flags_of(const char *mode) {
  int flags = mode[0] == 'r' ? O_RDONLY : O_WRONLY | O_CREAT | (mode[0] == 'w' ? O_TRUNC : 0);
  if (strchr(mode, '+') != NULL) flags = (flags & ~O_ACCMODE) | O_RDWR;
  return flags;
}

EXPORT FILE *fopen(const char *path, const char *mode) {
  REAL(fopen);
  FILE *stream = real_fopen(path, mode);
  opened(AT_FDCWD, path, flags_of(mode), stream == NULL);
  return stream;
}
EXPORT FILE *fopen64(const char *path, const char *mode) {
  REAL(fopen64);
  FILE *stream = real_fopen64(path, mode);
  opened(AT_FDCWD, path, flags_of(mode), stream == NULL);
  return stream;
}
EXPORT FILE *freopen(const char *path, const char *mode, FILE *old) {
  REAL(freopen);
  FILE *stream = real_freopen(path, mode, old);
  opened(AT_FDCWD, path, flags_of(mode), stream == NULL);
  return stream;
}
EXPORT FILE *freopen64(const char *path, const char *mode, FILE *old) {
  REAL(freopen64);
  FILE *stream = real_freopen64(path, mode, old);
  opened(AT_FDCWD, path, flags_of(mode), stream == NULL);
  return stream;
}

/* Opens a table of mounted file systems, or any other file. */
EXPORT FILE *setmntent(const char *path, const char *mode) {
  REAL(setmntent);
  FILE *stream = real_setmntent(path, mode);
  opened(AT_FDCWD, path, flags_of(mode), stream == NULL);
  return stream;
}

/* ---- Directories ---- */

EXPORT DIR *opendir(const char *path) {
  REAL(opendir);
  DIR *stream = real_opendir(path);
  opened(AT_FDCWD, path, O_DIRECTORY, stream == NULL);
  return stream;
}
EXPORT DIR *fdopendir(int fd) {
  REAL(fdopendir);
  DIR *stream = real_fdopendir(fd);
  if (stream != NULL) note(LIST, fd, "");
  return stream;
}
#define SCANDIR(name, name_at, entry)                                                                                           \
  EXPORT int name(const char *path, struct entry ***list, int (*choose)(const struct entry *),                         \
                  int (*compare)(const struct entry **, const struct entry **)) {                                      \
    REAL(name);                                                                                                   \
    int count = real_##name(path, list, choose, compare);                                                              \
    opened(AT_FDCWD, path, O_DIRECTORY, count < 0);                                                                    \
    return count;                                                                                                      \
  }                                                                                                                    \
  EXPORT int name_at(int at, const char *path, struct entry ***list, int (*choose)(const struct entry *),             \
                      int (*compare)(const struct entry **, const struct entry **)) {                                  \
    REAL(name_at);                                                                                               \
    int count = real_##name_at(at, path, list, choose, compare);                                                      \
    opened(at, path, O_DIRECTORY, count < 0);                                                                          \
    return count;                                                                                                      \
  }
SCANDIR(scandir, scandirat, dirent)

/* libc itself walks the directories for these, and does not call the functions here. */
EXPORT int ftw(const char *path, int (*visit)(const char *, const struct stat *, int), int most) {
  REAL(ftw);
  opaque("ftw");
  return real_ftw(path, visit, most);
}
EXPORT int nftw(const char *path, void *visit, int most, int flags) {
  REAL(nftw);
  opaque("nftw");
  return real_nftw(path, visit, most, flags);
}
EXPORT int nftw64(const char *path, void *visit, int most, int flags) {
  REAL(nftw64);
  opaque("nftw");
  return real_nftw64(path, visit, most, flags);
}
EXPORT void *fts_open(char *const *paths, int options, void *compare) {
  REAL(fts_open);
  opaque("fts_open");
  return real_fts_open(paths, options, compare);
}
EXPORT void *fts64_open(char *const *paths, int options, void *compare) {
  REAL(fts64_open);
  opaque("fts_open");
  return real_fts64_open(paths, options, compare);
}
EXPORT int glob(const char *pattern, int flags, void *failed, void *found) {
  REAL(glob);
  opaque("glob");
  return real_glob(pattern, flags, failed, found);
}
EXPORT int glob64(const char *pattern, int flags, void *failed, void *found) {
  REAL(glob64);
  opaque("glob");
  return real_glob64(pattern, flags, failed, found);
}
EXPORT int wordexp(const char *words, void *found, int flags) {
  REAL(wordexp);
  opaque("wordexp");
  return real_wordexp(words, found, flags);
}

/* Paths lead elsewhere from then on. */
EXPORT int chroot(const char *path) {
  REAL(chroot);
  int result = real_chroot(path);
  if (result == 0) opaque("another root directory");
  return result;
}
EXPORT int unshare(int flags) {
  REAL(unshare);
  int result = real_unshare(flags);
  if (result == 0 && (flags & CLONE_NEWNS) != 0) opaque("a file system view of its own");
  return result;
}
EXPORT int setns(int namespace, int type) {
  REAL(setns);
  int result = real_setns(namespace, type);
  if (result == 0 && (type == 0 || (type & CLONE_NEWNS) != 0)) opaque("another file system view");
  return result;
}

/* ---- Looking ---- */

/* Names a function that the headers of the oldest supported libc do not declare. */
#define YOUNG(name) __asm__(#name)

EXPORT int statx_seen(int at, const char *path, int flags, unsigned mask, void *found) YOUNG(statx);
EXPORT int renameat2_seen(int from_at, const char *from, int at, const char *to, unsigned flags) YOUNG(renameat2);
EXPORT int execveat_seen(int at, const char *path, char *const argv[], char *const environment[], int flags)
    YOUNG(execveat);

/* Rust's standard library calls `statx` with null pointers, to find out if the call exists. */
int statx_seen(int at, const char *path, int flags, unsigned mask, void *found) {
  int result = (int)as_libc(raw(SYS_statx, at, (long)path, flags, (long)mask, (long)found, 0));
  if (path != NULL && found != NULL) looked(at, path, result != 0);
  return result;
}

#define STAT_OF(name, type)                                                                                 \
  EXPORT int name(const char *restrict path, struct type *restrict found) {                                            \
    REAL(name);                                                                                                   \
    int result = real_##name(path, found);                                                                             \
    looked(AT_FDCWD, path, result != 0);                                                                               \
    return result;                                                                                                     \
  }
STAT_OF(stat, stat)
STAT_OF(lstat, stat)
#define STAT_AT(name, type)                                                                                            \
  EXPORT int name(int at, const char *restrict path, struct type *restrict found, int flags) {                         \
    REAL(name);                                                                                                   \
    int result = real_##name(at, path, found, flags);                                                                  \
    looked(at, path, result != 0);                                                                                     \
    return result;                                                                                                     \
  }
STAT_AT(fstatat, stat)
#ifdef __GLIBC__
SCANDIR(scandir64, scandirat64, dirent64)
STAT_OF(stat64, stat64)
STAT_OF(lstat64, stat64)
STAT_AT(fstatat64, stat64)
/* Before glibc 2.33, programs called these. */
#define XSTAT_OF(name, type)                                                                                           \
  EXPORT int name(int version, const char *path, struct type *found) {                                                 \
    REAL(name);                                                                                                   \
    int result = real_##name(version, path, found);                                                                    \
    looked(AT_FDCWD, path, result != 0);                                                                               \
    return result;                                                                                                     \
  }
XSTAT_OF(__xstat, stat)
XSTAT_OF(__lxstat, stat)
XSTAT_OF(__xstat64, stat64)
XSTAT_OF(__lxstat64, stat64)
#define XSTAT_AT(name, type)                                                                                           \
  EXPORT int name(int version, int at, const char *path, struct type *found, int flags) {                              \
    REAL(name);                                                                                                   \
    int result = real_##name(version, at, path, found, flags);                                                         \
    looked(at, path, result != 0);                                                                                     \
    return result;                                                                                                     \
  }
XSTAT_AT(__fxstatat, stat)
XSTAT_AT(__fxstatat64, stat64)
#endif

EXPORT int access(const char *path, int mode) {
  int result = (int)as_libc(raw(SYS_faccessat, AT_FDCWD, (long)path, mode, 0, 0, 0));
  looked(AT_FDCWD, path, result != 0);
  return result;
}
EXPORT int faccessat(int at, const char *path, int mode, int flags) {
  REAL(faccessat);
  int result = real_faccessat(at, path, mode, flags);
  looked(at, path, result != 0);
  return result;
}
EXPORT int euidaccess(const char *path, int mode) {
  REAL(euidaccess);
  int result = real_euidaccess(path, mode);
  looked(AT_FDCWD, path, result != 0);
  return result;
}
EXPORT int eaccess(const char *path, int mode) { return euidaccess(path, mode); }

EXPORT ssize_t readlink(const char *restrict path, char *restrict to, size_t room) {
  ssize_t length = as_libc(raw(SYS_readlinkat, AT_FDCWD, (long)path, (long)to, (long)room, 0, 0));
  followed(FOLLOWED, AT_FDCWD, path, length < 0);
  return length;
}
EXPORT ssize_t readlinkat(int at, const char *restrict path, char *restrict to, size_t room) {
  ssize_t length = as_libc(raw(SYS_readlinkat, at, (long)path, (long)to, (long)room, 0, 0));
  followed(FOLLOWED, at, path, length < 0);
  return length;
}
EXPORT ssize_t __readlink_chk(const char *path, char *to, size_t room, size_t known) {
  (void)known;
  return readlink(path, to, room);
}
EXPORT ssize_t __readlinkat_chk(int at, const char *path, char *to, size_t room, size_t known) {
  (void)known;
  return readlinkat(at, path, to, room);
}
EXPORT char *realpath(const char *restrict path, char *restrict to) {
  REAL(realpath);
  char *result = real_realpath(path, to);
  /* The result for a relative path tells the working directory. */
  if (path != NULL && path[0] != '/' && is_observing()) record_once(DIRECTORY, "", 0);
  followed(RESOLVED, AT_FDCWD, path, result == NULL);
  return result;
}
EXPORT char *__realpath_chk(const char *path, char *to, size_t known) {
  (void)known;
  return realpath(path, to);
}
EXPORT char *canonicalize_file_name(const char *path) { return realpath(path, NULL); }

EXPORT char *getcwd(char *to, size_t room) {
  REAL(getcwd);
  if (is_observing()) record_once(DIRECTORY, "", 0);
  return real_getcwd(to, room);
}

EXPORT char *__getcwd_chk(char *to, size_t room, size_t known) {
  (void)known;
  return getcwd(to, room);
}
EXPORT char *get_current_dir_name(void) {
  REAL(get_current_dir_name);
  if (is_observing()) record_once(DIRECTORY, "", 0);
  return real_get_current_dir_name();
}

/* Files that are read there later have its real path, so the links on the way to it are recorded now. */
EXPORT int chdir(const char *path) {
  note(RESOLVED, AT_FDCWD, path);
  int result = (int)as_libc(raw(SYS_chdir, (long)path, 0, 0, 0, 0, 0));
  if (result != 0) looked(AT_FDCWD, path, 1);
  return result;
}

/* libc searches where the calling library says, so it must see the caller: the functions below end in a jump to it. The
 * libraries that it found are recorded later. */
static void loading(const char *path, int flags) {
  if (path == NULL || (flags & RTLD_NOLOAD) != 0) return;
  if (strchr(path, '/') != NULL) note(READ, AT_FDCWD, path);
  if (is_observing()) record_once(LOADING, "", 0);
}
EXPORT void *dlopen(const char *path, int flags) {
  REAL(dlopen);
  loading(path, flags);
  return real_dlopen(path, flags);
}
#ifdef __GLIBC__
EXPORT void *dlmopen(Lmid_t space, const char *path, int flags) {
  REAL(dlmopen);
  loading(path, flags);
  return real_dlmopen(space, path, flags);
}
#endif

EXPORT int dlclose(void *library) {
  REAL(dlclose);
  if (is_observing()) dl_iterate_phdr(loaded_library, NULL);
  return real_dlclose(library);
}
__attribute__((destructor)) static void ends(void) {
  if (!is_observing()) return;
  dl_iterate_phdr(loaded_library, NULL);
  record_once(LOADED, "", 0);
}

/* Records and returns a variable. Allocators ask for one while they are set up, when `dlsym` must not be called. */
static char *variable(const char *name, __typeof__(&getenv) real) {
  if (is_observing()) {
    int before = errno;
    record_once(VARIABLE_READ, name, strlen(name));
    errno = before;
  }
  if (real != NULL) return real(name);
  size_t length = strlen(name);
  for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
    if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') return *entry + length + 1;
  }
  return NULL;
}
EXPORT char *getenv(const char *name) { return variable(name, real_getenv); }
EXPORT char *secure_getenv(const char *name) { return variable(name, real_secure_getenv); }

/* ---- Writing ---- */

static int made(int at, const char *path, int result) {
  if (result == 0) note(WRITE, at, path);
  return result;
}

static int moved(int from_at, const char *from, int at, const char *to, unsigned flags) {
  int result = (int)as_libc(raw(SYS_renameat2, from_at, (long)from, at, (long)to, (long)flags, 0));
  if (result == 0) note(REMOVE, from_at, from);
  return made(at, to, result);
}
EXPORT int rename(const char *from, const char *to) { return moved(AT_FDCWD, from, AT_FDCWD, to, 0); }
EXPORT int renameat(int from_at, const char *from, int at, const char *to) { return moved(from_at, from, at, to, 0); }
int renameat2_seen(int from_at, const char *from, int at, const char *to, unsigned flags) {
  return moved(from_at, from, at, to, flags);
}

static int removed(int at, const char *path, int flags) {
  int result = (int)as_libc(raw(SYS_unlinkat, at, (long)path, flags, 0, 0, 0));
  if (result == 0) note(REMOVE, at, path);
  return result;
}
EXPORT int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
EXPORT int unlinkat(int at, const char *path, int flags) { return removed(at, path, flags); }
EXPORT int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }
EXPORT int remove(const char *path) {
  int result = removed(AT_FDCWD, path, 0);
  return result != 0 && (errno == EISDIR || errno == EPERM) ? rmdir(path) : result;
}

/* A further name for a file has the content of that file, so the file is recorded, too. */
EXPORT int linkat(int from_at, const char *from, int at, const char *to, int flags) {
  int result = (int)as_libc(raw(SYS_linkat, from_at, (long)from, at, (long)to, flags, 0));
  if (result == 0 && (flags & AT_EMPTY_PATH) == 0) note(LINKED, from_at, from);
  return made(at, to, result);
}
EXPORT int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
EXPORT int symlink(const char *target, const char *path) {
  return made(AT_FDCWD, path, (int)as_libc(raw(SYS_symlinkat, (long)target, AT_FDCWD, (long)path, 0, 0, 0)));
}
EXPORT int symlinkat(const char *target, int at, const char *path) {
  return made(at, path, (int)as_libc(raw(SYS_symlinkat, (long)target, at, (long)path, 0, 0, 0)));
}
EXPORT int mkdir(const char *path, mode_t mode) {
  return made(AT_FDCWD, path, (int)as_libc(raw(SYS_mkdirat, AT_FDCWD, (long)path, (long)mode, 0, 0, 0)));
}
EXPORT int mkdirat(int at, const char *path, mode_t mode) {
  return made(at, path, (int)as_libc(raw(SYS_mkdirat, at, (long)path, (long)mode, 0, 0, 0)));
}
EXPORT int truncate(const char *path, off_t length) {
  return made(AT_FDCWD, path, (int)as_libc(raw(SYS_truncate, (long)path, (long)length, 0, 0, 0, 0)));
}

/* libc itself opens the files of these functions, and replaces the template by their names. */
static void made_by_template(char *path, int fd) {
  if (fd >= 0) note(WRITE, AT_FDCWD, path);
}
EXPORT int mkstemp(char *path) {
  REAL(mkstemp);
  int fd = real_mkstemp(path);
  made_by_template(path, fd);
  return fd;
}
EXPORT int mkstemp64(char *path) { return mkstemp(path); }
EXPORT int mkostemp(char *path, int flags) {
  REAL(mkostemp);
  int fd = real_mkostemp(path, flags);
  made_by_template(path, fd);
  return fd;
}
EXPORT int mkostemp64(char *path, int flags) { return mkostemp(path, flags); }
EXPORT int mkstemps(char *path, int suffix) {
  REAL(mkstemps);
  int fd = real_mkstemps(path, suffix);
  made_by_template(path, fd);
  return fd;
}
EXPORT int mkstemps64(char *path, int suffix) { return mkstemps(path, suffix); }
EXPORT int mkostemps(char *path, int suffix, int flags) {
  REAL(mkostemps);
  int fd = real_mkostemps(path, suffix, flags);
  made_by_template(path, fd);
  return fd;
}
EXPORT char *mkdtemp(char *path) {
  REAL(mkdtemp);
  char *made_path = real_mkdtemp(path);
  if (made_path != NULL) note(WRITE, AT_FDCWD, made_path);
  return made_path;
}

/* ---- Talking to other processes ---- */

static void spoke_to(const struct sockaddr *address, socklen_t length) {
  if (address == NULL || length < sizeof(sa_family_t)) return;
  if (address->sa_family == AF_UNIX) opaque("a connection to another process");
  if (address->sa_family == AF_INET || address->sa_family == AF_INET6) opaque("a network connection");
}
/* libc does not call these functions when it asks nscd and syslog. A connection that failed has told nothing. */
EXPORT int connect(int socket, const struct sockaddr *address, socklen_t length) {
  int result = (int)as_libc(raw(SYS_connect, socket, (long)address, (long)length, 0, 0, 0));
  if (result == 0 || errno == EINPROGRESS) spoke_to(address, length);
  return result;
}
EXPORT ssize_t sendto(int socket, const void *bytes, size_t count, int flags, const struct sockaddr *address,
                      socklen_t length) {
  spoke_to(address, length);
  return as_libc(raw(SYS_sendto, socket, (long)bytes, (long)count, flags, (long)address, (long)length));
}
EXPORT ssize_t sendmsg(int socket, const struct msghdr *message, int flags) {
  if (message != NULL) spoke_to(message->msg_name, message->msg_namelen);
  return as_libc(raw(SYS_sendmsg, socket, (long)message, flags, 0, 0, 0));
}
EXPORT int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags) {
  /* A thread that waits in it can be cancelled, which libc sees to. */
  REAL(accept4);
  int result = real_accept4(socket, address, length, flags);
  if (result >= 0) opaque("a connection from another process");
  return result;
}
EXPORT int accept(int socket, struct sockaddr *address, socklen_t *length) {
  return accept4(socket, address, length, 0);
}

/* Makes a system call by its number. */
EXPORT long syscall(long number, ...) {
  va_list rest;
  va_start(rest, number);
  long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long);
  long d = va_arg(rest, long), e = va_arg(rest, long), f = va_arg(rest, long);
  va_end(rest);
  long result = as_libc(raw(number, a, b, c, d, e, f));
  int failed = result < 0;
  switch (number) {
#ifdef SYS_open
    case SYS_open: opened(AT_FDCWD, (const char *)a, (int)b, failed); break;
    case SYS_stat:
    case SYS_lstat:
    case SYS_access: looked(AT_FDCWD, (const char *)a, failed); break;
    case SYS_readlink: followed(FOLLOWED, AT_FDCWD, (const char *)a, failed); break;
#endif
    case SYS_openat: opened((int)a, (const char *)b, (int)c, failed); break;
    /* The third argument points to a structure: flags, mode, and how the path is resolved. */
    case SYS_openat2:
      /* The system has refused to read a structure that is none, and does not know a shorter one. */
      if (c == 0 || (failed && (errno == EFAULT || errno == EINVAL))) break;
      if (((const uint64_t *)c)[2] != 0) opaque("openat2 with rules of its own");
      opened((int)a, (const char *)b, (int)*(const uint64_t *)c, failed);
      break;
#ifdef SYS_newfstatat
    case SYS_newfstatat:
#endif
    case SYS_faccessat2:
    case SYS_faccessat: looked((int)a, (const char *)b, failed); break;
    case SYS_readlinkat: followed(FOLLOWED, (int)a, (const char *)b, failed); break;
    case SYS_statx:
      if (b != 0 && e != 0) looked((int)a, (const char *)b, failed);
      break;
    case SYS_execve:
    case SYS_execveat: opaque("execve by number"); break;
    case SYS_connect:
      if (!failed) spoke_to((const struct sockaddr *)b, (socklen_t)c);
      break;
    case SYS_io_uring_setup:
      if (!failed) opaque("io_uring");
      break;
    default: break;
  }
  return result;
}

/* ---- Starting programs ---- */

/* The size of an environment with this library's variables in it. It is made on the stack, and no larger than
 * necessary. */
struct handed {
  size_t entries; /* The number of pointers. */
  size_t bytes;   /* The length of the new text. */
};

#define MOST_VARIABLES 4096

static struct handed room_for(char *const *environment) {
  if (!is_observing()) return (struct handed){0, 0};
  struct handed room = {3, sizeof PRELOAD + sizeof VARIABLE + sizeof id + 32};
  room.bytes += strlen(own_path) + strlen(directory);
  for (char *const *entry = environment; entry != NULL && *entry != NULL; entry++) {
    room.entries++;
    if (begins(*entry, PRELOAD)) room.bytes += strlen(*entry);
  }
  return room.entries > MOST_VARIABLES ? (struct handed){0, 0} : room;
}

/* Returns the environment for the program. It is `environment` itself if there are too many variables or nothing is
 * observed. */
static char *const *hand_over(struct handed room, char **entries, char *text, char *const *environment,
                              uint32_t number) {
  if (room.entries == 0) return environment;
  const char *besides = NULL;
  size_t count = 0;
  for (char *const *entry = environment; entry != NULL && *entry != NULL; entry++) {
    if (begins(*entry, VARIABLE)) continue;
    if (begins(*entry, PRELOAD)) {
      besides = preloaded_besides(*entry + strlen(PRELOAD));
      continue;
    }
    entries[count++] = *entry;
  }
  entries[count++] = text;
  text = stpcpy(stpcpy(text, PRELOAD), own_path);
  if (besides != NULL) text = stpcpy(stpcpy(text, ":"), besides);
  entries[count++] = ++text;
  text = stpcpy(stpcpy(text, VARIABLE), id);
  *text++ = '/';
  text += put_number(text, number);
  strcpy(text, directory);
  entries[count] = NULL;
  return entries;
}

/* Declares `full`, the environment for a program. */
#define HAND_OVER(environment, number)                                                                                 \
  struct handed room = room_for(environment);                                                                          \
  char *entries[room.entries + 1];                                                                                     \
  char texts[room.bytes + 1];                                                                                          \
  char *const *full = hand_over(room, entries, texts, environment, number)

/* True if there is a program at `path`. Records `path` if nothing is there, or if it may not be executed. */
static int is_program(const char *path) {
  long result = raw(SYS_faccessat, AT_FDCWD, (long)path, X_OK, 0, 0, 0);
  if (result != 0) {
    note(result == -EACCES ? STAT : ABSENT, AT_FDCWD, path);
    return 0;
  }
  long fd = raw(SYS_openat, AT_FDCWD, (long)path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0, 0);
  if (fd >= 0) raw(SYS_close, fd, 0, 0, 0, 0, 0);
  return fd < 0;
}

/* Finds a program as libc does: the first one on the PATH of this process that may be executed. Records the paths
 * before it at which there is none, since a program that appears there would be started. */
static int find_program(char *to, size_t room, const char *name) {
  const char *path = in_environment("PATH=");
  for (const char *next = path == NULL ? "/bin:/usr/bin" : path; next != NULL;) {
    const char *end = strchrnul(next, ':');
    size_t length = (size_t)(end - next);
    if (length + strlen(name) + 2 < room) {
      memcpy(to, next, length);
      if (length > 0) to[length++] = '/';
      strcpy(to + length, name);
      if (is_program(to)) return 1;
    }
    next = *end == '\0' ? NULL : end + 1;
  }
  return 0;
}

/* Records that a program is started, and returns its number. */
static uint32_t starting(int at, const char *path) {
  if (!is_observing() || path == NULL) return 0;
  int before = errno;
  uint32_t number = __atomic_fetch_add(&trace->started, 1, __ATOMIC_SEQ_CST);
  char *text = take_buffer();
  char *found = take_buffer();
  if (text != NULL && found != NULL) {
    size_t length = put_number(text, number);
    text[length++] = '\0';
    if (path[0] != '\0' && strchr(path, '/') == NULL && find_program(found, LONGEST_PATH, path)) path = found;
    size_t rest = strlen(path);
    if (path[0] == '\0' || strchr(path, '/') != NULL) {
      rest = absolute(text + length, LONGEST_PATH - length, at, path);
    } else if (rest < LONGEST_PATH - length) {
      memcpy(text + length, path, rest);
    } else {
      rest = 0;
    }
    record(START, text, length + rest);
  }
  if (text != NULL) give_back(text);
  if (found != NULL) give_back(found);
  errno = before;
  return number;
}

static void not_started(uint32_t number) {
  if (!is_observing()) return;
  int before = errno;
  char text[24];
  record(FAILED, text, put_number(text, number));
  errno = before;
}

EXPORT int execve(const char *path, char *const argv[], char *const environment[]) {
  uint32_t number = starting(AT_FDCWD, path);
  HAND_OVER(environment, number);
  int result = (int)as_libc(raw(SYS_execve, (long)path, (long)argv, (long)full, 0, 0, 0));
  not_started(number);
  return result;
}
int execveat_seen(int at, const char *path, char *const argv[], char *const environment[], int flags) {
  uint32_t number = starting(at, path);
  HAND_OVER(environment, number);
  int result = (int)as_libc(raw(SYS_execveat, at, (long)path, (long)argv, (long)full, flags, 0));
  not_started(number);
  return result;
}
EXPORT int fexecve(int fd, char *const argv[], char *const environment[]) {
  return execveat_seen(fd, "", argv, environment, AT_EMPTY_PATH);
}
EXPORT int execvpe(const char *name, char *const argv[], char *const environment[]) {
  REAL(execvpe);
  uint32_t number = starting(AT_FDCWD, name);
  HAND_OVER(environment, number);
  int result = real_execvpe(name, argv, full);
  not_started(number);
  return result;
}
EXPORT int execv(const char *path, char *const argv[]) { return execve(path, argv, environ); }
EXPORT int execvp(const char *name, char *const argv[]) { return execvpe(name, argv, environ); }

/* Declares `argv`, the arguments from `first` on, and leaves `rest` at what follows them. */
#define ARGUMENTS(first)                                                                                               \
  va_list rest;                                                                                                        \
  size_t many = 1;                                                                                                     \
  va_start(rest, first);                                                                                               \
  for (const char *next = first; next != NULL; next = va_arg(rest, const char *)) many++;                              \
  va_end(rest);                                                                                                        \
  const char *argv[many];                                                                                              \
  va_start(rest, first);                                                                                               \
  argv[0] = first;                                                                                                     \
  for (size_t at = 1; at < many; at++) argv[at] = va_arg(rest, const char *)

EXPORT int execl(const char *path, const char *first, ...) {
  ARGUMENTS(first);
  va_end(rest);
  return execve(path, (char *const *)argv, environ);
}
EXPORT int execlp(const char *name, const char *first, ...) {
  ARGUMENTS(first);
  va_end(rest);
  return execvpe(name, (char *const *)argv, environ);
}
EXPORT int execle(const char *path, const char *first, ...) {
  ARGUMENTS(first);
  char *const *environment = va_arg(rest, char *const *);
  va_end(rest);
  return execve(path, (char *const *)argv, environment);
}

#define SPAWN(name, name_seen, result_type)                                                                            \
  EXPORT int name_seen(result_type *restrict child, const char *restrict path,                                         \
                       const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *restrict attributes,        \
                       char *const argv[restrict], char *const environment[restrict]) {                                \
    REAL(name);                                                                                                        \
    uint32_t number = starting(AT_FDCWD, path);                                                                        \
    HAND_OVER(environment, number);                                                                                    \
    int result = real_##name(child, path, actions, attributes, argv, full);                                            \
    if (result != 0) not_started(number);                                                                              \
    return result;                                                                                                     \
  }
SPAWN(posix_spawn, posix_spawn, pid_t)
SPAWN(posix_spawnp, posix_spawnp, pid_t)

/* The actions that start a program in another directory. A relative path that they open is not known from here. */
static const void *elsewhere;
EXPORT int addchdir_seen(posix_spawn_file_actions_t *restrict actions, const char *restrict path)
    YOUNG(posix_spawn_file_actions_addchdir_np);
int addchdir_seen(posix_spawn_file_actions_t *restrict actions, const char *restrict path) {
  static __typeof__(&addchdir_seen) real;
  /* The function always exists: this library is not used with an older libc (`src/observer/mod.rs`). */
  if (real == NULL) real = (__typeof__(real))(uintptr_t)dlsym(RTLD_NEXT, "posix_spawn_file_actions_addchdir_np");
  note(RESOLVED, AT_FDCWD, path);
  __atomic_store_n(&elsewhere, actions, __ATOMIC_SEQ_CST);
  return real(actions, path);
}
EXPORT int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *restrict actions, int fd,
                                            const char *restrict path, int flags, mode_t mode) {
  REAL(posix_spawn_file_actions_addopen);
  if (path[0] != '/' && actions == __atomic_load_n(&elsewhere, __ATOMIC_SEQ_CST)) {
    opaque("a file that is opened in another directory for a program");
  } else {
    opened(AT_FDCWD, path, flags, 0);
  }
  return real_posix_spawn_file_actions_addopen(actions, fd, path, flags, mode);
}

/* libc itself starts a shell for these, without this library. */
EXPORT int system(const char *command) {
  REAL(system);
  if (command != NULL) opaque("system");
  return real_system(command);
}
EXPORT FILE *popen(const char *command, const char *mode) {
  REAL(popen);
  opaque("popen");
  return real_popen(command, mode);
}
