//! Runs one cargo process, and reads its messages until it ends.
//!
//! Promises: cargo leads a process group of its own (a job on Windows), so that ending the group also ends compilers and
//! build scripts.
//! Does not promise: that a terminal's Ctrl-C reaches cargo. The JavaScript wrapper passes it on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use cargo_metadata::diagnostic::DiagnosticLevel;
use cargo_metadata::{Artifact, Message};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout};

use super::pace::Pace;
use super::{command, stderr};
use crate::error::{Error, Result, is_out_of_descriptors};
use crate::fs::identity::StatIdentity;
use crate::model::build_units::{Package, ScriptRun, Unit, Units};
use crate::model::cancellation::Cancellation;
use crate::model::event::Event;
use crate::request::{Kind, Request};

/// How long the pipes may stay open after cargo has ended, in a process that it left behind.
const PIPES_AFTER_EXIT: Duration = Duration::from_millis(500);
/// The size from which on a report takes no further messages. A failing build repeats itself.
const REPORT_BYTES: usize = 64 * 1024;

/// The output of one run of cargo.
pub(super) struct Transcript {
    pub(super) status: ExitStatus,
    /// The files that cargo named for the requested targets, by the target's name. There is one for each triple that it
    /// built for.
    pub(super) outputs: BTreeMap<String, BTreeMap<PathBuf, StatIdentity>>,
    pub(super) units: Units,
    /// The compiler's rendered errors, without colours.
    pub(super) errors: Vec<String>,
    /// cargo's own messages.
    pub(super) messages: Vec<String>,
}

pub(super) fn run(
    request: &Request,
    root: &Path,
    (arguments, variables): (&[String], &[(&str, OsString)]),
    expected: Option<Duration>,
    cancellation: &Cancellation,
    emit: &dyn Fn(Event),
) -> Result<Transcript> {
    cancellation.check()?;
    runtime()?.block_on(async {
        let mut command = command::cargo(request, root);
        command
            .args(arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let (mut child, ending) = cancellation.start(|| {
            let child = group::spawn(command, request.nice).map_err(|error| not_started(&error))?;
            let ending = group::ending(&child)?;
            Ok((child, ending))
        })?;
        let mut transcript = Listener::new(request, expected, emit);
        let status = transcript.follow(&mut child).await;
        drop(ending);
        let status = status.map_err(|error| Error::Internal(format!("cannot follow cargo: {error}")))?;
        Ok(transcript.into_transcript(status))
    })
}

/// Returns the output of another program, if it succeeds, and none if it fails.
///
/// # Errors
///
/// [`Error::Aborted`], and the error of a program that cannot be started.
pub(super) fn capture(mut command: std::process::Command, cancellation: &Cancellation) -> Result<Option<Vec<u8>>> {
    runtime()?.block_on(async {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let (mut child, ending) = cancellation.start(|| {
            let child = group::spawn(command, 0).map_err(|error| not_started(&error))?;
            let ending = group::ending(&child)?;
            Ok((child, ending))
        })?;
        let mut printed = Vec::new();
        let mut stdout = child.stdout.take();
        let reading = async {
            if let Some(stdout) = &mut stdout {
                let _ = stdout.read_to_end(&mut printed).await;
            }
        };
        tokio::pin!(reading);
        let status = tokio::select! {
            () = &mut reading => child.wait().await,
            status = child.wait() => {
                let _ = tokio::time::timeout(PIPES_AFTER_EXIT, reading).await;
                status
            }
        };
        drop(ending);
        cancellation.check()?;
        Ok(status.is_ok_and(|status| status.success()).then_some(printed))
    })
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Internal(format!("cannot wait for a process: {error}")))
}

fn not_started(error: &io::Error) -> Error {
    let hint = match error.kind() {
        _ if is_out_of_descriptors(error) => "let the process open more files at once, as `ulimit -n` does",
        io::ErrorKind::WouldBlock => "let this user have more processes and threads (`ulimit -u`), or end some of them",
        io::ErrorKind::OutOfMemory => "free memory",
        _ => "see whether `cargo --version` works in the checkout",
    };
    Error::ToolNotFound { what: format!("cargo cannot be started: {error}"), hint: hint.into() }
}

struct Listener<'a> {
    request: &'a Request,
    emit: &'a dyn Fn(Event),
    outputs: BTreeMap<String, BTreeMap<PathBuf, StatIdentity>>,
    units: Units,
    errors: Vec<String>,
    messages: std::cell::RefCell<Vec<String>>,
    pace: Pace,
}

