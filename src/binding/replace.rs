//! Replaces this process with another program.
//!
//! Promises: on Unix the program takes the place of this process: its number, parent, terminal and job. So every signal that
//! is sent to the process reaches the program, and other processes see the end of the program as that of the process. The
//! program starts as a shell would start it. A JavaScript runtime ignores `SIGPIPE` and `SIGXFSZ`, makes standard streams
//! non-blocking and has descriptors closed. That is undone for the standard streams, and for descriptors that an argument
//! names as process substitution does (`/dev/fd/63`). The work that other calls of this process have left is done before. A
//! file that the system cannot execute is an error, and is not read as a shell script.
//! A signal that was ignored before, as under `nohup`, is ignored afterwards. [`ignored_signals`] tells which signals
//! JavaScript must not listen to: when a process stops listening to a signal, the signal ends it.
//! Does not promise: to restore what the runtime has forgotten. Node resets signals that were ignored when it started.
//! Windows cannot replace a process.

use std::io;

#[cfg(unix)]
use std::{ffi::CString, os::fd::RawFd, ptr};

/// The signals that Node and Bun ignore for themselves. The signals that they catch are reset by the system.
#[cfg(unix)]
const IGNORED_BY_RUNTIMES: [libc::c_int; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

/// Runs `program`, a path, with `args` in the place of this process. Returns only on failure, with the error.
#[cfg(unix)]
#[must_use]
pub(super) fn replace_process(program: &str, args: &[String]) -> io::Error {
    let words = std::iter::once(program).chain(args.iter().map(String::as_str));
    let words: Vec<_> = match words.map(CString::new).collect::<Result<_, _>>() {
        Ok(words) => words,
        Err(error) => return error.into(),
    };
    let mut pointers: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
    pointers.push(ptr::null());
    crate::afterwards::wait_for_all();
    restore_signals();
    for descriptor in 0..=2 {
        clear_flag(descriptor, libc::F_GETFL, libc::F_SETFL, libc::O_NONBLOCK);
        clear_flag(descriptor, libc::F_GETFD, libc::F_SETFD, libc::FD_CLOEXEC);
    }
    for descriptor in args.iter().filter_map(|arg| named_descriptor(arg)) {
        clear_flag(descriptor, libc::F_GETFD, libc::F_SETFD, libc::FD_CLOEXEC);
    }
    // `execvp`, which the standard library calls, is no choice: glibc's has `/bin/sh` read a file that the system cannot
    // execute.
    // SAFETY: both arguments are alive until the call returns, every string ends in NUL and the array in a null pointer.
    unsafe { libc::execv(pointers[0], pointers.as_ptr()) };
    io::Error::last_os_error()
}

/// Fails: Windows cannot replace a process.
#[cfg(not(unix))]
#[must_use]
pub(super) fn replace_process(_: &str, _: &[String]) -> io::Error {
    io::ErrorKind::Unsupported.into()
}

/// Returns the signals that would end this process, had its parent not made it ignore them.
#[cfg(unix)]
#[must_use]
pub(super) fn ignored_signals() -> Vec<&'static str> {
    let is_ignored = |signal| {
        let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: with a null second argument the call changes no action. Zeroes are a valid action, so `action` may be read
        // even if the call fails.
        unsafe {
            libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
            action.assume_init().sa_sigaction == libc::SIG_IGN
        }
    };
    let ending = [("SIGINT", libc::SIGINT), ("SIGTERM", libc::SIGTERM), ("SIGHUP", libc::SIGHUP)];
    ending.into_iter().filter(|(_, signal)| is_ignored(*signal)).map(|(name, _)| name).collect()
}

/// Returns none: Windows has no such signals.
#[cfg(not(unix))]
#[must_use]
pub(super) fn ignored_signals() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(unix)]
fn restore_signals() {
    for signal in IGNORED_BY_RUNTIMES {
        // SAFETY: the default action runs no code of this process.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let mut none = std::mem::MaybeUninit::uninit();
    // SAFETY: `sigemptyset` initialises the set before it is read. A null third argument is allowed: the previous mask is
    // not needed.
    unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
    }
}

#[cfg(unix)]
fn clear_flag(descriptor: RawFd, get: libc::c_int, set: libc::c_int, flag: libc::c_int) {
    // SAFETY: both calls read or write flags alone, and fail for a descriptor that is not open.
    unsafe {
        let flags = libc::fcntl(descriptor, get);
        if flags >= 0 && flags & flag != 0 {
            libc::fcntl(descriptor, set, flags & !flag);
        }
    }
}

/// Returns the 63 of `/dev/fd/63`, which an option's name may precede.
#[cfg(unix)]
fn named_descriptor(arg: &str) -> Option<RawFd> {
    let (_, number) = arg.split_once("/dev/fd/").or_else(|| arg.split_once("/proc/self/fd/"))?;
    number.parse().ok()
}
