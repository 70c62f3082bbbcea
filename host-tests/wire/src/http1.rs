//! An HTTP/1.1 client that sends bytes exactly as they are written.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::Reply;

/// Longer than any answer takes on a busy machine; without it a hung request hangs the test.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends one request without a body and reads the reply to its end.
///
/// `:method`, `:path` and `:authority` are taken from the list, wherever they stand (without
/// `:authority` and `host`, the host is `api.test`); everything else goes out in order, byte for
/// byte.
///
/// # Errors
///
/// The connection failed or ended early, or what came back is not an HTTP/1.1 reply.
pub fn send<N: AsRef<[u8]>, V: AsRef<[u8]>>(port: u16, headers: &[(N, V)]) -> Result<Reply> {
    send_with_body(port, headers, b"")
}

/// Sends one request with a body, whose length the headers must tell, and reads the reply.
///
/// # Errors
///
/// As [`send`].
pub fn send_with_body<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    port: u16,
    headers: &[(N, V)],
    body: &[u8],
) -> Result<Reply> {
    let head = request_head(headers);
    exchange(port, &head, body)
        .with_context(|| format!("sending {:?}", String::from_utf8_lossy(&head)))
}

/// Sends bytes as they are and reads one reply; for what is no request, or more than one.
///
/// # Errors
///
/// As [`send`].
pub fn raw(port: u16, bytes: &[u8]) -> Result<Reply> {
    exchange(port, bytes, b"")
        .with_context(|| format!("sending {:?}", bytes.escape_ascii().to_string()))
}

/// Sends a GET for a path; for the places where nothing else matters.
///
/// # Errors
///
/// As [`send`].
pub fn get(port: u16, path: &str) -> Result<Reply> {
    send(port, &[(":method", "GET"), (":path", path)])
}

fn request_head<N: AsRef<[u8]>, V: AsRef<[u8]>>(headers: &[(N, V)]) -> Vec<u8> {
    let pseudo = |wanted: &str, default: &'static [u8]| {
        (headers.iter())
            .find(|(name, _)| name.as_ref() == wanted.as_bytes())
            .map_or(default, |(_, value)| value.as_ref())
    };
    let mut head = Vec::new();
    head.extend_from_slice(pseudo(":method", b"GET"));
    head.push(b' ');
    head.extend_from_slice(pseudo(":path", b"/"));
    head.extend_from_slice(b" HTTP/1.1\r\n");
    let is_host = |(name, _): &(N, V)| name.as_ref().eq_ignore_ascii_case(b"host");
    if !headers.iter().any(is_host) {
        head.extend_from_slice(b"host: ");
        head.extend_from_slice(pseudo(":authority", b"api.test"));
        head.extend_from_slice(b"\r\n");
    }
    for (name, value) in headers {
        if !name.as_ref().starts_with(b":") {
            head.extend_from_slice(name.as_ref());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_ref());
            head.extend_from_slice(b"\r\n");
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn exchange(port: u16, head: &[u8], body: &[u8]) -> Result<Reply> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(head)?;
    // A refusal may come, and close the connection, before all of a body has gone out.
    let sent = stream.write_all(body);
    let bodiless = head.starts_with(b"HEAD ");
    let mut answer = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        // Read no further than the reply goes: a proxy may hold a connection that it has refused open
        // for a second, for the client to close.
        if let Ok(reply) = parse(&answer, bodiless, false) {
            return Ok(reply);
        }
        match stream.read(&mut chunk) {
            Ok(0) => return parse(&answer, bodiless, true),
            Ok(length) => answer.extend_from_slice(&chunk[..length]),
            // A reset may follow the last byte; what was said still counts.
            Err(error) => {
                return parse(&answer, bodiless, true)
                    .with_context(|| format!("sent: {sent:?}, then {error}"));
            }
        }
    }
}

/// A reply, if all of it is there; `closed` tells that no more will come.
fn parse(answer: &[u8], bodiless: bool, closed: bool) -> Result<Reply> {
    let mut space = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut space);
    let httparse::Status::Complete(end) = response
        .parse(answer)
        .with_context(|| format!("not HTTP: {:?}", String::from_utf8_lossy(answer)))?
    else {
        bail!("the reply ended in its head: {:?}", String::from_utf8_lossy(answer));
    };
    let headers: Vec<_> = (response.headers.iter())
        .map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec()))
        .collect();
    let mut reply =
        Reply { status: response.code.unwrap_or(0), headers, body: answer[end..].to_vec() };
    if reply.header("transfer-encoding").is_some() {
        reply.body = unchunk(&reply.body)?;
    } else if let Some(length) = reply.header("content-length").filter(|_| !bodiless) {
        ensure!(
            length == reply.body.len().to_string(),
            "content-length {length}, but {} bytes came: {reply:?}",
            reply.body.len()
        );
    } else {
        ensure!(closed || bodiless || [204, 304].contains(&reply.status), "no end in sight");
    }
    Ok(reply)
}

/// Undoes chunked coding (RFC 9112 section 7.1), as Envoy's admin interface sends it.
fn unchunk(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(rest) else {
            bail!("the reply ended in a chunk's head");
        };
        let size = usize::try_from(size)?;
        if size == 0 {
            return Ok(body);
        }
        let chunk = rest.get(start..start + size).context("the reply ended in a chunk")?;
        body.extend_from_slice(chunk);
        rest = rest.get(start + size + 2..).context("the reply ended after a chunk")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_out_as_written() {
        let head = request_head(&[
            (&b"x-odd"[..], &b"\xff\xfe"[..]),
            (b":path", b"//a%2f\\"),
            (b":method", b"PUT"),
            (b":authority", b"h:1"),
        ]);
        assert_eq!(head, b"PUT //a%2f\\ HTTP/1.1\r\nhost: h:1\r\nx-odd: \xff\xfe\r\n\r\n");
    }

    #[test]
    fn a_short_body_is_an_error() {
        assert!(parse(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", false, false).is_err());
        let whole =
            parse(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false, false).expect("whole");
        let endless = b"HTTP/1.1 200 OK\r\n\r\nabc";
        assert!(parse(endless, false, false).is_err());
        assert!(parse(endless, false, true).is_ok());
        assert_eq!((whole.status, whole.text().as_str()), (200, "abc"));
    }

    #[test]
    fn chunks_are_joined() {
        let reply = parse(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
            false,
            false,
        )
        .expect("chunked");
        assert_eq!(reply.text(), "abc");
    }
}
