//! As much of SPOP 2.0 as HAProxy needs to hear (HAProxy's `doc/SPOE.txt`, section 3).

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};

/// HAProxy's `tune.bufsize` less the four bytes of the length: the longest frame either side sends.
pub const MAX_FRAME: usize = 16_380;

pub(super) const HAPROXY_HELLO: u8 = 1;
pub(super) const HAPROXY_DISCONNECT: u8 = 2;
pub(super) const HAPROXY_NOTIFY: u8 = 3;
pub(super) const AGENT_HELLO: u8 = 101;
pub(super) const AGENT_DISCONNECT: u8 = 102;
pub(super) const ACK: u8 = 103;

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

/// One frame from HAProxy.
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) stream: u64,
    pub(super) number: u64,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    pub(super) fn read(stream: &mut &TcpStream) -> Result<Self> {
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

pub(super) fn encoded(kind: u8, stream: u64, number: u64, payload: &[u8]) -> Vec<u8> {
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

pub(super) fn send(
    to: &mut &TcpStream,
    kind: u8,
    stream: u64,
    number: u64,
    payload: &[u8],
) -> Result<()> {
    Ok(to.write_all(&encoded(kind, stream, number, payload))?)
}

pub(super) fn hello() -> Vec<u8> {
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

pub(super) fn goodbye(status: u32) -> Vec<u8> {
    let mut payload = Vec::new();
    string(b"status-code", &mut payload);
    payload.push(3);
    varint(u64::from(status), &mut payload);
    string(b"message", &mut payload);
    Value::from("as the test wants it").write(&mut payload);
    payload
}

pub(super) fn actions(variables: &[(String, Value)]) -> Vec<u8> {
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
