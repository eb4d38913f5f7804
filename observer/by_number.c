/* The function that makes a system call by its number. */

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
