/* Functions that look at paths, read links, and ask for or change the working directory. */

EXPORT int statx_seen(int at, const char *path, int flags, unsigned mask, void *found) YOUNG(statx);

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
