//! Headers as they are on the wire, and as a proxy shows them to a filter.

use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri, Version,
    header::{self, HeaderName, HeaderValue},
    http::request::Parts,
};
use proxy_host_model::Headers;

/// Headers about one connection and not about the message (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [&str; 6] =
    ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];

/// A request that no filter is shown, as in Envoy, and what its client is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Refused(pub(crate) StatusCode, pub(crate) &'static str);

/// What a filter sees of a request: pseudo headers first, nothing about the connection.
///
/// # Errors
///
/// The request does not say which host it is for, says it twice, or wants a tunnel.
pub(crate) fn of_request(parts: &Parts) -> Result<Headers, Refused> {
    let Parts { method, uri, version, headers, .. } = parts;
    if *method == Method::CONNECT {
        return Err(Refused(StatusCode::NOT_IMPLEMENTED, "found CONNECT, expected another method"));
    }
    let authority = authority(uri, *version, headers)?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut shown = Headers::from_iter([
        (":method", method.as_str().as_bytes()),
        (":scheme", b"http"),
        (":authority", authority),
        (":path", path.as_bytes()),
    ]);
    let named = named_by_connection(headers);
    for (name, value) in headers {
        // The front has answered an expectation itself before the body came.
        let own = *name == header::HOST || *name == header::EXPECT;
        if !own && !hop_by_hop(name.as_str(), &named) {
            shown.add(name.as_str().as_bytes(), value.as_bytes());
        }
    }
    Ok(shown)
}

/// What a filter sees of a response.
pub(crate) fn of_response(status: StatusCode, headers: &HeaderMap) -> Headers {
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
pub(crate) fn of_trailers(trailers: &HeaderMap) -> Headers {
    trailers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

/// A request to another server, without its body.
///
/// # Errors
///
/// What the filter made of the headers cannot be sent; the message says why.
pub(crate) fn to_request(headers: &Headers) -> Result<Request<()>, String> {
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

/// A response to the client, without its body.
///
/// # Errors
///
/// What the filter made of the headers cannot be sent; the message says why.
pub(crate) fn to_response(headers: &Headers) -> Result<Response<()>, String> {
    let status = headers.first(":status").unwrap_or_default();
    let code = StatusCode::from_bytes(status).map_err(|error| bad(":status", status, &error))?;
    if code.is_informational() {
        return Err(format!("found :status {code}, expected the status of a final response"));
    }
    let mut response = Response::new(());
    *response.status_mut() = code;
    *response.headers_mut() = map(headers)?;
    Ok(response)
}

/// Everything but pseudo headers and what is about the connection.
///
/// # Errors
///
/// A name or value that HTTP/1 cannot carry.
pub(crate) fn map(headers: &Headers) -> Result<HeaderMap, String> {
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

fn authority<'a>(
    uri: &'a Uri,
    version: Version,
    headers: &'a HeaderMap,
) -> Result<&'a [u8], Refused> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Refused(StatusCode::BAD_REQUEST, "found two Host headers, expected one"));
    }
    match (uri.authority(), host) {
        // RFC 9112, section 3.2.2: the target beats the header.
        (Some(authority), _) => Ok(authority.as_str().as_bytes()),
        (None, Some(host)) => Ok(host.as_bytes()),
        (None, None) if version == Version::HTTP_10 => Ok(b""),
        (None, None) => Err(Refused(StatusCode::BAD_REQUEST, "found no Host header, expected one")),
    }
}

/// Further names that are about this connection alone, by its own word.
fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONNECTION).iter();
    let names = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    names.map(|name| name.trim().to_ascii_lowercase()).collect()
}

fn hop_by_hop(name: &str, named: &[String]) -> bool {
    HOP_BY_HOP.contains(&name) || named.iter().any(|other| other == name)
}

fn bad(name: &str, value: &[u8], error: &dyn std::fmt::Display) -> String {
    format!("found {name} \"{}\", which HTTP/1 cannot carry: {error}", value.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_filter_sees_nothing_about_the_connection() {
        let headers = [
            ("Host", "a.example:8080"),
            ("Connection", "close, X-Mine"),
            ("X-Mine", "1"),
            ("TE", "trailers"),
            ("Transfer-Encoding", "chunked"),
            ("Expect", "100-continue"),
            ("X-Theirs", "2"),
            ("x-theirs", "3"),
        ];
        let shown = of_request(&request("/p?q", &headers)).unwrap();
        let expected = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a.example:8080"),
            (":path", "/p?q"),
            ("x-theirs", "2"),
            ("x-theirs", "3"),
        ];
        assert_eq!(shown, Headers::from_iter(expected));
    }

    #[test]
    fn the_target_beats_the_host_header() {
        let shown = of_request(&request("http://b.example/", &[("host", "a.example")])).unwrap();
        assert_eq!(shown.first(":authority"), Some(&b"b.example"[..]));
        assert_eq!(shown.first(":path"), Some(&b"/"[..]));
        assert!(!shown.has("host"));
    }

    #[test]
    fn a_request_names_its_host_once() {
        let bad = |parts: &Parts| of_request(parts).unwrap_err();
        assert_eq!(bad(&request("/", &[])).0, StatusCode::BAD_REQUEST);
        let twice = request("/", &[("host", "a"), ("host", "a")]);
        assert_eq!(
            bad(&twice),
            Refused(StatusCode::BAD_REQUEST, "found two Host headers, expected one")
        );
        let mut old = request("/", &[]);
        old.version = Version::HTTP_10;
        assert_eq!(of_request(&old).unwrap().first(":authority"), Some(&b""[..]));
        let mut tunnel = request("a.example:443", &[("host", "a.example:443")]);
        tunnel.method = Method::CONNECT;
        assert_eq!(bad(&tunnel).0, StatusCode::NOT_IMPLEMENTED);
    }

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
        for status in ["99", "0", "1000", "101"] {
            let headers = Headers::from_iter([(":status", status)]);
            assert!(to_response(&headers).is_err(), "{status}");
        }
        assert_eq!(to_response(&Headers::from_iter([(":status", "700")])).unwrap().status(), 700);
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
