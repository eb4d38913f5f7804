//! Holds signals back while JavaScript stops listening to them.
//!
//! Node tells the listeners of a signal that it has caught in a later turn of its loop, and forgets the signal if the last
//! listener has gone by then. So `index.js` has this module catch the signals instead, lets the loop turn until Node
//! has told of all that it caught before, removes its listeners, and raises again what was held back.
//!
//! Promises: a signal between [`hold`] and [`release`] is returned by the latter. The runtime's handlers are back afterwards,
//! unless the runtime has changed them meanwhile.
//! Does not promise: to tell two signals of one kind from one. Windows has no such signals.

/// The signals that end a process, with their names in JavaScript.
#[cfg(unix)]
const ENDING: [(&str, libc::c_int); 3] =
    [("SIGINT", libc::SIGINT), ("SIGTERM", libc::SIGTERM), ("SIGHUP", libc::SIGHUP)];

#[cfg(unix)]
mod unix {
    use std::mem::MaybeUninit;
    use std::ptr;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Mutex, PoisonError};

    use super::ENDING;

    type Action = Option<libc::sigaction>;

    /// The signals that were held back, a bit each.
    static HELD: AtomicU32 = AtomicU32::new(0);
    /// The number of threads that hold signals back, and the runtime's handlers.
    static BEFORE: Mutex<(usize, [Action; ENDING.len()])> = Mutex::new((0, [None; ENDING.len()]));

    extern "C" fn note(signal: libc::c_int) {
        let bit = ENDING.iter().position(|(_, ending)| *ending == signal).map_or(0, |index| 1 << index);
        HELD.fetch_or(bit, Ordering::Relaxed);
    }

    fn own_handler() -> libc::sighandler_t {
        note as extern "C" fn(libc::c_int) as libc::sighandler_t
    }

    fn action_of(signal: libc::c_int) -> libc::sigaction {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: with a null second argument the call changes no action. Zeroes are a valid action, so `action` may be read
        // even if the call fails.
        unsafe {
            libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
            action.assume_init()
        }
    }

    fn set_action(signal: libc::c_int, action: &libc::sigaction) {
        // SAFETY: the handler is `note`, which writes to an atomic alone, or one that this process had before.
        unsafe { libc::sigaction(signal, action, ptr::null_mut()) };
    }

    pub(in crate::binding) fn hold() {
        let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
        before.0 += 1;
        if before.0 > 1 {
            return;
        }
        for (saved, (_, signal)) in before.1.iter_mut().zip(ENDING) {
            let action = action_of(signal);
            // A signal that is ignored, or that no listener waits for, stays as it is.
            *saved = Some(action).filter(|action| ![libc::SIG_DFL, libc::SIG_IGN].contains(&action.sa_sigaction));
            if saved.is_some() {
                set_action(
                    signal,
                    &libc::sigaction { sa_sigaction: own_handler(), sa_flags: libc::SA_RESTART, ..action },
                );
            }
        }
    }

    pub(in crate::binding) fn release() -> Vec<&'static str> {
        let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
        before.0 = before.0.saturating_sub(1);
        if before.0 > 0 {
            return Vec::new();
        }
        for (saved, (_, signal)) in before.1.iter_mut().zip(ENDING) {
            // The runtime has set the default if the last listener went.
            if let Some(saved) = saved.take().filter(|_| action_of(signal).sa_sigaction == own_handler()) {
                set_action(signal, &saved);
            }
        }
        let held = HELD.swap(0, Ordering::Relaxed);
        let is_held = |index: &usize| held & (1 << index) != 0;
        (0..ENDING.len()).filter(is_held).map(|index| ENDING[index].0).collect()
    }
}

#[cfg(unix)]
pub(super) use unix::{hold, release};

#[cfg(not(unix))]
pub(super) fn hold() {}

#[cfg(not(unix))]
pub(super) fn release() -> Vec<&'static str> {
    Vec::new()
}
