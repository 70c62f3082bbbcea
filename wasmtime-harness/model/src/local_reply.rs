//! The response that Envoy makes of a filter's local reply.

use crate::{headers::Headers, outcome::Reply};

/// What the form of a local reply depends on in the request, as it was before the filter saw it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Client {
    /// A HEAD request is answered without a body.
    head: bool,
    grpc: bool,
}

impl Client {
    /// The client that sent these headers.
    pub(crate) fn new(request: &Headers) -> Self {
        Self { head: request.first(":method") == Some(b"HEAD"), grpc: is_grpc(request) }
    }

    /// The headers and the body that the client gets for `reply`.
    pub(crate) fn response(self, reply: &Reply) -> (Headers, Vec<u8>) {
        let headers = self.headers(reply);
        let body = if self.head || self.grpc { Vec::new() } else { reply.body.clone() };
        (headers, body)
    }

    fn headers(self, reply: &Reply) -> Headers {
        let mut headers = Headers::from_iter([(":status", reply.status.to_string())]);
        for (name, value) in reply.headers.iter() {
            // The proxy says these itself; seen to be ignored by Envoy 1.40.
            if !matches!(name, b":status" | b"content-length" | b"connection") {
                headers.add(name, value);
            }
        }
        if self.grpc {
            let status = reply.grpc_status.unwrap_or(grpc_status(reply.status));
            headers.replace(b":status", b"200");
            headers.replace(b"content-type", b"application/grpc");
            headers.replace(b"grpc-status", status.to_string().as_bytes());
            if !reply.body.is_empty() {
                headers.replace(b"grpc-message", percent_encoded(&reply.body).as_bytes());
            }
        } else if !reply.body.is_empty() {
            headers.add(b"content-length", reply.body.len().to_string().as_bytes());
            if !headers.has("content-type") {
                headers.add(b"content-type", b"text/plain");
            }
        }
        headers
    }
}

fn is_grpc(request: &Headers) -> bool {
    request.has(":path")
        && request
            .first("content-type")
            .and_then(|kind| kind.strip_prefix(b"application/grpc"))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+"))
}

/// Envoy `Grpc::Utility::httpToGrpcStatus`.
fn grpc_status(http: u32) -> u32 {
    match http {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

fn percent_encoded(body: &[u8]) -> String {
    body.iter()
        .map(|byte| match byte {
            b'%' | ..b' ' | b'~'.. => format!("%{byte:02X}"),
            _ => char::from(*byte).to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply() -> Reply {
        Reply {
            status: 401,
            headers: Headers::from_iter([("www-authenticate", "Bearer"), (":status", "200")]),
            body: b"no\n".to_vec(),
            grpc_status: None,
            details: Vec::new(),
        }
    }

    #[test]
    fn a_body_gets_a_length_and_a_type() {
        let (headers, body) = Client::default().response(&reply());
        assert_eq!(body, b"no\n");
        assert_eq!(
            headers,
            Headers::from_iter([
                (":status", "401"),
                ("www-authenticate", "Bearer"),
                ("content-length", "3"),
                ("content-type", "text/plain"),
            ])
        );
    }

    #[test]
    fn a_grpc_client_gets_200_and_a_grpc_status() {
        for (given, expected) in [(None, "16"), (Some(3), "3")] {
            let reply = Reply { grpc_status: given, ..reply() };
            for kind in ["application/grpc", "application/grpc+proto"] {
                let request = Headers::from_iter([(":path", "/s/m"), ("content-type", kind)]);
                let (headers, body) = Client::new(&request).response(&reply);
                assert!(body.is_empty(), "it is in grpc-message");
                assert_eq!(headers.first(":status"), Some(&b"200"[..]));
                assert_eq!(headers.first("grpc-status"), Some(expected.as_bytes()));
                assert_eq!(headers.first("grpc-message"), Some(&b"no%0A"[..]));
            }
        }
        let request =
            Headers::from_iter([(":path", "/"), ("content-type", "application/grpc-web")]);
        let (headers, _) = Client::new(&request).response(&reply());
        assert_eq!(headers.first(":status"), Some(&b"401"[..]));
    }

    #[test]
    fn a_head_request_is_told_the_length_of_a_body_that_it_does_not_get() {
        let request = Headers::from_iter([(":method", "HEAD"), (":path", "/")]);
        let (headers, body) = Client::new(&request).response(&reply());
        assert_eq!(headers.first("content-length"), Some(&b"3"[..]));
        assert!(body.is_empty());
    }
}
