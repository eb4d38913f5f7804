/* Functions that list and walk directories, and those after which paths lead elsewhere. */

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
