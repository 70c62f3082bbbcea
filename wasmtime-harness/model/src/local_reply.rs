//! The response that a host makes of a filter's local reply, in Envoy's way where no other is
//! known.

use std::borrow::Cow;

use crate::{
    headers::Headers,
    outcome::Reply,
    profile::{LineBreaks, Profile, Repeated},
};

/// Headers that a reply cannot set.
const OWN: [&[u8]; 2] = [b":status", b"connection"];
/// Headers that a reply without a body cannot have.
const OF_BODY: [&[u8]; 2] = [b"content-length", b"content-type"];

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

    /// The headers and the body that the client gets for `reply` from this host.
    pub(crate) fn response(self, reply: &Reply, profile: &Profile) -> (Headers, Vec<u8>) {
        let grpc = self.grpc && profile.grpc_replies;
        let mut body = reply.body.clone();
        if !body.is_empty() && !grpc {
            body.extend_from_slice(profile.reply_ending);
        }
        let headers = headers(reply, &body, grpc, profile);
        if self.head || grpc {
            body.clear();
        }
        (headers, body)
    }
}

fn headers(reply: &Reply, body: &[u8], grpc: bool, profile: &Profile) -> Headers {
    let mut headers = Headers::default().shown(profile.header_names);
    // Envoy reads 16 bits: probe `reply-odd`.
    headers.add(b":status", (reply.status & 0xFFFF).to_string().as_bytes());
    let length = body.len().to_string();
    for (name, value) in reply.headers.given() {
        let is = |one: &[u8]| one.eq_ignore_ascii_case(name);
        let without_body = body.is_empty() && !grpc && OF_BODY.into_iter().any(is);
        // The proxy says these itself; seen to be ignored by Envoy 1.40.
        if OWN.into_iter().any(is) || without_body {
            continue;
        }
        if is(b"content-length") {
            // It has its place from the filter and its value from the body.
            headers.replace(name, length.as_bytes());
            continue;
        }
        let joined = profile.joined_response_headers.iter().any(|one| is(one.as_bytes()));
        let value = without_breaks(value, profile.reply_line_breaks);
        match profile.repeated_reply_headers {
            Repeated::Kept if joined => headers.join(name, &value),
            Repeated::Kept => headers.add(name, &value),
            Repeated::Last => headers.replace(name, &value),
        }
    }
    if grpc {
        let status = reply.grpc_status.unwrap_or(grpc_status(reply.status));
        headers.replace(b":status", b"200");
        headers.replace(b"content-type", b"application/grpc");
        headers.remove(b"content-length");
        // What the filter gave under this name is kept: probe `reply-grpc`.
        if !headers.has("grpc-status") {
            headers.add(b"grpc-status", status.to_string().as_bytes());
        }
        if !reply.body.is_empty() {
            headers.replace(b"grpc-message", percent_encoded(&reply.body).as_bytes());
        }
    } else if !body.is_empty() {
        if !headers.has("content-length") {
            headers.add(b"content-length", length.as_bytes());
        }
        if !headers.has("content-type") {
            headers.add(b"content-type", b"text/plain");
        }
    }
    headers
}

/// A value as it is sent. Where line breaks are refused, no reply with one gets here.
fn without_breaks(value: &[u8], breaks: LineBreaks) -> Cow<'_, [u8]> {
    match breaks {
        LineBreaks::PercentEncoded if value.iter().any(|byte| b"\r\n".contains(byte)) => {
            let escape = |byte: &u8| match byte {
                b'\r' => b"%0D".to_vec(),
                b'\n' => b"%0A".to_vec(),
                byte => vec![*byte],
            };
            value.iter().flat_map(escape).collect::<Vec<u8>>().into()
        }
        _ => value.into(),
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

    const ENVOY: Profile = Profile::ENVOY_1_40;
    const NGX: Profile = Profile::NGX_WASM;

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
        let (headers, body) = Client::default().response(&reply(), &ENVOY);
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
                let (headers, body) = Client::new(&request).response(&reply, &ENVOY);
                assert!(body.is_empty(), "it is in grpc-message");
                assert_eq!(headers.first(":status"), Some(&b"200"[..]));
                assert_eq!(headers.first("grpc-status"), Some(expected.as_bytes()));
                assert_eq!(headers.first("grpc-message"), Some(&b"no%0A"[..]));
            }
        }
        let request =
            Headers::from_iter([(":path", "/"), ("content-type", "application/grpc-web")]);
        let (headers, _) = Client::new(&request).response(&reply(), &ENVOY);
        assert_eq!(headers.first(":status"), Some(&b"401"[..]));
    }

    #[test]
    fn a_head_request_is_told_the_length_of_a_body_that_it_does_not_get() {
        let request = Headers::from_iter([(":method", "HEAD"), (":path", "/")]);
        let (headers, body) = Client::new(&request).response(&reply(), &ENVOY);
        assert_eq!(headers.first("content-length"), Some(&b"3"[..]));
        assert!(body.is_empty());
    }
    #[test]
    fn nginx_ends_the_body_with_a_line_break_and_knows_no_grpc() {
        let request = Headers::from_iter([(":path", "/"), ("content-type", "application/grpc")]);
        let (headers, body) = Client::new(&request).response(&reply(), &NGX);
        assert_eq!(headers.first(":status"), Some(&b"401"[..]));
        assert_eq!(headers.first("content-length"), Some(&b"4"[..]));
        assert_eq!(body, b"no\n\n");
        let empty = Reply { body: Vec::new(), ..reply() };
        let (headers, body) = Client::default().response(&empty, &NGX);
        assert!(body.is_empty() && !headers.has("content-length"));
    }

    #[test]
    fn line_breaks_and_repeated_headers_are_sent_by_the_profile() {
        let given = [("X-A", "1"), ("x-a", "2\r\nset-cookie: z"), ("x-b", "3")];
        let reply = Reply { headers: Headers::from_iter(given), body: Vec::new(), ..reply() };
        let sent = |profile| Client::default().response(&reply, profile).0;
        let envoy = [&[(":status", "401")][..], &given].concat();
        assert_eq!(sent(&ENVOY), Headers::from_iter(envoy), "the response is split");
        let nginx = [(":status", "401"), ("x-a", "2%0D%0Aset-cookie: z"), ("x-b", "3")];
        assert_eq!(sent(&NGX), Headers::from_iter(nginx));
    }
}
