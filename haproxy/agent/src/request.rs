//! A request as HAProxy tells of it, and as a filter is shown it.

use std::{fmt, net::IpAddr};

use proxy_host_model::{Headers, Request};

use crate::spop::{Data, Message, Reader};

/// The name that the message must have in HAProxy's configuration.
pub(crate) const MESSAGE: &str = "check";

/// Why a request is not shown to the filter, and what its client is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Refused {
    /// 400 if the client is to blame, 503 if HAProxy's configuration is.
    pub(crate) status: u32,
    /// What was found and what was expected; never a value that the client sent.
    pub(crate) why: String,
}

impl Refused {
    fn client(why: impl Into<String>) -> Self {
        Self { status: 400, why: why.into() }
    }

    pub(crate) fn platform(why: impl Into<String>) -> Self {
        Self { status: 503, why: why.into() }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// Names in lower case, and values.
type Pairs<'a> = Vec<(Vec<u8>, &'a [u8])>;

/// The arguments of a message, by the names that they have in HAProxy's configuration.
#[derive(Clone, Copy, Debug, Default)]
struct Arguments<'a> {
    method: Option<Data<'a>>,
    path: Option<Data<'a>>,
    url: Option<Data<'a>>,
    version: Option<Data<'a>>,
    tls: Option<Data<'a>>,
    headers: Option<Data<'a>>,
    src: Option<Data<'a>>,
    src_port: Option<Data<'a>>,
    dst: Option<Data<'a>>,
    dst_port: Option<Data<'a>>,
    mtls: Option<Data<'a>>,
    sni: Option<Data<'a>>,
    id: Option<Data<'a>>,
}

impl<'a> Arguments<'a> {
    /// Puts each argument in its place.
    ///
    /// One that is unknown is refused: a slip of the pen in the configuration would otherwise be
    /// found out by nobody. One that comes twice could be meant either way.
    fn read(message: &Message<'a>) -> Result<Self, Refused> {
        let mut arguments = Self::default();
        for argument in &message.arguments {
            let name = String::from_utf8_lossy(argument.name);
            let place = match &*name {
                "method" => &mut arguments.method,
                "path" => &mut arguments.path,
                "url" => &mut arguments.url,
                "version" => &mut arguments.version,
                "tls" => &mut arguments.tls,
                "headers" => &mut arguments.headers,
                "src" => &mut arguments.src,
                "src_port" => &mut arguments.src_port,
                "dst" => &mut arguments.dst,
                "dst_port" => &mut arguments.dst_port,
                "mtls" => &mut arguments.mtls,
                "sni" => &mut arguments.sni,
                "id" => &mut arguments.id,
                _ => {
                    let name = argument.name.escape_ascii();
                    return Err(Refused::platform(format!(
                        "found an argument \"{name}\", expected none of this name"
                    )));
                }
            };
            if place.replace(argument.value).is_some() {
                return Err(Refused::platform(format!("found the argument {name} twice")));
            }
        }
        Ok(arguments)
    }
}

/// Makes the request of a message.
///
/// # Errors
///
/// The message lacks something, or the request is one that cannot be judged: no host or two, a
/// tunnel, a header that could pass for something else.
pub(crate) fn read(message: &Message<'_>) -> Result<Request, Refused> {
    if message.name != MESSAGE.as_bytes() {
        let name = message.name.escape_ascii();
        return Err(Refused::platform(format!(
            "found a message \"{name}\", expected \"{MESSAGE}\""
        )));
    }
    let arguments = Arguments::read(message)?;
    let method = text("method", arguments.method)?;
    let path = path(method, &arguments)?;
    let tls = match arguments.tls {
        Some(Data::Bool(tls)) => tls,
        other => return Err(missing("tls", "a boolean", other)),
    };
    let version = text("version", arguments.version)?;
    let sent = header_pairs(text("headers", arguments.headers)?)?;

    let scheme: &[u8] = if tls { b"https" } else { b"http" };
    let mut headers = Headers::default();
    headers.add(b":method", method);
    headers.add(b":scheme", scheme);
    headers.add(b":authority", authority(&sent, version)?);
    headers.add(b":path", path);
    let mut open_ended = false;
    for (name, value) in sent {
        // Here Envoy shows `:authority` alone, and so does this.
        if name != b"host" {
            open_ended |=
                name == b"transfer-encoding" || name == b"content-length" && value != b"0";
            headers.add(&name, value);
        }
    }
    let mut request = Request::new(headers);
    request.open_ended = open_ended;
    properties(&mut request, version, &arguments);
    Ok(request)
}

