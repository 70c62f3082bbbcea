//! Bytes and values.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{frame::Malformed, varint};

/// The low bits of a value's first byte: its type.
const TYPE: u8 = 0x0F;
/// The flag of a true boolean.
const TRUE: u8 = 0x10;

/// What is left of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes that are left.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Whether none is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One byte.
    ///
    /// # Errors
    ///
    /// [`Malformed::End`].
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.0.split_first().ok_or(Malformed::End)?;
        self.0 = rest;
        Ok(*byte)
    }

    /// So many bytes.
    ///
    /// # Errors
    ///
    /// [`Malformed::End`].
    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed::End)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// As many bytes as an array has.
    ///
    /// # Errors
    ///
    /// [`Malformed::End`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Malformed::End)?;
        self.0 = rest;
        Ok(*bytes)
    }

    /// A number of variable length.
    ///
    /// # Errors
    ///
    /// It does not end, or is beyond 64 bits.
    pub fn varint(&mut self) -> Result<u64, Malformed> {
        varint::read(self)
    }

    /// A string: its length, and its bytes, of any kind.
    ///
    /// # Errors
    ///
    /// It ends behind the end of the frame.
    pub fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| Malformed::End)?;
        self.bytes(length)
    }

    /// A value with its type.
    ///
    /// # Errors
    ///
    /// The type is unknown, or the value ends behind the end of the frame.
    pub fn data(&mut self) -> Result<Data<'a>, Malformed> {
        let first = self.byte()?;
        Ok(match first & TYPE {
            0 => Data::Null,
            1 => Data::Bool(first & TRUE != 0),
            2..=5 => Data::Number(self.varint()?),
            6 => Data::Address(Ipv4Addr::from(self.array::<4>()?).into()),
            7 => Data::Address(Ipv6Addr::from(self.array::<16>()?).into()),
            8 | 9 => Data::Bytes(self.string()?),
            other => return Err(Malformed::Type(other)),
        })
    }
}

/// A value as a message has it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Data<'a> {
    /// The sample of HAProxy's has no value.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number of any width; a negative one as its 64 bits.
    Number(u64),
    /// An address.
    Address(IpAddr),
    /// A string or a binary value.
    Bytes(&'a [u8]),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_their_type() {
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            let data = reader.data().map(|data| format!("{data:?}"));
            assert!(data.is_err() || reader.is_empty());
            data
        };
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(read(&[0x00]), ok("Null"));
        assert_eq!(read(&[0x01]), ok("Bool(false)"));
        assert_eq!(read(&[0x11]), ok("Bool(true)"));
        for kind in 2..=5 {
            assert_eq!(read(&[kind, 7]), ok("Number(7)"));
        }
        assert_eq!(read(&[0x06, 127, 0, 0, 1]), ok("Address(127.0.0.1)"));
        let mut six = vec![0x07];
        six.extend(Ipv6Addr::LOCALHOST.octets());
        assert_eq!(read(&six), ok("Address(::1)"));
        assert_eq!(read(&[0x08, 2, b'h', 0xFF]), ok("Bytes([104, 255])"), "as it came");
        assert_eq!(read(&[0x09, 0]), ok("Bytes([])"));
        assert_eq!(read(&[0x0A]), Err(Malformed::Type(10)));
        for cut in [&b""[..], &[0x02], &[0x06, 1, 2, 3], &[0x07; 16], &[0x08], &[0x08, 2, b'h']] {
            assert_eq!(read(cut), Err(Malformed::End), "{cut:?}");
        }
    }
}
