//! Requests and responses as a scenario writes them.

use proxy_host_model::{Headers, Properties};

use crate::read::{Table, Value};

/// What a client sends.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Message {
    /// Headers in order, pseudo headers first.
    pub headers: Headers,
    /// The parts of the body as they arrive.
    pub body: Vec<Vec<u8>>,
    /// Trailers, if there are any.
    pub trailers: Option<Headers>,
}

/// What holds for every request that does not say otherwise.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Defaults {
    authority: Vec<u8>,
    scheme: Vec<u8>,
    headers: Headers,
    properties: Vec<(Vec<Vec<u8>>, Property)>,
    response: Message,
}

/// The value of a property as it is written; how a host encodes it is the host's habit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Property {
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// True or false.
    Boolean(bool),
    /// A number.
    Number(i64),
}

/// A request with all that the proxy knows about it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exchange {
    /// The first line, such as `GET /x`.
    pub line: String,
    /// The worker that serves it.
    pub worker: usize,
    /// What the client sends.
    pub request: Message,
    /// What the upstream answers, if the request gets there.
    pub response: Message,
    /// Properties of this request.
    pub properties: Vec<(Vec<Vec<u8>>, Property)>,
}

impl Default for Defaults {
    fn default() -> Self {
        let ok = Headers::from_iter([(":status", "200")]);
        Self {
            authority: b"example.test".to_vec(),
            scheme: b"https".to_vec(),
            headers: Headers::default(),
            properties: Vec::new(),
            response: Message { headers: ok, ..Message::default() },
        }
    }
}

impl Defaults {
    pub(crate) fn read(mut table: Table<'_, '_>) -> Self {
        let default = Self::default();
        let read = Self {
            authority: bytes(&mut table, "authority").unwrap_or(default.authority),
            scheme: bytes(&mut table, "scheme").unwrap_or(default.scheme),
            headers: headers_field(&mut table, "headers").unwrap_or_default(),
            properties: properties_field(&mut table),
            response: response_field(&mut table).unwrap_or(default.response),
        };
        table.close("`every`");
        read
    }
}

impl Exchange {
    /// Reads the fields of a step that sends a request whose first line is `line`.
    pub(crate) fn read(
        line: &Value<'_, '_>,
        table: &mut Table<'_, '_>,
        defaults: &Defaults,
        whole: bool,
    ) -> Self {
        let text = line.bytes();
        let mut parts = text.iter().flat_map(|text| text.splitn(2, |byte| *byte == b' '));
        let (method, path) = match (parts.next(), parts.next()) {
            (Some(method), Some(path)) if !method.is_empty() && !path.is_empty() => {
                (method.to_vec(), path.to_vec())
            }
            _ if text.is_none() => Default::default(),
            _ => {
                let _: Option<()> = line.expected("a method and a path, such as \"GET /\"");
                Default::default()
            }
        };
        let text = text.unwrap_or_default();
        let own = headers_field(table, "headers").unwrap_or_default();
        let without: Vec<Vec<u8>> =
            table.take("without").and_then(|list| list.bytes_list()).unwrap_or_default();
        let mut headers = Headers::default();
        let pseudo = [
            (":method", &method),
            (":scheme", &defaults.scheme),
            (":authority", &defaults.authority),
            (":path", &path),
        ];
        for (name, value) in pseudo {
            if !own.has(name) {
                headers.add(name.as_bytes(), value);
            }
        }
        // Pseudo headers come first wherever they are written.
        for pseudo in [true, false] {
            for (name, value) in defaults.headers.iter().chain(own.iter()) {
                if name.starts_with(b":") == pseudo {
                    headers.add(name, value);
                }
            }
        }
        for name in &without {
            headers.remove(name);
        }
        let mut properties = defaults.properties.clone();
        properties.extend(properties_field(table));
        let body = if whole { body_field(table) } else { Vec::new() };
        let trailers = if whole { headers_field(table, "trailers") } else { None };
        Self {
            line: String::from_utf8_lossy(&text).into_owned(),
            worker: table
                .take("worker")
                .and_then(|worker| worker.number("the number of a worker, from 0"))
                .unwrap_or_default(),
            request: Message { headers, body, trailers },
            response: response_field(table).unwrap_or_else(|| defaults.response.clone()),
            properties,
        }
    }
}

