/* Sets this library up when it is loaded: reads and removes its variables, and opens the trace. */

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
