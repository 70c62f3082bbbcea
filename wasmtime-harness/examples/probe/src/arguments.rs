//! The arguments of an order, as the program writes them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::text;

/// What an order may refer to by `$name`: results of earlier orders.
pub(crate) type Saved = BTreeMap<String, u64>;

/// Bytes that a call gets, wherever they are.
pub(crate) struct Bytes {
    owned: Vec<u8>,
    wild: Option<(usize, usize)>,
}

impl Bytes {
    /// Where they are.
    pub(crate) fn at(&self) -> *const u8 {
        match self.wild {
            Some((at, _)) => std::ptr::without_provenance(at),
            None => self.owned.as_ptr(),
        }
    }

    /// How many there are.
    pub(crate) fn size(&self) -> usize {
        self.wild.map_or(self.owned.len(), |(_, size)| size)
    }
}

/// Reads the arguments of one order, and writes them down for the transcript.
pub(crate) struct Arguments<'a> {
    values: std::slice::Iter<'a, Value>,
    saved: &'a Saved,
    /// The arguments read so far.
    pub(crate) shown: Vec<String>,
}

impl<'a> Arguments<'a> {
    pub(crate) fn new(values: &'a [Value], saved: &'a Saved) -> Self {
        Self { values: values.iter(), saved, shown: Vec::new() }
    }

    /// A number, or `$name`.
    pub(crate) fn u32(&mut self) -> Result<u32, String> {
        let number = self.u64()?;
        u32::try_from(number).map_err(|_| format!("found {number}, expected 32 bits"))
    }

    /// A number of 64 bits, or `$name`.
    pub(crate) fn u64(&mut self) -> Result<u64, String> {
        let value = self.next()?;
        if let Some(name) = value.as_str().and_then(|text| text.strip_prefix('$')) {
            let saved = self.saved.get(name).copied();
            self.shown.push(format!("${name}"));
            return saved.ok_or_else(|| format!("found ${name}, expected a name saved before"));
        }
        self.shown.push(value.to_string());
        value.as_u64().ok_or_else(|| format!("found {value}, expected a number"))
    }

    /// A signed number.
    pub(crate) fn i64(&mut self) -> Result<i64, String> {
        let value = self.next()?;
        self.shown.push(value.to_string());
        value.as_i64().ok_or_else(|| format!("found {value}, expected a number"))
    }

    /// A signed number of 32 bits.
    pub(crate) fn i32(&mut self) -> Result<i32, String> {
        let number = self.i64()?;
        i32::try_from(number).map_err(|_| format!("found {number}, expected 32 bits"))
    }

    /// A text whose characters are bytes, `{"repeat": TEXT, "times": N}`, or
    /// `{"at": ADDRESS, "size": N}` for memory that may not be there.
    pub(crate) fn bytes(&mut self) -> Result<Bytes, String> {
        let value = self.next()?;
        let bytes = bytes(value)?;
        self.shown.push(match bytes.wild {
            Some((at, size)) => format!("{size} bytes at {at}"),
            None => text::bytes(&bytes.owned),
        });
        Ok(bytes)
    }

    /// A list of `[NAME, VALUE]`, `{"pairs": N}` for so many, or bytes that may be no pairs.
    pub(crate) fn pairs(&mut self) -> Result<Bytes, String> {
        let value = self.next()?;
        let bytes = match (value, value.get("pairs").and_then(Value::as_u64)) {
            (Value::Array(list), _) => {
                let pair = |pair: &Value| match pair.as_array().map(Vec::as_slice) {
                    Some([name, value]) => Ok((bytes(name)?.owned, bytes(value)?.owned)),
                    _ => Err(format!("found {pair}, expected a name and a value")),
                };
                let pairs = list.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
                Bytes { owned: text::encode(&pairs), wild: None }
            }
            (_, Some(count)) => {
                let pairs: Vec<_> =
                    (0..count).map(|i| (format!("x-{i}").into_bytes(), Vec::new())).collect();
                Bytes { owned: text::encode(&pairs), wild: None }
            }
            _ => bytes(value)?,
        };
        self.shown.push(match bytes.wild {
            Some((at, size)) => format!("{size} bytes at {at}"),
            None => text::pairs(&bytes.owned),
        });
        Ok(bytes)
    }

    /// Refuses arguments that nobody asked for.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        match self.values.next() {
            None => Ok(()),
            Some(value) => Err(format!("found {value}, expected no further argument")),
        }
    }

    fn next(&mut self) -> Result<&'a Value, String> {
        self.values.next().ok_or_else(|| "expected a further argument".to_owned())
    }
}

fn bytes(value: &Value) -> Result<Bytes, String> {
    let number = |name: &str| {
        let number = value.get(name).and_then(Value::as_u64);
        number.and_then(|number| usize::try_from(number).ok())
    };
    let latin1 = |text: &str| {
        let byte = |char| {
            u8::try_from(char)
                .map_err(|_| format!("found {char:?}, expected a character of 8 bits"))
        };
        text.chars().map(byte).collect::<Result<Vec<u8>, _>>()
    };
    match (value, value.get("repeat"), number("times"), number("at"), number("size")) {
        (Value::String(text), ..) => Ok(Bytes { owned: latin1(text)?, wild: None }),
        (_, Some(Value::String(text)), Some(times), ..) => {
            Ok(Bytes { owned: latin1(text)?.repeat(times), wild: None })
        }
        (.., Some(at), Some(size)) => Ok(Bytes { owned: Vec::new(), wild: Some((at, size)) }),
        _ => Err(format!("found {value}, expected bytes")),
    }
}
