/* Functions that load libraries. */

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
