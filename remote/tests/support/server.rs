//! A server on loopback that does what a test says with each request.

#![allow(unreachable_pub, reason = "as in the other support")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request that came.
pub struct Request {
    /// Its first line.
    pub line: String,
    /// How many came before it.
    pub number: usize,
    pub stream: TcpStream,
}

impl Request {
    /// Answers with a status, headers and a body.
    pub fn answer(&mut self, status: &str, headers: &[&str], body: &[u8]) {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", body.len());
        // The other side may have gone.
        let _ = self.stream.write_all(head.as_bytes()).and_then(|()| self.stream.write_all(body));
    }

    /// Writes bytes as they are. Returns false when the other side has gone.
    pub fn raw(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Writes a byte every 100 ms until the other side goes.
    pub fn drip(&mut self) {
        while self.raw(b"x") {
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Reads until the other side goes, and answers nothing.
    pub fn hang(&mut self) {
        let mut buffer = [0; 1024];
        while self.stream.read(&mut buffer).is_ok_and(|length| length > 0) {}
    }

    /// Waits until the other side goes, and reads nothing.
    pub fn stall(&mut self) {
        while self.stream.peek(&mut [0]).is_ok_and(|length| length > 0) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A server that runs until its test ends.
pub struct Server {
    pub address: SocketAddr,
    /// The first lines of the requests that came.
    pub seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn start(handle: impl Fn(&mut Request) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (handle, lines, count) = (Arc::new(handle), Arc::clone(&seen), Arc::new(AtomicUsize::new(0)));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (handle, lines, count) = (Arc::clone(&handle), Arc::clone(&lines), Arc::clone(&count));
                std::thread::spawn(move || {
                    let mut reader = BufReader::with_capacity(1, stream.try_clone().expect("it can be shared"));
                    let mut first = String::new();
                    let mut line = String::new();
                    while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
                        let line = std::mem::take(&mut line);
                        if first.is_empty() {
                            line.trim_end().clone_into(&mut first);
                        }
                    }
                    if first.is_empty() {
                        return;
                    }
                    lines.lock().expect("no test panics in it").push(first.clone());
                    let number = count.fetch_add(1, Ordering::SeqCst);
                    handle(&mut Request { line: first, number, stream });
                });
            }
        });
        Self { address, seen }
    }

    /// Returns the URL of a bucket that is spoken to here.
    pub fn s3(&self) -> String {
        format!("s3://bucket/p?endpoint=http://{}&region=eu", self.address)
    }

    pub fn requests(&self) -> usize {
        self.seen.lock().expect("no test panics in it").len()
    }
}

/// Closes a connection with a reset instead of an end.
pub fn reset(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    socket.set_linger(Some(Duration::ZERO)).expect("the socket is open");
}