/// What the filter may know beside the headers.
fn properties(request: &mut Request, version: &[u8], arguments: &Arguments<'_>) {
    let properties = &mut request.properties;
    let protocol: &[u8] = match version {
        b"1.0" => b"HTTP/1.0",
        b"2.0" | b"2" => b"HTTP/2",
        b"3.0" | b"3" => b"HTTP/3",
        _ => b"HTTP/1.1",
    };
    properties.set(&["request", "protocol"], protocol);
    for (end, address, port) in [
        ("source", arguments.src, arguments.src_port),
        ("destination", arguments.dst, arguments.dst_port),
    ] {
        let Some(Data::Address(address)) = address else {
            continue;
        };
        let port = match port {
            Some(Data::Number(port)) => port,
            _ => 0,
        };
        let shown = match address {
            IpAddr::V4(address) => format!("{address}:{port}"),
            IpAddr::V6(address) => format!("[{address}]:{port}"),
        };
        properties.set(&[end, "address"], shown.as_bytes());
        properties.set(&[end, "port"], &port.to_le_bytes());
    }
    let mtls = matches!(arguments.mtls, Some(Data::Bool(true)));
    properties.set(&["connection", "mtls"], &[u8::from(mtls)]);
    if let Some(Data::Bytes(name)) = arguments.sni {
        properties.set(&["connection", "requested_server_name"], name);
    }
    if let Some(Data::Bytes(id)) = arguments.id {
        properties.set(&["request", "id"], id);
    }
}

/// `:path`. HAProxy gives none for a request whose target is no path.
fn path<'a>(method: &[u8], arguments: &Arguments<'a>) -> Result<&'a [u8], Refused> {
    if method == b"CONNECT" {
        return Err(Refused::client("found CONNECT, expected another method"));
    }
    match (arguments.path, arguments.url) {
        (Some(Data::Bytes(path)), _) if !path.is_empty() => Ok(path),
        // `OPTIONS *` is about the server and not about a part of it.
        (Some(Data::Null | Data::Bytes(_)), Some(Data::Bytes(b"*"))) => Ok(b"*"),
        (Some(Data::Null | Data::Bytes(_)), Some(_)) => {
            Err(Refused::client("found a target that is no path, expected a path"))
        }
        (Some(Data::Null | Data::Bytes(_)), None) => Err(missing("url", "a string", None)),
        (other, _) => Err(missing("path", "a string", other)),
    }
}

/// `:authority`: the one `host`.
fn authority<'a>(sent: &Pairs<'a>, version: &[u8]) -> Result<&'a [u8], Refused> {
    let mut hosts = sent.iter().filter(|(name, _)| name == b"host");
    match (hosts.next(), hosts.next()) {
        (Some((_, host)), None) => Ok(host),
        (None, _) if version == b"1.0" => Ok(b""),
        // RFC 9112, section 3.2.
        (None, _) => Err(Refused::client("found no Host header, expected one")),
        (Some(_), Some(_)) => Err(Refused::client("found two Host headers, expected one")),
    }
}

/// Reads what the sample `req.hdrs_bin` is made of: name and value in turn, and two empty strings at
/// the end. Names come out in lower case.
fn header_pairs(bytes: &[u8]) -> Result<Pairs<'_>, Refused> {
    let broken = || Refused::platform("found headers that are not in the form of req.hdrs_bin");
    let mut reader = Reader::new(bytes);
    let mut pairs = Vec::new();
    loop {
        let name = reader.string().map_err(|_| broken())?;
        let value = reader.string().map_err(|_| broken())?;
        if name.is_empty() {
            // Nothing may follow the end: a header behind it would go on unseen.
            return if value.is_empty() && reader.is_empty() { Ok(pairs) } else { Err(broken()) };
        }
        // A name such as `:path` would be taken for the request's own, and what is no token could be
        // read as another name by the server behind.
        if !name.iter().copied().all(is_token) {
            return Err(Refused::client("found a header whose name is no token"));
        }
        if value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return Err(Refused::client("found a header with a line break or NUL in its value"));
        }
        pairs.push((name.to_ascii_lowercase(), value));
    }
}

/// Whether a byte may be in the name of a header (RFC 9110, section 5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn text<'a>(name: &str, value: Option<Data<'a>>) -> Result<&'a [u8], Refused> {
    match value {
        Some(Data::Bytes(text)) if !text.is_empty() => Ok(text),
        other => Err(missing(name, "a string", other)),
    }
}

