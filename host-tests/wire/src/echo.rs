//! An upstream that answers with what it received.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A reply that carries this header was made by the upstream, not by the proxy or the gate.
pub(crate) const MARK: &str = "x-echo-upstream";

/// Far more than any filter is tried with.
const MOST_HEADERS: usize = 10_000;

/// A request as the upstream saw it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Received {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers in lower case; a byte of a value is the character of the same number, so that
    /// nothing is lost.
    pub headers: Vec<(String, String)>,
    /// The length of the body.
    pub body_bytes: usize,
}

impl Received {
    /// The values of a header, in order.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<&str> {
        (self.headers.iter()).filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect()
    }

    /// The headers with their values as bytes.
    #[must_use]
    pub fn header_bytes(&self) -> Vec<(String, Vec<u8>)> {
        (self.headers.iter())
            .map(|(name, value)| (name.clone(), value.chars().map(latin1).collect()))
            .collect()
    }
}

fn latin1(character: char) -> u8 {
    u8::try_from(u32::from(character)).unwrap_or(b'?')
}

/// A running upstream on 127.0.0.1; it ends with this value.
pub struct Upstream {
    address: SocketAddr,
    served: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    /// Starts the upstream on a free port.
    ///
    /// # Errors
    ///
    /// No socket or thread could be had.
    pub fn start() -> Result<Self> {
        let listener =
            std::net::TcpListener::bind("127.0.0.1:0").context("binding the upstream")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let served = Arc::new(AtomicUsize::new(0));
        let (stop, stopped) = oneshot::channel();
        let counter = Arc::clone(&served);
        let thread = std::thread::Builder::new().name("upstream".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, counter) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, served, stop: Some(stop), thread: Some(thread) })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many requests have arrived so far.
    #[must_use]
    pub fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there has failed the requests that needed it.
            drop(thread.join());
        }
    }
}

async fn serve(listener: std::net::TcpListener, served: Arc<AtomicUsize>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    while let Ok((stream, _)) = listener.accept().await {
        let served = Arc::clone(&served);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                served.fetch_add(1, Ordering::SeqCst);
                async move { Ok::<_, Infallible>(echo(request).await) }
            });
            // An error here is a connection that the proxy closed.
            drop(
                hyper::server::conn::http1::Builder::new()
                    .max_headers(MOST_HEADERS)
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

async fn echo(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    // A body that ends early is one that the proxy gave up on; nobody reads this answer then.
    let body_bytes = body.collect().await.map_or(0, |body| body.to_bytes().len());
    let received = Received {
        method: head.method.to_string(),
        path: head.uri.path_and_query().map_or("", |path| path.as_str()).to_owned(),
        headers: (head.headers.iter())
            .map(|(name, value)| {
                (name.to_string(), value.as_bytes().iter().copied().map(char::from).collect())
            })
            .collect(),
        body_bytes,
    };
    // Strings and lists of strings always serialise.
    let body = serde_json::to_vec(&received).unwrap_or_default();
    let mut response = Response::new(Full::from(body));
    let headers = response.headers_mut();
    headers.insert(MARK, hyper::header::HeaderValue::from_static("1"));
    headers.insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    response
}
