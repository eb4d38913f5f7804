/* Functions by which a process speaks to another one. */

static void spoke_to(const struct sockaddr *address, socklen_t length) {
  if (address == NULL || length < sizeof(sa_family_t)) return;
  if (address->sa_family == AF_UNIX) opaque("a connection to another process");
  if (address->sa_family == AF_INET || address->sa_family == AF_INET6) opaque("a network connection");
}
/* libc does not call these functions when it asks nscd and syslog. A connection that failed has told nothing. */
EXPORT int connect(int socket, const struct sockaddr *address, socklen_t length) {
  int result = (int)as_libc(raw(SYS_connect, socket, (long)address, (long)length, 0, 0, 0));
  if (result == 0 || errno == EINPROGRESS) spoke_to(address, length);
  return result;
}
EXPORT ssize_t sendto(int socket, const void *bytes, size_t count, int flags, const struct sockaddr *address,
                      socklen_t length) {
  spoke_to(address, length);
  return as_libc(raw(SYS_sendto, socket, (long)bytes, (long)count, flags, (long)address, (long)length));
}
EXPORT ssize_t sendmsg(int socket, const struct msghdr *message, int flags) {
  if (message != NULL) spoke_to(message->msg_name, message->msg_namelen);
  return as_libc(raw(SYS_sendmsg, socket, (long)message, flags, 0, 0, 0));
}
EXPORT int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags) {
  /* A thread that waits in it can be cancelled, which libc sees to. */
  REAL(accept4);
  int result = real_accept4(socket, address, length, flags);
  if (result >= 0) opaque("a connection from another process");
  return result;
}
EXPORT int accept(int socket, struct sockaddr *address, socklen_t *length) {
  return accept4(socket, address, length, 0);
}
