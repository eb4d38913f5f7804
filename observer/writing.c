/* Functions that make, rename and remove files. */

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
EXPORT int renameat2_seen(int from_at, const char *from, int at, const char *to, unsigned flags) YOUNG(renameat2);
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
