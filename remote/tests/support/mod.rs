//! Runs the program as its caller does: a real process, and lines of JSON over its pipes.

#![allow(dead_code, unreachable_pub, reason = "each test program uses some of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_dev-bin-remote");

/// A running program.
pub struct Remote {
    pub child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    next: u64,
    /// The lines of progress that came before the last answer.
    pub progress: Vec<Value>,
}

impl Remote {
    /// Starts the program and gives it its configuration. Returns its answer to that, too.
    pub fn configured(config: &Value, variables: &[(&str, &str)]) -> (Self, Value) {
        let mut command = Command::new(PROGRAM);
        command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).env_clear();
        command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("HOME", "/nonexistent")]);
        if let Some(root) = std::env::var_os("SystemRoot") {
            command.env("SystemRoot", root);
        }
        command.envs(variables.iter().copied());
        let mut child = command.spawn().expect("the program starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("it has a pipe"));
        let mut remote = Self { child, input, output, next: 0, progress: Vec::new() };
        remote.write(config);
        let answer = remote.read(0);
        (remote, answer)
    }

    /// Starts the program with configuration that is good.
    pub fn start(config: &Value) -> Self {
        let (remote, answer) = Self::configured(config, &[]);
        assert!(answer["ok"].is_object(), "{answer}");
        remote
    }

    pub fn write(&mut self, line: &Value) {
        let input = self.input.as_mut().expect("it is open");
        writeln!(input, "{line}").expect("the program reads");
        input.flush().expect("the program reads");
    }

    /// Sends a request without waiting for its answer. Returns its number.
    pub fn send(&mut self, op: &str, mut fields: Value) -> u64 {
        self.next += 1;
        fields["id"] = json!(self.next);
        fields["op"] = json!(op);
        self.write(&fields);
        self.next
    }

    /// Reads one line.
    pub fn line(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it writes text");
        (!line.is_empty()).then(|| serde_json::from_str(&line).expect("a line is JSON"))
    }

    /// Reads lines up to the answer of a request.
    pub fn read(&mut self, id: u64) -> Value {
        self.progress.clear();
        loop {
            let line = self.line().expect("the program answers");
            assert_eq!(line["id"], json!(id), "{line}");
            if line.get("progress").is_none() {
                return line;
            }
            self.progress.push(line);
        }
    }

    /// Sends a request and returns the whole answer.
    pub fn ask(&mut self, op: &str, fields: Value) -> Value {
        let id = self.send(op, fields);
        self.read(id)
    }

    /// Sends a request that succeeds.
    pub fn ok(&mut self, op: &str, fields: Value) -> Value {
        let answer = self.ask(op, fields);
        assert!(answer.get("ok").is_some(), "{answer}");
        answer["ok"].clone()
    }

    /// Sends a request that fails. Returns the kind and the message.
    pub fn fails(&mut self, op: &str, fields: Value) -> (String, String) {
        failure(&self.ask(op, fields))
    }

    /// Closes the program's standard input.
    pub fn hang_up(&mut self) {
        self.input = None;
    }

    /// Waits for the end, which must come soon.
    pub fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is a child") {
                return status;
            }
            assert!(began.elapsed() < Duration::from_secs(5), "the program goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns an error's kind and message.
pub fn failure(answer: &Value) -> (String, String) {
    let text = |field: &str| answer["error"][field].as_str().unwrap_or_else(|| panic!("no error: {answer}")).to_owned();
    (text("kind"), text("message"))
}

/// A store in a directory, keys, and files to publish.
pub struct Team {
    pub directory: TempDir,
}

/// A key's file and text.
pub struct Key {
    pub file: PathBuf,
    pub public: String,
}

impl Team {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        std::fs::create_dir(directory.path().join("store")).expect("it is new");
        Self { directory }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn store(&self) -> PathBuf {
        self.path("store")
    }

    pub fn url(&self) -> String {
        url::Url::from_file_path(self.store()).expect("it is absolute").into()
    }

    /// Makes a key with the program.
    pub fn key(&self, name: &str) -> Key {
        let file = self.path(name);
        let output = Command::new(PROGRAM).arg("keygen").arg(&file).output().expect("the program starts");
        assert!(output.status.success());
        Key { file, public: String::from_utf8(output.stdout).expect("it is text").trim().to_owned() }
    }

    pub fn publisher(&self, key: &Key) -> Remote {
        Remote::start(&json!({ "url": self.url(), "mode": "publish", "signingKeyFile": key.file }))
    }

    pub fn reader(&self, keys: &[&Key]) -> Remote {
        let keys: Vec<_> = keys.iter().map(|key| &key.public).collect();
        Remote::start(&json!({ "url": self.url(), "keys": keys }))
    }

    /// Writes a file to publish. Returns it as a request has it.
    pub fn file(&self, name: &str, content: &[u8]) -> Value {
        let path = self.path(name);
        std::fs::write(&path, content).expect("the directory is ours");
        json!({ "name": name, "path": path, "executable": true })
    }

    /// Publishes a file called `app` under the key `k`.
    pub fn publish(&self, key: &Key, content: &[u8]) {
        let file = self.file("app", content);
        self.publisher(key).ok("publish", json!({ "key": "k", "files": [file] }));
    }

    /// Makes an empty directory.
    pub fn empty(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir(&path).expect("it is new");
        path
    }

    /// Puts an object into the store, past the program.
    pub fn put(&self, path: &str, object: &[u8]) {
        let path = self.store().join(path);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("the store is ours");
        std::fs::write(path, object).expect("the store is ours");
    }

    pub fn get(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.store().join(path)).expect("the object is there")
    }
}

/// Returns the names in a directory.
pub fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("it is a directory");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

pub fn digest(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

/// Returns bytes that nothing compresses.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(byte).take(length).collect()
}

/// Signs a manifest as a publisher does, but whatever it says.
pub fn signed(key: &Key, domain: &str, answers: &str, payload: &[u8]) -> Value {
    use ed25519_dalek::{Signer, SigningKey};
    let mut text = String::new();
    let mut file = std::fs::File::open(&key.file).expect("the key is there");
    file.read_to_string(&mut text).expect("it is text");
    let seed = STANDARD.decode(text.trim().trim_start_matches("ed25519-private:")).expect("it is base64");
    let signing = SigningKey::from_bytes(&seed.try_into().expect("it has 32 bytes"));
    let message = [domain.as_bytes(), &[0], answers.as_bytes(), &[0], payload].concat();
    let signature = STANDARD.encode(signing.sign(&message).to_bytes());
    json!({ "payload": STANDARD.encode(payload), "signatures": [{ "key": key.public, "signature": signature }] })
}

/// Returns a manifest with one file called `app`.
pub fn manifest(key: &str, content_digest: &str, size: u64, encoded: u64) -> Value {
    json!({
        "format": 1, "key": key,
        "files": [{
            "name": "app", "sha256": content_digest, "size": size, "encodedSize": encoded,
            "encoding": "zstd", "executable": true,
        }],
    })
}

pub const MANIFEST: &str = "dev-bin-remote/1/manifest";
