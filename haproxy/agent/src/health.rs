//! Whether the agent is well, for whoever watches over it.

use std::{
    convert::Infallible,
    fmt::Write as _,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode, body::Bytes, body::Incoming, header,
    server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use proxy_host_model::{MetricKind, MetricValue};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    time,
};

use crate::{
    counters::{CLASSES, Counters},
    threads::Event,
};

/// How long a client may be silent in the middle of a request, and a thread before its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What can be told.
#[derive(Debug)]
pub(crate) struct Status {
    counters: Vec<Arc<Counters>>,
    threads: Vec<mpsc::UnboundedSender<Event>>,
    ending: AtomicBool,
    taken: AtomicU64,
    refused: AtomicU64,
}

impl Status {
    /// The status of an agent with these threads.
    pub(crate) fn new(
        counters: Vec<Arc<Counters>>,
        threads: Vec<mpsc::UnboundedSender<Event>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            counters,
            threads,
            ending: AtomicBool::new(false),
            taken: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// Counts a policy that was taken or refused.
    pub(crate) fn reloaded(&self, taken: bool) {
        let counter = if taken { &self.taken } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Says that the agent is about to end.
    pub(crate) fn ending(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    async fn metrics(&self) -> String {
        let mut text = String::new();
        let sum = |which: fn(&Counters) -> &AtomicU64| {
            let values = self.counters.iter().map(|own| which(own).load(Ordering::Relaxed));
            values.fold(0_u64, u64::saturating_add)
        };
        let name = "jwt_gate_agent_requests_total";
        head(&mut text, name, "counter", "Requests by verdict.");
        for (verdict, value) in [
            ("allow", sum(|own| &own.allowed)),
            ("deny", sum(|own| &own.denied)),
            ("error", sum(|own| &own.errors)),
        ] {
            line(&mut text, name, &format!("{{verdict=\"{verdict}\"}}"), value);
        }
        self.durations(&mut text, sum(|own| &own.micros));
        for (name, kind, about, value) in [
            (
                "jwt_gate_agent_vm_replacements_total",
                "counter",
                "VMs that took the place of one that had ended by a trap.",
                sum(|own| &own.replaced),
            ),
            (
                "jwt_gate_agent_connections_total",
                "counter",
                "Connections from HAProxy.",
                sum(|own| &own.connections),
            ),
            (
                "jwt_gate_agent_broken_frames_total",
                "counter",
                "Frames and messages that could not be used.",
                sum(|own| &own.broken_frames),
            ),
            (
                "jwt_gate_agent_waiting_requests",
                "gauge",
                "Requests that the filter holds.",
                sum(|own| &own.waiting),
            ),
        ] {
            head(&mut text, name, kind, about);
            line(&mut text, name, "", value);
        }
        let name = "jwt_gate_agent_reloads_total";
        head(&mut text, name, "counter", "Policies that were read anew, by outcome.");
        for (outcome, counter) in [("taken", &self.taken), ("refused", &self.refused)] {
            let value = counter.load(Ordering::Relaxed);
            line(&mut text, name, &format!("{{outcome=\"{outcome}\"}}"), value);
        }
        self.filter(&mut text).await;
        text
    }

    fn durations(&self, text: &mut String, micros: u64) {
        let name = "jwt_gate_agent_request_duration_seconds";
        head(text, name, "histogram", "From the request to its answer, within the agent.");
        let mut sum = 0_u64;
        let of_class = |class: usize| {
            let own = self.counters.iter().filter_map(|own| own.durations.get(class));
            own.fold(0_u64, |sum, own| sum.saturating_add(own.load(Ordering::Relaxed)))
        };
        let ends = CLASSES.iter().map(|end| seconds(*end)).chain(["+Inf".to_owned()]);
        for (class, end) in ends.enumerate() {
            sum = sum.saturating_add(of_class(class));
            let _ = writeln!(text, "{name}_bucket{{le=\"{end}\"}} {sum}");
        }
        let _ = writeln!(text, "{name}_sum {}\n{name}_count {sum}", seconds(micros));
    }

    /// What the filter counts by itself, over all threads: counters added up, of gauges the highest.
    async fn filter(&self, text: &mut String) {
        let mut all = std::collections::BTreeMap::new();
        for thread in &self.threads {
            let (told, heard) = oneshot::channel();
            let _ = thread.send(Event::Metrics(told));
            let Ok(Ok(metrics)) = time::timeout(PATIENCE, heard).await else {
                continue;
            };
            for (kind, name, value) in metrics {
                let MetricValue::Number(value) = value else {
                    continue;
                };
                let so_far: &mut u64 = all.entry((kind, name)).or_default();
                *so_far = match kind {
                    MetricKind::Counter => so_far.saturating_add(value),
                    MetricKind::Gauge | MetricKind::Histogram => value.max(*so_far),
                };
            }
        }
        for (kind, metric, shown, about) in [
            (MetricKind::Counter, "jwt_gate_counter_total", "counter", "Counters of the filter."),
            (MetricKind::Gauge, "jwt_gate_gauge", "gauge", "Gauges of the filter."),
        ] {
            head(text, metric, shown, about);
            for ((_, name), value) in all.iter().filter(|((other, _), _)| *other == kind) {
                line(text, metric, &format!("{{name=\"{}\"}}", name.escape_default()), *value);
            }
        }
    }
}

fn head(text: &mut String, name: &str, kind: &str, about: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "# HELP {name} {about}\n# TYPE {name} {kind}");
}

fn line(text: &mut String, name: &str, labels: &str, value: u64) {
    let _ = writeln!(text, "{name}{labels} {value}");
}

/// Microseconds as seconds, exactly.
fn seconds(micros: u64) -> String {
    let time = Duration::from_micros(micros);
    format!("{}.{:06}", time.as_secs(), time.subsec_micros())
}

/// Listens for those who ask.
///
/// # Errors
///
/// The address cannot be listened on.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| format!("cannot listen on {address}: {error}"))
}

/// Answers those who ask, for ever.
pub(crate) async fn serve(listener: TcpListener, status: Arc<Status>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let status = Arc::clone(&status);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&status)));
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
            // What is wrong with a client's connection is the client's affair.
            let _ = builder.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    status: Arc<Status>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    let (code, kind, body) = match request.uri().path() {
        _ if !reads => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", "GET only\n".to_owned()),
        "/healthz" if status.ending.load(Ordering::Relaxed) => {
            (StatusCode::SERVICE_UNAVAILABLE, "text/plain", "ending\n".to_owned())
        }
        "/healthz" => (StatusCode::OK, "text/plain", "ok\n".to_owned()),
        "/metrics" => (StatusCode::OK, "text/plain; version=0.0.4", status.metrics().await),
        _ => (StatusCode::NOT_FOUND, "text/plain", "/healthz or /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = code;
    let kind = header::HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}
