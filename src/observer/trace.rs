//! Reads the records of the observer in one process.
//!
//! Promises: a trace is read as far as its process came, whatever ended the process.
//! Does not promise: that nothing is missing. A trace itself says that the observer could not go on.

use std::path::{Path, PathBuf};

use gix::bstr::{BString, ByteSlice};

use crate::fs::files;

const MAGIC: &[u8] = b"devbin1\0";
/// The length of `struct header` in `observer/records.h`: magic, bytes used, bytes allocated, incomplete, started.
const HEADER_BYTES: usize = 32;

/// One program in one process; a process that becomes another program leaves two.
#[derive(Debug, Default)]
pub(super) struct Process {
    /// Its own name, and the name of the process that started it.
    pub(super) id: String,
    pub(super) parent: String,
    /// Its number among the programs that its parent started.
    pub(super) number: u32,
    pub(super) program: PathBuf,
    /// Its working directory when it was started.
    pub(super) directory: PathBuf,
    pub(super) out_dir: Option<PathBuf>,
    pub(super) arguments: Vec<BString>,
    pub(super) events: Vec<Event>,
    /// True if the observer could not record everything.
    pub(super) is_incomplete: bool,
}

/// An action of a process. Paths are absolute, and may have `..` in them.
#[derive(Debug)]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(super) enum Event {
    Read(PathBuf),
    /// A file that it gave one more name.
    Linked(PathBuf),
    Wrote(PathBuf),
    Removed(PathBuf),
    Listed(PathBuf),
    LookedAt(PathBuf),
    FoundAbsent(PathBuf),
    /// A link whose target it read.
    Followed(PathBuf),
    /// A path on the way to which it followed every link.
    Resolved(PathBuf),
    /// It began to start a program, which has its name alone if the system looked for it.
    Started(u32, PathBuf),
    /// The start with this number failed.
    NotStarted(u32),
    ReadVariable(String),
    AskedForDirectory,
    /// It loaded a library, which may need others.
    Loading,
    /// All libraries that it loaded are among what it read.
    Loaded,
    /// It did something that the observer cannot follow.
    Opaque(String),
}

impl Event {
    /// Returns the path or the name that the event is about.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Read(path)
            | Self::Linked(path)
            | Self::Wrote(path)
            | Self::Removed(path)
            | Self::Listed(path)
            | Self::LookedAt(path)
            | Self::FoundAbsent(path)
            | Self::Followed(path)
            | Self::Resolved(path)
            | Self::Started(_, path) => Some(path),
            Self::NotStarted(_)
            | Self::ReadVariable(_)
            | Self::AskedForDirectory
            | Self::Loading
            | Self::Loaded
            | Self::Opaque(_) => None,
        }
    }
}

/// Reads every trace in `directory`.
pub(super) fn traces_in(directory: &Path) -> Vec<Process> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| read(&entry.path())).collect()
}

fn read(path: &Path) -> Option<Process> {
    let bytes = files::read(path).ok()?;
    let header = bytes.get(..HEADER_BYTES).filter(|header| header.starts_with(MAGIC))?;
    let number = |at: usize, length: usize| {
        let bytes = header.get(at..at + length)?;
        bytes.iter().rev().try_fold(0_u64, |number, byte| number.checked_mul(256)?.checked_add((*byte).into()))
    };
    let used = usize::try_from(number(8, 8)?).ok()?;
    let records = &bytes[HEADER_BYTES..bytes.len().min(HEADER_BYTES.saturating_add(used))];
    let mut process = Process { is_incomplete: number(24, 4)? != 0, ..Process::default() };
    process.id = path.file_name()?.to_str()?.to_owned();
    let mut read = Records(records);
    for record in read.by_ref() {
        process.take(record);
    }
    // A thread may have been ended in the middle of a record while others went on behind it.
    process.is_incomplete |= !read.0.is_empty();
    // A process that was ended before it could say who it is belongs to no run.
    (!process.parent.is_empty()).then_some(process)
}

/// The records that follow a header.
struct Records<'b>(&'b [u8]);

impl<'b> Iterator for Records<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        let (length, rest) = self.0.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length > 0)?;
        let record = rest.get(..length)?;
        self.0 = self.0.get((4 + length).next_multiple_of(8)..).unwrap_or_default();
        Some(record)
    }
}

