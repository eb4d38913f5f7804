//! Answers every request with a greeting.

use std::env;
use std::io::{self, Read, Write};
use std::net::TcpListener;

const GREETING: &str = "hello from the gateway";

fn main() -> io::Result<()> {
    if env::args().any(|argument| argument == "--greeting") {
        println!("{GREETING}");
        return Ok(());
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on http://{}", listener.local_addr()?);
    for connection in listener.incoming() {
        let mut connection = connection?;
        let _request = connection.read(&mut [0; 4096])?;
        let length = GREETING.len();
        write!(connection, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{GREETING}")?;
    }
    Ok(())
}
