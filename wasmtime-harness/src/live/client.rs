//! Requests to other servers, by HTTP/1.1.

use std::{fmt, io, pin::Pin, str::FromStr, time::Duration};

use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Uri,
    client::conn::http1,
    header::{self, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use proxy_host_model::{Answered, ServiceAnswer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time,
};

use super::{
    headers,
    message::{BODY_MAX, Message, Piece, Whole},
};

/// How long a connection may take to come about: Envoy's default for a cluster.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a server is, from a URL such as `http://127.0.0.1:9000`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    host: String,
    port: u16,
    tls: bool,
}

impl Origin {
    /// Whether it speaks TLS, by its URL.
    #[must_use]
    pub fn tls(&self) -> bool {
        self.tls
    }
}

/// Bytes both ways.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What [`Secure::secure`] gives.
pub type Secured<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send + 'a>>;

/// What speaks TLS: the harness has none, and who uses it brings their own.
pub trait Secure: fmt::Debug + Send + Sync {
    /// Begins TLS with a server of this name, which it must prove to have.
    fn secure<'a>(&'a self, host: &'a str, stream: TcpStream) -> Secured<'a>;
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = |why: &str| {
            format!("found {text:?}, expected a URL such as http://127.0.0.1:9000{why}")
        };
        let uri: Uri = text.parse().map_err(|error| refuse(&format!(": {error}")))?;
        let (tls, port) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            _ => return Err(refuse("")),
        };
        let authority = uri.authority().ok_or_else(|| refuse(""))?;
        if uri.path() != "/" || uri.query().is_some() {
            return Err(refuse(", without a path"));
        }
        // Brackets are part of a URL and not of an IPv6 address.
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: authority.port_u16().unwrap_or(port), tls })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Why an exchange has no answer, or half of one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Failed {
    /// The request cannot be written as HTTP/1.
    Request(String),
    /// No connection came about.
    Connect(String),
    /// The connection ended before the headers of an answer came.
    NoAnswer(String),
    /// The answer broke off, or had more than [`BODY_MAX`] bytes of body.
    Broken(String),
}

impl Failed {
    /// What Envoy answers in the server's place.
    #[must_use]
    pub fn answer(&self) -> Message {
        let answer = match self {
            Self::Connect(_) => ServiceAnswer::connect_failure(),
            Self::Request(_) | Self::NoAnswer(_) | Self::Broken(_) => {
                ServiceAnswer::connection_termination()
            }
        };
        match answer.what {
            Answered::Response { headers, body, trailers } => Message { headers, body, trailers },
            Answered::Reset => Message::default(),
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(why) => write!(f, "the request cannot be sent: {why}"),
            Self::Connect(why) => write!(f, "no connection: {why}"),
            Self::NoAnswer(why) => write!(f, "no answer: {why}"),
            Self::Broken(why) => write!(f, "the answer broke off: {why}"),
        }
    }
}

/// Sends a request and gives the pieces of its answer as they come.
///
/// # Errors
///
/// The answer has no end; what came of it so far was given.
pub async fn exchange(
    origin: &Origin,
    secure: Option<&dyn Secure>,
    message: Message,
    mut give: impl FnMut(Piece),
) -> Result<(), Failed> {
    let request = headers::to_request(&message.headers).map_err(Failed::Request)?;
    let trailers = message.trailers.as_ref().map(headers::map).transpose();
    let trailers = trailers.map_err(Failed::Request)?;
    let mut request = request.map(|()| Whole::new(message.body).with_trailers(trailers.clone()));
    // One connection for one exchange: nothing is shared between requests.
    request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    announce(trailers.as_ref(), request.headers_mut());

    let connect = TcpStream::connect((origin.host.as_str(), origin.port));
    let stream = match time::timeout(CONNECT_TIMEOUT, connect).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(Failed::Connect(format!("{origin}: {error}"))),
        Err(_) => {
            let seconds = CONNECT_TIMEOUT.as_secs();
            return Err(Failed::Connect(format!("{origin}: none within {seconds} s")));
        }
    };
    let stream: Box<dyn Stream> = match (origin.tls, secure) {
        (false, _) => Box::new(stream),
        (true, Some(secure)) => {
            let secured = time::timeout(CONNECT_TIMEOUT, secure.secure(&origin.host, stream)).await;
            let secured = secured.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            secured.map_err(|error| Failed::Connect(format!("{origin}: TLS: {error}")))?
        }
        (true, None) => return Err(Failed::Connect(format!("{origin}: TLS is not spoken here"))),
    };
    let no_answer = |error: hyper::Error| Failed::NoAnswer(format!("{origin}: {error}"));
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(no_answer)?;
    // It ends with the exchange, and what went wrong is told there.
    tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(no_answer)?;

    let (head, mut body) = response.into_parts();
    let end = hyper::body::Body::is_end_stream(&body);
    give(Piece::Head(headers::of_response(head.status, &head.headers), end));
    if end {
        return Ok(());
    }
    let mut size = 0_usize;
    let mut trailers = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failed::Broken(format!("{origin}: {error}")))?;
        match frame.into_data() {
            Ok(part) => {
                size = size.saturating_add(part.len());
                if size > BODY_MAX {
                    let message = format!("{origin}: expected at most {BODY_MAX} bytes of body");
                    return Err(Failed::Broken(message));
                }
                if !part.is_empty() {
                    give(Piece::Body(part.into()));
                }
            }
            Err(frame) => trailers = frame.trailers_ref().map(headers::of_trailers),
        }
    }
    give(Piece::End(trailers));
    Ok(())
}

/// Says which trailers will come: hyper sends no others.
fn announce(trailers: Option<&HeaderMap>, headers: &mut HeaderMap) {
    let names: Vec<&str> =
        trailers.iter().flat_map(|trailers| trailers.keys().map(HeaderName::as_str)).collect();
    if let Some(names) = Some(names.join(", ")).filter(|names| !names.is_empty())
        && let Ok(names) = HeaderValue::from_str(&names)
    {
        headers.insert(header::TRAILER, names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_url_without_a_path() {
        let shown = |text: &str| text.parse::<Origin>().unwrap().to_string();
        assert_eq!(shown("http://a.example"), "a.example:80");
        assert_eq!(shown("http://127.0.0.1:9000/"), "127.0.0.1:9000");
        assert_eq!(shown("http://[::1]:9000"), "[::1]:9000");
        assert_eq!(shown("https://a.example"), "a.example:443");
        for (text, why) in [
            ("ftp://a.example", "expected a URL such as"),
            ("http://a.example/path", "without a path"),
            ("http://a.example?q", "without a path"),
            ("a.example:80", "expected a URL such as"),
            ("", "expected a URL such as"),
        ] {
            let error = text.parse::<Origin>().unwrap_err();
            assert!(error.starts_with(&format!("found {text:?}, expected a URL")), "{error}");
            assert!(error.contains(why), "{error}");
        }
    }
}
