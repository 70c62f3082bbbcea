//! A small HTTP front with a filter in it: what `wasmtime-harness serve` runs.
//!
//! Connections are served by one thread, the filter runs on another, and events go between them by
//! channels. The filter's virtual clock follows the real one.
//!
//! ```text
//! client <-HTTP-> Front --Event--> Engine (Fleet) --> Callouts -HTTP-> clusters
//!                  ^  \<--Piece--/
//! upstream <-HTTP--/
//! ```

mod engine;
mod event;
mod front;
mod headers;
mod log;
mod pieces;
mod stream;
mod upstream;
mod watch;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU64, mpsc},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use proxy_host_model::{Fleet, LogLevel, Model, Plan};
use tokio::{
    net::TcpListener,
    runtime::{self, Handle},
    signal::unix::{SignalKind, signal},
    sync::{oneshot, watch as watched},
    task::JoinSet,
    time,
};
use wasmtime_harness::{
    Spawner,
    live::{Callouts, Network, Origin},
};

use self::{
    engine::Engine,
    event::Event,
    front::{Ends, Front},
    watch::Watcher,
};

pub(crate) use self::upstream::Upstream;

/// How long requests may take to their end once the front is told to stop.
const STOPPING: Duration = Duration::from_secs(3);

/// What to serve.
pub(crate) struct Plot {
    pub(crate) spawner: Spawner,
    pub(crate) plan: Plan,
    /// The proxy around the filter, with an unset clock.
    pub(crate) model: Model,
    pub(crate) vm_configuration: Vec<u8>,
    pub(crate) configuration: Vec<u8>,
    pub(crate) listen: SocketAddr,
    pub(crate) upstream: Upstream,
    pub(crate) clusters: BTreeMap<String, Origin>,
    /// The lowest level of the filter's log lines that is shown.
    pub(crate) level: LogLevel,
    /// How long a client may be silent in the middle of a request.
    pub(crate) patience: Duration,
}

/// Serves until a signal says to stop.
///
/// # Errors
///
/// The address cannot be listened on, or the filter does not start.
pub(crate) fn serve(plot: Plot) -> Result<(), String> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start an I/O thread: {error}"))?;
    runtime.block_on(run(plot))
}

async fn run(plot: Plot) -> Result<(), String> {
    let refuse = |error: std::io::Error| format!("cannot listen on {}: {error}", plot.listen);
    let listener = TcpListener::bind(plot.listen).await.map_err(refuse)?;
    let listen = listener.local_addr().map_err(refuse)?;
    let (events, heard) = mpsc::channel();
    let front = Arc::new(Front {
        events: events.clone(),
        upstream: plot.upstream.clone(),
        patience: plot.patience,
        requests: AtomicU64::new(0),
    });
    let (started, start) = oneshot::channel();
    let network = Network {
        clusters: plot.clusters.clone(),
        secure: None,
        runtime: Handle::current(),
        log: log::line,
    };
    let answered = events.clone();
    let callouts = Callouts::new(Arc::new(network), move |call, answer| {
        // An engine that has ended waits for nothing.
        let _ = answered.send(Event::Answered(call, answer));
    });
    let engine = thread::spawn(move || match fleet(plot) {
        Ok((fleet, workers)) => {
            // The front waits for this.
            let _ = started.send(Ok(()));
            Engine::new(fleet, workers, heard, callouts).run();
        }
        Err(error) => {
            let _ = started.send(Err(error));
        }
    });
    start.await.unwrap_or_else(|_| Err("the filter's thread ended".to_owned()))?;
    // Not to standard error, where the log goes: a script reads the port here.
    println!("listening on http://{listen}");
    accept(listener, &front).await?;
    let _ = events.send(Event::Stop);
    engine.join().map_err(|_| "the filter's thread panicked".to_owned())
}

/// Accepts connections until a signal says to stop, and lets the requests under way end.
async fn accept(listener: TcpListener, front: &Arc<Front>) -> Result<(), String> {
    let handle =
        |kind: SignalKind| signal(kind).map_err(|error| format!("cannot handle a signal: {error}"));
    let mut interrupt = handle(SignalKind::interrupt())?;
    let mut terminate = handle(SignalKind::terminate())?;
    let (stop, stopped) = watched::channel(false);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    let server = stream.local_addr().unwrap_or(client);
                    let _ = stream.set_nodelay(true);
                    let ends = Ends { client, server };
                    connections.spawn(Arc::clone(front).serve(stream, ends, stopped.clone()));
                }
                Err(error) => {
                    log::line(format_args!("cannot accept a connection: {error}"));
                    // Out of file descriptors, as a rule: trying at once would spin.
                    time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    log::line(format_args!("stopping"));
    drop(listener);
    let _ = stop.send(true);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = time::timeout(STOPPING, all).await;
    Ok(())
}

/// A fleet that has been started at the time that it is, and its number of workers.
fn fleet(plot: Plot) -> Result<(Fleet<Watcher>, usize), String> {
    let workers = plot.plan.workers;
    let watcher = Watcher { spawner: plot.spawner, level: plot.level };
    let mut model = plot.model;
    if let Ok(since) = SystemTime::now().duration_since(UNIX_EPOCH) {
        model.clock.set_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
    }
    model.settings.clusters.extend(plot.clusters.into_keys());
    let mut fleet = Fleet::new(watcher, plot.plan, model)?;
    let started = fleet.start(&plot.vm_configuration, &plot.configuration);
    if started.accepted {
        return Ok((fleet, workers));
    }
    let trap = started.vms.iter().find_map(|(_, startup)| startup.trap.as_ref());
    Err(match trap {
        Some(_) => "the filter ended while it was configured".to_owned(),
        None => "the filter refused its configuration".to_owned(),
    })
}
