//! Headers of requests that come in and of responses that go out.

use hyper::{HeaderMap, Method, Response, StatusCode, Uri, Version, header, http::request::Parts};
use proxy_host_model::Headers;
use wasmtime_harness::live::headers::{bad, hop_by_hop, map, named_by_connection};

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

#[cfg(test)]
mod tests {
    use hyper::Request;

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
    fn a_response_has_the_status_of_a_final_one() {
        for status in ["99", "0", "1000", "101"] {
            let headers = Headers::from_iter([(":status", status)]);
            assert!(to_response(&headers).is_err(), "{status}");
        }
        assert_eq!(to_response(&Headers::from_iter([(":status", "700")])).unwrap().status(), 700);
    }
}
