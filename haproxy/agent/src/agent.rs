//! The agent as a whole: threads, listeners, signals, the policy file.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    runtime::{self, Handle},
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot},
    task::{JoinHandle, JoinSet},
    time,
};
use wasmtime_harness::{
    Limits, Metering, Module,
    live::{Network, Origin, Secure},
};

use crate::{
    cluster::Tls,
    counters::Counters,
    engine::Engine,
    factory::Factory,
    guest::show,
    health,
    listen::{Address, Listener},
    policy, ready,
    threads::{Event, Thread},
    worker::Worker,
};

/// How often the policy file is looked at. Its contents are compared, so that a link that is changed
/// to another folder, as Kubernetes does it, is seen as well.
const LOOK: Duration = Duration::from_secs(1);

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The module.
    pub module: PathBuf,
    /// The policy file.
    pub policy: PathBuf,
    /// Where HAProxy finds the agent.
    pub listen: Vec<Address>,
    /// The permissions of Unix sockets.
    pub socket_mode: u32,
    /// Where health and metrics are told.
    pub health: Option<std::net::SocketAddr>,
    /// How many threads serve connections, each with a VM.
    pub threads: usize,
    /// The servers that the filter may call, by the names of clusters in the policy.
    pub clusters: BTreeMap<String, Origin>,
    /// Files with certificates to trust beside the system's.
    pub trusted: Vec<PathBuf>,
    /// What a VM may use up.
    pub limits: Limits,
    /// The most bytes of a frame.
    pub max_frame_size: u32,
    /// How long the filter may hold a request.
    pub patience: Duration,
    /// How long the requests under way may take once the agent is told to end.
    pub grace: Duration,
    /// Whether the compiled module is kept beside the module.
    pub cache: bool,
}

/// Tries a policy; gives the lines that the filter logs when it takes it.
///
/// # Errors
///
/// The module cannot be used, the file cannot be read, or the filter does not take it: one line for
/// each problem.
pub fn check(options: &Options) -> Result<Vec<String>, Vec<String>> {
    let factory = factory(options).map_err(|why| vec![why])?;
    let policy = policy::read(&options.policy).map_err(|why| vec![why])?;
    let (_, lines) = factory.try_policy(&policy)?;
    Ok(lines.into_iter().map(|line| line.text).collect())
}

/// Serves until a signal says to end.
///
/// # Errors
///
/// As for [`check`], or an address cannot be listened on.
pub fn run(options: &Options) -> Result<(), Vec<String>> {
    let one = |why: String| vec![why];
    let factory = Arc::new(factory(options).map_err(one)?);
    let network = Calls::new(options).map_err(one)?;
    let policy = policy::read(&options.policy).map_err(one)?;
    let io = runtime::Builder::new_current_thread().enable_all().build();
    let io = io.map_err(|error| vec![format!("cannot start an I/O thread: {error}")])?;
    io.block_on(async {
        let here = Arc::new(network.on(Handle::current()));
        let engines = engines(&factory, here, &policy, options.threads).await?;
        let agent = Agent::start(options, factory, network, policy, engines).map_err(one)?;
        agent.serve().await.map_err(one)
    })
}

/// How calls are made, on whatever thread.
#[derive(Clone, Debug)]
struct Calls {
    clusters: BTreeMap<String, Origin>,
    tls: Option<Arc<Tls>>,
}

impl Calls {
    fn new(options: &Options) -> Result<Self, String> {
        let clusters = options.clusters.clone();
        let tls = match clusters.values().any(Origin::tls) {
            true => Some(Arc::new(Tls::trusting(&options.trusted)?)),
            false => None,
        };
        Ok(Self { clusters, tls })
    }

    fn on(&self, runtime: Handle) -> Network {
        let secure = self.tls.clone().map(|tls| -> Arc<dyn Secure> { tls });
        Network {
            clusters: self.clusters.clone(),
            secure,
            runtime,
            log: |line| tracing::warn!("{line}"),
        }
    }
}

