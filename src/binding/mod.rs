//! The Node-API surface: one call, `start`, and the switch that stops it; the signals that JavaScript must leave alone;
//! and, for the command line alone, `replaceProcess`, `writeOut`, `exists`, and the workspace and package around a
//! directory.
//!
//! Promises: `start` returns at once, and the work happens on a thread of its own. Events and exactly one terminal message
//! travel through one threadsafe function, so they arrive in order. The function is released when the work after the answer
//! is done, and this module does not keep the process alive from then on. That work takes milliseconds, and longer if the
//! cache is pruned. It is pruned after a build or a download, once a day or when it is over its size. A process that cannot
//! wait may exit: the cache is valid at any moment. A panic becomes a terminal message. A call ends when the JavaScript that
//! could end it is gone, as when a worker thread is terminated.
//! Does not promise: error objects. The code, the message and the hint come from [`crate::error`]; `index.js` makes the
//! object, so that it has the stack of the caller.
//!
//! Only this module and its `types` use napi. Its `convert` turns the core's types into those of `types`.

mod convert;
mod environment;
mod held_signals;
mod replace;
mod stdout;
mod types;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use napi::Status;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;

use crate::afterwards::Afterwards;
use crate::call::Call;
use crate::error::{Error, Result};
use crate::in_process::Moment;
use crate::model::cancellation;
use crate::model::event::Event;
use crate::report::{Mode, Report};
use crate::request::limits::Limits;
use crate::request::{Environment, Options, Request};
use crate::resolve;
use crate::store::{Pruning, Store};
use crate::{defaults, explain, inputs, known_inputs, out, report, request, verify};
use environment::Originals;
pub use types::*;

/// The stack size of a call's thread. Directories are walked recursively, as deep as paths can be long: thousands of levels.
/// The unused part takes no memory. glibc keeps the stacks of ended threads for later ones, up to 40 MiB in all.
///
/// <https://sourceware.org/glibc/manual/latest/html_node/POSIX-Thread-Tunables.html>
const STACK_BYTES: usize = 32 * 1024 * 1024;

type Sink = ThreadsafeFunction<Message, (), Message, Status, false>;

/// The version of this addon, for `lib/load.js`.
#[napi]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The switch that stops one call. It is made when the call is, and so also knows when that was.
#[napi]
pub struct Cancellation {
    inner: Arc<cancellation::Cancellation>,
    made: Moment,
}

#[napi]
impl Cancellation {
    /// Makes the switch of a call that is made now.
    #[napi(constructor)]
    #[must_use]
    #[allow(clippy::new_without_default, reason = "a moment is no default value")]
    pub fn new() -> Self {
        Self { inner: Arc::default(), made: Moment::now() }
    }

    /// Ends cargo and everything it started, before this returns.
    #[napi]
    pub fn cancel(&self) {
        self.inner.cancel();
    }
}

/// Stops the call when JavaScript has let go of the switch, since nothing else could stop it then. A worker thread that is
/// terminated lets go of it without running any more JavaScript. `index.js` holds it while its call is under way.
impl Drop for Cancellation {
    fn drop(&mut self) {
        self.inner.cancel();
    }
}

/// Starts a call. Everything else arrives through `sink`.
#[napi]
pub fn start(
    request: NativeRequest,
    cancellation: &Cancellation,
    #[napi(ts_arg_type = "(message: Message) => void")] sink: Sink,
) -> napi::Result<()> {
    let (cancellation, made) = (Arc::clone(&cancellation.inner), cancellation.made);
    let originals = Originals::for_request(&request);
    let work = move || {
        let afterwards = Afterwards::default();
        let outcome =
            catch_unwind(AssertUnwindSafe(|| run(request, originals, &cancellation, made, &sink, &afterwards)));
        let last = match outcome {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => error.into(),
            Err(panic) => Error::Internal(format!("panicked: {}", panic_text(panic.as_ref()))).into(),
        };
        sink.call(last, ThreadsafeFunctionCallMode::Blocking);
        if catch_unwind(AssertUnwindSafe(|| afterwards.run())).is_err() {
            tracing::debug!("the work after the answer panicked");
        }
        drop(sink);
    };
    let thread = std::thread::Builder::new().name("dev-bin".into()).stack_size(STACK_BYTES).spawn(work);
    thread.map(drop).map_err(|error| napi::Error::from_reason(format!("cannot start a thread: {error}")))
}

/// Runs a program in the place of this process, for `dev-bin run` alone. The process must have no JavaScript worker threads.
/// Returns only on failure.
#[napi]
#[must_use]
pub fn replace_process(program: String, args: Vec<String>) -> NotReplaced {
    replace::replace_process(&program, &args).into()
}

/// Writes `text` to standard output, as far as the system takes it at once; for the command line alone. The streams of a
/// JavaScript runtime take longer to load than a hit takes.
#[napi]
#[must_use]
pub fn write_out(text: String) -> Written {
    stdout::write_out(text.as_bytes())
}

