//! What answers the gate's own requests: a real server for each cluster of a scenario.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use proxy_host_model::{Answered, Headers, Service};

/// A running server on 127.0.0.1; it ends with this value.
pub(crate) struct Server {
    port: u16,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers one connection after the other as the service does, and after the last answer with that.
    pub(crate) fn start(service: &Service) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("binding a service")?;
        let port = listener.local_addr()?.port();
        let answers: Vec<Answered> = service.answers.iter().map(|a| a.what.clone()).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("service".into()).spawn(move || {
            for (call, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let answer = answers.get(call).or(answers.last());
                // The agent's side tells what went wrong.
                drop(serve(stream, answer));
            }
        })?;
        Ok(Self { port, stop, thread: Some(thread) })
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the loop up.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(mut stream: TcpStream, answer: Option<&Answered>) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    while !request.windows(4).any(|part| part == b"\r\n\r\n") {
        let length = stream.read(&mut chunk)?;
        if length == 0 {
            return Ok(());
        }
        request.extend_from_slice(&chunk[..length]);
    }
    let Some(Answered::Response { headers, body, .. }) = answer else {
        return Ok(());
    };
    let mut head = format!("HTTP/1.1 {} Answer\r\n", status(headers)).into_bytes();
    for (name, value) in headers.iter().filter(|(name, _)| *name != b":status") {
        for part in [name, b": ", value, b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    let end = format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    head.extend_from_slice(end.as_bytes());
    head.extend_from_slice(body);
    stream.write_all(&head)?;
    Ok(())
}

fn status(headers: &Headers) -> String {
    String::from_utf8_lossy(headers.first(":status").unwrap_or(b"200")).into_owned()
}
