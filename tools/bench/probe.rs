//! Measures in Rust the tasks that `npm run bench` compares. It reads a task on each line of stdin, and writes an answer to
//! a line of stdout.
//!
//! Promises: only the work itself is timed. Lists of paths are read and converted before. `lstat` is the system call alone,
//! which makes it the lower bound of a hit. `hash` and `walk` share no code with the package except the digest's
//! implementation.
//! Does not promise: statistics. The script that asks computes them.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use openlock_dev_bin::afterwards::Afterwards;
use openlock_dev_bin::call::Call;
use openlock_dev_bin::in_process::Moment;
use openlock_dev_bin::model::cancellation::Cancellation;
use openlock_dev_bin::model::event::Event;
use openlock_dev_bin::request::{Options, Request};
use openlock_dev_bin::resolve::{Outcome, fingerprint, get_dev_binary};
use rayon::prelude::*;
use serde::Deserialize;
use sha2::{Digest, Sha256};

type Failure = Box<dyn std::error::Error>;

const BUFFER_BYTES: usize = 128 * 1024;

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "camelCase")]
enum Task {
    /// Calls `lstat` on every path of a list, on one thread or more.
    Lstat { paths: PathBuf, threads: usize },
    /// Reads and digests every regular file of a list, on all cores.
    Hash { paths: PathBuf },
    /// Does the same, with an `lstat` of each file before and after, and lists every directory.
    Walk { paths: PathBuf },
    /// Finds a binary in the cache.
    Hit { options: Wanted },
    /// Computes a fingerprint.
    Fingerprint { options: Wanted },
}

/// The options of the JavaScript surface that the bench sets.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    repo: PathBuf,
    #[serde(rename = "crate")]
    crate_name: String,
    bin: Option<String>,
    features: Option<Vec<String>>,
    scope: Option<String>,
    cache_dir: PathBuf,
}

/// Absolute paths as the system takes them.
#[cfg(unix)]
type SystemPath = std::ffi::CString;
#[cfg(not(unix))]
type SystemPath = PathBuf;

/// The paths of one list, read once.
struct Paths {
    all: Vec<SystemPath>,
    regular: Vec<PathBuf>,
    directories: Vec<PathBuf>,
}

impl Paths {
    fn read(list: &Path) -> Result<Self, Failure> {
        let bytes = fs::read(list)?;
        let names = bytes.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        let paths: Vec<_> = names.map(path).collect::<Result<_, _>>()?;
        let file_type = |path: &PathBuf| fs::symlink_metadata(path).map(|metadata| metadata.file_type());
        let is_regular = |path: &&PathBuf| file_type(path).is_ok_and(|it| it.is_file());
        let is_directory = |path: &&PathBuf| file_type(path).is_ok_and(|it| it.is_dir());
        let regular = paths.iter().filter(is_regular).cloned().collect();
        let directories = paths.iter().filter(is_directory).cloned().collect();
        let all = paths.into_iter().map(system_path).collect::<Result<_, _>>()?;
        Ok(Self { all, regular, directories })
    }
}

#[cfg(unix)]
fn path(bytes: &[u8]) -> Result<PathBuf, Failure> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(bytes).into())
}

#[cfg(not(unix))]
fn path(bytes: &[u8]) -> Result<PathBuf, Failure> {
    Ok(std::str::from_utf8(bytes)?.into())
}

#[cfg(unix)]
fn system_path(path: PathBuf) -> Result<SystemPath, Failure> {
    use std::os::unix::ffi::OsStringExt;
    Ok(std::ffi::CString::new(path.into_os_string().into_vec())?)
}

#[cfg(not(unix))]
fn system_path(path: PathBuf) -> Result<SystemPath, Failure> {
    Ok(path)
}

/// True if the path exists. A path may be tracked and deleted.
#[cfg(unix)]
fn is_there(path: &SystemPath) -> bool {
    rustix::fs::lstat(path.as_c_str()).is_ok()
}

#[cfg(not(unix))]
fn is_there(path: &SystemPath) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn count(paths: &[SystemPath]) -> usize {
    paths.iter().filter(|path| is_there(path)).count()
}

/// Runs one share on this thread, and each other share on a thread of its own.
fn lstat(paths: &[SystemPath], threads: usize) -> usize {
    let mut shares = paths.chunks(paths.len().div_ceil(threads.max(1)).max(1));
    let own = shares.next().unwrap_or_default();
    thread::scope(|scope| {
        let others: Vec<_> = shares.map(|share| scope.spawn(|| count(share))).collect();
        count(own) + others.into_iter().map(|other| other.join().unwrap_or_default()).sum::<usize>()
    })
}