impl Process {
    fn take(&mut self, record: &[u8]) {
        let Some((what, rest)) = record.split_first() else { return };
        let path = || path_of(rest);
        let text = || rest.to_str_lossy().into_owned();
        self.events.push(match what {
            b'P' => return self.introduce(rest),
            b'R' => Event::Read(path()),
            b'H' => Event::Linked(path()),
            b'W' => Event::Wrote(path()),
            b'U' => Event::Removed(path()),
            b'L' => Event::Listed(path()),
            b'S' => Event::LookedAt(path()),
            b'A' => Event::FoundAbsent(path()),
            b'K' => Event::Followed(path()),
            b'C' => Event::Resolved(path()),
            b'E' => {
                let (number, program) = rest.split_once_str("\0").unwrap_or((rest, b""));
                Event::Started(number_of(number), path_of(program))
            }
            b'F' => Event::NotStarted(number_of(rest)),
            b'G' => Event::ReadVariable(text()),
            b'D' => Event::AskedForDirectory,
            b'B' => Event::Loading,
            b'Z' => Event::Loaded,
            _ => Event::Opaque(text()),
        });
    }

    /// True if the process interprets a script that was started as `program`. The system puts the script's path after the
    /// interpreter and at most one argument for it.
    ///
    /// <https://man7.org/linux/man-pages/man2/execve.2.html>
    pub(super) fn runs(&self, program: &Path) -> bool {
        let name = program.file_name();
        let mut arguments = self.arguments.iter().skip(1).take(2).map(|argument| path_of(argument));
        name.is_some() && arguments.any(|argument| argument.file_name() == name)
    }

    fn introduce(&mut self, fields: &[u8]) {
        let mut fields = fields.split_str("\0");
        let mut next = || fields.next().unwrap_or_default();
        self.parent = next().to_str_lossy().into_owned();
        self.number = number_of(next());
        let _pid = next();
        self.program = path_of(next());
        self.directory = path_of(next());
        self.out_dir = Some(path_of(next())).filter(|path| !path.as_os_str().is_empty());
        self.arguments = fields.map(BString::from).collect();
    }
}

pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    gix::path::from_bstr(bytes.as_bstr()).map(|path| path.into_owned()).unwrap_or_default()
}

fn number_of(text: &[u8]) -> u32 {
    text.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(text.len()).unwrap().to_le_bytes().to_vec();
        bytes.extend_from_slice(text);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    #[test]
    fn a_trace_reads_up_to_the_first_record_that_is_not_whole() {
        let directory = tempfile::tempdir().unwrap();
        let mut records = record(b"P1-1\x004\x0077\0/bin/sh\0/w\0\0sh\0-c\0x\0");
        records.extend(record(b"R/w/a"));
        records.extend(record(b"E0\0/bin/cat"));
        let whole = records.len();
        records.extend([0; 8]);
        records.extend(record(b"R/w/never"));
        let mut bytes = MAGIC.to_vec();
        bytes.extend(u64::try_from(records.len()).unwrap().to_le_bytes());
        bytes.extend([0; 16]);
        bytes.extend(&records);
        for (used, incomplete) in [(whole, 0), (records.len(), 1)] {
            bytes[8..16].copy_from_slice(&u64::try_from(used).unwrap().to_le_bytes());
            bytes[24] = incomplete;
            std::fs::write(directory.path().join("77-9"), &bytes).unwrap();
            let [process] = &traces_in(directory.path())[..] else { panic!("there is one") };
            assert_eq!((process.id.as_str(), process.parent.as_str(), process.number), ("77-9", "1-1", 4));
            assert_eq!(process.program, Path::new("/bin/sh"));
            assert_eq!(process.arguments, ["sh", "-c", "x", ""]);
            let expected = [Event::Read("/w/a".into()), Event::Started(0, "/bin/cat".into())];
            assert_eq!(process.events, expected);
            assert_eq!(process.is_incomplete, incomplete == 1);
        }
    }

    #[test]
    fn what_is_no_trace_is_none() {
        let directory = tempfile::tempdir().unwrap();
        for (name, bytes) in [("empty", &b""[..]), ("short", b"devbin1\0"), ("other", &[7; 64]), ("unnamed", &[0; 64])]
        {
            std::fs::write(directory.path().join(name), bytes).unwrap();
        }
        assert!(traces_in(directory.path()).is_empty());
    }
}
