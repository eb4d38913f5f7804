//! Writes to standard output.
//!
//! Promises: the bytes go to the system at once, and past every buffer. A descriptor that does not block is not waited for.
//! Does not promise: anything on Windows, where a console takes text and not bytes. Nothing is written there.

use super::types::Written;

/// Writes `bytes` until the system takes no more of them.
#[cfg(unix)]
pub(super) fn write_out(bytes: &[u8]) -> Written {
    use rustix::io::Errno;

    let mut written = 0;
    let mut problem = None;
    while written < bytes.len() && problem.is_none() {
        match rustix::io::write(std::io::stdout(), &bytes[written..]) {
            Ok(count) => written += count,
            Err(Errno::INTR) => {}
            Err(error) => problem = Some(error),
        }
    }
    let problem = problem.filter(|error| *error != Errno::AGAIN);
    Written {
        bytes: u32::try_from(written).unwrap_or(u32::MAX),
        unread: problem == Some(Errno::PIPE),
        message: problem.map(|problem| std::io::Error::from(problem).to_string()),
    }
}

/// Writes nothing.
#[cfg(not(unix))]
pub(super) fn write_out(_: &[u8]) -> Written {
    Written { bytes: 0, unread: false, message: None }
}
