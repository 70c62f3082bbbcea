//! The service behind the proxies: it answers at once, so that it never is what is measured.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use anyhow::{Context, Result};

/// A request for this path is answered with its own head.
pub(crate) const SHOW: &str = "/show";

/// The answer to any other request.
const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Starts to serve on a free port of 127.0.0.1 until the process ends, and gives the port.
///
/// # Errors
///
/// There is no free port.
pub(crate) fn start() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no port for the upstream")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // An error is a connection that the proxy has closed.
            thread::spawn(move || drop(serve(stream)));
        }
    });
    Ok(port)
}

/// Answers the requests of a connection, which have no bodies and come one at a time.
fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 64 * 1024];
    let shown = format!("GET {SHOW} ");
    let mut length = 0;
    loop {
        let read = stream.read(&mut buffer[length..])?;
        if read == 0 {
            return Ok(());
        }
        length += read;
        let head = &buffer[..length];
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        if head.starts_with(shown.as_bytes()) {
            let start = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(&[start.as_bytes(), head].concat())?;
        } else {
            stream.write_all(OK)?;
        }
        length = 0;
    }
}