/// Digests the rest of `file`. Returns its number of bytes.
fn digest(mut file: &File, buffer: &mut [u8]) -> io::Result<u64> {
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    loop {
        let read = file.read(buffer)?;
        if read == 0 {
            black_box(hasher.finalize());
            return Ok(bytes);
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
}

fn hash(paths: &[PathBuf]) -> io::Result<u64> {
    let digest = |buffer: &mut Vec<u8>, path: &PathBuf| digest(&File::open(path)?, buffer);
    paths.par_iter().map_init(|| vec![0; BUFFER_BYTES], digest).sum()
}

fn walk(paths: &Paths) -> io::Result<u64> {
    let digest = |buffer: &mut Vec<u8>, path: &PathBuf| {
        let file = File::open(path)?;
        black_box(file.metadata()?);
        let bytes = digest(&file, buffer)?;
        black_box(file.metadata()?);
        Ok::<u64, io::Error>(bytes)
    };
    let list = |path: &PathBuf| Ok::<usize, io::Error>(fs::read_dir(path)?.count());
    let (bytes, names) = rayon::join(
        || paths.regular.par_iter().map_init(|| vec![0; BUFFER_BYTES], digest).sum::<io::Result<u64>>(),
        || paths.directories.par_iter().map(list).sum::<io::Result<usize>>(),
    );
    names.and(bytes)
}

/// Makes the request that the addon would get, with this process's environment.
fn request(wanted: Wanted, env: &BTreeMap<OsString, OsString>) -> openlock_dev_bin::error::Result<Request> {
    Request::try_from(Options {
        crate_name: Some(wanted.crate_name),
        bin: wanted.bin,
        features: wanted.features.unwrap_or_default(),
        scope: wanted.scope,
        repo: wanted.repo,
        cache_dir: wanted.cache_dir,
        env: env.clone(),
        ..Options::default()
    })
}

struct Probe {
    lists: HashMap<PathBuf, Paths>,
    env: BTreeMap<OsString, OsString>,
}

impl Probe {
    fn list(&mut self, path: PathBuf) -> Result<&Paths, Failure> {
        if !self.lists.contains_key(&path) {
            let paths = Paths::read(&path)?;
            self.lists.insert(path.clone(), paths);
        }
        Ok(&self.lists[&path])
    }

    /// Performs a task. Returns the milliseconds that it took, and its number of paths or bytes.
    fn perform(&mut self, task: Task) -> Result<(f64, u64), Failure> {
        match task {
            Task::Lstat { paths, threads } => {
                let paths = self.list(paths)?;
                timed(|| Ok(lstat(&paths.all, threads) as u64))
            }
            Task::Hash { paths } => {
                let paths = self.list(paths)?;
                timed(|| Ok(hash(&paths.regular)?))
            }
            Task::Walk { paths } => {
                let paths = self.list(paths)?;
                timed(|| Ok(walk(paths)?))
            }
            Task::Hit { options } => self.call(options, |request, call| {
                let found = get_dev_binary(request, call)?;
                if found.outcome == Outcome::Cached { Ok(0) } else { Err("a hit was expected".into()) }
            }),
            Task::Fingerprint { options } => self.call(options, |request, call| {
                fingerprint(request, call)?;
                Ok(0)
            }),
        }
    }

    fn call(
        &self,
        wanted: Wanted,
        work: impl Fn(&Request, &Call<'_>) -> Result<u64, Failure>,
    ) -> Result<(f64, u64), Failure> {
        let (afterwards, emit) = (Afterwards::default(), |_: Event| {});
        let took = timed(|| {
            let cancellation = Cancellation::default();
            let call = Call { cancellation: &cancellation, made: Moment::now(), emit: &emit, afterwards: &afterwards };
            work(&request(wanted, &self.env)?, &call)
        });
        afterwards.run();
        took
    }
}

fn timed(work: impl FnOnce() -> Result<u64, Failure>) -> Result<(f64, u64), Failure> {
    let began = Instant::now();
    let result = work()?;
    Ok((began.elapsed().as_secs_f64() * 1000.0, result))
}

fn main() -> Result<(), Failure> {
    // `cargo bench` starts every target of its kind, and this one would wait for tasks.
    if std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let mut probe = Probe { lists: HashMap::new(), env: std::env::vars_os().collect() };
    for line in io::stdin().lock().lines() {
        let task = serde_json::from_str(&line?)?;
        let answer = match probe.perform(task) {
            Ok((ms, result)) => serde_json::json!({ "ms": ms, "result": result }),
            Err(error) => serde_json::json!({ "error": error.to_string() }),
        };
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{answer}")?;
        stdout.flush()?;
    }
    Ok(())
}
