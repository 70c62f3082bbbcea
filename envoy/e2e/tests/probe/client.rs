//! The client's side of a request.

use std::net::TcpStream;
use std::time::Duration;

use anyhow::Result;
use probe_corpus::{Message, Request};

use crate::wire::{PATIENCE, Wire};

/// Sends a request and reads the response; `None` if there was none, or the client went away.
///
/// `pace` waits until the filter has seen so many parts of the body.
pub(crate) fn send(port: u16, request: &Request, pace: impl Fn(usize)) -> Result<Option<Message>> {
    let mut wire = Wire::new(TcpStream::connect(("127.0.0.1", port))?)?;
    let first = format!("{} {} HTTP/1.1", request.method, request.path);
    let mut headers = vec![("host".to_owned(), request.host.clone())];
    headers.extend(request.headers.iter().cloned());
    let has_body = !request.body.is_empty() || !request.trailers.is_empty();
    if has_body {
        headers.push(("transfer-encoding".to_owned(), "chunked".to_owned()));
    }
    wire.write_head(&first, &headers)?;
    if has_body {
        // An error here is a request that was answered before its end: the answer is read below.
        let mut sent = Ok(());
        for (i, part) in request.body.iter().enumerate() {
            pace(i);
            sent = sent.and_then(|()| wire.write_chunk(part));
        }
        pace(request.body.len());
        drop(sent.and_then(|()| wire.write_end(&request.trailers)));
    }
    let patience = request.patience.map_or(PATIENCE, Duration::from_millis);
    wire.message(patience, request.method == "HEAD")
}
