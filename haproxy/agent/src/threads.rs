//! The threads that serve connections.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use proxy_host_model::{MetricKind, MetricValue};
use tokio::{
    net::{TcpStream, UnixStream},
    runtime,
    sync::{mpsc, oneshot, watch},
    task::{JoinSet, LocalSet},
    time,
};

use wasmtime_harness::live::{Call, Callouts, Message, Network};

use crate::{
    connection,
    engine::Engine,
    listen::Socket,
    worker::{Shared, Worker},
};

/// How long a thread sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

/// The metrics of a filter: kind, name and value.
pub(crate) type FilterMetrics = Vec<(MetricKind, String, MetricValue)>;

/// What a thread is told.
#[derive(Debug)]
pub(crate) enum Event {
    /// Serve a connection.
    Connection(Socket),
    /// Put a new policy in force, and say so.
    Policy(Arc<Vec<u8>>, Box<Engine>, oneshot::Sender<()>),
    /// Say what the filter counts.
    Metrics(oneshot::Sender<FilterMetrics>),
    /// Tell a VM of the answer to a call.
    Answered(Call<u64>, Option<Message>),
    /// End, when the requests under way are answered or so much time has passed.
    Stop(Duration),
}

/// A thread that serves connections.
#[derive(Debug)]
pub(crate) struct Thread {
    pub(crate) events: mpsc::UnboundedSender<Event>,
    handle: JoinHandle<()>,
}

impl Thread {
    /// Starts a thread.
    ///
    /// # Errors
    ///
    /// The operating system gives none.
    pub(crate) fn start(
        name: String,
        max_frame_size: u32,
        network: impl FnOnce(runtime::Handle) -> Network,
        worker: impl FnOnce(Callouts<u64>) -> Worker + Send + 'static,
    ) -> Result<Self, String> {
        let (events, heard) = mpsc::unbounded_channel();
        let answered = events.downgrade();
        let builder = thread::Builder::new().name(name);
        let io = runtime::Builder::new_current_thread().enable_all().build();
        let io = io.map_err(|error| format!("cannot start an I/O thread: {error}"))?;
        let network = Arc::new(network(io.handle().clone()));
        let handle = builder.spawn(move || {
            let callouts = Callouts::new(network, move |call, answer| {
                // A thread that is about to end waits for nothing.
                if let Some(events) = answered.upgrade() {
                    let _ = events.send(Event::Answered(call, answer));
                }
            });
            let worker = Rc::new(RefCell::new(worker(callouts)));
            LocalSet::new().block_on(&io, run(worker, heard, max_frame_size));
        });
        let handle = handle.map_err(|error| format!("cannot start a thread: {error}"))?;
        Ok(Self { events, handle })
    }

    /// Waits for the thread's end; whether it ended by itself and not by a panic.
    pub(crate) fn join(self) -> bool {
        drop(self.events);
        self.handle.join().is_ok()
    }
}

async fn run(worker: Shared, mut heard: mpsc::UnboundedReceiver<Event>, max_frame_size: u32) {
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let ticker = tokio::task::spawn_local(tick(Rc::clone(&worker)));
    let grace = loop {
        let event = tokio::select! {
            event = heard.recv() => event,
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!("a connection ended in a way that it must not: {error}");
                }
                continue;
            }
        };
        match event {
            Some(Event::Connection(socket)) => {
                let (worker, stopped) = (Rc::clone(&worker), stopped.clone());
                connections.spawn_local(async move {
                    match adopt(socket) {
                        Ok(Adopted::Tcp(socket)) => {
                            connection::serve(socket, worker, max_frame_size, stopped).await;
                        }
                        Ok(Adopted::Unix(socket)) => {
                            connection::serve(socket, worker, max_frame_size, stopped).await;
                        }
                        Err(error) => tracing::error!("cannot serve a connection: {error}"),
                    }
                });
            }
            Some(Event::Policy(policy, engine, done)) => {
                worker.borrow_mut().take_policy(policy, *engine);
                // Whoever asked may have gone.
                let _ = done.send(());
            }
            Some(Event::Metrics(to)) => {
                let _ = to.send(metrics(&worker));
            }
            Some(Event::Answered(call, answer)) => worker.borrow_mut().answered(call, answer),
            Some(Event::Stop(grace)) => break grace,
            None => break Duration::ZERO,
        }
    };
    let _ = stop.send(true);
    let all = async {
        loop {
            tokio::select! {
                ended = connections.join_next() => if ended.is_none() { break },
                // Requests that wait for keys are under way.
                Some(event) = heard.recv() => if let Event::Answered(call, answer) = event {
                    worker.borrow_mut().answered(call, answer);
                },
            }
        }
    };
    let over = time::timeout(grace, all).await.is_err();
    if over {
        tracing::warn!(connections = connections.len(), "connections are cut off");
    }
    ticker.abort();
}

/// Calls the worker when something is due.
async fn tick(worker: Shared) {
    let sooner = worker.borrow().sooner();
    loop {
        let due = worker.borrow_mut().due_in().unwrap_or(IDLE);
        tokio::select! {
            () = time::sleep(due) => worker.borrow_mut().tick(),
            () = sooner.notified() => {}
        }
    }
}

fn metrics(worker: &Shared) -> FilterMetrics {
    let mut worker = worker.borrow_mut();
    let Some(engine) = worker.engine() else {
        return Vec::new();
    };
    engine.model(|model| {
        let metrics = model.metrics.iter();
        let named = metrics
            .map(|(kind, name, value)| (kind, String::from_utf8_lossy(name).into_owned(), value));
        named.collect()
    })
}

enum Adopted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Makes a socket of this thread's of one that was accepted elsewhere.
fn adopt(socket: Socket) -> std::io::Result<Adopted> {
    match socket {
        Socket::Tcp(socket) => TcpStream::from_std(socket).map(Adopted::Tcp),
        Socket::Unix(socket) => UnixStream::from_std(socket).map(Adopted::Unix),
    }
}