/// Returns true if something exists at `path`; for the command line alone.
#[napi]
#[must_use]
pub fn exists(path: String) -> bool {
    std::path::Path::new(&path).exists()
}

/// Returns the directory of the workspace that a cargo started in `directory` works on; for the command line alone.
#[napi]
#[must_use]
pub fn workspace_around(directory: String) -> Option<String> {
    let found = inputs::workspace_around(std::path::Path::new(&directory))?;
    found.to_str().map(str::to_owned)
}

/// Returns the package of that workspace whose directory `directory` is in; for the command line alone.
#[napi]
#[must_use]
pub fn package_around(directory: String) -> Option<String> {
    inputs::package_around(std::path::Path::new(&directory))
}

/// Returns the signals that would end this process, had its parent not made it ignore them. `index.js` leaves them alone.
#[napi]
#[must_use]
pub fn ignored_signals() -> Vec<&'static str> {
    replace::ignored_signals()
}

/// Holds signals that would end this process back until [`release_signals`]. JavaScript removes its listeners in between.
#[napi]
pub fn hold_signals() {
    held_signals::hold();
}

/// Ends what [`hold_signals`] began, and returns the signals that came meanwhile. The caller raises them again.
#[napi]
#[must_use]
pub fn release_signals() -> Vec<&'static str> {
    held_signals::release()
}

fn run(
    request: NativeRequest,
    originals: Originals,
    cancellation: &Arc<cancellation::Cancellation>,
    made: Moment,
    sink: &Sink,
    afterwards: &Afterwards,
) -> Result<Message> {
    let (task, mode, listening) = (request.task, Mode::from(request.report), request.listening);
    let (all, dry_run, check) = (request.all, request.dry_run, request.check);
    let mut options = Options::from(request);
    originals.put_back(&mut options.env);
    let ask: fn(&Request, &Call<'_>) -> Result<Message> = match task {
        Task::List => return list(options, check.unwrap_or_default(), cancellation),
        Task::Builds => {
            let builds = cache(&options)?.0.building();
            let builds = builds.iter().filter_map(|build| serde_json::to_string(build).ok()).collect();
            return Ok(Message::Builds { builds });
        }
        Task::Pruning => return prune(options, all.unwrap_or_default(), dry_run.unwrap_or_default(), cancellation),
        Task::Binary => |request, call| {
            let binary = resolve::get_dev_binary(request, call)?;
            let out = out::copy_out(request, call, &binary.entry)?;
            Ok(Message::Binary { binary: NativeBinary { out: out.map(text), ..binary.into() } })
        },
        Task::Verification => {
            |request, call| Ok(Message::Verification { verification: verify::verify(request, call)?.into() })
        }
        Task::Fingerprint => {
            |request, call| Ok(Message::Fingerprint { fingerprint: resolve::fingerprint(request, call)?.to_string() })
        }
        Task::Explanation => {
            |request, call| Ok(Message::Explanation { explanation: explain::explain(request, call)?.into() })
        }
        Task::Inputs => {
            |request, call| Ok(Message::Inputs { inputs: known_inputs::known_inputs(request, call)?.into() })
        }
    };
    let request = Request::try_from(defaults::fill_in(options, afterwards)?)?;
    report::log_as_asked(&request.env);
    let report = Report::new(mode, &request.env);
    let emit = |event: Event| {
        report.draw(&event);
        if listening && sink.call(event.into(), ThreadsafeFunctionCallMode::Blocking) == Status::Closing {
            // The JavaScript that made the call is gone, so nothing else would stop cargo.
            cancellation.cancel();
        }
    };
    ask(&request, &Call { cancellation, made, emit: &emit, afterwards })
}

fn list(options: Options, check: bool, cancellation: &cancellation::Cancellation) -> Result<Message> {
    let (store, _) = cache(&options)?;
    let listing = store.list();
    let entries = listing.entries.into_iter().map(|listed| {
        cancellation.check()?;
        let damage = check.then(|| store.damage(&listed)).flatten();
        Ok(NativeEntry { damage, ..listed.into() })
    });
    let entries = entries.chain(listing.broken.into_iter().map(|broken| Ok(broken.into())));
    Ok(Message::List { list: entries.collect::<Result<_>>()? })
}

fn prune(options: Options, all: bool, dry_run: bool, cancellation: &cancellation::Cancellation) -> Result<Message> {
    let (store, env) = cache(&options)?;
    let limits = Limits::chosen(options.max_size.as_deref(), options.max_age.as_deref(), &env)?;
    let pruned = store.prune(&Pruning { limits, all, dry_run }, cancellation)?;
    Ok(Message::Pruning { pruning: pruned.into() })
}

/// Opens the cache of a call that asks for no binary, and returns it with the environment of the call.
fn cache(options: &Options) -> Result<(Store, Environment)> {
    let env = Environment::from(options.env.clone());
    report::log_as_asked(&env);
    Ok((Store::open(&request::absolute("cacheDir", &options.cache_dir)?)?, env))
}

fn text(path: std::path::PathBuf) -> String {
    path.to_string_lossy().into_owned()
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