impl<'a> Listener<'a> {
    fn new(request: &'a Request, expected: Option<Duration>, emit: &'a dyn Fn(Event)) -> Self {
        Self {
            request,
            emit,
            outputs: BTreeMap::new(),
            units: Units::default(),
            errors: Vec::new(),
            messages: std::cell::RefCell::default(),
            pace: Pace::new(expected),
        }
    }

    fn into_transcript(self, status: ExitStatus) -> Transcript {
        Transcript {
            status,
            outputs: self.outputs,
            units: self.units,
            errors: self.errors,
            messages: self.messages.into_inner(),
        }
    }

    /// Reads until both pipes and the process have ended. It does not wait for a pipe that a process keeps open which cargo
    /// left behind.
    async fn follow(&mut self, child: &mut Child) -> io::Result<ExitStatus> {
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(io::Error::other("its output is not captured"));
        };
        let messages = std::mem::take(&mut self.messages);
        let emit = self.emit;
        let mut pace = std::mem::replace(&mut self.pace, Pace::new(None));
        let status = {
            let reading =
                async { tokio::try_join!(self.json(stdout), text(stderr, emit, &mut pace, &messages)).map(drop) };
            tokio::pin!(reading);
            tokio::select! {
                read = &mut reading => { read?; child.wait().await }
                status = child.wait() => {
                    match tokio::time::timeout(PIPES_AFTER_EXIT, reading).await {
                        Ok(read) => read?,
                        Err(_) => tracing::debug!("a process that cargo left behind keeps its output open"),
                    }
                    status
                }
            }
        };
        self.messages = messages;
        status
    }

    async fn json(&mut self, stdout: ChildStdout) -> io::Result<()> {
        let mut lines = BufReader::new(stdout).split(b'\n');
        while let Some(line) = lines.next_segment().await? {
            match serde_json::from_slice(&line) {
                Ok(message) => self.message(message),
                Err(error) => tracing::debug!(%error, "not a message of cargo's"),
            }
        }
        Ok(())
    }

    /// Returns the requested file of `artifact`, if it has one.
    fn wanted(&self, package: &Package, artifact: &Artifact) -> Option<PathBuf> {
        let (request, target) = (self.request, &artifact.target);
        // A package may depend on a binary of the same name (artifact dependencies).
        if package.name() != request.package {
            return None;
        }
        let executable = || artifact.executable.clone().map(Into::into);
        match request.kind {
            Kind::Bin if target.is_bin() && request.bins().any(|bin| bin == target.name) => executable(),
            Kind::Example if target.is_example() && target.name == request.bin => executable(),
            // A package has one library, which is requested without a name.
            Kind::Cdylib | Kind::Staticlib
                if target.crate_types.iter().any(|it| it.to_string() == request.kind.name()) =>
            {
                let mut files = artifact.filenames.iter().map(|file| file.as_std_path());
                files.find(|file| request.kind.is_of(file)).map(Path::to_owned)
            }
            _ => None,
        }
    }

    fn message(&mut self, message: Message) {
        match message {
            Message::CompilerArtifact(artifact) => {
                let directory = artifact.manifest_path.parent().map(Into::into).unwrap_or_default();
                let package = Package { id: artifact.package_id.repr.clone(), directory };
                let wanted = self.wanted(&package, &artifact);
                self.units.units.push(Unit {
                    package,
                    is_build_script: artifact.target.is_custom_build(),
                    is_proc_macro: artifact.target.is_proc_macro(),
                    fresh: artifact.fresh,
                    source: artifact.target.src_path.into(),
                    files: artifact.filenames.into_iter().map(Into::into).collect(),
                });
                if let Some(output) = wanted {
                    // A file that is gone already gets the default identity, which no file has. So it is not taken.
                    let stat = std::fs::metadata(&output).map(|found| StatIdentity::of(&found)).unwrap_or_default();
                    self.outputs.entry(artifact.target.name).or_default().insert(output, stat);
                }
            }
            Message::BuildScriptExecuted(script) => {
                let (package_id, out_dir) = (script.package_id.repr, script.out_dir.into());
                self.units.scripts.push(ScriptRun { package_id, out_dir });
            }
            Message::CompilerMessage(message) => {
                let Some(rendered) = message.message.rendered else { return };
                let level = level(message.message.level);
                if level == "error" {
                    keep(&mut self.errors, console::strip_ansi_codes(&rendered).into_owned());
                }
                (self.emit)(Event::Diagnostic { level: level.to_owned(), rendered });
            }
            _ => {}
        }
    }
}

