/* Functions that open files. */

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
