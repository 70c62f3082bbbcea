//! What is behind the filter.

use proxy_host_model::Headers;
use serde_json::{Map, Value, json};
use wasmtime_harness::live::{self, Failed, Message, Origin, Piece};

/// What is behind the filter.
#[derive(Clone, Debug)]
pub(crate) enum Upstream {
    /// Answers with what it was sent.
    Echo,
    /// A server.
    Server(Origin),
}

impl Upstream {
    /// Sends a request as the filter left it, and gives the pieces of the answer as they come.
    ///
    /// # Errors
    ///
    /// The answer has no end, as for [`live::exchange`].
    pub(crate) async fn exchange(
        &self,
        message: Message,
        mut give: impl FnMut(Piece),
    ) -> Result<(), Failed> {
        match self {
            Self::Echo => {
                let body = echo(&message);
                let length = body.len().to_string();
                let headers = [
                    (":status", "200"),
                    ("content-type", "application/json"),
                    ("content-length", &length),
                ];
                give(Piece::Head(Headers::from_iter(headers), false));
                if message.headers.first(":method") != Some(b"HEAD") {
                    give(Piece::Body(body));
                }
                give(Piece::End(None));
                Ok(())
            }
            Self::Server(origin) => live::exchange(origin, None, message, give).await,
        }
    }
}

/// A request as JSON, for a person and for `jq`.
fn echo(message: &Message) -> Vec<u8> {
    let headers = &message.headers;
    let pseudo = |name: &str| headers.first(name).map(text);
    let echo = json!({
        "method": pseudo(":method"),
        "scheme": pseudo(":scheme"),
        "authority": pseudo(":authority"),
        "path": pseudo(":path"),
        "headers": fields(headers),
        "body": text(&message.body),
        "trailers": message.trailers.as_ref().map(fields),
    });
    let mut bytes = echo.to_string().into_bytes();
    bytes.push(b'\n');
    bytes
}

/// Values by name; a name with several values has a list of them.
fn fields(headers: &Headers) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in headers.iter().filter(|(name, _)| !name.starts_with(b":")) {
        let (name, value) = (text(name), Value::String(text(value)));
        match fields.get_mut(&name) {
            None => {
                fields.insert(name, value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    fields
}

/// Bytes as text, with what is not UTF-8 replaced.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_tells_what_was_sent() {
        let headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "a.example"),
            (":path", "/p?q"),
            ("x-a", "1"),
            ("x-b", "2"),
            ("x-a", "3"),
            ("x-a", "4"),
        ];
        let message = Message {
            headers: Headers::from_iter(headers),
            body: b"h\xff".to_vec(),
            trailers: Some(Headers::from_iter([("x-end", "5")])),
        };
        let expected = json!({
            "method": "POST",
            "scheme": "http",
            "authority": "a.example",
            "path": "/p?q",
            "headers": { "x-a": ["1", "3", "4"], "x-b": "2" },
            "body": "h\u{fffd}",
            "trailers": { "x-end": "5" },
        });
        let echo: Value = serde_json::from_slice(&echo(&message)).unwrap();
        assert_eq!(echo, expected);
    }
}