async fn text(
    mut stderr: ChildStderr,
    emit: &dyn Fn(Event),
    pace: &mut Pace,
    messages: &std::cell::RefCell<Vec<String>>,
) -> io::Result<()> {
    let mut reader = stderr::Reader::default();
    let mut say = |said| match said {
        stderr::Said::Event(event) => emit(event),
        stderr::Said::Progress(stderr::Progress { done, total, compiling }) => {
            emit(pace.progress(done, total, compiling));
        }
        stderr::Said::Message(rendered) => {
            let level = if rendered.starts_with("error") { "error" } else { "warning" };
            keep(&mut messages.borrow_mut(), rendered.clone());
            emit(Event::Diagnostic { level: level.to_owned(), rendered });
        }
    };
    let mut buffer = vec![0; 8 * 1024];
    loop {
        match stderr.read(&mut buffer).await? {
            0 => break,
            count => reader.feed(&buffer[..count], &mut say),
        }
    }
    reader.finish(say);
    Ok(())
}

fn keep(list: &mut Vec<String>, text: String) {
    if list.iter().map(String::len).sum::<usize>() < REPORT_BYTES {
        list.push(text);
    }
}

fn level(level: DiagnosticLevel) -> &'static str {
    match level {
        DiagnosticLevel::Ice | DiagnosticLevel::Error => "error",
        DiagnosticLevel::Warning => "warning",
        DiagnosticLevel::FailureNote | DiagnosticLevel::Note => "note",
        _ => "help",
    }
}

#[cfg(unix)]
mod group {
    use super::{Child, Error, Result, io};

    /// Starts `command` as the leader of a group, with a niceness that is greater than this process's own by `nice`.
    pub(super) fn spawn(command: std::process::Command, nice: u32) -> io::Result<Child> {
        let mut command = tokio::process::Command::from(command);
        if nice > 0 {
            // SAFETY: between `fork` and `exec`, a child may call only what is async-signal-safe. Both functions are bare
            // system calls here, which neither allocate nor take a lock.
            unsafe { command.pre_exec(move || lower_priority(nice)) };
        }
        command.process_group(0).kill_on_drop(true).spawn()
    }

    /// Lowers the priority of this process and of those that it will start. A build goes on where the system refuses that.
    #[allow(clippy::unnecessary_wraps, reason = "the child calls it, and expects a result")]
    fn lower_priority(nice: u32) -> io::Result<()> {
        let _ = rustix::process::nice(nice.cast_signed());
        #[cfg(target_os = "linux")]
        {
            // <https://docs.kernel.org/block/ioprio.html>: one process, the calling one; the class `idle`, which has no
            // priorities in it.
            let (one_process, this_process, idle): (libc::c_int, libc::c_int, libc::c_int) = (1, 0, 3 << 13);
            // SAFETY: the call takes three integers, and touches no memory of this process.
            unsafe { libc::syscall(libc::SYS_ioprio_set, one_process, this_process, idle) };
        }
        Ok(())
    }

    /// Returns a function that ends the group that `child` leads. The group keeps its number until the child has been
    /// waited for.
    pub(super) fn ending(child: &Child) -> Result<impl Fn() + Send + use<>> {
        let leader = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        let leader = leader.ok_or_else(|| Error::Internal("cargo ended before it was started".into()))?;
        Ok(move || {
            if let Err(error) = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL) {
                tracing::debug!(%error, "cargo's process group has already ended");
            }
        })
    }
}

#[cfg(windows)]
mod group {
    use std::sync::Mutex;

    use super::{Child, Error, Result, io};

    /// The priority class of `BELOW_NORMAL_PRIORITY_CLASS`, which processes that a process starts inherit.
    ///
    /// <https://learn.microsoft.com/windows/win32/procthread/process-creation-flags>
    const BELOW_NORMAL: u32 = 0x4000;

    pub(super) fn spawn(command: std::process::Command, nice: u32) -> io::Result<Child> {
        let mut command = tokio::process::Command::from(command);
        if nice > 0 {
            command.creation_flags(BELOW_NORMAL);
        }
        command.kill_on_drop(true).spawn()
    }

    /// Returns a function that ends the job of `child`, by closing its only handle.
    pub(super) fn ending(child: &Child) -> Result<impl Fn() + Send + use<>> {
        let failed = |error: win32job::JobError| Error::Internal(format!("cannot put cargo into a job: {error}"));
        let mut limits = win32job::ExtendedLimitInfo::new();
        limits.limit_kill_on_job_close();
        let job = win32job::Job::create_with_limit_info(&limits).map_err(failed)?;
        let handle = child.raw_handle().ok_or_else(|| Error::Internal("cargo ended before it was started".into()))?;
        job.assign_process(handle as isize).map_err(failed)?;
        let job = Mutex::new(Some(job));
        Ok(move || drop(job.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()))
    }
}
