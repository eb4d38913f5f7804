//! Measures the Rust core by itself: a sweep and a fingerprint, beside reading and digesting the same bytes.
//!
//! Promises: each tree is made in a temporary directory, and is older than two seconds when it is measured, so that all of
//! it may be in a stat cache.
//! Does not promise: comparisons with git, or figures of the published surface. `npm run bench` makes those.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use openlock_dev_bin::afterwards::Afterwards;
use openlock_dev_bin::call::Call;
use openlock_dev_bin::in_process::Moment;
use openlock_dev_bin::model::cancellation::Cancellation;
use openlock_dev_bin::model::fingerprint::Digest;
use openlock_dev_bin::request::{Options, Request};
use openlock_dev_bin::resolve;
use tempfile::TempDir;

const FILES: [usize; 2] = [300, 3_000];
const FILES_IN_A_DIRECTORY: usize = 10;
const FILE_BYTES: usize = 4_096;

/// The age at which a file settles. A younger one is read again at each look, since another write might leave no trace.
const SETTLED: Duration = Duration::from_millis(2_100);

struct Tree {
    directory: TempDir,
    files: Vec<PathBuf>,
}

impl Tree {
    fn new(count: usize) -> Self {
        let directory = TempDir::new().expect("the temporary directory can be written");
        let root = directory.path();
        write(&root.join("Cargo.toml"), b"[package]\nname = \"measured\"\nversion = \"0.1.0\"\n");
        write(&root.join("Cargo.lock"), b"version = 4\n");
        let files: Vec<_> = (0..count)
            .map(|index| root.join(format!("src/part_{}/file_{index}.rs", index / FILES_IN_A_DIRECTORY)))
            .collect();
        for (index, file) in files.iter().enumerate() {
            let line = format!("// {index}\n");
            write(file, line.repeat(FILE_BYTES / line.len()).as_bytes());
        }
        git(root, &["init", "--quiet"]);
        git(root, &["add", "."]);
        git(root, &["-c", "user.name=b", "-c", "user.email=b@localhost", "commit", "--quiet", "--message", "start"]);
        Self { directory, files }
    }

    fn request(&self, cache: &Path) -> Request {
        Request::try_from(Options {
            crate_name: Some("measured".into()),
            repo: self.directory.path().to_owned(),
            cache_dir: cache.to_owned(),
            env: std::env::vars_os().collect::<BTreeMap<_, _>>(),
            ..Options::default()
        })
        .expect("these options are valid")
    }
}

fn write(path: &Path, content: &[u8]) {
    let parent = path.parent().expect("the path has a directory");
    fs::create_dir_all(parent).and_then(|()| fs::write(path, content)).expect("the tree can be written");
}

fn git(directory: &Path, arguments: &[&str]) {
    let status = Command::new("git").current_dir(directory).args(arguments).status().expect("git can be started");
    assert!(status.success(), "git {arguments:?} failed");
}

/// Computes the fingerprint. Returns the work for after the answer, which is not measured.
fn fingerprint(request: &Request) -> Afterwards {
    let (cancellation, afterwards) = (Cancellation::default(), Afterwards::default());
    let call = Call { cancellation: &cancellation, made: Moment::now(), emit: &|_| {}, afterwards: &afterwards };
    resolve::fingerprint(request, &call).expect("the tree can be read");
    afterwards
}

fn digest(files: &[PathBuf]) {
    let mut buffer = vec![0; 128 * 1024];
    for file in files {
        let file = fs::File::open(file).expect("the tree can be read");
        Digest::of_file(&file, &mut buffer).expect("the tree can be read");
    }
}

fn core(criterion: &mut Criterion) {
    let trees = FILES.map(Tree::new);
    thread::sleep(SETTLED);
    let caches = FILES.map(|_| TempDir::new().expect("the temporary directory can be written"));
    for (tree, cache) in trees.iter().zip(&caches) {
        let mut group = criterion.benchmark_group(format!("{} files", tree.files.len()));
        group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(tree.files.len() as u64));
        group.bench_function("digest, one thread", |bencher| bencher.iter(|| digest(&tree.files)));
        group.bench_function("fingerprint, first", |bencher| {
            bencher.iter_batched_ref(
                || TempDir::new().expect("the temporary directory can be written"),
                |cache| fingerprint(&tree.request(cache.path())),
                BatchSize::PerIteration,
            );
        });
        let request = tree.request(cache.path());
        fingerprint(&request).run();
        group.bench_function("fingerprint, again", |bencher| bencher.iter(|| fingerprint(&request)));
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = core
}
criterion_main!(benches);
