/* Functions that start programs. */

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
EXPORT int execveat_seen(int at, const char *path, char *const argv[], char *const environment[], int flags)
    YOUNG(execveat);
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
