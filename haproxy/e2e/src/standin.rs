//! A stand-in for the agent that answers as badly as a test wants.
//!
//! It speaks as much of SPOP 2.0 as HAProxy needs to hear (HAProxy's `doc/SPOE.txt`, section 3), by
//! code of its own: the agent's library would make well-formed frames only.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// HAProxy's `tune.bufsize` less the four bytes of the length: the longest frame either side sends.
pub const MAX_FRAME: usize = 16_380;

const HAPROXY_HELLO: u8 = 1;
const HAPROXY_DISCONNECT: u8 = 2;
const HAPROXY_NOTIFY: u8 = 3;
const AGENT_HELLO: u8 = 101;
const AGENT_DISCONNECT: u8 = 102;
const ACK: u8 = 103;

const FIN: u32 = 1;

/// The scope of a variable that lives as long as its transaction.
const TXN: u8 = 2;
const SET_VAR: u8 = 1;

/// A typed value of SPOP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// A value that is none.
    Null,
    /// A boolean.
    Bool(bool),
    /// A 32-bit integer.
    Int(i32),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Value {
    fn write(&self, frame: &mut Vec<u8>) {
        match self {
            Self::Null => frame.push(0),
            Self::Bool(value) => frame.push(1 | u8::from(*value) << 4),
            Self::Int(value) => {
                frame.push(2);
                varint(u64::from(value.cast_unsigned()), frame);
            }
            Self::Text(text) => {
                frame.push(8);
                string(text.as_bytes(), frame);
            }
            Self::Bytes(bytes) => {
                frame.push(9);
                string(bytes, frame);
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// What the stand-in does with a message of HAProxy's.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Sets these variables of the transaction.
    Set(Vec<(String, Value)>),
    /// The same, after so long.
    Late(Duration, Vec<(String, Value)>),
    /// Nothing, ever.
    Silence,
    /// Ends the connection without a word.
    Close,
    /// Says goodbye, with this status, and ends the connection.
    Disconnect(u32),
    /// An acknowledgement with these bytes where its actions belong.
    Garbage(Vec<u8>),
    /// Bytes that are no frame.
    Raw(Vec<u8>),
    /// A frame that says it is so long, with less behind it.
    Unfinished(u32),
    /// An acknowledgement of another message, with these variables.
    OfAnother(Vec<(String, Value)>),
    /// The first bytes of an acknowledgement with these variables, and then the end.
    Cut(usize, Vec<(String, Value)>),
}

/// Variables to set.
#[must_use]
pub fn variables<V: Into<Value> + Clone>(list: &[(&str, V)]) -> Vec<(String, Value)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect()
}

/// A running stand-in on 127.0.0.1; it ends with this value.
pub struct StandIn {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    answer: Mutex<Answer>,
    asked: AtomicUsize,
    stop: AtomicBool,
}

impl StandIn {
    /// Starts a stand-in on a port of 127.0.0.1; 0 is a free one.
    ///
    /// # Errors
    ///
    /// The port is taken.
    pub fn start(port: u16, answer: Answer) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).context("binding the stand-in")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            answer: Mutex::new(answer),
            asked: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let thread = thread::Builder::new().name("stand-in".into()).spawn(move || {
            let mut open: Vec<TcpStream> = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.stop.load(Ordering::SeqCst) {
                    break;
                }
                open.extend(stream.try_clone());
                let shared = Arc::clone(&serving);
                thread::spawn(move || {
                    // A connection that ends in an error is one that HAProxy closed, or that the test
                    // wanted to end so.
                    drop(serve(&stream, &shared));
                    // There is a second handle on it.
                    drop(stream.shutdown(Shutdown::Both));
                });
            }
            for stream in open {
                drop(stream.shutdown(Shutdown::Both));
            }
        })?;
        Ok(Self { port, shared, thread: Some(thread) })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers so from now on.
    pub fn answer(&self, answer: Answer) {
        *self.shared.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// How many messages have come.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the loop up.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = stream;
    loop {
        let frame = Frame::read(&mut stream)?;
        match frame.kind {
            HAPROXY_HELLO => {
                let is_check = frame.payload.windows(11).any(|part| part == b"healthcheck");
                send(&mut stream, AGENT_HELLO, 0, 0, &hello())?;
                if is_check {
                    return Ok(());
                }
            }
            HAPROXY_NOTIFY => {
                shared.asked.fetch_add(1, Ordering::SeqCst);
                let answer = shared.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if !reply(&mut stream, &frame, answer)? {
                    return Ok(());
                }
            }
            HAPROXY_DISCONNECT => return send(&mut stream, AGENT_DISCONNECT, 0, 0, &goodbye(0)),
            kind => bail!("found a frame of kind {kind}"),
        }
    }
}

/// Answers one message; false if that ends the connection.
fn reply(stream: &mut &TcpStream, frame: &Frame, answer: Answer) -> Result<bool> {
    let Frame { stream: of, number, .. } = *frame;
    match answer {
        Answer::Set(variables) => send(stream, ACK, of, number, &actions(&variables))?,
        Answer::Late(delay, variables) => {
            thread::sleep(delay);
            send(stream, ACK, of, number, &actions(&variables))?;
        }
        Answer::Silence => {}
        Answer::Close => return Ok(false),
        Answer::Disconnect(status) => {
            send(stream, AGENT_DISCONNECT, 0, 0, &goodbye(status))?;
            return Ok(false);
        }
        Answer::Garbage(bytes) => send(stream, ACK, of, number, &bytes)?,
        Answer::Raw(bytes) => stream.write_all(&bytes)?,
        Answer::Unfinished(length) => stream.write_all(&length.to_be_bytes())?,
        Answer::OfAnother(variables) => {
            send(stream, ACK, of + 1, number + 1, &actions(&variables))?;
        }
        Answer::Cut(bytes, variables) => {
            let whole = encoded(ACK, of, number, &actions(&variables));
            stream.write_all(&whole[..bytes.min(whole.len())])?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// One frame from HAProxy.
struct Frame {
    kind: u8,
    stream: u64,
    number: u64,
    payload: Vec<u8>,
}

impl Frame {
    fn read(stream: &mut &TcpStream) -> Result<Self> {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length))?;
        ensure!(length <= MAX_FRAME, "found a frame of {length} bytes");
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes)?;
        let kind = *bytes.first().context("found an empty frame")?;
        let mut rest = bytes.get(5..).context("found a frame without flags")?;
        let (stream, number) = (read_varint(&mut rest)?, read_varint(&mut rest)?);
        Ok(Self { kind, stream, number, payload: rest.to_vec() })
    }
}

fn encoded(kind: u8, stream: u64, number: u64, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 4];
    frame.push(kind);
    frame.extend_from_slice(&FIN.to_be_bytes());
    varint(stream, &mut frame);
    varint(number, &mut frame);
    frame.extend_from_slice(payload);
    let length = u32::try_from(frame.len() - 4).unwrap_or(u32::MAX);
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

fn send(to: &mut &TcpStream, kind: u8, stream: u64, number: u64, payload: &[u8]) -> Result<()> {
    Ok(to.write_all(&encoded(kind, stream, number, payload))?)
}

fn hello() -> Vec<u8> {
    let mut payload = Vec::new();
    let limit = i32::try_from(MAX_FRAME).unwrap_or(i32::MAX);
    let fields = BTreeMap::from([
        ("version", Value::from("2.0")),
        ("max-frame-size", Value::Int(limit)),
        ("capabilities", Value::from("pipelining")),
    ]);
    for (name, value) in fields {
        string(name.as_bytes(), &mut payload);
        // The size is unsigned, and of a kind of its own.
        if let Value::Int(number) = value {
            payload.push(3);
            varint(u64::from(number.cast_unsigned()), &mut payload);
        } else {
            value.write(&mut payload);
        }
    }
    payload
}

fn goodbye(status: u32) -> Vec<u8> {
    let mut payload = Vec::new();
    string(b"status-code", &mut payload);
    payload.push(3);
    varint(u64::from(status), &mut payload);
    string(b"message", &mut payload);
    Value::from("as the test wants it").write(&mut payload);
    payload
}

fn actions(variables: &[(String, Value)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in variables {
        payload.extend_from_slice(&[SET_VAR, 3, TXN]);
        string(name.as_bytes(), &mut payload);
        value.write(&mut payload);
    }
    payload
}

fn string(bytes: &[u8], frame: &mut Vec<u8>) {
    varint(bytes.len() as u64, frame);
    frame.extend_from_slice(bytes);
}

/// A number in HAProxy's own variable length: four bits of it in the first byte, then seven each.
fn varint(mut number: u64, frame: &mut Vec<u8>) {
    let low = |number: u64| number.to_le_bytes()[0];
    if number < 240 {
        frame.push(low(number));
        return;
    }
    frame.push(low(number) | 0xf0);
    number = (number - 240) >> 4;
    while number >= 128 {
        frame.push(low(number) | 0x80);
        number = (number - 128) >> 7;
    }
    frame.push(low(number));
}

fn read_varint(rest: &mut &[u8]) -> Result<u64> {
    let mut next = || -> Result<u64> {
        let (first, tail) = rest.split_first().context("found half of a number")?;
        *rest = tail;
        Ok(u64::from(*first))
    };
    let mut number = next()?;
    let mut shift = 4;
    if number >= 240 {
        loop {
            let byte = next()?;
            number += byte << shift;
            shift += 7;
            if byte < 128 || shift > 56 {
                break;
            }
        }
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_haproxy_reads_them() {
        for number in [0, 1, 239, 240, 241, 2287, 2288, 16_380, 264_431, u64::from(u32::MAX)] {
            let mut bytes = Vec::new();
            varint(number, &mut bytes);
            let mut rest = bytes.as_slice();
            assert_eq!(read_varint(&mut rest).expect("a number"), number);
            assert!(rest.is_empty(), "{number}: {bytes:?}");
        }
        let mut bytes = Vec::new();
        varint(240, &mut bytes);
        varint(2288, &mut bytes);
        assert_eq!(bytes, [0xf0, 0x00, 0xf0, 0x80, 0x00]);
    }
}
