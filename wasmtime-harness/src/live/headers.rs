//! Headers as they are on the wire, and as a proxy shows them to a filter.

use hyper::{
    HeaderMap, Method, Request, StatusCode, Uri,
    header::{self, HeaderName, HeaderValue},
};
use proxy_host_model::Headers;

/// Headers about one connection and not about the message (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [&str; 6] =
    ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];

/// What a filter sees of a response.
#[must_use]
pub fn of_response(status: StatusCode, headers: &HeaderMap) -> Headers {
    let mut shown = Headers::from_iter([(":status", status.as_str())]);
    let named = named_by_connection(headers);
    for (name, value) in headers {
        if !hop_by_hop(name.as_str(), &named) {
            shown.add(name.as_str().as_bytes(), value.as_bytes());
        }
    }
    shown
}

/// Trailers as a filter sees them.
#[must_use]
pub fn of_trailers(trailers: &HeaderMap) -> Headers {
    trailers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

/// A request to another server, without its body.
///
/// # Errors
///
/// What the filter made of the headers cannot be sent; the message says why.
pub fn to_request(headers: &Headers) -> Result<Request<()>, String> {
    let pseudo = |name: &str| {
        headers.first(name).ok_or_else(|| format!("found no {name}, expected one in a request"))
    };
    let method = Method::from_bytes(pseudo(":method")?)
        .map_err(|error| bad(":method", pseudo(":method").unwrap_or_default(), &error))?;
    let path = pseudo(":path")?;
    let uri = Uri::try_from(path).map_err(|error| bad(":path", path, &error))?;
    let authority = pseudo(":authority")?;
    let host =
        HeaderValue::from_bytes(authority).map_err(|error| bad(":authority", authority, &error))?;
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = map(headers)?;
    request.headers_mut().insert(header::HOST, host);
    // The body says how long it is; the filter may have changed it.
    request.headers_mut().remove(header::CONTENT_LENGTH);
    Ok(request)
}

/// Everything but pseudo headers and what is about the connection.
///
/// # Errors
///
/// A name or value that HTTP/1 cannot carry.
pub fn map(headers: &Headers) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| !name.starts_with(b":")) {
        let shown = String::from_utf8_lossy(name);
        let key = HeaderName::from_bytes(name).map_err(|error| bad(&shown, value, &error))?;
        let text = HeaderValue::from_bytes(value).map_err(|error| bad(&shown, value, &error))?;
        if !hop_by_hop(key.as_str(), &[]) {
            map.append(key, text);
        }
    }
    Ok(map)
}

/// Further names that are about this connection alone, by its own word.
#[must_use]
pub fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONNECTION).iter();
    let names = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    names.map(|name| name.trim().to_ascii_lowercase()).collect()
}

/// Whether a header is about the connection, by its name or because the connection's own says so.
#[must_use]
pub fn hop_by_hop(name: &str, named: &[String]) -> bool {
    HOP_BY_HOP.contains(&name) || named.iter().any(|other| other == name)
}

/// Says what cannot be sent.
#[must_use]
pub fn bad(name: &str, value: &[u8], error: &dyn std::fmt::Display) -> String {
    format!("found {name} \"{}\", which HTTP/1 cannot carry: {error}", value.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_http_cannot_carry_is_named() {
        let with = |name: &str, value: &str| {
            let mut headers = Headers::from_iter([
                (":method", "GET"),
                (":authority", "a.example"),
                (":path", "/"),
            ]);
            headers.replace(name.as_bytes(), value.as_bytes());
            to_request(&headers).map(|_| ()).unwrap_err()
        };
        assert_eq!(
            with("x-a", "1\r\nx-b: 2"),
            "found x-a \"1\\r\\nx-b: 2\", which HTTP/1 cannot carry: failed to parse header value"
        );
        assert!(with(":path", "a b").starts_with("found :path \"a b\", which HTTP/1"));
        assert!(with(":method", "G T").starts_with("found :method \"G T\", which HTTP/1"));
        assert!(with("x a", "1").starts_with("found x a \"1\", which HTTP/1 cannot carry"));
    }

    #[test]
    fn the_length_of_a_request_is_left_to_its_body() {
        let headers = [
            (":method", "POST"),
            (":authority", "a.example"),
            (":path", "/p"),
            ("content-length", "5"),
            ("connection", "close"),
            ("x-a", "1"),
        ];
        let request = to_request(&Headers::from_iter(headers)).unwrap();
        let mut names: Vec<&str> = request.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["host", "x-a"]);
    }
}