fn factory(options: &Options) -> Result<Factory, String> {
    let path = &options.module;
    let shown = path.display();
    let module = if options.cache {
        Module::load_metered(path, Metering::Fuel).map_err(|error| error.to_string())
    } else {
        let bytes = std::fs::read(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        Module::from_bytes_metered(&bytes, Metering::Fuel)
            .map_err(|error| format!("{shown}: {error}"))
    }?;
    let clusters = options.clusters.keys().cloned().collect();
    Ok(Factory::new(module, options.limits, clusters))
}

/// One VM for each thread, all with this policy and ready to judge by it. What the filter says is
/// shown once.
async fn engines(
    factory: &Factory,
    network: Arc<Network>,
    policy: &[u8],
    threads: usize,
) -> Result<Vec<Engine>, Vec<String>> {
    let (first, lines) = factory.try_policy(policy)?;
    lines.iter().for_each(show);
    // The others find in the shared data what this one has fetched.
    let mut engines = vec![ready::wait(first, network).await];
    for _ in 1..threads {
        engines.push(factory.try_policy(policy)?.0);
    }
    Ok(engines)
}

/// A running agent.
struct Agent {
    options: Options,
    factory: Arc<Factory>,
    calls: Calls,
    threads: Vec<Thread>,
    counters: Vec<Arc<Counters>>,
    /// A policy that is being made ready.
    coming: Option<JoinHandle<Made>>,
    /// Whether the file is to be read once more after that.
    again: bool,
}

impl Agent {
    fn start(
        options: &Options,
        factory: Arc<Factory>,
        calls: Calls,
        policy: Vec<u8>,
        engines: Vec<Engine>,
    ) -> Result<Self, String> {
        let policy = Arc::new(policy);
        let mut threads = Vec::new();
        let mut counters = Vec::new();
        for (number, engine) in engines.into_iter().enumerate() {
            let own = Arc::new(Counters::default());
            counters.push(Arc::clone(&own));
            let (factory, policy) = (Arc::clone(&factory), Arc::clone(&policy));
            let patience = options.patience;
            threads.push(Thread::start(
                format!("gate-{number}"),
                options.max_frame_size,
                |runtime| calls.on(runtime),
                move |callouts| Worker::new(factory, policy, engine, callouts, patience, own),
            )?);
        }
        let options = options.clone();
        Ok(Self { options, factory, calls, threads, counters, coming: None, again: false })
    }

    async fn serve(mut self) -> Result<(), String> {
        let handle = |kind: SignalKind| {
            signal(kind).map_err(|error| format!("cannot handle a signal: {error}"))
        };
        let mut interrupt = handle(SignalKind::interrupt())?;
        let mut terminate = handle(SignalKind::terminate())?;
        let mut hangup = handle(SignalKind::hangup())?;
        let (connected, mut connections) = mpsc::channel(16);
        let mut accepting = JoinSet::new();
        for address in &self.options.listen {
            let listener = Listener::bind(address, self.options.socket_mode).await;
            let listener =
                listener.map_err(|error| format!("cannot listen on {address}: {error}"))?;
            let address = listener.address().unwrap_or_else(|_| address.clone());
            // Not to standard error, where the log goes: a script reads the port here.
            println!("listening on {address}");
            accepting.spawn(accept(listener, connected.clone()));
        }
        let status = health::Status::new(
            self.counters.clone(),
            self.threads.iter().map(|thread| thread.events.clone()).collect(),
        );
        if let Some(address) = self.options.health {
            let listener = health::bind(address).await?;
            let address = listener.local_addr().unwrap_or(address);
            println!("health on http://{address}");
            accepting.spawn(health::serve(listener, Arc::clone(&status)));
        }
        tracing::info!(threads = self.threads.len(), "ready");
        let mut look = time::interval(LOOK);
        look.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let mut seen = std::fs::read(&self.options.policy).unwrap_or_default();
        let mut turn = 0_usize;
        loop {
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                _ = hangup.recv() => {
                    seen = std::fs::read(&self.options.policy).unwrap_or_default();
                    self.read_anew();
                }
                _ = look.tick() => {
                    // A file that is not there for a moment is about to be another one.
                    if let Ok(found) = std::fs::read(&self.options.policy)
                        && found != seen
                    {
                        seen = found;
                        self.read_anew();
                    }
                }
                made = made(&mut self.coming) => self.put_in_force(made, &status).await,
                Some(socket) = connections.recv() => {
                    if let Some(thread) = self.threads.get(turn) {
                        // A thread ends only at the very end.
                        let _ = thread.events.send(Event::Connection(socket));
                    }
                    let next = turn.saturating_add(1).checked_rem(self.threads.len());
                    turn = next.unwrap_or_default();
                }
            }
        }
        self.stop(&status, accepting).await
    }

    /// Reads the policy file and makes VMs ready that judge by it; the old ones serve meanwhile.
    fn read_anew(&mut self) {
        self.again = self.coming.is_some();
        if self.again {
            return;
        }
        let (path, factory) = (self.options.policy.clone(), Arc::clone(&self.factory));
        let (network, threads) = (self.calls.on(Handle::current()), self.threads.len());
        self.coming = Some(tokio::spawn(async move {
            let policy = policy::read(&path).map_err(|why| vec![why])?;
            let engines = engines(&factory, Arc::new(network), &policy, threads).await?;
            Ok((policy, engines))
        }));
    }

    /// Puts a policy in force that was made ready, or says why not.
    async fn put_in_force(&mut self, made: Made, status: &health::Status) {
        match made {
            Ok((policy, engines)) => {
                let policy = Arc::new(policy);
                let mut done = Vec::new();
                for (thread, engine) in self.threads.iter().zip(engines) {
                    let (told, heard) = oneshot::channel();
                    let event = Event::Policy(Arc::clone(&policy), Box::new(engine), told);
                    // A thread ends only at the very end.
                    let _ = thread.events.send(event);
                    done.push(heard);
                }
                for heard in done {
                    let _ = heard.await;
                }
                status.reloaded(true);
                tracing::info!("the new policy is in force");
            }
            Err(problems) => {
                for problem in &problems {
                    tracing::error!("policy: {problem}");
                }
                tracing::error!(
                    problems = problems.len(),
                    "the policy is refused; the one before stays in force"
                );
                status.reloaded(false);
            }
        }
        if self.again {
            self.read_anew();
        }
    }

    /// Ends when the requests under way are answered.
    async fn stop(self, status: &health::Status, mut accepting: JoinSet<()>) -> Result<(), String> {
        tracing::info!("ending");
        status.ending();
        accepting.shutdown().await;
        for thread in &self.threads {
            let _ = thread.events.send(Event::Stop(self.options.grace));
        }
        let threads = self.threads;
        let joined = tokio::task::spawn_blocking(move || {
            threads.into_iter().map(Thread::join).fold(true, |all, one| all & one)
        });
        match joined.await {
            Ok(true) => Ok(()),
            _ => Err("a thread panicked".to_owned()),
        }
    }
}

/// A policy and VMs that have taken it, or what is wrong with it.
type Made = Result<(Vec<u8>, Vec<Engine>), Vec<String>>;

/// Waits for a policy that is being made ready, if one is, and for ever otherwise.
async fn made(coming: &mut Option<JoinHandle<Made>>) -> Made {
    let Some(task) = coming else {
        return std::future::pending().await;
    };
    let made = task.await;
    *coming = None;
    made.unwrap_or_else(|_| Err(vec!["the attempt to take it panicked".to_owned()]))
}

/// Accepts connections for ever.
async fn accept(listener: Listener, to: mpsc::Sender<crate::listen::Socket>) {
    loop {
        match listener.accept().await {
            Ok(socket) => {
                if to.send(socket).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::error!("cannot accept a connection: {error}");
                // Out of file descriptors, as a rule: trying at once would spin.
                time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
