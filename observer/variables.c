/* Functions that ask for variables. */

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
