/* Notes what was done with a path, and what this library cannot follow. */

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

/* Names a function that the headers of the oldest supported libc do not declare. */
#define YOUNG(name) __asm__(#name)
