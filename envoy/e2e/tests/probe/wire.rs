//! HTTP/1.1 messages as bytes: nothing is added, joined or put in another order.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use probe_corpus::{Headers, Message};

/// The most that a busy machine needs for a message.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
const BLINK: Duration = Duration::from_millis(5);

/// A connection and what has come over it and has not been read.
pub(crate) struct Wire {
    stream: TcpStream,
    bytes: Vec<u8>,
    closed: bool,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Result<Self> {
        stream.set_read_timeout(Some(BLINK))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, bytes: Vec::new(), closed: false })
    }

    /// Writes a head: the first line and the headers.
    pub(crate) fn write_head(&mut self, first: &str, headers: &Headers) -> Result<()> {
        let mut head = first.as_bytes().to_vec();
        for (name, value) in headers {
            head.extend([b"\r\n", &*latin1(name), b": ", &*latin1(value)].concat());
        }
        head.extend(b"\r\n\r\n");
        Ok(self.stream.write_all(&head)?)
    }

    /// Writes a chunk of a body; an empty one is the end.
    pub(crate) fn write_chunk(&mut self, part: &str) -> Result<()> {
        let part = latin1(part);
        let size = format!("{:x}\r\n", part.len());
        Ok(self.stream.write_all(&[size.as_bytes(), &part, b"\r\n"].concat())?)
    }

    /// Writes the end of a chunked body.
    pub(crate) fn write_end(&mut self, trailers: &Headers) -> Result<()> {
        let mut end = b"0\r\n".to_vec();
        for (name, value) in trailers {
            end.extend([&*latin1(name), b": ", &*latin1(value), b"\r\n"].concat());
        }
        end.extend(b"\r\n");
        Ok(self.stream.write_all(&end)?)
    }

    /// Reads a message; `None` when the peer went away, or the patience ended, before a head came.
    ///
    /// A response without a length goes on until the peer closes, unless it has none (`bodiless`).
    pub(crate) fn message(
        &mut self,
        patience: Duration,
        bodiless: bool,
    ) -> Result<Option<Message>> {
        match self.head(patience)? {
            Some(head) => self.rest(head, patience, bodiless).map(Some),
            None => Ok(None),
        }
    }

    /// Reads the head of a message.
    pub(crate) fn head(&mut self, patience: Duration) -> Result<Option<Message>> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(message) = self.head_of_message()? {
                return Ok(Some(message));
            }
            if !self.more(deadline)? {
                return Ok(None);
            }
        }
    }

    fn head_of_message(&mut self) -> Result<Option<Message>> {
        let Some(end) = find(&self.bytes, b"\r\n\r\n") else {
            return Ok(None);
        };
        let head: Vec<u8> = self.bytes.drain(..end + 4).collect();
        let mut lines = head[..end].split(|byte| *byte == b'\n');
        let first = String::from_utf8_lossy(lines.next().unwrap_or_default());
        let headers = lines.map(pair).collect::<Result<_>>()?;
        Ok(Some(Message { first: first.trim_end().to_owned(), headers, ..Message::default() }))
    }

    /// Reads what comes behind a head.
    pub(crate) fn rest(
        &mut self,
        mut message: Message,
        patience: Duration,
        bodiless: bool,
    ) -> Result<Message> {
        let deadline = Instant::now() + patience;
        let is_response = message.first.starts_with("HTTP/");
        let status = message.first.split(' ').nth(1).unwrap_or_default();
        let bodiless = bodiless || is_response && ["204", "304"].contains(&status);
        let header = |name: &[u8]| {
            message.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        if header(b"transfer-encoding").is_some_and(|value| value == b"chunked") {
            loop {
                let Some(line) = self.line(deadline)? else {
                    return Ok(message);
                };
                let size = usize::from_str_radix(&String::from_utf8_lossy(&line), 16)
                    .with_context(|| format!("a chunk of size {:?}", line.escape_ascii()))?;
                if size == 0 {
                    break;
                }
                while self.bytes.len() < size + 2 {
                    if !self.more(deadline)? {
                        message.body.append(&mut self.bytes);
                        return Ok(message);
                    }
                }
                message.body.extend(self.bytes.drain(..size));
                self.bytes.drain(..2);
            }
            loop {
                match self.line(deadline)? {
                    None => return Ok(message),
                    Some(line) if line.is_empty() => break,
                    Some(line) => message.trailers.push(pair(&line)?),
                }
            }
        } else if let Some(length) = header(b"content-length") {
            let length: usize = String::from_utf8_lossy(&length).parse()?;
            while !(bodiless && is_response) && message.body.len() < length {
                if self.bytes.is_empty() && !self.more(deadline)? {
                    return Ok(message);
                }
                let size = self.bytes.len().min(length - message.body.len());
                message.body.extend(self.bytes.drain(..size));
            }
        } else if !bodiless {
            while self.more(deadline)? {}
            message.body.append(&mut self.bytes);
            message.complete = self.closed;
            return Ok(message);
        }
        message.complete = true;
        Ok(message)
    }

    fn line(&mut self, deadline: Instant) -> Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = find(&self.bytes, b"\r\n") {
                let line: Vec<u8> = self.bytes.drain(..end + 2).collect();
                return Ok(Some(line[..end].to_vec()));
            }
            if !self.more(deadline)? {
                return Ok(None);
            }
        }
    }

    /// Reads what there is; false when there will be no more.
    fn more(&mut self, deadline: Instant) -> Result<bool> {
        let mut chunk = [0; 64 * 1024];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => self.closed = true,
                Ok(length) => {
                    self.bytes.extend_from_slice(&chunk[..length]);
                    return Ok(true);
                }
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(e) if e.kind() == ErrorKind::ConnectionReset => self.closed = true,
                Err(error) => return Err(error.into()),
            }
            if self.closed || Instant::now() >= deadline {
                return Ok(false);
            }
        }
    }
}

/// The bytes of a text whose characters are bytes.
pub(crate) fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect()
}

fn pair(line: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        bail!("found the line {:?}, expected a header", line.escape_ascii().to_string());
    };
    Ok((line[..colon].to_vec(), line[colon + 1..].trim_ascii().to_vec()))
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