impl Property {
    fn read(value: &Value<'_, '_>) -> Option<Self> {
        Some(match value.toml() {
            toml::de::DeValue::Boolean(value) => Self::Boolean(*value),
            toml::de::DeValue::Integer(_) => Self::Number(value.number("a number of 64 bits")?),
            toml::de::DeValue::String(_) => Self::Bytes(value.bytes()?),
            _ => return value.expected("text, a number, true or false"),
        })
    }

    /// The value as Envoy encodes it: a boolean is one byte, a number eight, the lowest first.
    #[must_use]
    pub fn encoded(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Boolean(value) => vec![u8::from(*value)],
            Self::Number(value) => value.to_le_bytes().to_vec(),
        }
    }
}

/// Sets the properties as Envoy encodes them.
pub(crate) fn set_properties(properties: &[(Vec<Vec<u8>>, Property)], into: &mut Properties) {
    for (path, value) in properties {
        into.set(path, &value.encoded());
    }
}

/// A field with headers.
pub(crate) fn headers_field(table: &mut Table<'_, '_>, name: &'static str) -> Option<Headers> {
    headers(&table.take(name)?)
}

/// Headers: a table, or a list of pairs where a table cannot say it.
pub(crate) fn headers(value: &Value<'_, '_>) -> Option<Headers> {
    const EXPECTED: &str = "a table such as { name = \"value\" }, or a list of pairs";
    let mut headers = Headers::default();
    if value.toml().is_table() {
        let values = |value: &Value<'_, '_>| -> Option<Vec<Vec<u8>>> {
            value.one_or_many().iter().map(Value::bytes).collect()
        };
        for (name, values) in value.map(EXPECTED, values)? {
            for value in values {
                headers.add(&name, &value);
            }
        }
        return Some(headers);
    }
    for pair in value.list(EXPECTED)? {
        match pair.list("a pair such as [\"name\", \"value\"]")?.as_slice() {
            [name, value] => headers.add(&name.bytes()?, &value.bytes()?),
            _ => return pair.expected("a pair such as [\"name\", \"value\"]"),
        }
    }
    Some(headers)
}

/// The field `body`: one text, or the parts in which it arrives.
pub(crate) fn body_field(table: &mut Table<'_, '_>) -> Vec<Vec<u8>> {
    let Some(body) = table.take("body") else {
        return Vec::new();
    };
    body.one_or_many().iter().filter_map(Value::bytes).collect()
}

/// A field with bytes.
pub(crate) fn bytes(table: &mut Table<'_, '_>, name: &'static str) -> Option<Vec<u8>> {
    table.take(name)?.bytes()
}

/// The field `properties`: values by path, whose parts have dots between them.
pub(crate) fn properties_field(table: &mut Table<'_, '_>) -> Vec<(Vec<Vec<u8>>, Property)> {
    let Some(value) = table.take("properties") else {
        return Vec::new();
    };
    let Some(table) = value.table("properties") else {
        return Vec::new();
    };
    let read = |(name, value): (&str, Value<'_, '_>)| {
        // A dot within a part is written \x2e, so the parts come first.
        let part = |part: &str| match crate::units::bytes(part) {
            Ok(part) => Some(part),
            Err(escape) => value.wrong(format!(
                "found the escape `{escape}` in the path, expected `\\xHH` or `\\\\`"
            )),
        };
        let path: Option<Vec<_>> = name.split('.').map(part).collect();
        let value = Property::read(&value);
        Some((path?, value?))
    };
    table.all().into_iter().filter_map(read).collect()
}

/// The field `response`: what the upstream answers.
fn response_field(table: &mut Table<'_, '_>) -> Option<Message> {
    let mut table = table.take("response")?.table("response")?;
    let response = response(&mut table, 200);
    table.close("a response");
    Some(response)
}

/// The fields of a response.
pub(crate) fn response(table: &mut Table<'_, '_>, status: u16) -> Message {
    let status = status_field(table).unwrap_or(status);
    let own = headers_field(table, "headers").unwrap_or_default();
    let mut headers = Headers::default();
    if !own.has(":status") {
        headers.add(b":status", status.to_string().as_bytes());
    }
    for (name, value) in own.iter() {
        headers.add(name, value);
    }
    Message { headers, body: body_field(table), trailers: headers_field(table, "trailers") }
}

/// The field `status` of a response.
pub(crate) fn status_field(table: &mut Table<'_, '_>) -> Option<u16> {
    table.take("status")?.number("an HTTP status such as 200")
}
