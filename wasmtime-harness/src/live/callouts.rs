//! The HTTP calls that filters make, by a real client.

use std::{collections::BTreeMap, fmt, sync::Arc};

use proxy_host_model::HttpCall;
use tokio::{runtime::Handle, sync::mpsc, task::AbortHandle};

use super::{
    client::{self, Failed, Origin, Secure},
    message::Message,
};

/// A call that a filter made, in one of the VMs that there were: `V` tells which.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Call<V> {
    /// The VM.
    pub vm: V,
    /// The token of the call within the VM.
    pub token: u32,
    /// Apart from earlier calls with the same token, whose VM has ended.
    number: u64,
}

/// Where calls go, and what is told of them.
#[derive(Clone)]
pub struct Network {
    /// Servers by the name of their cluster.
    pub clusters: BTreeMap<String, Origin>,
    /// What speaks TLS, if anything does.
    pub secure: Option<Arc<dyn Secure>>,
    /// Where calls are made.
    pub runtime: Handle,
    /// Takes a line about a call that failed.
    pub log: fn(fmt::Arguments<'_>),
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("clusters", &self.clusters).finish_non_exhaustive()
    }
}

/// The calls that are under way.
pub struct Callouts<V> {
    network: Arc<Network>,
    /// Takes an answer, if one came.
    deliver: Arc<dyn Fn(Call<V>, Option<Message>) + Send + Sync>,
    calls: BTreeMap<(V, u32), (u64, AbortHandle)>,
    made: u64,
}

impl<V> fmt::Debug for Callouts<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callouts").field("calls", &self.calls.len()).finish_non_exhaustive()
    }
}

impl<V: Copy + Ord + Send + 'static> Callouts<V> {
    /// No calls yet; `deliver` takes their answers, if they have one, and runs where calls are made.
    pub fn new(
        network: Arc<Network>,
        deliver: impl Fn(Call<V>, Option<Message>) + Send + Sync + 'static,
    ) -> Self {
        Self { network, deliver: Arc::new(deliver), calls: BTreeMap::new(), made: 0 }
    }

    /// Makes the calls of a VM that are new, and gives up those that it waits for no more.
    pub fn follow(&mut self, vm: V, waiting: &[HttpCall]) {
        self.calls.retain(|(other, token), (_, call)| {
            let known = *other != vm || waiting.iter().any(|call| call.token == *token);
            if !known {
                call.abort();
            }
            known
        });
        for call in waiting {
            if !self.calls.contains_key(&(vm, call.token)) {
                self.make(vm, call);
            }
        }
    }

    /// Gives up all calls of a VM that has ended.
    pub fn forget(&mut self, vm: V) {
        self.follow(vm, &[]);
    }

    /// Gives up the calls of all VMs but those that `there` is true of.
    pub fn retain(&mut self, there: impl Fn(V) -> bool) {
        self.calls.retain(|(vm, _), (_, call)| {
            let stays = there(*vm);
            if !stays {
                call.abort();
            }
            stays
        });
    }

    /// Gives up all calls.
    pub fn stop(&mut self) {
        self.calls.values().for_each(|(_, call)| call.abort());
        self.calls.clear();
    }

    /// Ends a call that was answered; whether anybody waits for the answer.
    pub fn end(&mut self, call: Call<V>) -> bool {
        let key = (call.vm, call.token);
        let awaited = self.calls.get(&key).is_some_and(|(number, _)| *number == call.number);
        if awaited {
            self.calls.remove(&key);
        }
        awaited
    }

    fn make(&mut self, vm: V, call: &HttpCall) {
        self.made = self.made.saturating_add(1);
        let number = self.made;
        let told = Call { vm, token: call.token, number };
        let message = Message {
            headers: call.headers.clone(),
            body: call.body.clone(),
            trailers: Some(call.trailers.clone()).filter(|trailers| !trailers.is_empty()),
        };
        let (network, deliver) = (Arc::clone(&self.network), Arc::clone(&self.deliver));
        let cluster = call.cluster.clone();
        let task = self.network.runtime.spawn(async move {
            deliver(told, ask(&network, &cluster, message).await);
        });
        self.calls.insert((vm, call.token), (number, task.abort_handle()));
    }
}

/// What a cluster answers, in Envoy's words if it does not; `None` if the answer breaks off.
async fn ask(network: &Network, cluster: &str, message: Message) -> Option<Message> {
    // The model knows the same clusters.
    let origin = network.clusters.get(cluster)?;
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let asked = client::exchange(origin, network.secure.as_deref(), message, |piece| {
        // The receiver is there until the end of this function.
        let _ = sender.send(piece);
    });
    match asked.await {
        Ok(()) => Message::collect(&mut receiver).await,
        Err(failed) => {
            (network.log)(format_args!("cluster {cluster}: {failed}"));
            match failed {
                Failed::Broken(_) => None,
                failed => Some(failed.answer()),
            }
        }
    }
}
