//! HAProxy's side of the protocol. It reads by itself and not by the agent's own code.

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
    net::TcpStream,
};

use jwt_gate_agent::spop::put_varint;

/// The variables of an answer, by name.
pub(crate) type Variables = BTreeMap<String, Value>;

/// A variable's value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Value {
    Number(u64),
    Text(Vec<u8>),
    Binary(Vec<u8>),
}

/// A frame of the agent's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) stream: u64,
    pub(crate) frame: u64,
    pub(crate) size: usize,
    payload: Vec<u8>,
}

/// A connection to the agent.
pub(crate) struct Client(TcpStream);

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(stream)
    }

    /// Says hello as HAProxy does, and takes the answer.
    pub(crate) fn greet(&mut self) -> Frame {
        self.send(&hello("2.0", 16_380, "pipelining", false));
        let hello = self.read().unwrap();
        assert_eq!(hello.kind, 101, "{hello:?}");
        hello
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// The next frame; an error if the connection ends.
    pub(crate) fn read(&mut self) -> io::Result<Frame> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        let size = usize::try_from(u32::from_be_bytes(length)).unwrap();
        assert!(size <= 16_380, "HAProxy takes no frame of {size} bytes");
        let mut body = vec![0; size];
        self.0.read_exact(&mut body)?;
        assert_eq!(body[1..5], [0, 0, 0, 1], "a whole frame");
        let mut rest = &body[5..];
        let (stream, frame) = (varint(&mut rest), varint(&mut rest));
        Ok(Frame { kind: body[0], stream, frame, size, payload: rest.to_vec() })
    }

    /// Asks about one request.
    pub(crate) fn ask(&mut self, stream: u64, path: &str) -> Variables {
        self.send(&notify(stream, path, &[]));
        let ack = self.read().unwrap();
        assert_eq!((ack.kind, ack.stream, ack.frame), (103, stream, 1));
        ack.variables()
    }

    /// The verdict on one request.
    pub(crate) fn verdict(&mut self, stream: u64, path: &str) -> String {
        text(&self.ask(stream, path), "verdict")
    }

    /// Whether the connection has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.0.read(&mut [0; 1]), Ok(0) | Err(_))
    }
}

impl Frame {
    /// What an answer sets.
    pub(crate) fn variables(&self) -> Variables {
        let mut rest = self.payload.as_slice();
        let mut variables = Variables::new();
        while !rest.is_empty() {
            assert_eq!(rest[..3], [1, 3, 2], "set-var, 3 arguments, scope txn");
            rest = &rest[3..];
            let name = String::from_utf8(string(&mut rest)).unwrap();
            let before = variables.insert(name.clone(), value(&mut rest));
            assert_eq!(before, None, "{name} is set once");
        }
        variables
    }

    /// What a hello or a disconnect says.
    pub(crate) fn pairs(&self) -> Variables {
        let mut rest = self.payload.as_slice();
        let mut pairs = Variables::new();
        while !rest.is_empty() {
            let name = String::from_utf8(string(&mut rest)).unwrap();
            pairs.insert(name, value(&mut rest));
        }
        pairs
    }
}

/// A variable that is text.
pub(crate) fn text(variables: &Variables, name: &str) -> String {
    match variables.get(name) {
        Some(Value::Text(text)) => String::from_utf8(text.clone()).unwrap(),
        other => panic!("found {other:?}, expected the text {name} in {variables:?}"),
    }
}

/// A variable that is a number.
pub(crate) fn number(variables: &Variables, name: &str) -> u64 {
    match variables.get(name) {
        Some(Value::Number(number)) => *number,
        other => panic!("found {other:?}, expected the number {name} in {variables:?}"),
    }
}

/// A variable that is strings one after the other.
pub(crate) fn strings(variables: &Variables, name: &str) -> Vec<String> {
    let Some(Value::Binary(bytes)) = variables.get(name) else {
        return Vec::new();
    };
    let mut rest = bytes.as_slice();
    let mut strings = Vec::new();
    while !rest.is_empty() {
        strings.push(String::from_utf8(string(&mut rest)).unwrap());
    }
    strings
}

/// A frame with its length.
pub(crate) fn framed(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
}

/// A frame of this kind without its length.
pub(crate) fn body(kind: u8, flags: u32, stream: u64, frame: u64, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend(flags.to_be_bytes());
    put_varint(&mut out, stream);
    put_varint(&mut out, frame);
    out.extend(payload);
    out
}

pub(crate) fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    put_varint(out, text.len().try_into().unwrap());
    out.extend(text);
}

pub(crate) fn put_text(out: &mut Vec<u8>, name: &str, text: &[u8]) {
    put_string(out, name.as_bytes());
    out.push(8);
    put_string(out, text);
}

/// HAProxy's first frame.
pub(crate) fn hello(versions: &str, size: u32, capabilities: &str, healthcheck: bool) -> Vec<u8> {
    let mut out = Vec::new();
    put_text(&mut out, "supported-versions", versions.as_bytes());
    put_string(&mut out, b"max-frame-size");
    out.push(3);
    put_varint(&mut out, size.into());
    put_text(&mut out, "capabilities", capabilities.as_bytes());
    if healthcheck {
        put_string(&mut out, b"healthcheck");
        out.push(0x11);
    }
    put_text(&mut out, "engine-id", b"test");
    framed(&body(1, 1, 0, 0, &out))
}

/// The headers of a request in the form of `req.hdrs_bin`.
pub(crate) fn hdrs_bin(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in headers.iter().chain(&[("", "")]) {
        put_string(&mut out, name.as_bytes());
        put_string(&mut out, value.as_bytes());
    }
    out
}

/// The payload that asks about a GET of this path with these headers and a host.
pub(crate) fn message(path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    message_of("GET", path, headers)
}

/// As [`message`], with another method.
pub(crate) fn message_of(method: &str, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    put_string(&mut out, b"check");
    out.push(6);
    put_text(&mut out, "method", method.as_bytes());
    put_text(&mut out, "path", path.as_bytes());
    put_text(&mut out, "url", path.as_bytes());
    put_text(&mut out, "version", b"1.1");
    put_string(&mut out, b"tls");
    out.push(0x01);
    put_string(&mut out, b"headers");
    out.push(9);
    put_string(&mut out, &hdrs_bin(&[&[("host", "a.test")], headers].concat()));
    out
}

/// A frame that asks about a GET of this path.
pub(crate) fn notify(stream: u64, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    framed(&body(3, 1, stream, 1, &message(path, headers)))
}

fn varint(rest: &mut &[u8]) -> u64 {
    let mut byte = || {
        let (first, others) = rest.split_first().unwrap();
        *rest = others;
        u64::from(*first)
    };
    let mut number = byte();
    if number < 240 {
        return number;
    }
    let mut shift = 4;
    loop {
        let next = byte();
        number += next << shift;
        if next < 128 {
            return number;
        }
        shift += 7;
    }
}

fn string(rest: &mut &[u8]) -> Vec<u8> {
    let length = usize::try_from(varint(rest)).unwrap();
    let (text, others) = rest.split_at(length);
    *rest = others;
    text.to_vec()
}

fn value(rest: &mut &[u8]) -> Value {
    let kind = rest[0];
    *rest = &rest[1..];
    match kind {
        3 => Value::Number(varint(rest)),
        8 => Value::Text(string(rest)),
        9 => Value::Binary(string(rest)),
        other => panic!("found a value of type {other}"),
    }
}