fn missing(name: &str, expected: &str, found: Option<Data<'_>>) -> Refused {
    Refused::platform(match found {
        None => format!("found no argument {name}, expected {expected}"),
        // Too long for a frame, as a rule.
        Some(Data::Null) => {
            format!("found the argument {name} without a value, expected {expected}")
        }
        Some(Data::Bytes([])) => format!("found an empty argument {name}, expected {expected}"),
        Some(_) => format!("found an argument {name} of another type, expected {expected}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spop::{Argument, put_varint};

    fn hdrs_bin(headers: &[(&str, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        for text in headers.iter().flat_map(|(name, value)| [name, value]).chain([&"", &""]) {
            put_varint(&mut out, text.len().try_into().unwrap());
            out.extend(text.as_bytes());
        }
        out
    }

    fn arguments(headers: &[u8]) -> Vec<Argument<'_>> {
        vec![
            Argument { name: b"method", value: Data::Bytes(b"GET") },
            Argument { name: b"path", value: Data::Bytes(b"/p?q") },
            Argument { name: b"url", value: Data::Bytes(b"/p?q") },
            Argument { name: b"version", value: Data::Bytes(b"1.1") },
            Argument { name: b"tls", value: Data::Bool(true) },
            Argument { name: b"headers", value: Data::Bytes(headers) },
        ]
    }

    fn read_with(headers: &[(&str, &str)]) -> Result<Request, Refused> {
        let bytes = hdrs_bin(headers);
        read(&Message { name: MESSAGE.as_bytes(), arguments: arguments(&bytes) })
    }

    #[test]
    fn a_request_is_what_a_filter_sees_in_envoy() {
        let sent = [("Host", "a.test"), ("x-a", "1"), ("x-b", ""), ("X-A", "2")];
        let request = read_with(&sent).unwrap();
        let expected = [
            (":method", "GET"),
            (":scheme", "https"),
            (":authority", "a.test"),
            (":path", "/p?q"),
            ("x-a", "1"),
            ("x-b", ""),
            ("x-a", "2"),
        ];
        assert_eq!(request.headers, Headers::from_iter(expected));
        assert!(request.ends_with_headers());
        let with_body =
            |name, value| read_with(&[("host", "a"), (name, value)]).unwrap().open_ended;
        assert!(with_body("transfer-encoding", "chunked"));
        assert!(with_body("content-length", "5"));
        assert!(!with_body("content-length", "0"));
    }

    #[test]
    fn a_client_cannot_make_pseudo_headers_nor_hide_a_header() {
        for name in [":path", ":method", ":", "x:a", "x a", "x\u{e9}", "x\n"] {
            let refused = read_with(&[("host", "a"), (name, "1")]).unwrap_err();
            assert_eq!(refused.status, 400, "{name:?}");
        }
        for value in ["a\r\nb", "a\0", "\n"] {
            let refused = read_with(&[("host", "a"), ("x-a", value)]).unwrap_err();
            assert_eq!(refused.status, 400, "{value:?}");
        }
        let whole = hdrs_bin(&[("host", "a"), ("x-a", "1")]);
        for cut in 0..whole.len() {
            let message = Message { name: MESSAGE.as_bytes(), arguments: arguments(&whole[..cut]) };
            assert_eq!(read(&message).unwrap_err().status, 503, "{cut}");
        }
        let mut behind = whole;
        behind.extend(hdrs_bin(&[("x-b", "1")]));
        let message = Message { name: MESSAGE.as_bytes(), arguments: arguments(&behind) };
        assert_eq!(read(&message).unwrap_err().status, 503);
        let early = hdrs_bin(&[("host", "a"), ("", "x-b"), ("x-c", "1")]);
        let message = Message { name: MESSAGE.as_bytes(), arguments: arguments(&early) };
        assert_eq!(read(&message).unwrap_err().status, 503, "an empty name is no end");
    }

    #[test]
    fn a_request_names_its_host_once() {
        let status = |headers: &[(&str, &str)]| read_with(headers).unwrap_err().status;
        assert_eq!(status(&[]), 400);
        assert_eq!(status(&[("host", "a"), ("HOST", "a")]), 400);
        let bytes = hdrs_bin(&[]);
        let mut old = arguments(&bytes);
        old[3].value = Data::Bytes(b"1.0");
        let request = read(&Message { name: MESSAGE.as_bytes(), arguments: old }).unwrap();
        assert_eq!(request.headers.first(":authority"), Some(&b""[..]));
    }

    #[test]
    fn each_argument_is_needed_once_and_of_its_type() {
        let bytes = hdrs_bin(&[("host", "a")]);
        let names = ["method", "path", "version", "tls", "headers"];
        let refused = |name: &str, value: Option<Data<'_>>| {
            let mut arguments = arguments(&bytes);
            let at = arguments.iter().position(|one| one.name == name.as_bytes()).unwrap();
            match value {
                Some(value) => arguments[at].value = value,
                None => drop(arguments.remove(at)),
            }
            read(&Message { name: MESSAGE.as_bytes(), arguments }).unwrap_err()
        };
        for name in names {
            let missing = refused(name, None);
            assert_eq!(missing.status, 503);
            assert!(missing.why.starts_with(&format!("found no argument {name}")), "{missing}");
            assert_eq!(refused(name, Some(Data::Number(1))).status, 503, "{name}");
            if name != "path" {
                let null = refused(name, Some(Data::Null));
                let expected = format!("found the argument {name} without a value");
                assert!(null.why.starts_with(&expected), "{null}");
            }
        }
        let mut twice = arguments(&bytes);
        twice.push(twice[0]);
        let twice = read(&Message { name: MESSAGE.as_bytes(), arguments: twice }).unwrap_err();
        assert_eq!(twice.why, "found the argument method twice");
        let mut odd = arguments(&bytes);
        odd.push(Argument { name: b"sr\xff", value: Data::Null });
        let odd = read(&Message { name: MESSAGE.as_bytes(), arguments: odd }).unwrap_err();
        assert_eq!(odd.why, "found an argument \"sr\\xff\", expected none of this name");
        let other = read(&Message { name: b"chek", arguments: arguments(&bytes) }).unwrap_err();
        assert_eq!(other.why, "found a message \"chek\", expected \"check\"");
    }

    #[test]
    fn a_target_is_a_path_or_the_server() {
        let bytes = hdrs_bin(&[("host", "a")]);
        let read = |method: &'static [u8], path: Data<'static>, url: &'static [u8]| {
            let mut arguments = arguments(&bytes);
            arguments[0].value = Data::Bytes(method);
            arguments[1].value = path;
            arguments[2].value = Data::Bytes(url);
            let request = read(&Message { name: MESSAGE.as_bytes(), arguments });
            request.map(|request| request.headers.first(":path").unwrap().to_vec())
        };
        assert_eq!(read(b"OPTIONS", Data::Null, b"*").unwrap(), b"*");
        assert_eq!(read(b"OPTIONS", Data::Bytes(b""), b"*").unwrap(), b"*");
        assert_eq!(read(b"GET", Data::Bytes(b"/\xff"), b"x").unwrap(), b"/\xff", "as it came");
        assert_eq!(read(b"GET", Data::Null, b"a:443").unwrap_err().status, 400);
        assert_eq!(read(b"CONNECT", Data::Bytes(b"/"), b"a:443").unwrap_err().status, 400);
    }

    #[test]
    fn properties_are_in_envoys_form() {
        let bytes = hdrs_bin(&[("host", "a")]);
        let mut given = arguments(&bytes);
        given.extend([
            Argument { name: b"src", value: Data::Address("192.0.2.1".parse().unwrap()) },
            Argument { name: b"src_port", value: Data::Number(4711) },
            Argument { name: b"dst", value: Data::Address("::1".parse().unwrap()) },
            Argument { name: b"mtls", value: Data::Bool(true) },
            Argument { name: b"sni", value: Data::Bytes(b"a.test") },
            Argument { name: b"id", value: Data::Null },
        ]);
        let request = read(&Message { name: MESSAGE.as_bytes(), arguments: given }).unwrap();
        let property = |path: &[u8]| request.properties.get(path).ok().map(<[u8]>::to_vec);
        assert_eq!(property(b"source\0address").unwrap(), b"192.0.2.1:4711");
        assert_eq!(property(b"source\0port").unwrap(), 4711_u64.to_le_bytes());
        assert_eq!(property(b"destination\0address").unwrap(), b"[::1]:0");
        assert_eq!(property(b"connection\0mtls").unwrap(), [1]);
        assert_eq!(property(b"connection\0requested_server_name").unwrap(), b"a.test");
        assert_eq!(property(b"request\0protocol").unwrap(), b"HTTP/1.1");
        assert_eq!(property(b"request\0id"), None);
    }
}
