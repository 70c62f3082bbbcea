//! The agent as a whole: threads, listeners, signals, the policy file.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot},
    time,
};
use wasmtime_harness::{Limits, Metering, Module};

use crate::{
    counters::Counters,
    engine::Engine,
    factory::Factory,
    guest::show,
    health,
    listen::{Address, Listener},
    policy,
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
    let factory = Arc::new(factory(options).map_err(|why| vec![why])?);
    let policy = Arc::new(policy::read(&options.policy).map_err(|why| vec![why])?);
    let engines = engines(&factory, &policy, options.threads)?;
    let mut threads = Vec::new();
    let mut counters = Vec::new();
    for (number, engine) in engines.into_iter().enumerate() {
        let own = Arc::new(Counters::default());
        counters.push(Arc::clone(&own));
        let (factory, policy) = (Arc::clone(&factory), Arc::clone(&policy));
        let patience = options.patience;
        let thread =
            Thread::start(format!("gate-{number}"), options.max_frame_size, move || {
                Worker::new(factory, policy, engine, patience, own)
            });
        threads.push(thread.map_err(|why| vec![why])?);
    }
    let io = runtime::Builder::new_current_thread().enable_all().build();
    let io = io.map_err(|error| vec![format!("cannot start an I/O thread: {error}")])?;
    let agent = Agent { options: options.clone(), factory, policy, threads, counters };
    io.block_on(agent.serve()).map_err(|why| vec![why])
}

fn factory(options: &Options) -> Result<Factory, String> {
    let path = &options.module;
    let shown = path.display();
    let module = if options.cache {
        Module::load_metered(path, Metering::Fuel).map_err(|error| error.to_string())
    } else {
        let bytes =
            std::fs::read(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        Module::from_bytes_metered(&bytes, Metering::Fuel)
            .map_err(|error| format!("{shown}: {error}"))
    }?;
    Ok(Factory::new(module, options.limits, BTreeSet::new()))
}

/// One VM for each thread, all with this policy. What the filter says is shown once.
fn engines(factory: &Factory, policy: &[u8], threads: usize) -> Result<Vec<Engine>, Vec<String>> {
    let (first, lines) = factory.try_policy(policy)?;
    lines.iter().for_each(show);
    let mut engines = vec![first];
    for _ in 1..threads {
        engines.push(factory.try_policy(policy)?.0);
    }
    Ok(engines)
}

/// A running agent.
struct Agent {
    options: Options,
    factory: Arc<Factory>,
    /// The policy in force.
    policy: Arc<Vec<u8>>,
    threads: Vec<Thread>,
    counters: Vec<Arc<Counters>>,
}

impl Agent {
    async fn serve(mut self) -> Result<(), String> {
        let handle = |kind: SignalKind| {
            signal(kind).map_err(|error| format!("cannot handle a signal: {error}"))
        };
        let mut interrupt = handle(SignalKind::interrupt())?;
        let mut terminate = handle(SignalKind::terminate())?;
        let mut hangup = handle(SignalKind::hangup())?;
        let (connected, mut connections) = mpsc::channel(16);
        let mut accepting = tokio::task::JoinSet::new();
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
                    self.reload(&status).await;
                }
                _ = look.tick() => {
                    // A file that is not there for a moment is about to be another one.
                    if let Ok(found) = std::fs::read(&self.options.policy)
                        && found != seen
                    {
                        seen = found;
                        self.reload(&status).await;
                    }
                }
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

    /// Reads the policy file and puts it in force, or says why not.
    async fn reload(&mut self, status: &health::Status) {
        let (path, factory) = (self.options.policy.clone(), Arc::clone(&self.factory));
        let threads = self.threads.len();
        let made = tokio::task::spawn_blocking(move || {
            let policy = policy::read(&path).map_err(|why| vec![why])?;
            let engines = engines(&factory, &policy, threads)?;
            Ok::<_, Vec<String>>((policy, engines))
        });
        let made = made.await.unwrap_or_else(|_| Err(vec!["the attempt panicked".to_owned()]));
        let (policy, engines) = match made {
            Ok(made) => made,
            Err(problems) => {
                for problem in &problems {
                    tracing::error!("policy: {problem}");
                }
                tracing::error!(
                    problems = problems.len(),
                    "the policy is refused; the one before stays in force"
                );
                status.reloaded(false);
                return;
            }
        };
        self.policy = Arc::new(policy);
        let mut done = Vec::new();
        for (thread, engine) in self.threads.iter().zip(engines) {
            let (told, heard) = oneshot::channel();
            let event = Event::Policy(Arc::clone(&self.policy), Box::new(engine), told);
            let _ = thread.events.send(event);
            done.push(heard);
        }
        for heard in done {
            let _ = heard.await;
        }
        status.reloaded(true);
        tracing::info!("the new policy is in force");
    }

    /// Ends when the requests under way are answered.
    async fn stop(
        self,
        status: &health::Status,
        mut accepting: tokio::task::JoinSet<()>,
    ) -> Result<(), String> {
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
