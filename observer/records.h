/* The trace: a file in shared memory, so that it keeps every record, however the process ends. */

/* `src/observer/trace.rs` reads this header. */
struct header {
  char magic[8];
  uint64_t used;      /* Bytes of records that were reserved. */
  uint64_t allocated; /* Bytes of the file that are on disk, this header included. */
  uint32_t incomplete;
  uint32_t started;   /* The number of programs that this process has tried to start. */
};

#define MAGIC "devbin1"
#define CAPACITY ((uint64_t)64 << 20)
#define FIRST ((uint64_t)16 << 10)

/* The kinds of records, as their first byte. */
enum {
  PROCESS = 'P',  /* The process itself: fields, each ended by a zero byte. */
  READ = 'R',     /* Opened to be read. */
  WRITE = 'W',    /* Opened to be written, or made. */
  REMOVE = 'U',   /* Removed, or moved away. */
  LIST = 'L',     /* Its names were read. */
  STAT = 'S',     /* Looked at, and it exists. */
  ABSENT = 'A',   /* Looked for in vain. */
  LINKED = 'H',   /* Given one more name. */
  FOLLOWED = 'K', /* A link, and its target was read. */
  RESOLVED = 'C', /* Every link on the way was followed. */
  START = 'E',    /* A program is started: its number, then its path, or its name if the system looks for it. */
  FAILED = 'F',   /* A start failed: its number. */
  VARIABLE_READ = 'G',
  DIRECTORY = 'D', /* The working directory was asked for. */
  LOADING = 'B',   /* A library is loaded, and the loader chooses others that it needs. */
  LOADED = 'Z',    /* All libraries that were loaded have been recorded. */
  OPAQUE = 'O',    /* Something was done that this library cannot follow. */
};

static struct header *trace;
static int state; /* 0: not set up; 1: being set up; 2: done. */
static char directory[PATH_MAX];
static char file[PATH_MAX + 64];
static char own_path[PATH_MAX];
static char id[48];

static size_t put_number(char *to, uint64_t number) {
  char digits[20];
  size_t count = 0, written = 0;
  do {
    digits[count++] = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  while (count > 0) to[written++] = digits[--count];
  return written;
}

static void give_up(void) {
  if (trace != NULL) __atomic_store_n(&trace->incomplete, 1, __ATOMIC_SEQ_CST);
}

/* Writes zeros, for a file system that cannot reserve room otherwise. */
static long fill(long fd, uint64_t from, uint64_t to) {
  static char zeros[4096];
  for (uint64_t at = from; at < to; at += sizeof zeros) {
    if (raw(SYS_pwrite64, fd, (long)zeros, sizeof zeros, (long)at, 0, 0) != (long)sizeof zeros) return -1;
  }
  return 0;
}

/* Reserves `needed` bytes of the file on disk, so that writing to the mapped memory cannot fail. */
static int allocate(uint64_t needed) {
  uint64_t there = __atomic_load_n(&trace->allocated, __ATOMIC_SEQ_CST);
  if (needed <= there) return 1;
  uint64_t size = there;
  while (size < needed) size *= 2;
  if (size > CAPACITY) return 0;
  long fd = raw(SYS_openat, AT_FDCWD, (long)file, O_RDWR | O_CLOEXEC, 0, 0, 0);
  if (fd < 0) return 0;
  long done = raw(SYS_fallocate, fd, 0, 0, (long)size, 0, 0);
  if (done == -EOPNOTSUPP) done = fill(fd, there, size);
  raw(SYS_close, fd, 0, 0, 0, 0, 0);
  if (done != 0) return 0;
  while (there < size && !swapped_64(&trace->allocated, &there, size)) {
  }
  return 1;
}

/* The hashes of what was recorded already, so that it is not recorded again. A lost hash costs one more record. */
static uint64_t seen[1 << 15];

static uint64_t hash(char what, const char *text, size_t length) {
  uint64_t value = 0xcbf29ce484222325u ^ (uint64_t)(unsigned char)what;
  for (size_t at = 0; at < length; at++) value = (value ^ (unsigned char)text[at]) * 0x100000001b3u;
  value ^= value >> 32;
  value *= 0x9e3779b97f4a7c15u;
  return value == 0 ? 1 : value;
}

static int is_known(uint64_t value) {
  size_t slot = (size_t)(value >> 49);
  for (int tries = 0; tries < 16; tries++, slot = (slot + 1) & ((1 << 15) - 1)) {
    uint64_t there = __atomic_load_n(&seen[slot], __ATOMIC_RELAXED);
    if (there == value) return 1;
    if (there == 0) {
      if (swapped_64(&seen[slot], &there, value)) return 0;
      if (there == value) return 1;
    }
  }
  return 0;
}

/* Appends a record: its length in four bytes, its kind, and the bytes. The length is written last, so that a reader
 * stops before a record that is not whole. */
static void record(char what, const char *text, size_t length) {
  uint64_t size = (4 + 1 + length + 7) & ~(uint64_t)7;
  uint64_t at = sizeof(struct header) + __atomic_fetch_add(&trace->used, size, __ATOMIC_SEQ_CST);
  if (at + size > CAPACITY || !allocate(at + size)) {
    give_up();
    return;
  }
  char *to = (char *)trace + at;
  to[4] = what;
  memcpy(to + 5, text, length);
  __atomic_store_n((uint32_t *)(void *)to, (uint32_t)(1 + length), __ATOMIC_RELEASE);
}

static void record_once(char what, const char *text, size_t length) {
  if (!is_known(hash(what, text, length))) record(what, text, length);
}
