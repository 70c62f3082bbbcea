//! An HTTP/2 client (prior knowledge, no TLS).

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::Reply;

const PATIENCE: Duration = Duration::from_secs(20);

/// Whether the library underneath can send such a request as it is written.
///
/// It parses the path and normalises header names; a path with `#` or a control character, or a
/// header name with a capital, cannot be said in it. HTTP/1.1 says those.
#[must_use]
pub fn expressible<N: AsRef<[u8]>, V: AsRef<[u8]>>(headers: &[(N, V)]) -> bool {
    request(headers).is_ok()
}

/// Sends one request without a body and reads the reply with its trailers.
///
/// # Errors
///
/// The request is not [`expressible`], or the exchange failed.
pub fn send<N: AsRef<[u8]>, V: AsRef<[u8]>>(port: u16, headers: &[(N, V)]) -> Result<Reply> {
    let request = request(headers)?;
    let shown = format!("{request:?}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, exchange(port, request))
            .await
            .with_context(|| format!("no answer within {PATIENCE:?}"))?
            .with_context(|| format!("sending {shown}"))
    })
}

fn request<N: AsRef<[u8]>, V: AsRef<[u8]>>(headers: &[(N, V)]) -> Result<Request<Empty<Bytes>>> {
    let (mut method, mut path, mut authority) = (&b"GET"[..], &b"/"[..], &b"api.test"[..]);
    let mut request = Request::new(Empty::new());
    for (name, value) in headers {
        match name.as_ref() {
            b":method" => method = value.as_ref(),
            b":path" => path = value.as_ref(),
            b":authority" => authority = value.as_ref(),
            b":scheme" => {}
            name => {
                let parsed = HeaderName::from_bytes(name)?;
                ensure!(parsed.as_str().as_bytes() == name, "{parsed} would not go out as written");
                request.headers_mut().append(parsed, HeaderValue::from_bytes(value.as_ref())?);
            }
        }
    }
    *request.method_mut() = Method::from_bytes(method)?;
    *request.uri_mut() =
        Uri::builder().scheme("http").authority(authority).path_and_query(path).build()?;
    let sent = request.uri().path_and_query().map_or("", |path| path.as_str());
    ensure!(sent.as_bytes() == path, "the path would go out as {sent}");
    Ok(request)
}

async fn exchange(port: u16, request: Request<Empty<Bytes>>) -> Result<Reply> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let mut fields = response.headers().clone();
    let collected = response.into_body().collect().await?;
    if let Some(trailers) = collected.trailers() {
        fields.extend(trailers.clone());
    }
    driver.abort();
    Ok(Reply {
        status,
        headers: (fields.iter())
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect(),
        body: collected.to_bytes().to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_sent_as_written_is_not_expressible() {
        for path in ["//a", "/a%2Fb", "/a\\b", "/a/../b", "/a;b", "/a?b=c"] {
            assert!(expressible(&[(":path", path)]), "{path}");
        }
        for path in ["/a#b", "/a\nb", "/a b"] {
            assert!(!expressible(&[(":path", path)]), "{path:?}");
        }
        assert!(!expressible(&[("X-Capital", "1")]));
        assert!(expressible(&[(&b"x-odd"[..], &b"\xff"[..])]));
    }
}
