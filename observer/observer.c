/* Records what the processes of a build read, list, look for, write and start.
 *
 * LD_PRELOAD loads this library into each of them. README.md in this directory says what it sees and what it cannot
 * see, and `src/observer/trace.rs` reads what it writes.
 *
 * The files that are included here are one translation unit: the headers are what the others need, and each of the
 * others stands before some functions of libc.
 *
 * Rules of all of them: no allocation, no lock and no standard I/O, since a function here may be called from a signal
 * handler, from an allocator that is being set up, and in the child of a vfork. `errno` is as the real function left
 * it. An action that cannot be recorded marks the trace as incomplete, and the run then is opaque.
 */

#include "system_calls.h"
#include "records.h"
#include "set_up.h"
#include "notes.h"

#include "opening.c"
#include "directories.c"
#include "looking.c"
#include "libraries.c"
#include "variables.c"
#include "writing.c"
#include "sockets.c"
#include "by_number.c"
#include "programs.c"
