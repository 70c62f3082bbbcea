//! The client: connections that stay open, each with one request under way at a time.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};

/// Far longer than any answer takes; without it a request that hangs would hang the benchmark.
const PATIENCE: Duration = Duration::from_secs(20);
/// No answer here comes near to it.
const LARGEST_ANSWER: usize = 64 * 1024;
const MOST_HEADERS: usize = 64;

/// What a browser sends beside the token.
const HEADERS: &str = "host: api.test\r\n\
    user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0\r\n\
    accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    accept-language: en-US,en;q=0.5\r\n\
    accept-encoding: gzip, deflate, br, zstd\r\n\
    x-request-id: 1f3c7a0e-5a0e-4a4f-9d0c-6a1d2f3b4c5d\r\n";

/// The connections to one listener.
pub(crate) struct Client {
    connections: Vec<Connection>,
}

/// An answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Client {
    /// Opens so many connections to a port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// Nobody listens there.
    pub(crate) fn connect(port: u16, count: usize) -> Result<Self> {
        let connections = (0..count).map(|_| Connection::open(port)).collect::<Result<_>>()?;
        Ok(Self { connections })
    }

    /// Asks for a path once, on the first connection.
    ///
    /// # Errors
    ///
    /// No whole answer came.
    pub(crate) fn ask(&mut self, path: &str, token: Option<&str>) -> Result<Answer> {
        let connection = self.connections.first_mut().context("found no connection")?;
        connection.ask(&request(path, token))
    }

    /// Asks for a path with each token, from all connections at once, and gives the time from the
    /// first request to the last answer.
    ///
    /// # Errors
    ///
    /// An answer had another status: figures of such a run would be of something else.
    pub(crate) fn run(&mut self, path: &str, tokens: &[&str], status: u16) -> Result<Duration> {
        let step = self.connections.len();
        let begin = Barrier::new(step);
        let times = thread::scope(|scope| {
            let workers: Vec<_> = (self.connections.iter_mut().enumerate())
                .map(|(first, connection)| {
                    let mine: Vec<Vec<u8>> = (tokens.iter().skip(first).step_by(step))
                        .map(|token| request(path, Some(token)))
                        .collect();
                    let begin = &begin;
                    scope.spawn(move || {
                        begin.wait();
                        let start = Instant::now();
                        for request in &mine {
                            let answer = connection.ask(request)?;
                            ensure!(
                                answer.status == status,
                                "found status {}, expected {status}: {}",
                                answer.status,
                                String::from_utf8_lossy(&answer.body)
                            );
                        }
                        Ok((start, Instant::now()))
                    })
                })
                .collect();
            workers
                .into_iter()
                .map(|worker| worker.join().map_err(|_| anyhow!("a client's thread panicked"))?)
                .collect::<Result<Vec<_>>>()
        })?;
        let start = times.iter().map(|(start, _)| *start).min();
        let end = times.iter().map(|(_, end)| *end).max();
        let (start, end) = start.zip(end).context("found no connection")?;
        Ok(end - start)
    }
}

fn request(path: &str, token: Option<&str>) -> Vec<u8> {
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n"));
    format!("GET {path} HTTP/1.1\r\n{HEADERS}{}\r\n", token.unwrap_or_default()).into_bytes()
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))
            .with_context(|| format!("cannot connect to port {port}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; LARGEST_ANSWER] })
    }

    fn ask(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request).context("cannot send a request")?;
        let mut length = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[length..]).context("no answer came")?;
            ensure!(read > 0, "the connection was closed within an answer");
            length += read;
            if let Some(answer) = parse(&self.buffer[..length])? {
                return Ok(answer);
            }
        }
    }
}

/// The answer, once all of it is there.
fn parse(bytes: &[u8]) -> Result<Option<Answer>> {
    let mut space = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut space);
    let httparse::Status::Complete(start) =
        response.parse(bytes).context("no answer of HTTP/1.1")?
    else {
        return Ok(None);
    };
    let value = |name: &str| {
        let header =
            response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok()
    };
    // A new connection for the next request would be measured with it.
    ensure!(
        !value("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")),
        "found `connection: close` in an answer {:?}, expected that the connection stays open",
        response.code
    );
    let length: usize = value("content-length")
        .and_then(|length| length.parse().ok())
        .context("found no content-length in an answer, expected one")?;
    Ok(bytes
        .get(start..start + length)
        .map(|body| Answer { status: response.code.unwrap_or_default(), body: body.to_vec() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream;

    #[test]
    fn an_answer_is_taken_when_it_is_whole() {
        let whole = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nbad";
        for length in 0..whole.len() {
            assert_eq!(parse(&whole[..length]).unwrap(), None, "{length}");
        }
        let answer = Answer { status: 401, body: b"bad".to_vec() };
        assert_eq!(parse(whole).unwrap(), Some(answer));
    }

    #[test]
    fn an_answer_that_ends_the_connection_is_refused() {
        let closing = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        assert!(parse(closing).unwrap_err().to_string().contains("stays open"));
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn every_token_is_sent_once_and_a_wrong_status_ends_the_run() {
        let mut client = Client::connect(upstream::start().unwrap(), 3).unwrap();
        client.run("/", &["a", "b", "c", "d"], 200).unwrap();
        let error = client.run("/", &["a"], 401).unwrap_err().to_string();
        assert_eq!(error, "found status 200, expected 401: ok");
        let shown = client.ask(upstream::SHOW, Some("the-token")).unwrap();
        let shown = String::from_utf8(shown.body).unwrap();
        assert!(shown.contains("authorization: Bearer the-token\r\n"), "{shown}");
    }
}
